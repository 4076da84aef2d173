//! What the formats are made of: names of numbers, names of bits, values read from the program.

use super::pointer;
use crate::argument::Call;
use crate::user::{USER_END, copy_in};
use core::fmt::{self, Write};
use zerocopy::{FromBytes, IntoBytes};

/// Names with what they stand for.
pub(super) type Names = [(&'static str, u64)];

/// Makes formats for numbers that have names: `/// doc` `NAME: TYPE { CONSTANT … }`. A number without one is shown as
/// it is.
macro_rules! named_numbers {
    ($($(#[$doc:meta])* $name:ident: $type:ty { $($constant:ident)* })*) => {$(
        $(#[$doc])*
        pub fn $name(
            raw: u64,
            _: &$crate::argument::Call<'_>,
            out: &mut dyn ::core::fmt::Write,
        ) -> ::core::fmt::Result {
            const NAMES: &$crate::argument::format::machinery::Names =
                &[$((stringify!($constant), $constant as $type as u64)),*];
            match $crate::argument::format::machinery::name_of(raw as $type as u64, NAMES) {
                Some(name) => out.write_str(name),
                None => write!(out, "{}", raw as $type),
            }
        }
    )*};
}
pub(super) use named_numbers;

/// Names of bits, for [`crate::argument::format_bits`].
macro_rules! names {
    ($($constant:ident)*) => { [$((stringify!($constant), $constant as u64)),*].into_iter() };
}
pub(super) use names;

/// Makes formats for words of bits that have names: `/// doc` `NAME: UNSIGNED { CONSTANT … }`. What comprises others
/// stands before them.
macro_rules! named_bits {
    ($($(#[$doc:meta])* $name:ident: $type:ty { $($constant:ident)* })*) => {$(
        $(#[$doc])*
        pub fn $name(
            raw: u64,
            _: &$crate::argument::Call<'_>,
            out: &mut dyn ::core::fmt::Write,
        ) -> ::core::fmt::Result {
            let names = [$((stringify!($constant), $constant as $type as u64)),*];
            $crate::argument::format_bits(raw as $type as u64, names.into_iter(), out)
        }
    )*};
}
pub(super) use named_bits;

/// Makes formats of structures: `/// doc` `given NAME = SHOW` for one that the call reads, `filled` for one that it
/// writes. `SHOW` is a [`Show`].
macro_rules! structures {
    ($($(#[$doc:meta])* $direction:ident $name:ident = $show:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            raw: u64,
            call: &$crate::argument::Call<'_>,
            out: &mut dyn ::core::fmt::Write,
        ) -> ::core::fmt::Result {
            $crate::argument::format::machinery::$direction(raw, call, out, $show)
        }
    )*};
}
pub(super) use structures;

/// Writes a value that was read from the program.
pub(super) type Show<T> = fn(value: &T, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result;

/// The name of a number.
pub(super) fn name_of(number: u64, names: &Names) -> Option<&'static str> {
    names.iter().find(|&&(_, named)| named == number).map(|&(name, _)| name)
}

/// Whether `rax` holds an error.
pub(crate) fn is_error(result: i64) -> bool {
    (-4095..0).contains(&result)
}

/// Reads from the program; `None` where it cannot be read.
pub(super) fn peek<T: FromBytes + IntoBytes>(call: &Call<'_>, address: u64) -> Option<T> {
    let mut value = T::new_zeroed();
    peek_bytes(call, address, value.as_mut_bytes())?;
    Some(value)
}

/// Fills `to` from the program; `None` where it cannot be read.
pub(super) fn peek_bytes(call: &Call<'_>, address: u64, to: &mut [u8]) -> Option<()> {
    let end = address.checked_add(to.len() as u64)?;
    if address == 0 || end > USER_END {
        return None;
    }
    copy_in(call.thread, address, to).ok()
}

/// A structure that the call reads: the value, or the pointer where it cannot be read.
pub(super) fn given<T: FromBytes + IntoBytes>(
    raw: u64,
    call: &Call<'_>,
    out: &mut dyn Write,
    show: Show<T>,
) -> fmt::Result {
    match peek::<T>(call, raw) {
        Some(value) => show(&value, call, out),
        None => pointer(raw, call, out),
    }
}

/// A structure that the call fills: the value once it has, the pointer when it has failed.
pub(super) fn filled<T: FromBytes + IntoBytes>(
    raw: u64,
    call: &Call<'_>,
    out: &mut dyn Write,
    show: Show<T>,
) -> fmt::Result {
    if succeeded(call)? { given(raw, call, out, show) } else { pointer(raw, call, out) }
}

/// Whether the call has succeeded; an error before it is done, which puts the argument off.
pub(super) fn succeeded(call: &Call<'_>) -> Result<bool, fmt::Error> {
    call.result.map(|result| !is_error(result)).ok_or(fmt::Error)
}

/// Elements that a list is cut off behind, as strace does.
pub(super) const LONGEST_LIST: u64 = 32;

/// Writes `[one, two, …]` of `count` elements of the program from `address` on, each read when its turn comes.
pub(super) fn list<T: FromBytes + IntoBytes>(
    address: u64,
    count: u64,
    call: &Call<'_>,
    out: &mut dyn Write,
    mut show: impl FnMut(&T, &mut dyn Write) -> fmt::Result,
) -> fmt::Result {
    if count == 0 {
        return out.write_str("[]");
    }
    let at = |index: u64| address.wrapping_add(index.wrapping_mul(size_of::<T>() as u64));
    let Some(first) = peek::<T>(call, address) else {
        return pointer(address, call, out);
    };
    out.write_char('[')?;
    show(&first, out)?;
    for index in 1..count {
        out.write_str(", ")?;
        match peek::<T>(call, at(index)) {
            Some(value) if index < LONGEST_LIST => show(&value, out)?,
            Some(_) => {
                out.write_str("...")?;
                break;
            }
            None => {
                write!(out, "... /* {:#x} */", at(index))?;
                break;
            }
        }
    }
    out.write_char(']')
}
