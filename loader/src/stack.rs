//! The first bytes on a new program's stack.
//!
//! As Linux lays them out (`create_elf_tables` in `fs/binfmt_elf.c`, System V psABI for x86-64, section 3.4.1), from
//! the stack pointer upward: `argc`, the pointers of `argv` and a NULL, those of `envp` and a NULL, the auxiliary
//! vector up to `AT_NULL`, padding, 16 random bytes, `"x86_64"`, padding, the strings of `argv`, those of `envp`, the
//! program's name, 8 bytes of zeros.

mod auxiliary;
#[cfg(test)]
mod tests;

pub use auxiliary::Auxiliary;

use alloc::vec::Vec;
use auxiliary::Pointers;
use core::fmt;
use core::ops::Range;
use linux_raw_sys::errno;

/// Bytes of one string, its NUL included: Linux's `MAX_ARG_STRLEN`.
pub const STRING_LIMIT: usize = 128 * 1024;

/// What `AT_PLATFORM` points to.
const PLATFORM: &[u8] = b"x86_64\0";
/// The zeros at the very top.
const CAP: u64 = 8;
const WORD: u64 = 8;
const ALIGNMENT: u64 = 16;

/// How many bytes the strings of `argv` and `envp`, the program's name and the pointers to them may take together,
/// by the soft `RLIMIT_STACK`: a quarter of it, at least 128 KiB, at most 6 MiB (`bprm_stack_limits` in Linux's
/// `fs/exec.c`, and `execve(2)`).
pub fn total_limit(stack_limit: u64) -> u64 {
    (stack_limit / 4).clamp(128 * 1024, 6 * 1024 * 1024)
}

/// What a new program is started with.
#[derive(Clone, Debug)]
pub struct Startup<'a, A, E> {
    /// `argv`, without NULs. If there is none, the program gets one empty string (as since Linux 5.18).
    pub arguments: A,
    /// `envp`, without NULs.
    pub environment: E,
    /// `AT_EXECFN`: the path the program was started by.
    pub name: &'a [u8],
    /// What `AT_RANDOM` points to.
    pub random: [u8; 16],
    /// The rest of the auxiliary vector.
    pub auxiliary: Auxiliary,
    /// Where the stack ends; a page boundary, usually.
    pub top: u64,
    /// See [`total_limit`].
    pub total_limit: u64,
}

/// The stack of a program that is about to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The bytes from `pointer` up to the stack's top.
    pub bytes: Vec<u8>,
    /// The stack pointer at the first instruction, a multiple of 16.
    pub pointer: u64,
    /// Where `argv`'s strings stand with their NULs: `/proc/self/cmdline`.
    pub arguments: Range<u64>,
    /// Where `envp`'s strings stand with their NULs: `/proc/self/environ`.
    pub environment: Range<u64>,
    /// Where the auxiliary vector stands, `AT_NULL` included: `/proc/self/auxv`.
    pub auxiliary: Range<u64>,
}

/// Why there is no stack image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A string is longer than [`STRING_LIMIT`], or all together exceed the limit.
    TooBig,
    /// No memory for the image.
    OutOfMemory,
}

impl Error {
    /// What `execve(2)` answers: `E2BIG` or `ENOMEM`.
    pub fn errno(self) -> u32 {
        match self {
            Error::TooBig => errno::E2BIG,
            Error::OutOfMemory => errno::ENOMEM,
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::TooBig => "arguments and environment are too long",
            Error::OutOfMemory => "no memory for arguments and environment",
        })
    }
}

