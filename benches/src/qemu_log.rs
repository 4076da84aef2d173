//! A run of static hello as QEMU logs it: each instruction, each access to a device.
//!
//! With translation blocks of one instruction (`-singlestep`, from QEMU 8.1 `-accel tcg,one-insn-per-tb=on`), not
//! chained (`-d exec,nochain`), QEMU's log has a line for each instruction that runs:
//!
//! ```text
//! Trace 0: 0x7f32a0000100 [00000000ffff0000/00000000fffffff0/00000040/ff020201]
//! ```
//!
//! with the code's base, the linear address, and flags in brackets. A repeated string instruction counts once each
//! time round, as with `-icount`. The accesses come as trace events between these lines:
//!
//! ```text
//! memory_region_ops_write cpu 0 mr 0x556d25b38ae0 addr 0xcf8 value 0x80000000 size 4 name 'io'
//! ```
//!
//! for ports and memory alike. A notification of a virtio queue is among them only without ioeventfd, by which another
//! thread of QEMU would get it unlogged.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::Result;
use crate::in_front_of_qemu::{Wishes, qemu};
use crate::programs::Programs;
use crate::tool::Tool;

/// What hello did up to its first output.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// What each part took, in the order of `Part`.
    pub(crate) parts: [Steps; Part::ALL.len()],
    /// How many addresses of the kernel instructions were run at.
    pub(crate) distinct_kernel_instructions: u64,
    /// By the device's name in QEMU: how often it was read and written, from the kernel's entry on.
    pub(crate) accesses: BTreeMap<String, Accesses>,
    /// The longest run of reads of one register with no access to another between: a loop that waits would show here.
    pub(crate) longest_repetition: u64,
}

/// Instructions of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) all: u64,
    pub(crate) of_the_kernel: u64,
}

/// How often a device was accessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accesses {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

/// The parts of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Firmware,
    Boot,
    ProgramStart,
    FirstOutput,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Firmware, Self::Boot, Self::ProgramStart, Self::FirstOutput];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Firmware => "reset to the kernel's entry (firmware)",
            Self::Boot => "the kernel's entry to the program's first instruction",
            Self::ProgramStart => "the program's first instruction to `main`",
            Self::FirstOutput => "`main` until the kernel has taken the first output",
        }
    }
}

/// Where the program's parts begin.
#[derive(Clone, Copy, Debug)]
struct Landmarks {
    entry: u64,
    main: u64,
    written: u64,
}

/// Whether the kernel's code may be here: where it is loaded, below a program that is not position-independent, or in
/// the higher half. Firmware runs elsewhere: below 1 MiB and at the end of 4 GiB.
fn is_kernel(address: u64) -> bool {
    const LOADED: std::ops::Range<u64> = 0x10_0000..0x40_0000;
    const HIGHER_HALF: u64 = 0xffff_8000_0000_0000;
    LOADED.contains(&address) || address >= HIGHER_HALF
}

/// Runs hello and reads the log.
pub(crate) fn record(tool: &Tool, programs: &Programs) -> Result<Story> {
    let log = programs.path("qemu-log");
    let mut options = one_instruction_blocks()?.map(OsStr::new).to_vec();
    let log_all = ["-d", "exec,nochain", "-trace", "memory_region_ops_*", "-global", "virtio-mmio.ioeventfd=off", "-D"];
    options.extend(log_all.map(OsStr::new));
    options.push(log.as_os_str());
    let hello = programs.path("hello");
    let wishes = Wishes { options: &options, ..Wishes::default() };
    let (run, _) = tool.run(&["--icount".as_ref(), hello.as_ref()], &programs.path(""), wishes)?;
    run.expect("hello, logged", Some("hello\n"))?;
    let (entry, [main, written]) = programs.addresses("hello", ["main", "written"])?;
    read(BufReader::new(File::open(log)?), Landmarks { entry, main, written })
}

/// The option by which this QEMU translates each instruction by itself.
fn one_instruction_blocks() -> Result<[&'static str; 2]> {
    let help = Command::new(qemu()?).arg("--help").output()?.stdout;
    if String::from_utf8_lossy(&help).contains("one-insn-per-tb") {
        return Ok(["-accel", "tcg,one-insn-per-tb=on"]);
    }
    // It has no value; `-no-reboot`, which the tool gives too, makes it a pair.
    Ok(["-singlestep", "-no-reboot"])
}

