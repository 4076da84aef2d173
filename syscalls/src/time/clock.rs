//! The clocks that timers run on, `clock_gettime(2)`.

use super::Instant;
use crate::machine::machine;
use crate::process::Process;
use crate::thread::Thread;
use alloc::sync::Weak;

/// A clock of a timer.
#[derive(Clone)]
pub enum Clock {
    /// Since the machine started; never set. `CLOCK_BOOTTIME` is the same where nothing sleeps.
    Monotonic,
    /// Since 1970; can be set. `CLOCK_TAI` is the same as long as nobody tells of leap seconds.
    Wall,
    /// CPU time of a process.
    Process(Weak<Process>),
    /// CPU time of a thread.
    Thread(Weak<Thread>),
}

impl Clock {
    /// The clock's time in nanoseconds.
    pub fn now(&self) -> u64 {
        match self {
            Self::Monotonic => machine().monotonic().0,
            Self::Wall => machine().monotonic().0.saturating_add(machine().realtime_offset()),
            Self::Process(process) => process.upgrade().map_or(0, |process| process.cpu_time()),
            Self::Thread(thread) => thread.upgrade().and_then(|thread| thread.task()).map_or(0, |task| task.cpu_time()),
        }
    }

    /// When the clock will show this time; `None` for CPU time, which may never get there.
    pub fn instant(&self, time: u64) -> Option<Instant> {
        match self {
            Self::Monotonic => Some(Instant(time)),
            Self::Wall => Some(Instant(time.saturating_sub(machine().realtime_offset()))),
            Self::Process(_) | Self::Thread(_) => None,
        }
    }

    /// The clock that a timer of this one really runs on: a span of wall time is the same span when somebody sets the
    /// clock, a point in time is not.
    pub fn for_setting(&self, absolute: bool) -> Self {
        match self {
            Self::Wall if !absolute => Self::Monotonic,
            clock => clock.clone(),
        }
    }

    /// Whether its time passes only while a program runs: its timers are looked at with each [`tick`](super::tick).
    pub fn is_cpu_time(&self) -> bool {
        matches!(self, Self::Process(_) | Self::Thread(_))
    }
}
