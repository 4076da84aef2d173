//! The records of a handover, as tags and bytes.

use super::Error;

/// What a record is about. The numbers are the format; they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tag {
    /// The last record; no payload. (Not 0, so that zeros never look like a proper end.)
    End = 1,
    /// Path of the program in the root archive.
    Program = 2,
    /// `AT_EXECFN`.
    ExecName = 3,
    /// One string of `argv`. Repeated.
    Argument = 4,
    /// One string of `envp`. Repeated.
    Environment = 5,
    /// Path.
    WorkingDirectory = 6,
    /// File bits u8, rows u16, columns u16.
    Terminal = 7,
    /// Resource u32, soft u64, hard u64. Repeated.
    ResourceLimit = 8,
    /// u32.
    TscKhz = 9,
    /// Seconds u64, nanoseconds u32.
    WallClock = 10,
    /// u64.
    WallClockTsc = 11,
    /// 32 bytes.
    Seed = 12,
    /// u8, 0 or 1.
    Trace = 13,
    /// u8.
    LogLevel = 14,
    /// Name.
    Hostname = 15,
    /// Nothing, or address, prefix u8, gateway, name server: addresses of 4 bytes, zeros for none.
    Network = 16,
}

impl Tag {
    pub(super) fn from_number(number: u32) -> Option<Tag> {
        Some(match number {
            1 => Tag::End,
            2 => Tag::Program,
            3 => Tag::ExecName,
            4 => Tag::Argument,
            5 => Tag::Environment,
            6 => Tag::WorkingDirectory,
            7 => Tag::Terminal,
            8 => Tag::ResourceLimit,
            9 => Tag::TscKhz,
            10 => Tag::WallClock,
            11 => Tag::WallClockTsc,
            12 => Tag::Seed,
            13 => Tag::Trace,
            14 => Tag::LogLevel,
            15 => Tag::Hostname,
            16 => Tag::Network,
            _ => return None,
        })
    }

    /// Whether the payload is a path, a name or another string of C.
    pub(super) fn is_string(self) -> bool {
        use Tag::{Argument, Environment, ExecName, Hostname, Program, WorkingDirectory};
        matches!(self, Program | ExecName | Argument | Environment | WorkingDirectory | Hostname)
    }
}

/// What every record is padded to.
pub(super) const PADDING: usize = 8;

/// Reads one record after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Records<'a> {
    /// `bytes` begin with a record and stand at `offset` of the handover.
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Records<'a> {
        Records { rest: bytes, offset }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The next record; it is truncated if there is none.
    pub(super) fn read(&mut self) -> Result<(Tag, &'a [u8]), Error> {
        let offset = self.offset;
        let truncated = Error::Truncated { offset };
        let (tag, rest) = self.rest.split_first_chunk().ok_or(truncated)?;
        let (length, rest) = rest.split_first_chunk().ok_or(truncated)?;
        let tag = u32::from_le_bytes(*tag);
        let tag = Tag::from_number(tag).ok_or(Error::UnknownTag { tag, offset })?;
        let length = u32::from_le_bytes(*length) as usize;
        let padded = length.checked_next_multiple_of(PADDING).ok_or(truncated)?;
        let (payload, rest) = rest.split_at_checked(padded).ok_or(truncated)?;
        self.offset = offset + PADDING + padded;
        self.rest = rest;
        Ok((tag, payload.get(..length).ok_or(truncated)?))
    }

    /// The payloads of all records with `tag`, up to the end or the first error.
    pub(super) fn payloads(self, tag: Tag) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.filter(move |record| record.0 == tag).map(|record| record.1)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (Tag, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.read().ok()
    }
}
