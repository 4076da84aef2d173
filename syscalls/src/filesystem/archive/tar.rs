//! `tar(5)`: the formats of v7, ustar, GNU and pax, without sparse files.
//!
//! Not with the crate `tar-no-std`: it gives regular files alone, and no long names.

use super::{ArchiveError, Content, Fault, HardLink, Record};
use crate::filesystem::{Kind, Timestamp, device_number};
use alloc::borrow::Cow;
use core::iter::from_fn;
use core::ops::Range;

/// Bytes in a block: a header, or a piece of content.
const BLOCK: usize = 512;
/// The place of a header's checksum, which counts as blanks in itself.
const CHECKSUM: Range<usize> = 148..156;

/// What headers before an entry's own say about it.
#[derive(Default)]
struct Extension<'a> {
    path: Option<Cow<'a, [u8]>>,
    target: Option<Cow<'a, [u8]>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    modified: Option<Timestamp>,
}

/// Whether the bytes begin with a header of a tar archive, or with its end.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..BLOCK) else { return false };
    header.iter().all(|&byte| byte == 0) || check_sum(header).is_ok()
}

/// The entries.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, ArchiveError>> {
    let mut offset = 0;
    let mut ended = false;
    from_fn(move || {
        if ended {
            return None;
        }
        let record = next(bytes, &mut offset).transpose();
        ended = !matches!(record, Some(Ok(_)));
        record
    })
}

/// Reads on up to the next entry; `None` at the archive's end.
fn next<'a>(bytes: &'a [u8], offset: &mut usize) -> Result<Option<Record<'a>>, ArchiveError> {
    let mut extension = Extension::default();
    loop {
        let at = *offset;
        let fault = |fault| ArchiveError { offset: at, fault };
        let Some(header) = bytes.get(at..).and_then(|rest| rest.get(..BLOCK)) else {
            // Some programs leave the two blocks of zeros at the end out.
            return if at >= bytes.len() { Ok(None) } else { Err(fault(Fault::Truncated)) };
        };
        if header.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        check_sum(header).map_err(fault)?;
        let kind = header.get(156).copied().unwrap_or_default();
        let size = match extension.size {
            Some(size) if !is_extension(kind) => size,
            _ => number(field(header, 124..136)).map_err(fault)?,
        };
        let start = at + BLOCK;
        // Links and the like say a size at times, but have no content.
        let size = if has_content(kind) { usize::try_from(size).map_err(|_| fault(Fault::Truncated))? } else { 0 };
        let end = start.checked_add(size).ok_or(fault(Fault::Truncated))?;
        let content = bytes.get(start..end).ok_or(fault(Fault::Truncated))?;
        *offset = end.checked_next_multiple_of(BLOCK).ok_or(fault(Fault::Truncated))?;
        match kind {
            b'L' => extension.path = Some(Cow::Borrowed(until_zero(content))),
            b'K' => extension.target = Some(Cow::Borrowed(until_zero(content))),
            b'x' => extend(&mut extension, content).map_err(fault)?,
            // A pax header for all entries, and a volume's label: nothing in them that is needed here.
            b'g' | b'V' => {}
            _ => return entry(header, kind, at, start..end, extension).map(Some).map_err(fault),
        }
    }
}

fn entry<'a>(
    header: &'a [u8],
    letter: u8,
    offset: usize,
    content: Range<usize>,
    extension: Extension<'a>,
) -> Result<Record<'a>, Fault> {
    let path = extension.path.unwrap_or_else(|| header_path(header));
    let target = extension.target.unwrap_or(Cow::Borrowed(until_zero(field(header, 157..257))));
    let kind = match letter {
        // Before ustar, a directory was a file whose name ends in a slash.
        0 | b'0' if path.ends_with(b"/") => Kind::Directory,
        0 | b'0' | b'7' | b'1' => Kind::Regular,
        b'2' => Kind::Symlink,
        b'3' => Kind::Character,
        b'4' => Kind::Block,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        _ => return Err(Fault::Kind),
    };
    if path.is_empty() || path.contains(&0) || target.contains(&0) {
        return Err(Fault::Name);
    }
    let small = |range| Ok::<u32, Fault>(number(field(header, range))? as u32);
    let special = matches!(kind, Kind::Character | Kind::Block);
    let device = if special { device_number(small(329..337)?, small(337..345)?) } else { 0 };
    let modified = match extension.modified {
        Some(time) => time,
        None => Timestamp { seconds: number(field(header, 136..148))? as i64, nanoseconds: 0 },
    };
    Ok(Record {
        offset,
        kind,
        mode: (small(100..108)? & 0o7777) as u16,
        uid: extension.uid.map_or_else(|| small(108..116), Ok)?,
        gid: extension.gid.map_or_else(|| small(116..124), Ok)?,
        modified,
        device,
        link: if letter == b'1' { HardLink::Path(target.clone()) } else { HardLink::None },
        content: if kind == Kind::Symlink { Content::Text(target) } else { Content::At(content) },
        path,
    })
}

