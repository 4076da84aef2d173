//! The boot module by which the host's tool hands a program's start to the kernel, byte for byte.
//!
//! # Format
//!
//! The 8 bytes of [`MAGIC`], then records, each
//!
//! | bytes | what |
//! |---|---|
//! | 4 | tag, little-endian ([`Tag`]) |
//! | 4 | length of the payload, little-endian |
//! | length | payload |
//! | 0 to 7 | zeros up to a multiple of 8 |
//!
//! up to a record [`Tag::End`], behind which nothing follows. Numbers in payloads are little-endian and packed.
//! Tags that may be repeated keep their order; the order is free otherwise. Whatever is not said has no default
//! here: the kernel chooses.

mod builder;
mod record;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use record::Tag;

use core::fmt;
use core::net::Ipv4Addr;
use record::Records;

/// How a handover begins. The seventh byte is the format's version.
pub const MAGIC: [u8; 8] = *b"BIRGUS\x01\n";

/// Which of a program's standard files are a terminal, and how large that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Bit *n* stands for file descriptor *n*, of 0, 1 and 2.
    pub files: u8,
    /// Lines of the window; 0 if unknown.
    pub rows: u16,
    /// Letters in a line; 0 if unknown.
    pub columns: u16,
}

impl Terminal {
    /// Whether file descriptor `number` (0, 1 or 2) is a terminal.
    pub fn has(&self, number: u8) -> bool {
        number < 3 && self.files & (1 << number) != 0
    }
}

/// A limit as of `prlimit64(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceLimit {
    /// `RLIMIT_…`; not checked here.
    pub resource: u32,
    /// The limit in force; all ones is no limit.
    pub soft: u64,
    /// How far it may be raised.
    pub hard: u64,
}

/// A moment of `CLOCK_REALTIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallClock {
    /// Since 1970-01-01 00:00 UTC.
    pub seconds: u64,
    /// Below 1,000,000,000.
    pub nanoseconds: u32,
}

/// How the machine's network device is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Its address is to be asked for by DHCP.
    Dynamic,
    /// All is said.
    Static {
        /// The device's address.
        address: Ipv4Addr,
        /// Bits of the network's prefix, at most 32.
        prefix: u8,
        /// Where everything else goes.
        gateway: Option<Ipv4Addr>,
        /// Who knows names.
        name_server: Option<Ipv4Addr>,
    },
}

/// A handover that has been read; borrows its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Handover<'a> {
    records: Records<'a>,
    /// Path of the program in the root archive. None: the program is a boot module of its own.
    pub program: Option<&'a [u8]>,
    /// The path that `AT_EXECFN` and `/proc/self/exe` tell.
    pub exec_name: Option<&'a [u8]>,
    /// Where the program starts.
    pub working_directory: Option<&'a [u8]>,
    /// The terminal behind the standard files. None: there is none.
    pub terminal: Option<Terminal>,
    /// Rate of the time stamp counter in the guest.
    pub tsc_khz: Option<u32>,
    /// The time when the tool looked.
    pub wall_clock: Option<WallClock>,
    /// The guest's time stamp counter at that time, if the tool could tell.
    pub wall_clock_tsc: Option<u64>,
    /// For the random number generator.
    pub seed: Option<&'a [u8; 32]>,
    /// Whether to trace system calls.
    pub trace: Option<bool>,
    /// How much the kernel says, as `loglevel=` of Linux.
    pub log_level: Option<u8>,
    /// The host's name in the guest.
    pub hostname: Option<&'a [u8]>,
    /// The network device. None: there is none.
    pub network: Option<Network>,
}

impl<'a> Handover<'a> {
    /// Reads a handover. All of it is checked; nothing is copied.
    pub fn parse(bytes: &'a [u8]) -> Result<Handover<'a>, Error> {
        let records = match bytes.split_first_chunk() {
            Some((&MAGIC, rest)) => Records::new(rest, MAGIC.len()),
            Some(([b'B', b'I', b'R', b'G', b'U', b'S', version, b'\n'], _)) => {
                return Err(Error::Version(*version));
            }
            _ => return Err(Error::NoMagic),
        };
        let mut handover = Handover {
            records,
            program: None,
            exec_name: None,
            working_directory: None,
            terminal: None,
            tsc_khz: None,
            wall_clock: None,
            wall_clock_tsc: None,
            seed: None,
            trace: None,
            log_level: None,
            hostname: None,
            network: None,
        };
        let mut reader = records;
        loop {
            let (tag, payload) = reader.read()?;
            if tag == Tag::End {
                exactly(tag, payload, |[]: [u8; 0]| Some(()))?;
                return match reader.is_empty() {
                    true => Ok(handover),
                    false => Err(Error::BytesAfterEnd { offset: reader.offset() }),
                };
            }
            handover.take(tag, payload)?;
        }
    }

    /// `argv`, in order.
    pub fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.records.payloads(Tag::Argument)
    }

    /// `envp`, in order: `NAME=value`, but any bytes are let through.
    pub fn environment(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.records.payloads(Tag::Environment)
    }

