//! Points and spans of time, clocks, sleeping.

pub mod clock;
pub mod sleep;

use crate::errno::{Errno, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Nanoseconds since the machine started: `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(pub u64);

impl Instant {
    /// Later by `nanoseconds`; the end of time where that overflows.
    pub const fn after(self, nanoseconds: u64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }

    /// Nanoseconds from `earlier` to here, 0 when it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// `struct timespec`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TimeSpec {
    /// `tv_sec`.
    pub seconds: i64,
    /// `tv_nsec`.
    pub nanoseconds: i64,
}

impl TimeSpec {
    /// From nanoseconds.
    pub const fn new(nanoseconds: u64) -> Self {
        Self { seconds: (nanoseconds / SECOND) as i64, nanoseconds: (nanoseconds % SECOND) as i64 }
    }

    /// In nanoseconds, at most the end of time (292 years, as Linux's `KTIME_MAX`). `EINVAL` for what is negative or
    /// no fraction of a second.
    pub fn nanoseconds(self) -> Result<u64> {
        if self.seconds < 0 || !(0..SECOND as i64).contains(&self.nanoseconds) {
            return Err(Errno::EINVAL);
        }
        let seconds = (self.seconds as u64).saturating_mul(SECOND);
        Ok(seconds.saturating_add(self.nanoseconds as u64).min(i64::MAX as u64))
    }
}