/// Whether a header says something about the next one.
const fn is_extension(kind: u8) -> bool {
    matches!(kind, b'L' | b'K' | b'x' | b'g' | b'V')
}

const fn has_content(kind: u8) -> bool {
    // 1 to 6 are links, devices, directories, fifos.
    !matches!(kind, b'1'..=b'6')
}

fn field(header: &[u8], range: Range<usize>) -> &[u8] {
    header.get(range).unwrap_or_default()
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The name in a header, with ustar's prefix.
fn header_path(header: &[u8]) -> Cow<'_, [u8]> {
    let name = until_zero(field(header, 0..100));
    let prefix = until_zero(field(header, 345..500));
    // GNU's own format has other things where ustar has the prefix.
    if prefix.is_empty() || field(header, 257..263) != b"ustar\0" {
        return Cow::Borrowed(name);
    }
    Cow::Owned([prefix, b"/", name].concat())
}

/// A number: octal digits between blanks and zeros, or GNU's big-endian bytes after a set first bit.
fn number(field: &[u8]) -> Result<u64, Fault> {
    if let Some((&first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        // 0xff begins a negative number, which is only a time's: kept as its two's complement.
        let start = if first == 0xff { u64::MAX } else { u64::from(first & 0x7f) };
        return Ok(rest.iter().fold(start, |number, &byte| number << 8 | u64::from(byte)));
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|&byte| byte == 0 || byte == b' ').unwrap_or(digits.len());
    digits.iter().take(end).try_fold(0, |number: u64, &digit| {
        let digit = char::from(digit).to_digit(8).ok_or(Fault::Number)?;
        number.checked_mul(8).and_then(|number| number.checked_add(digit.into())).ok_or(Fault::Number)
    })
}

fn check_sum(header: &[u8]) -> Result<(), Fault> {
    let bytes = header.iter().enumerate();
    let sum: u64 = bytes.map(|(at, &byte)| if CHECKSUM.contains(&at) { 32 } else { u64::from(byte) }).sum();
    if number(field(header, CHECKSUM)) == Ok(sum) { Ok(()) } else { Err(Fault::Checksum) }
}

/// Reads a pax header: lines `LENGTH KEY=VALUE`, the length counting all of the line.
fn extend<'a>(extension: &mut Extension<'a>, content: &'a [u8]) -> Result<(), Fault> {
    let mut rest = content;
    while !rest.is_empty() {
        let blank = rest.iter().position(|&byte| byte == b' ').ok_or(Fault::Header)?;
        let length = decimal(field(rest, 0..blank))?;
        let length = usize::try_from(length).map_err(|_| Fault::Number)?;
        let line = rest.get(blank + 1..length).and_then(|line| line.strip_suffix(b"\n")).ok_or(Fault::Header)?;
        rest = rest.get(length..).ok_or(Fault::Header)?;
        let equals = line.iter().position(|&byte| byte == b'=').ok_or(Fault::Header)?;
        let (key, value) = (field(line, 0..equals), field(line, equals + 1..line.len()));
        match key {
            b"path" => extension.path = Some(Cow::Borrowed(value)),
            b"linkpath" => extension.target = Some(Cow::Borrowed(value)),
            b"size" => extension.size = Some(decimal(value)?),
            b"uid" => extension.uid = Some(decimal(value)? as u32),
            b"gid" => extension.gid = Some(decimal(value)? as u32),
            b"mtime" => extension.modified = Some(time(value)?),
            key if key.starts_with(b"GNU.sparse.") => return Err(Fault::Kind),
            _ => {}
        }
    }
    Ok(())
}

fn decimal(digits: &[u8]) -> Result<u64, Fault> {
    core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Fault::Number)
}

/// Seconds with a fraction, maybe before 1970.
fn time(value: &[u8]) -> Result<Timestamp, Fault> {
    let text = core::str::from_utf8(value).map_err(|_| Fault::Number)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds: i64 = whole.parse().map_err(|_| Fault::Number)?;
    let digits = fraction.bytes().chain(core::iter::repeat(b'0')).take(9);
    let mut nanoseconds = digits
        .fold(0, |number: u32, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0') % 10)));
    if whole.starts_with('-') && nanoseconds > 0 {
        seconds = seconds.saturating_sub(1);
        nanoseconds = 1_000_000_000 - nanoseconds;
    }
    Ok(Timestamp { seconds, nanoseconds })
}