/// Reads a log up to the end of the first output.
fn read(log: impl BufRead, landmarks: Landmarks) -> Result<Story> {
    let mut story = Story::default();
    let mut part = Part::Firmware;
    let mut kernel_addresses = HashSet::new();
    let mut last_read = String::new();
    let mut repetition = 0;
    for line in log.lines() {
        let line = line?;
        if let Some(address) = address_of_step(&line) {
            let in_kernel = is_kernel(address);
            part = match address {
                _ if part == Part::Firmware && in_kernel => Part::Boot,
                _ if part == Part::Boot && address == landmarks.entry => Part::ProgramStart,
                _ if part == Part::ProgramStart && address == landmarks.main => Part::FirstOutput,
                _ if part == Part::FirstOutput && address == landmarks.written => {
                    story.distinct_kernel_instructions = kernel_addresses.len().try_into()?;
                    return Ok(story);
                }
                _ => part,
            };
            let steps = &mut story.parts[part as usize];
            steps.all += 1;
            if part != Part::Firmware && in_kernel {
                steps.of_the_kernel += 1;
                kernel_addresses.insert(address);
            }
        } else if part != Part::Firmware
            && let Some(access) = Access::parse(&line)
        {
            let accesses = story.accesses.entry(access.device.to_owned()).or_default();
            if access.is_read {
                accesses.reads += 1;
                let again = last_read == access.register;
                repetition = if again { repetition + 1 } else { 1 };
                access.register.clone_into(&mut last_read);
                story.longest_repetition = story.longest_repetition.max(repetition);
            } else {
                accesses.writes += 1;
                last_read.clear();
            }
        }
    }
    Err(format!("QEMU's log ends before {}", part.name()).into())
}

/// The linear address of a `Trace` line.
fn address_of_step(line: &str) -> Option<u64> {
    let (_, state) = line.strip_prefix("Trace ")?.split_once('[')?;
    u64::from_str_radix(state.split('/').nth(1)?, 16).ok()
}

/// A line of a `memory_region_ops` event.
struct Access<'a> {
    is_read: bool,
    /// Region and place in it.
    register: &'a str,
    device: &'a str,
}

impl<'a> Access<'a> {
    /// Reads a line; accesses by QEMU itself (CPU -1) are none.
    fn parse(line: &'a str) -> Option<Self> {
        let (kind, rest) = line.strip_prefix("memory_region_ops_")?.split_once(" cpu 0 mr ")?;
        let (register, rest) = rest.split_once(" value ")?;
        let (_, device) = rest.split_once(" name '")?;
        Some(Self { is_read: kind == "read", register, device: device.strip_suffix('\'')? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANDMARKS: Landmarks = Landmarks { entry: 0x40_1000, main: 0x40_2000, written: 0x40_3000 };

    fn step(address: u64) -> String {
        format!("Trace 0: 0x7f32a0000100 [0000000000000000/{address:016x}/000000b0/ff020201] \n")
    }

    fn access(kind: &str, address: u32) -> String {
        format!("memory_region_ops_{kind} cpu 0 mr 0x55d0 addr {address:#x} value 0x1 size 4 name 'virtio-mmio'\n")
    }

    #[test]
    fn a_log_is_told_part_by_part() {
        let mut log = step(0xffff_fff0) + &access("write", 0) + &step(0xf_0000);
        log += &(step(0x10_0010) + &step(0xffff_ffff_8000_0000) + &step(0xffff_ffff_8000_0000));
        log += &(access("read", 4) + &access("read", 4) + &access("write", 4) + &access("read", 4));
        log += &(step(0x40_1000) + &step(0xffff_ffff_8000_0004) + &step(0x40_2000));
        let end = step(0x40_3000) + &step(0x40_3001);
        let steps = |all, of_the_kernel| Steps { all, of_the_kernel };
        let story = Story {
            parts: [steps(2, 0), steps(3, 3), steps(2, 1), steps(1, 0)],
            distinct_kernel_instructions: 3,
            accesses: [("virtio-mmio".to_owned(), Accesses { reads: 3, writes: 1 })].into(),
            longest_repetition: 2,
        };
        assert_eq!(read((log.clone() + &end).as_bytes(), LANDMARKS).expect("a whole log"), story);
        assert!(read(log.as_bytes(), LANDMARKS).is_err());
    }
}
