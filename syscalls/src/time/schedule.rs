//! When a timer expires: the arithmetic that all timers share.

use super::TimeSpec;
use super::clock::TimeVal;
use crate::errno::Result;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct itimerspec`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TimerSpec {
    /// From one expiry to the next; zero for a single one.
    pub interval: TimeSpec,
    /// To the first expiry, or its point in time; zero for never.
    pub value: TimeSpec,
}

/// A timer's expiries on some clock, all in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Schedule {
    /// The next one; `None` when there is none to come.
    pub next: Option<u64>,
    /// From one to the next; 0 for a single one.
    pub interval: u64,
}

impl Schedule {
    /// From a program's setting, at `now`. `EINVAL` for times that are none.
    pub fn new(setting: &TimerSpec, absolute: bool, now: u64) -> Result<Self> {
        let (value, interval) = (setting.value.nanoseconds()?, setting.interval.nanoseconds()?);
        Ok(match value {
            0 => Self::default(),
            _ if absolute => Self { next: Some(value), interval },
            _ => Self { next: Some(now.saturating_add(value)), interval },
        })
    }

    /// Whether it expires again and again.
    pub fn is_periodic(&self) -> bool {
        self.interval != 0
    }

    /// Whether an expiry has been reached.
    pub fn is_due(&self, now: u64) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// Goes on to the first expiry behind `now`; gives how many were reached.
    pub fn advance(&mut self, now: u64) -> u64 {
        let Some(next) = self.next.filter(|&next| next <= now) else { return 0 };
        if !self.is_periodic() {
            self.next = None;
            return 1;
        }
        let count = (now - next) / self.interval + 1;
        self.next = Some(next.saturating_add(count.saturating_mul(self.interval)));
        count
    }

    /// Nanoseconds to the next expiry: 0 when there is none, at least 1 when there is, as Linux tells it.
    pub fn remaining(&self, now: u64) -> u64 {
        self.next.map_or(0, |next| next.saturating_sub(now).max(1))
    }

    /// As `timer_gettime(2)` tells it.
    pub fn setting(&self, now: u64) -> TimerSpec {
        TimerSpec { interval: TimeSpec::new(self.interval), value: TimeSpec::new(self.remaining(now)) }
    }
}

impl TimeVal {
    /// In nanoseconds, at most the end of time. `EINVAL` for what is negative or no fraction of a second.
    pub fn nanoseconds(self) -> Result<u64> {
        // Too large a number of microseconds stays too large.
        let nanoseconds = self.microseconds.saturating_mul(1000);
        TimeSpec { seconds: self.seconds, nanoseconds }.nanoseconds()
    }
}