    /// The limits that differ from the kernel's own.
    pub fn resource_limits(&self) -> impl Iterator<Item = ResourceLimit> + Clone + use<'a> {
        self.records.payloads(Tag::ResourceLimit).filter_map(resource_limit)
    }

    fn take(&mut self, tag: Tag, payload: &'a [u8]) -> Result<(), Error> {
        match tag {
            Tag::Argument | Tag::Environment | Tag::End => Ok(()),
            Tag::ResourceLimit => {
                let length = payload.len();
                resource_limit(payload).map(drop).ok_or(Error::Length { tag, length })
            }
            Tag::Program => once(&mut self.program, tag, payload),
            Tag::ExecName => once(&mut self.exec_name, tag, payload),
            Tag::WorkingDirectory => once(&mut self.working_directory, tag, payload),
            Tag::Hostname => once(&mut self.hostname, tag, payload),
            Tag::Network if payload.is_empty() => once(&mut self.network, tag, Network::Dynamic),
            Tag::Network => once(&mut self.network, tag, exactly(tag, payload, network)?),
            Tag::Terminal => once(&mut self.terminal, tag, exactly(tag, payload, terminal)?),
            Tag::TscKhz => {
                let khz = exactly(tag, payload, |bytes| Some(u32::from_le_bytes(bytes)))?;
                once(&mut self.tsc_khz, tag, khz)
            }
            Tag::WallClock => once(&mut self.wall_clock, tag, exactly(tag, payload, wall_clock)?),
            Tag::WallClockTsc => {
                let tsc = exactly(tag, payload, |bytes| Some(u64::from_le_bytes(bytes)))?;
                once(&mut self.wall_clock_tsc, tag, tsc)
            }
            Tag::Seed => {
                let length = payload.len();
                once(&mut self.seed, tag, payload.try_into().map_err(|_| Error::Length { tag, length })?)
            }
            Tag::Trace => {
                let trace = exactly(tag, payload, |[byte]| (byte < 2).then_some(byte == 1))?;
                once(&mut self.trace, tag, trace)
            }
            Tag::LogLevel => once(&mut self.log_level, tag, exactly(tag, payload, |[level]| Some(level))?),
        }
    }
}

/// Fills a field that may be told once.
fn once<T>(field: &mut Option<T>, tag: Tag, value: T) -> Result<(), Error> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Repeated(tag)),
    }
}

/// Decodes a payload of one right length.
fn exactly<const N: usize, T>(tag: Tag, payload: &[u8], decode: impl FnOnce([u8; N]) -> Option<T>) -> Result<T, Error> {
    let bytes = payload.try_into().map_err(|_| Error::Length { tag, length: payload.len() })?;
    decode(bytes).ok_or(Error::Value(tag))
}

fn terminal([files, row_low, row_high, column_low, column_high]: [u8; 5]) -> Option<Terminal> {
    let rows = u16::from_le_bytes([row_low, row_high]);
    let columns = u16::from_le_bytes([column_low, column_high]);
    (files < 8).then_some(Terminal { files, rows, columns })
}

fn wall_clock(bytes: [u8; 12]) -> Option<WallClock> {
    let (seconds, rest) = bytes.split_first_chunk()?;
    let nanoseconds = u32::from_le_bytes(rest.try_into().ok()?);
    let seconds = u64::from_le_bytes(*seconds);
    (nanoseconds < 1_000_000_000).then_some(WallClock { seconds, nanoseconds })
}

fn network([a, b, c, d, prefix, e, f, g, h, i, j, k, l]: [u8; 13]) -> Option<Network> {
    let address = |octets: [u8; 4]| Some(Ipv4Addr::from(octets)).filter(|address| !address.is_unspecified());
    let (gateway, name_server) = (address([e, f, g, h]), address([i, j, k, l]));
    let address = address([a, b, c, d])?;
    (prefix <= 32).then_some(Network::Static { address, prefix, gateway, name_server })
}

/// None if the length is wrong; any number will do.
fn resource_limit(payload: &[u8]) -> Option<ResourceLimit> {
    let (resource, limits) = payload.split_first_chunk()?;
    let (soft, hard) = limits.split_first_chunk()?;
    Some(ResourceLimit {
        resource: u32::from_le_bytes(*resource),
        soft: u64::from_le_bytes(*soft),
        hard: u64::from_le_bytes(hard.try_into().ok()?),
    })
}

/// What is wrong with a handover. Offsets count from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is none.
    NoMagic,
    /// It has another version than ours.
    Version(u8),
    /// A record ends beyond the last byte, or there is no [`Tag::End`].
    Truncated {
        /// Where the record begins.
        offset: usize,
    },
    /// A tag that is not in [`Tag`].
    UnknownTag {
        /// Its number.
        tag: u32,
        /// Where the record begins.
        offset: usize,
    },
    /// A record is there twice that may be there once.
    Repeated(Tag),
    /// A payload of the wrong length.
    Length {
        /// Of which record.
        tag: Tag,
        /// Its length.
        length: usize,
    },
    /// A payload that has no meaning.
    Value(Tag),
    /// Something follows [`Tag::End`].
    BytesAfterEnd {
        /// Where it begins.
        offset: usize,
    },
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoMagic => write!(f, "not a handover"),
            Error::Version(version) => {
                write!(f, "the handover has version {version}, this is for {}: tool and kernel do not match", MAGIC[6])
            }
            Error::Truncated { offset } => write!(f, "the handover is truncated in the record at byte {offset}"),
            Error::UnknownTag { tag, offset } => {
                write!(f, "the handover has an unknown record {tag} at byte {offset}")
            }
            Error::Repeated(tag) => write!(f, "the handover has a second record {tag:?}"),
            Error::Length { tag, length } => {
                write!(f, "the handover's record {tag:?} cannot be {length} bytes long")
            }
            Error::Value(tag) => write!(f, "the handover's record {tag:?} holds no proper value"),
            Error::BytesAfterEnd { offset } => {
                write!(f, "the handover goes on after its end, at byte {offset}")
            }
        }
    }
}
