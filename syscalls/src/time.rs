//! Points and spans of time, clocks, sleeping, timers.

pub mod clock;
pub mod cpu_limit;
mod deadline;
pub mod descriptor;
pub mod interval;
pub mod posix;
pub mod schedule;
pub mod sleep;
#[cfg(test)]
mod tests;
pub mod timers;

pub use timers::{clock_was_set, expire};

use crate::errno::{Errno, Result};
use crate::thread::Thread;
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

/// The timers of a process.
#[derive(Default)]
pub struct ProcessTimers {
    /// `setitimer(2)`.
    pub interval: interval::IntervalTimers,
    /// `timer_create(2)`.
    pub posix: posix::PosixTimers,
    /// `RLIMIT_CPU`.
    pub cpu_limit: cpu_limit::CpuLimit,
}

impl ProcessTimers {
    /// Deletes what `execve(2)` deletes: the POSIX timers.
    pub fn after_exec(&self) {
        self.posix.clear();
    }

    /// Stops all: the process has ended.
    pub fn clear(&self) {
        self.interval.clear();
        self.posix.clear();
    }
}

/// Looks at the timers that run on CPU time. The kernel calls this for the thread that its clock interrupt found in a
/// program, where no lock can be held.
pub fn tick(thread: &Thread) {
    let timers = &thread.process.timers;
    let process = &thread.process;
    let next = [timers.interval.tick(process), timers.posix.tick(), timers.cpu_limit.tick(process)];
    let next = next.into_iter().flatten().min();
    if let Some(left) = next {
        deadline::look_after(left);
    }
}