impl<'a, A, E> Startup<'a, A, E>
where
    A: Iterator<Item = &'a [u8]> + Clone,
    E: Iterator<Item = &'a [u8]> + Clone,
{
    /// Builds the image: three passes over the strings, one allocation of its exact size.
    pub fn image(&self) -> Result<Image, Error> {
        let arguments = Strings::measure(self.arguments.clone())?;
        let environment = Strings::measure(self.environment.clone())?;
        let name = Strings::measure(core::iter::once(self.name))?;
        let arguments = if arguments.count == 0 { Strings { count: 1, size: 1 } } else { arguments };
        let pointer_count = arguments.count.saturating_add(environment.count);
        let taken = [arguments.size, environment.size, name.size, pointer_count.saturating_mul(WORD)];
        if taken.iter().fold(0, |sum: u64, &size| sum.saturating_add(size)) > self.total_limit {
            return Err(Error::TooBig);
        }

        let mut place = Downward { address: self.top };
        place.take(CAP)?;
        let name_address = place.take(name.size)?;
        let environment_start = place.take(environment.size)?;
        let arguments_start = place.take(arguments.size)?;
        place.align();
        let platform = place.take(PLATFORM.len() as u64)?;
        let random = place.take(self.random.len() as u64)?;
        let pairs = self.auxiliary.pairs(&Pointers { random, name: name_address, platform });
        let without_vdso = usize::from(self.auxiliary.vdso.is_none());
        let pairs = pairs.get(without_vdso..).unwrap_or_default();
        let auxiliary_size = pairs.len() as u64 * 2 * WORD;
        let table_size = (pointer_count + 3) * WORD; // argc and the two NULLs are the three
        place.take(table_size + auxiliary_size)?;
        place.align();
        let pointer = place.address;
        let auxiliary_start = pointer + table_size;

        let mut image = Upward::with_room_for(pointer, self.top)?;
        image.word(arguments.count);
        image.pointers(arguments_start, self.arguments.clone(), arguments.count);
        image.pointers(environment_start, self.environment.clone(), environment.count);
        for &(key, value) in pairs {
            image.word(key.into());
            image.word(value);
        }
        image.zeros_up_to(random);
        image.bytes.extend_from_slice(&self.random);
        image.bytes.extend_from_slice(PLATFORM);
        image.zeros_up_to(arguments_start);
        image.strings(self.arguments.clone());
        image.zeros_up_to(environment_start); // the one empty string, if there was no argument
        image.strings(self.environment.clone());
        image.strings(core::iter::once(self.name));
        image.zeros_up_to(self.top);
        Ok(Image {
            bytes: image.bytes,
            pointer,
            arguments: arguments_start..environment_start,
            environment: environment_start..name_address,
            auxiliary: auxiliary_start..auxiliary_start + auxiliary_size,
        })
    }
}

/// How many strings, and how many bytes they take with their NULs.
struct Strings {
    count: u64,
    size: u64,
}

impl Strings {
    fn measure<'a>(strings: impl Iterator<Item = &'a [u8]>) -> Result<Strings, Error> {
        let mut measured = Strings { count: 0, size: 0 };
        for string in strings {
            if string.len() >= STRING_LIMIT {
                return Err(Error::TooBig);
            }
            measured.count += 1;
            measured.size += string.len() as u64 + 1;
        }
        Ok(measured)
    }
}

/// Hands out places from the stack's top downward.
struct Downward {
    address: u64,
}

impl Downward {
    fn take(&mut self, size: u64) -> Result<u64, Error> {
        self.address = self.address.checked_sub(size).ok_or(Error::TooBig)?;
        Ok(self.address)
    }

    fn align(&mut self) {
        self.address &= !(ALIGNMENT - 1);
    }
}

/// Writes the places that were handed out, from the lowest upward.
struct Upward {
    bytes: Vec<u8>,
    start: u64,
}

impl Upward {
    fn with_room_for(start: u64, end: u64) -> Result<Upward, Error> {
        let size = usize::try_from(end.saturating_sub(start)).map_err(|_| Error::TooBig)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Error::OutOfMemory)?;
        Ok(Upward { bytes, start })
    }

    fn word(&mut self, word: u64) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    /// `count` pointers to strings that will stand one after the other from `address` on, and a NULL.
    fn pointers<'a>(&mut self, mut address: u64, strings: impl Iterator<Item = &'a [u8]>, count: u64) {
        let mut missing = count;
        for string in strings {
            self.word(address);
            address += string.len() as u64 + 1;
            missing = missing.saturating_sub(1);
        }
        if missing > 0 {
            self.word(address); // the one empty string in place of no argument
        }
        self.word(0);
    }

    fn strings<'a>(&mut self, strings: impl Iterator<Item = &'a [u8]>) {
        for string in strings {
            self.bytes.extend_from_slice(string);
            self.bytes.push(0);
        }
    }

    fn zeros_up_to(&mut self, address: u64) {
        let length = address.saturating_sub(self.start) as usize;
        self.bytes.resize(length, 0);
    }
}
