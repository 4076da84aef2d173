//! `cpio(5)`'s new portable format, as Linux's initramfs takes it (`Documentation/driver-api/early-userspace/
//! buffer-format.rst`).
//!
//! Not with the crate `cpio_reader`: it takes names for UTF-8, tells an archive's end from a broken header in no way,
//! and reads every content of an archive with checksums.

use super::{ArchiveError, Content, Fault, HardLink, Record};
use crate::filesystem::{Kind, Timestamp, device_number};
use alloc::borrow::Cow;
use core::iter::from_fn;

/// Bytes in a header: the magic number and thirteen numbers of eight hexadecimal digits.
const HEADER: usize = 110;

/// Whether the bytes begin as an archive of this format.
pub(super) fn is_cpio(bytes: &[u8]) -> bool {
    bytes.starts_with(b"070701") || bytes.starts_with(b"070702")
}

/// The entries, of several archives one behind the other too.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, ArchiveError>> {
    let mut offset = 0;
    let mut failed = false;
    from_fn(move || {
        if failed {
            return None;
        }
        let record = next(bytes, &mut offset);
        failed = matches!(record, Some(Err(_)));
        record
    })
}

fn next<'a>(bytes: &'a [u8], offset: &mut usize) -> Option<Result<Record<'a>, ArchiveError>> {
    // Zeros may stand behind a trailer, up to the next archive.
    let rest = bytes.get(*offset..)?;
    let zeros = rest.iter().position(|&byte| byte != 0)?;
    let at = *offset + zeros;
    Some(read(bytes, at).map_err(|fault| ArchiveError { offset: at, fault }).map(|(record, end)| {
        *offset = end;
        record
    }))
}

/// Reads the entry at an offset; also gives the offset behind it.
fn read(bytes: &[u8], at: usize) -> Result<(Record<'_>, usize), Fault> {
    let header = bytes.get(at..).and_then(|rest| rest.get(..HEADER)).ok_or(Fault::Truncated)?;
    if !is_cpio(header) {
        return Err(Fault::Header);
    }
    let mut numbers = [0; 13];
    for (number, digits) in numbers.iter_mut().zip(header.get(6..).unwrap_or_default().chunks_exact(8)) {
        *number = hexadecimal(digits)?;
    }
    let [inode, mode, uid, gid, links, modified, size, major, minor, special_major, special_minor, name_size, _] =
        numbers;
    let name_start = at + HEADER;
    let name_end = name_start.checked_add(name_size as usize).ok_or(Fault::Truncated)?;
    let name = bytes.get(name_start..name_end).ok_or(Fault::Truncated)?;
    // The name ends with its first zero byte, as Linux reads it: more of them put the content on a page boundary.
    let name = name.iter().position(|&byte| byte == 0).and_then(|end| name.get(..end)).ok_or(Fault::Name)?;
    let start = align(name_end);
    let end = start.checked_add(size as usize).ok_or(Fault::Truncated)?;
    if end > bytes.len() {
        return Err(Fault::Truncated);
    }
    let is_trailer = name == b"TRAILER!!!";
    let kind = if is_trailer { Kind::Regular } else { Kind::from_mode(mode).ok_or(Fault::Kind)? };
    if name.is_empty() {
        return Err(Fault::Name);
    }
    let link = match kind {
        _ if is_trailer => HardLink::Reset,
        Kind::Directory => HardLink::None,
        _ if links > 1 => HardLink::Number(u64::from(inode), major << 8 ^ minor),
        _ => HardLink::None,
    };
    let record = Record {
        offset: at,
        path: Cow::Borrowed(name),
        kind,
        mode: (mode & 0o7777) as u16,
        uid,
        gid,
        modified: Timestamp { seconds: i64::from(modified), nanoseconds: 0 },
        device: device_number(special_major, special_minor),
        content: Content::At(start..end),
        link,
    };
    Ok((record, align(end)))
}

/// Names and contents are filled up to a multiple of four.
const fn align(offset: usize) -> usize {
    offset.saturating_add(3) & !3
}

fn hexadecimal(digits: &[u8]) -> Result<u32, Fault> {
    digits.iter().try_fold(0, |number: u32, &digit| {
        let digit = char::from(digit).to_digit(16).ok_or(Fault::Number)?;
        Ok(number << 4 | digit)
    })
}
