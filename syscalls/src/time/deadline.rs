//! What timers ask of a clock.

use super::Instant;
use super::clock::Clock;
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::registry;
use crate::thread::Thread;

/// The shortest time after which timers on CPU time are looked at again, in nanoseconds.
const SHORTEST_LOOK: u64 = 100_000;

/// Has the clock interrupt come when this much more CPU time can have been used: then a [`tick`](super::tick) is due.
pub(super) fn look_after(cpu_time: u64) {
    let soonest = (cpu_time / machine().cpus().max(1) as u64).max(SHORTEST_LOOK);
    machine().arm(machine().monotonic().after(soonest));
}

impl Clock {
    /// The clock that a timer made by this thread keeps: the caller's CPU time is that of a certain process or thread.
    /// `EINVAL`: it is not there, or the thread is another process's.
    pub(super) fn kept_by(self, thread: &Thread) -> Result<Self> {
        match self {
            Self::Process(0) => Ok(Self::Process(thread.process.id)),
            Self::Thread(0) => Ok(Self::Thread(thread.id())),
            Self::Process(id) => registry::find(id).map(|_| self).ok_or(Errno::EINVAL),
            Self::Thread(id) => thread.process.thread(id).map(|_| self).ok_or(Errno::EINVAL),
            Self::Realtime | Self::Monotonic | Self::Tai => Ok(self),
        }
    }

    /// What a clock that a timer [keeps](Self::kept_by) shows, in nanoseconds; 0 once its process or thread has ended.
    pub(super) fn reading(self) -> u64 {
        match self {
            Self::Monotonic => machine().monotonic().0,
            Self::Realtime | Self::Tai => machine().monotonic().0.saturating_add(machine().realtime_offset()),
            Self::Process(id) => registry::find(id).map_or(0, |process| process.cpu_time()),
            Self::Thread(id) => registry::thread(id).and_then(|thread| thread.task()).map_or(0, |task| task.cpu_time()),
        }
    }

    /// When the clock will show this; `None` for CPU time, which may never get there.
    pub(super) fn instant(self, reading: u64) -> Option<Instant> {
        match self {
            Self::Monotonic => Some(Instant(reading)),
            Self::Realtime | Self::Tai => Some(Instant(reading.saturating_sub(machine().realtime_offset()))),
            Self::Process(_) | Self::Thread(_) => None,
        }
    }

    /// The clock that a timer's schedule really runs on: a span of wall time stays the same span when somebody sets
    /// the clock, a point in wall time does not.
    pub(super) fn for_schedule(self, absolute: bool) -> Self {
        if self.can_be_set() && !absolute { Self::Monotonic } else { self }
    }

    /// Whether it is wall time.
    pub(super) fn can_be_set(self) -> bool {
        matches!(self, Self::Realtime | Self::Tai)
    }

    /// Whether it passes only while a program runs: its timers are looked at with each [`tick`](super::tick).
    pub(super) fn is_cpu_time(self) -> bool {
        matches!(self, Self::Process(_) | Self::Thread(_))
    }
}
