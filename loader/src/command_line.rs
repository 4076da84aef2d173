//! The kernel command line, by Linux's conventions (`Documentation/admin-guide/kernel-parameters.rst`,
//! `init/main.c`): for a kernel that is booted by hand; the host's tool says the same by a
//! [`handover`](crate::handover).
//!
//! | word | meaning |
//! |---|---|
//! | `init=PATH`, `rdinit=PATH` | the program; the second wins, the root is an initramfs. Arguments before it are dropped |
//! | `-- WORD …` | arguments of the program |
//! | `NAME=VALUE` that no kernel knows | a variable of the program's environment |
//! | a word that no kernel knows | an argument of the program |
//! | `MODULE.NAME…` | not for us: ignored |
//! | `console=ttyS0`, `console=hvc0` | the serial line or the virtio console; the last one counts |
//! | `quiet`, `debug`, `loglevel=N` | how much the kernel says |
//! | `virtio_mmio.device=SIZE@ADDRESS:IRQ` | where a virtio device is |
//! | `ip=…` | the network device's address, see [`CommandLine::network`] |
//! | `birgus.…` | ours, see [`CommandLine::value`] and the methods below |
//! | other words of Linux | accepted without effect, see [`Word::is_for_kernel`] |

mod network;
#[cfg(test)]
mod tests;
mod words;

pub use words::{Word, Words};

use alloc::vec::Vec;

/// A command line; borrows its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandLine<'a>(&'a [u8]);

/// Where the kernel's and the program's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// `ttyS0`: the first serial port.
    Serial,
    /// `hvc0`: a virtio console.
    Virtio,
}

/// A virtio device at fixed registers: `virtio_mmio.device=<size>@<address>:<irq>[:<id>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtioMmioDevice {
    /// Bytes of registers.
    pub size: u64,
    /// Their physical address.
    pub address: u64,
    /// The interrupt line.
    pub gsi: u32,
}

/// The environment that Linux gives to init.
const INITIAL_ENVIRONMENT: [&[u8]; 2] = [b"HOME=/", b"TERM=linux"];

