//! Timeouts of `poll(2)` and its kin.

use crate::errno::Result;
use crate::machine::machine;
use crate::time::{Instant, TimeSpec};

/// How long a call waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timeout {
    /// Not at all.
    Immediate,
    /// Up to then.
    Until(Instant),
    /// However long.
    Never,
}

impl Timeout {
    /// From milliseconds; negative numbers are no timeout.
    pub(super) fn from_milliseconds(milliseconds: i32) -> Self {
        match u64::try_from(milliseconds) {
            Ok(milliseconds) => Self::from_nanoseconds(milliseconds * 1_000_000),
            Err(_) => Self::Never,
        }
    }

    /// From nanoseconds from now on.
    pub(super) fn from_nanoseconds(nanoseconds: u64) -> Self {
        if nanoseconds == 0 { Self::Immediate } else { Self::Until(machine().monotonic().after(nanoseconds)) }
    }

    /// From what a program gave; `None` is no timeout. `EINVAL`.
    pub(super) fn from_timespec(span: Option<TimeSpec>) -> Result<Self> {
        span.map_or(Ok(Self::Never), |span| span.nanoseconds().map(Self::from_nanoseconds))
    }

    /// For [`wait_until`](crate::wait::wait_until).
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Until(deadline) => Some(deadline),
            Self::Immediate | Self::Never => None,
        }
    }

    /// What is left, in nanoseconds; `None` where a program is not told.
    pub(super) fn left(self) -> Option<u64> {
        self.deadline().map(|deadline| deadline.since(machine().monotonic()))
    }
}
