//! The plan: which sites become jumps, and how, written down so that no decoder is needed to do it.
//!
//! # Format
//!
//! Little-endian. Magic with version (8 bytes), base address u64, number of sites u32, 4 bytes of zeros; for each site,
//! sorted by its patch, an index entry: offset of the patch from the base u32, offset of its record from the plan's
//! first byte u32; then the records (`plan/record.rs`).

mod builder;
mod record;

use core::fmt;
use core::ops::Range;

pub use builder::{Builder, Draft};
#[cfg(feature = "analysis")]
pub(crate) use record::SYSCALL;
pub use record::{MAXIMUM_PATCH, Moved, Patch, Placed, Relative, Site, Springboard, Tactic};

/// The plan's first bytes; the one before the last is the version.
const MAGIC: [u8; 8] = *b"BGPLAN\x01\n";
const HEADER: usize = 24;
const INDEX_ENTRY: usize = 8;

/// A plan that has been checked, all of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    bytes: &'a [u8],
    base: u64,
    index: &'a [[u8; INDEX_ENTRY]],
}

impl<'a> Plan<'a> {
    /// A plan's first bytes.
    pub const MAGIC: [u8; 8] = MAGIC;

    /// Reads a plan. Nothing is copied; no bytes make it panic.
    pub fn parse(bytes: &'a [u8]) -> Result<Plan<'a>, Error> {
        let (magic, rest) = bytes.split_first_chunk().ok_or(Error::NoMagic)?;
        if *magic != MAGIC {
            let same = magic.iter().zip(&MAGIC).enumerate().all(|(place, (a, b))| place == 6 || a == b);
            return Err(if same { Error::Version(magic[6]) } else { Error::NoMagic });
        }
        let (base, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let (count, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let (zeros, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let count = u32::from_le_bytes(*count) as usize;
        let index = rest.as_chunks().0.get(..count).ok_or(Error::Truncated)?;
        let plan = Plan { bytes, base: u64::from_le_bytes(*base), index };
        if *zeros != [0; 4] {
            return Err(Error::Header);
        }
        let mut end = plan.base;
        for number in 0..count {
            let site = plan.read(number).filter(Site::is_sound).ok_or(Error::Site(number))?;
            if site.address() < end {
                return Err(Error::Order(number));
            }
            end = site.end();
        }
        Ok(plan)
    }

    /// The address that the patches' places count from.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// How many sites.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The site of this number, counted from 0 in the order of addresses.
    pub fn site(&self, number: usize) -> Option<Site<'a>> {
        self.read(number)
    }

    /// All sites, sorted by address.
    pub fn sites(&self) -> impl Iterator<Item = Site<'a>> + Clone + use<'a> {
        let plan = *self;
        (0..plan.len()).filter_map(move |number| plan.read(number))
    }

    /// The numbers of the sites whose patch begins in a range of addresses (as linked).
    pub fn beginning_in(&self, addresses: Range<u64>) -> Range<usize> {
        let first = |address: u64| self.index.partition_point(|entry| self.place(entry).0 < address);
        let start = first(addresses.start);
        start..first(addresses.end).max(start)
    }

    /// The site whose patch holds the byte at this address (as linked).
    pub fn site_at(&self, address: u64) -> Option<Site<'a>> {
        let after = self.index.partition_point(|entry| self.place(entry).0 <= address);
        self.read(after.checked_sub(1)?).filter(|site| address < site.end())
    }

    /// Address of a patch, offset of its record.
    fn place(&self, entry: &[u8; INDEX_ENTRY]) -> (u64, usize) {
        let [a, b, c, d, e, f, g, h] = *entry;
        let offset = u32::from_le_bytes([a, b, c, d]);
        (self.base.saturating_add(u64::from(offset)), u32::from_le_bytes([e, f, g, h]) as usize)
    }

    /// What was sound when the plan was parsed is so now.
    fn read(&self, number: usize) -> Option<Site<'a>> {
        let (address, record) = self.place(self.index.get(number)?);
        Site::read(address, self.bytes.get(record..)?)
    }
}

/// What is wrong with a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is none.
    NoMagic,
    /// It has another version than ours.
    Version(u8),
    /// It ends within header or index.
    Truncated,
    /// A reserved field is not zero.
    Header,
    /// The record of this site is truncated or does not fit together.
    Site(usize),
    /// The patch of this site is not behind the one before.
    Order(usize),
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoMagic => write!(f, "not a patch plan"),
            Error::Version(version) => {
                write!(
                    f,
                    "the patch plan has version {version}, this is for {}: tool and kernel do not match",
                    MAGIC[6]
                )
            }
            Error::Truncated => write!(f, "the patch plan is truncated"),
            Error::Header => write!(f, "the patch plan's header holds no proper value"),
            Error::Site(number) => write!(f, "the patch plan's record of site {number} is not sound"),
            Error::Order(number) => write!(f, "the patch of site {number} overlaps the one before it"),
        }
    }
}