impl<'a> CommandLine<'a> {
    /// A command line as the boot loader gives it, without the kernel's own name.
    pub const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The words for the kernel: those before `--`.
    pub fn words(self) -> impl Iterator<Item = Word<'a>> {
        Words::new(self.0).take_while(|word| !word.is_end_of_options())
    }

    /// The value of the last `name=value`. In names `-` and `_` are the same.
    pub fn value(self, name: &str) -> Option<&'a [u8]> {
        self.words().filter(|word| word.has_name(name)).filter_map(|word| word.value).last()
    }

    /// The value of the last `name=number`, where that is one: decimal, or hexadecimal with `0x`.
    pub fn number(self, name: &str) -> Option<u64> {
        number(text(self.value(name)?)?)
    }

    /// Whether `name` is there by itself, or with a value that means yes (`1`, `y`, `on`).
    pub fn has(self, name: &str) -> bool {
        let last = self.words().filter(|word| word.has_name(name)).last();
        last.is_some_and(|word| word.value.is_none_or(|value| matches!(value, [b'1' | b'y' | b'Y'] | b"on")))
    }

    /// The last `console=` that we know; settings behind a comma (`ttyS0,115200n8`) have no meaning here.
    pub fn console(self) -> Option<Console> {
        let values = self.words().filter(|word| word.has_name("console")).filter_map(|word| word.value);
        let device = |value: &'a [u8]| match value.split(|&byte| byte == b',').next() {
            Some(b"ttyS0") => Some(Console::Serial),
            Some(b"hvc0") => Some(Console::Virtio),
            _ => None,
        };
        values.filter_map(device).last()
    }

    /// How much the kernel says, from 0 (nothing) to 8: the last of `quiet` (4), `debug` (10) and `loglevel=`.
    /// `None`: nothing is said about it.
    pub fn log_level(self) -> Option<u8> {
        let level = |word: Word<'a>| match (word.value, word.name) {
            (None, b"quiet") => Some(4),
            (None, b"debug") => Some(10),
            (Some(value), b"loglevel") => text(value)?.parse().ok(),
            _ => None,
        };
        self.words().filter_map(level).last()
    }

    /// The path of the program, if one is named.
    pub fn init(self) -> Option<&'a [u8]> {
        self.value("rdinit").or_else(|| self.value("init"))
    }

    /// The program's arguments, without its name: the words that no kernel knows, and all behind `--`.
    pub fn arguments(self) -> Vec<Vec<u8>> {
        let mut arguments = Vec::new();
        let mut words = Words::new(self.0);
        for word in words.by_ref().take_while(|word| !word.is_end_of_options()) {
            if word.has_name("init") || word.has_name("rdinit") {
                // Linux: some boot loaders put words of their own before it.
                arguments.clear();
            } else if word.value.is_none() && !word.is_for_kernel() {
                arguments.push(word.joined());
            }
        }
        arguments.extend(words.map(|word| word.joined()));
        arguments
    }

    /// The program's environment: Linux's `HOME=/` and `TERM=linux`, and each `NAME=value` that no kernel knows. The
    /// last one of a name counts.
    pub fn environment(self) -> Vec<Vec<u8>> {
        let mut variables: Vec<Vec<u8>> = INITIAL_ENVIRONMENT.iter().map(|variable| variable.to_vec()).collect();
        for word in self.words().filter(|word| word.value.is_some() && !word.is_for_kernel()) {
            let same = |variable: &&mut Vec<u8>| {
                variable.strip_prefix(word.name).is_some_and(|rest| rest.first() == Some(&b'='))
            };
            match variables.iter_mut().find(same) {
                Some(place) => *place = word.joined(),
                None => variables.push(word.joined()),
            }
        }
        variables
    }

    /// All `virtio_mmio.device=` that can be read.
    pub fn virtio_mmio_devices(self) -> impl Iterator<Item = VirtioMmioDevice> {
        let values = self.words().filter(|word| word.has_name("virtio_mmio.device")).filter_map(|word| word.value);
        values.filter_map(virtio_mmio_device)
    }

    /// `birgus.tsc_khz=`: the rate of the time stamp counter.
    pub fn tsc_khz(self) -> Option<u32> {
        u32::try_from(self.number("birgus.tsc_khz")?).ok().filter(|&khz| khz > 0)
    }

    /// `birgus.cpus=`: how many CPUs to use, of those that the machine has; 1 if nothing is said.
    pub fn cpus(self) -> usize {
        self.number("birgus.cpus").and_then(|count| usize::try_from(count).ok()).unwrap_or(1).max(1)
    }

    /// `birgus.debug_exit=`: the port of QEMU's `isa-debug-exit`, which is to be told the exit code.
    pub fn debug_exit(self) -> Option<u16> {
        u16::try_from(self.number("birgus.debug_exit")?).ok()
    }

    /// `birgus.log`: whether the kernel's log goes to the console.
    pub fn log(self) -> bool {
        self.has("birgus.log")
    }

    /// `birgus.trace`: whether system calls are traced.
    pub fn trace(self) -> bool {
        self.has("birgus.trace")
    }

    /// `birgus.selftest`: boot, count to a million and end.
    pub fn self_test(self) -> bool {
        self.has("birgus.selftest")
    }
}

/// The words of a boot module's own string, `PATH ARGUMENT …`, with quotes as in the command line.
pub fn module_words(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    Words::new(text).map(|word| word.joined())
}

fn virtio_mmio_device(value: &[u8]) -> Option<VirtioMmioDevice> {
    let (size, rest) = text(value)?.split_once('@')?;
    let mut parts = rest.split(':');
    let device = VirtioMmioDevice {
        size: size_number(size)?,
        address: number(parts.next()?)?,
        gsi: parts.next()?.parse().ok()?,
    };
    // A device's registers have an end, and one that is not the end of all addresses.
    device.address.checked_add(device.size).map(|_| device)
}

pub(in crate::command_line) fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

/// A number, decimal or with `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    }
}

/// A number that may end in K, M or G.
fn size_number(text: &str) -> Option<u64> {
    for (letters, scale) in [(['K', 'k'], 1 << 10), (['M', 'm'], 1 << 20), (['G', 'g'], 1 << 30)] {
        if let Some(digits) = text.strip_suffix(letters) {
            return number(digits)?.checked_mul(scale);
        }
    }
    number(text)
}
