//! System call arguments: raw registers become typed values once, at the gate.

pub mod format;

use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use core::fmt::{self, Write};

/// How a tracer writes one raw argument. An error says that it cannot be shown before the call is done: it is the
/// call that fills it. What writes nothing leaves the argument out: this use of the call does not have it.
pub type Format = fn(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result;

/// The call that an argument belongs to, for those whose meaning hangs on their neighbours.
pub struct Call<'a> {
    /// Who calls.
    pub thread: &'a Thread,
    /// The call's number.
    pub number: u64,
    /// All argument registers.
    pub arguments: [u64; 6],
    /// Which of them is being shown.
    pub index: usize,
    /// What `rax` holds afterwards; `None` before the call.
    pub result: Option<i64>,
}

impl Call<'_> {
    /// The argument so many places from the one being shown; 0 where there is none.
    pub fn neighbour(&self, distance: isize) -> u64 {
        let index = self.index.checked_add_signed(distance);
        index.and_then(|index| self.arguments.get(index)).copied().unwrap_or(0)
    }
}

/// A type that a row of the table may name.
pub trait Argument: Sized {
    /// How `--trace` shows it.
    const FORMAT: Format;
    /// The value a register holds, cut as Linux cuts it. An error ends the call before the handler runs.
    fn from_register(raw: u64) -> Result<Self>;
}

/// A type that a handler may answer with.
pub trait Answer {
    /// How `--trace` shows it.
    const FORMAT: Format = |raw, _, out| write!(out, "{}", raw as i64);
    /// What `rax` holds after success.
    fn to_register(self) -> i64;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Argument for $type {
            const FORMAT: Format = |raw, _, out| write!(out, "{}", raw as $type);
            fn from_register(raw: u64) -> Result<Self> {
                Ok(raw as $type)
            }
        }
        impl Answer for $type {
            #[allow(clippy::cast_lossless)]
            fn to_register(self) -> i64 {
                self as i64
            }
        }
    )*};
}

integers! { i32 u32 i64 u64 usize isize u16 }

impl Answer for () {
    fn to_register(self) -> i64 {
        0
    }
}

/// A file descriptor, as Linux takes it: an `int` that may be anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fd(pub i32);

impl Fd {
    /// `AT_FDCWD`: the working directory, where a call takes a directory.
    pub const WORKING_DIRECTORY: Self = Self(-100);
}

impl Argument for Fd {
    const FORMAT: Format = |raw, _, out| match raw as i32 {
        -100 => out.write_str("AT_FDCWD"),
        fd => write!(out, "{fd}"),
    };
    fn from_register(raw: u64) -> Result<Self> {
        Ok(Self(raw as i32))
    }
}

impl Answer for Fd {
    fn to_register(self) -> i64 {
        i64::from(self.0)
    }
}

impl<T> Argument for UserPtr<T> {
    const FORMAT: Format = format::pointer;
    fn from_register(raw: u64) -> Result<Self> {
        Ok(Self::new(raw))
    }
}

impl Argument for UserString {
    const FORMAT: Format = |raw, call, out| {
        if raw == 0 {
            return out.write_str("NULL");
        }
        match Self(raw).read(call.thread, 4096, Errno::ENAMETOOLONG) {
            Ok(string) => format::quoted(&string, out),
            Err(_) => format::pointer(raw, call, out),
        }
    };
    fn from_register(raw: u64) -> Result<Self> {
        Ok(Self(raw))
    }
}

/// A plain address that is no pointer to read or write through: `mmap`'s, `brk`'s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address(pub u64);

impl Argument for Address {
    const FORMAT: Format = format::pointer;
    fn from_register(raw: u64) -> Result<Self> {
        Ok(Self(raw))
    }
}

impl Answer for Address {
    const FORMAT: Format = format::hex;
    fn to_register(self) -> i64 {
        self.0 as i64
    }
}

/// Writes the names of the bits of a flag word that has names for some: `A|B|0x40`, `0` for none.
pub fn format_bits(raw: u64, names: impl Iterator<Item = (&'static str, u64)>, out: &mut dyn Write) -> fmt::Result {
    let mut rest = raw;
    let mut separator = "";
    for (name, bits) in names {
        if bits != 0 && rest & bits == bits {
            write!(out, "{separator}{name}")?;
            separator = "|";
            rest &= !bits;
        }
    }
    match (rest, separator) {
        (0, "") => out.write_str("0"),
        (0, _) => Ok(()),
        _ => write!(out, "{separator}{rest:#x}"),
    }
}

/// Makes a `bitflags` type an argument. `strict` answers `EINVAL` to an undefined bit before the handler runs;
/// `lenient` drops it, as some old calls do.
#[macro_export]
macro_rules! flag_argument {
    ($name:ident, strict) => {
        $crate::flag_argument!(@impl $name, |bits| $name::from_bits(bits).ok_or($crate::Errno::EINVAL));
    };
    ($name:ident, lenient) => {
        $crate::flag_argument!(@impl $name, |bits| Ok($name::from_bits_truncate(bits)));
    };
    (@impl $name:ident, $convert:expr) => {
        impl $crate::argument::Argument for $name {
            const FORMAT: $crate::argument::Format = |raw, _, out| {
                let flags = <$name as bitflags::Flags>::FLAGS.iter();
                let names = flags.map(|flag| (flag.name(), u64::from(flag.value().bits())));
                $crate::argument::format_bits(u64::from(raw as <$name as bitflags::Flags>::Bits), names, out)
            };
            fn from_register(raw: u64) -> $crate::Result<Self> {
                ($convert)(raw as <$name as bitflags::Flags>::Bits)
            }
        }
    };
}
