//! Buffers, strings and the vectors and lists of them.

use super::machinery::{is_error, list, peek, peek_bytes, succeeded};
use super::pointer;
use crate::argument::Call;
use core::fmt::{self, Write};

/// Bytes of a buffer that are shown.
const SHOWN: usize = 32;

/// Writes bytes in quotes, with C's escapes and the shortest octal ones, as strace does.
pub fn quoted(bytes: &[u8], out: &mut dyn Write) -> fmt::Result {
    out.write_char('"')?;
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\t' => out.write_str("\\t")?,
            b'\n' => out.write_str("\\n")?,
            0x0b => out.write_str("\\v")?,
            0x0c => out.write_str("\\f")?,
            b'\r' => out.write_str("\\r")?,
            b' '..=b'~' => out.write_char(char::from(byte))?,
            // A digit behind it would read as part of a shorter one.
            _ if bytes.get(index + 1).is_some_and(u8::is_ascii_digit) => write!(out, "\\{byte:03o}")?,
            _ => write!(out, "\\{byte:o}")?,
        }
    }
    out.write_char('"')
}

/// Writes the beginning of `length` bytes of the program.
fn buffer(address: u64, length: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if address == 0 {
        return pointer(address, call, out);
    }
    let mut bytes = [0; SHOWN];
    let shown = &mut bytes[..length.min(SHOWN as u64) as usize];
    match peek_bytes(call, address, shown) {
        Some(()) => {
            quoted(shown, out)?;
            out.write_str(if length > SHOWN as u64 { "..." } else { "" })
        }
        None => pointer(address, call, out),
    }
}

/// A buffer that the call reads; its length is the next argument.
pub fn input(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    buffer(raw, call.neighbour(1), call, out)
}

/// A buffer that the call fills, as far as its result says.
pub fn output(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.result {
        Some(result) if is_error(result) => pointer(raw, call, out),
        // Of what a result larger than the buffer counts (`recv` with `MSG_TRUNC`, sizes asked for with 0), only the
        // buffer is there.
        Some(result) => buffer(raw, (result as u64).min(call.neighbour(1)), call, out),
        None => Err(fmt::Error),
    }
}

/// A string of the program that ends with a zero byte, cut off after [`SHOWN`] bytes.
fn short_string(address: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let mut bytes = [0; SHOWN + 1];
    let mut length = 0;
    // Byte by byte: the next page may not be there, and need not be.
    while let Some(slot) = bytes.get_mut(length) {
        match peek::<u8>(call, address.wrapping_add(length as u64)) {
            Some(0) => return quoted(&bytes[..length], out),
            Some(byte) => *slot = byte,
            None => return pointer(address, call, out),
        }
        length += 1;
    }
    quoted(&bytes[..SHOWN], out)?;
    out.write_str("...")
}

/// A string that ends with a zero byte and that the call fills.
pub fn text_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if succeeded(call)? { short_string(raw, call, out) } else { pointer(raw, call, out) }
}

/// Visits the pointers of a list that ends with the null pointer, at most `most`.
fn pointers(
    address: u64,
    most: u64,
    call: &Call<'_>,
    mut visit: impl FnMut(u64) -> fmt::Result,
) -> Option<fmt::Result> {
    for index in 0..most {
        match peek::<u64>(call, address.wrapping_add(index * 8))? {
            0 => break,
            string => {
                if let Err(error) = visit(string) {
                    return Some(Err(error));
                }
            }
        }
    }
    Some(Ok(()))
}

/// `argv`: a list of strings that ends with the null pointer.
pub fn string_list(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if peek::<u64>(call, raw).is_none() {
        return pointer(raw, call, out);
    }
    out.write_char('[')?;
    let mut count = 0;
    let end = pointers(raw, SHOWN as u64 + 1, call, |string| {
        out.write_str(if count > 0 { ", " } else { "" })?;
        count += 1;
        if count > SHOWN { out.write_str("...") } else { short_string(string, call, out) }
    });
    match end {
        Some(outcome) => outcome?,
        None => out.write_str(", ...")?,
    }
    out.write_char(']')
}

/// `envp`: the address and the number of its strings.
pub fn environment(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    pointer(raw, call, out)?;
    let mut count = 0;
    let end = pointers(raw, 100_000, call, |_| {
        count += 1;
        Ok(())
    });
    match (end, count) {
        (None, _) => Ok(()),
        (Some(_), 1) => out.write_str(" /* 1 var */"),
        (Some(_), _) => write!(out, " /* {count} vars */"),
    }
}

/// `count` elements of `struct iovec`, of which `total` bytes count.
pub(super) fn vectors(address: u64, count: u64, total: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let mut left = total;
    list::<[u64; 2]>(address, count, call, out, |&[base, length], out| {
        out.write_str("{iov_base=")?;
        let used = length.min(left);
        left -= used;
        buffer(base, used, call, out)?;
        write!(out, ", iov_len={length}}}")
    })
}

/// `struct iovec` array that the call reads; its count is the next argument.
pub fn vector(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    vectors(raw, call.neighbour(1), u64::MAX, call, out)
}

/// `struct iovec` array whose buffers the call fills, as far as its result says; its count is the next argument.
pub fn vector_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if succeeded(call)? {
        vectors(raw, call.neighbour(1), call.result.unwrap_or(0) as u64, call, out)
    } else {
        pointer(raw, call, out)
    }
}

/// Integers one behind the other, `count` of them.
fn integers(address: u64, count: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    list::<i32>(address, count, call, out, |number, out| write!(out, "{number}"))
}

/// One `int` that the call reads.
pub fn int_list(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    integers(raw, 1, call, out)
}

/// One `int` that the call fills.
pub fn int_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if succeeded(call)? { integers(raw, 1, call, out) } else { pointer(raw, call, out) }
}

/// One `long` that the call reads.
pub fn long_in(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    list::<i64>(raw, 1, call, out, |number, out| write!(out, "{number}"))
}

/// One `long` that the call fills.
pub fn long_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if succeeded(call)? { long_in(raw, call, out) } else { pointer(raw, call, out) }
}

/// `gid_t` array that the call reads; its count is the argument before.
pub fn groups(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    integers(raw, u64::from(call.neighbour(-1) as u32), call, out)
}

/// `gid_t` array that the call fills; its result is the count.
pub fn groups_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.result {
        Some(count) if count > 0 && call.neighbour(-1) != 0 => integers(raw, count as u64, call, out),
        Some(_) => pointer(raw, call, out),
        None => Err(fmt::Error),
    }
}

/// The two descriptors that `pipe(2)` and `socketpair(2)` give.
pub fn fd_pair(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if succeeded(call)? { integers(raw, 2, call, out) } else { pointer(raw, call, out) }
}
