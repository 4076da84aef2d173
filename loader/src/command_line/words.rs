//! The words of a command line, cut as Linux cuts them (`next_arg` in `lib/cmdline.c`).

use alloc::vec::Vec;

/// One word. Quotes around the word or its value are gone, others are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// What is before the first `=`, or the whole word.
    pub name: &'a [u8],
    /// What is behind it.
    pub value: Option<&'a [u8]>,
}

/// Words of Linux's (and of its common drivers') that are not for the program. Those without a meaning here are
/// accepted, so that a machine's usual command line can stay as it is. Sorted.
const KNOWN: &[&str] = &[
    "acpi",
    "apic",
    "clocksource",
    "console",
    "cpuidle_sysfs_switch",
    "debug",
    "earlycon",
    "earlyprintk",
    "hostname",
    "hugepages",
    "idle",
    "ignore_loglevel",
    "init",
    "initcall_debug",
    "initrd",
    "iommu",
    "ip",
    "kaslr",
    "lapic",
    "loglevel",
    "lpj",
    "maxcpus",
    "mem",
    "mitigations",
    "net",
    "no_timer_check",
    "noacpi",
    "noapic",
    "nohz",
    "nokaslr",
    "nolapic",
    "nomodeset",
    "nomodules",
    "nopti",
    "noreplace_smp",
    "nosmap",
    "nosmep",
    "nosmp",
    "notsc",
    "nr_cpus",
    "panic",
    "panic_on_oops",
    "pci",
    "printk_time",
    "pti",
    "quiet",
    "raid",
    "ramdisk_size",
    "rdinit",
    "reboot",
    "resume",
    "ro",
    "root",
    "rootdelay",
    "rootflags",
    "rootfstype",
    "rootwait",
    "rw",
    "selinux",
    "swiotlb",
    "tsc",
    "vga",
];

impl Word<'_> {
    /// Whether this is the word's name; `-` and `_` are the same.
    pub fn has_name(&self, name: &str) -> bool {
        let plain = |byte: &u8| if *byte == b'-' { b'_' } else { *byte };
        self.name.iter().map(plain).eq(name.as_bytes().iter().map(plain))
    }

    /// Whether the word is for the kernel (or, with a dot in its name, for a module of it), not for the program.
    pub fn is_for_kernel(&self) -> bool {
        self.name.contains(&b'.') || KNOWN.iter().any(|known| self.has_name(known))
    }

    /// Whether this is the `--` before the program's arguments.
    pub fn is_end_of_options(&self) -> bool {
        self.name == b"--" && self.value.is_none()
    }

    /// The word in one piece.
    pub fn joined(&self) -> Vec<u8> {
        match self.value {
            Some(value) => [self.name, b"=", value].concat(),
            None => self.name.to_vec(),
        }
    }
}

/// The words of a line.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// All words of a line.
    pub const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let start = self.rest.iter().position(|&byte| !is_blank(byte))?;
        let mut line = self.rest.get(start..)?;
        let is_quoted = line.first() == Some(&b'"');
        if is_quoted {
            line = line.get(1..)?;
        }
        let mut in_quotes = is_quoted;
        let end = line.iter().position(|&byte| {
            in_quotes ^= byte == b'"';
            is_blank(byte) && !in_quotes
        });
        let (mut word, rest) = line.split_at_checked(end.unwrap_or(line.len()))?;
        self.rest = rest;
        if is_quoted {
            word = word.strip_suffix(b"\"").unwrap_or(word);
        }
        // A `=` at the very begin belongs to the name.
        let Some(equals) = word.iter().skip(1).position(|&byte| byte == b'=').map(|at| at + 1) else {
            return Some(Word { name: word, value: None });
        };
        let mut value = word.get(equals + 1..)?;
        if let Some(inner) = value.strip_prefix(b"\"") {
            value = inner.strip_suffix(b"\"").unwrap_or(inner);
        }
        Some(Word { name: word.get(..equals)?, value: Some(value) })
    }
}

/// What the kernel takes for a blank, and the end of a string.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0)
}
