//! Why a file cannot be run.

use crate::script::Script;
use core::fmt;
use linux_raw_sys::errno;

/// Why a file is no program that can be loaded. Its `Display` completes a sentence that begins with the file's name.
///
/// Segments are named by the number of their program header, counted from 0 as `readelf -l` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The file could not be read.
    Unreadable,
    /// No memory for the plan.
    OutOfMemory,
    /// No byte in it.
    Empty,
    /// A script with an interpreter line.
    Script(Script),
    /// Readable text, without an interpreter line that names one.
    Text,
    /// No ELF magic.
    NotElf,
    /// Not even a whole ELF header.
    HeaderTruncated {
        /// The file's size.
        size: u64,
    },
    /// `EI_CLASS` is not 64 bits; for an x86-64 machine that is an x32 program.
    Not64Bit {
        /// `e_machine`.
        machine: u16,
    },
    /// `EI_DATA` is not little-endian.
    NotLittleEndian {
        /// `e_machine`.
        machine: u16,
    },
    /// `e_machine` is not x86-64.
    WrongMachine {
        /// `e_machine`.
        machine: u16,
    },
    /// `EI_VERSION` or another field that has one right value only.
    Damaged(&'static str),
    /// `ET_REL`.
    Relocatable,
    /// `ET_CORE`.
    CoreDump,
    /// `e_type` is none of those known.
    WrongType(u16),
    /// `ET_DYN` without an entry point.
    SharedLibrary,
    /// No program headers, or more than 64 KiB of them.
    HeaderCount(u16),
    /// The program headers are not all in the file.
    HeadersTruncated {
        /// Where they would end.
        end: u64,
        /// The file's size.
        size: u64,
    },
    /// A segment's bytes are not all in the file.
    SegmentTruncated {
        /// Which.
        segment: u16,
        /// Where they would end.
        end: u64,
        /// The file's size.
        size: u64,
    },
    /// More bytes in the file than in memory.
    FileSizeExceedsMemory(u16),
    /// Address, offset and size do not add up within 64 bits.
    SizeOverflow(u16),
    /// A segment reaches beyond the program's half of the address space.
    AddressTooHigh(u16),
    /// A fixed program's segment lies below 64 KiB.
    AddressTooLow(u16),
    /// Address and file offset differ modulo the page size.
    Misaligned(u16),
    /// Two segments have bytes in common.
    Overlap(u16, u16),
    /// No `PT_LOAD` with a byte in it.
    NothingToLoad,
    /// `PT_INTERP` is empty, too long, without a final NUL or not in the file.
    BadInterpreter,
    /// The entry point lies in no executable segment.
    EntryOutside(u64),
}

impl Error {
    /// What Linux's `execve(2)` would answer: a positive error number.
    ///
    /// Linux finds some of these only when the old program is gone, and kills the process (or lets it run into a
    /// `SIGBUS` or `SIGSEGV`); they are told in time here, as `ENOEXEC`.
    pub fn errno(&self) -> u32 {
        match self {
            Error::Unreadable => errno::EIO,
            Error::OutOfMemory => errno::ENOMEM,
            Error::AddressTooLow(_) => errno::EPERM,
            Error::FileSizeExceedsMemory(_)
            | Error::SizeOverflow(_)
            | Error::AddressTooHigh(_)
            | Error::Misaligned(_)
            | Error::NothingToLoad => errno::EINVAL,
            _ => errno::ENOEXEC,
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreadable => write!(f, "cannot be read"),
            Error::OutOfMemory => write!(f, "needs more memory than there is"),
            Error::Empty => write!(f, "is an empty file"),
            Error::Script(script) => {
                write!(f, "is a script for {}, not an ELF program", script.interpreter.escape_ascii())
            }
            Error::Text => write!(f, "is a text file, not an ELF program"),
            Error::NotElf => write!(f, "is not an ELF program"),
            Error::HeaderTruncated { size } => {
                write!(f, "is truncated: an ELF header has 64 bytes, the file has {size}")
            }
            Error::Not64Bit { machine: 62 } => {
                write!(f, "is an x32 program, only 64-bit ones can run")
            }
            Error::Not64Bit { machine } => {
                write!(f, "is a 32-bit program for {}, not for x86-64", MachineName(*machine))
            }
            Error::NotLittleEndian { machine: 62 } => {
                write!(f, "is damaged: it says that it is for a big-endian x86-64")
            }
            Error::NotLittleEndian { machine } | Error::WrongMachine { machine } => {
                write!(f, "is for {}, not for x86-64", MachineName(*machine))
            }
            Error::Damaged(what) => write!(f, "is damaged: {what}"),
            Error::Relocatable => write!(f, "is a relocatable object that has still to be linked"),
            Error::CoreDump => write!(f, "is a core dump, not a program"),
            Error::WrongType(number) => {
                write!(f, "is an ELF file of unknown type {number}, not a program")
            }
            Error::SharedLibrary => write!(f, "is a shared library, it has no entry point"),
            Error::HeaderCount(0) => write!(f, "has no program headers"),
            Error::HeaderCount(count) => write!(f, "has too many program headers ({count})"),
            Error::HeadersTruncated { end, size } => {
                write!(f, "is truncated: the program headers end at byte {end}, the file has {size}")
            }
            Error::SegmentTruncated { segment, end, size } => {
                write!(f, "is truncated: segment {segment} ends at byte {end}, the file has {size}")
            }
            Error::FileSizeExceedsMemory(segment) => {
                write!(f, "is damaged: segment {segment} is larger in the file than in memory")
            }
            Error::SizeOverflow(segment) => {
                write!(f, "is damaged: the size of segment {segment} overflows")
            }
            Error::AddressTooHigh(segment) => {
                write!(f, "cannot be loaded: segment {segment} lies outside a program's address space")
            }
            Error::AddressTooLow(segment) => {
                write!(f, "cannot be loaded: segment {segment} lies below 64 KiB")
            }
            Error::Misaligned(segment) => write!(
                f,
                "cannot be loaded: address and file offset of segment {segment} differ in their place in the page"
            ),
            Error::Overlap(first, second) => {
                write!(f, "is damaged: segments {first} and {second} overlap")
            }
            Error::NothingToLoad => write!(f, "has no segment to load"),
            Error::BadInterpreter => {
                write!(f, "is damaged: its interpreter's path is not a proper one")
            }
            Error::EntryOutside(entry) => {
                write!(f, "is damaged: its entry point {entry:#x} lies in no executable segment")
            }
        }
    }
}

/// An `e_machine` for people.
struct MachineName(u16);

impl fmt::Display for MachineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            2 | 18 | 43 => "SPARC",
            3 | 6 => "i386",
            4 => "m68k",
            8 | 10 => "MIPS",
            15 => "PA-RISC",
            20 | 21 => "PowerPC",
            22 => "S/390",
            40 => "ARM",
            42 => "SuperH",
            50 => "IA-64",
            62 => "x86-64",
            183 => "AArch64",
            243 => "RISC-V",
            247 => "BPF",
            258 => "LoongArch",
            other => return write!(f, "machine {other}"),
        })
    }
}
