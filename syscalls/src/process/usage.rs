//! What was used: `getrusage(2)`, `times(2)`. The machine does not tell user from system time: all counts as user.

use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::machine;
use crate::process::Process;
use crate::thread::Thread;
use crate::time::SECOND;
use crate::user::UserPtr;
use linux_raw_sys::general::{RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Nanoseconds in a clock tick, `_SC_CLK_TCK` of which make a second.
const TICK: u64 = SECOND / 100;

/// `struct rusage`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Usage {
    /// Time in the program: seconds and microseconds.
    pub user: [i64; 2],
    /// Time in the kernel: seconds and microseconds.
    pub system: [i64; 2],
    /// Resident memory, in KiB.
    pub resident: i64,
    /// Faults, signals, switches and what Linux does not keep either: none are counted.
    pub counts: [i64; 13],
}

impl Usage {
    /// So much CPU time, in nanoseconds, and memory, in pages.
    pub fn new(time: u64, resident: u64) -> Self {
        let user = [(time / SECOND) as i64, (time % SECOND / 1000) as i64];
        Self { user, resident: (resident * PAGE / 1024) as i64, ..Self::default() }
    }

    /// What a process has used so far, its children left out.
    pub fn of(process: &Process) -> Self {
        process.spent().into()
    }
}

/// What a process has used, as its parent's sums keep it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent {
    /// CPU time, in nanoseconds.
    pub time: u64,
    /// Resident memory, in pages; of several processes, the most that one had.
    pub resident: u64,
}

impl Spent {
    /// Nothing yet.
    pub const NOTHING: Self = Self { time: 0, resident: 0 };

    /// Together with another process's.
    pub fn and(self, other: Self) -> Self {
        Self { time: self.time.saturating_add(other.time), resident: self.resident.max(other.resident) }
    }
}

impl From<Spent> for Usage {
    fn from(spent: Spent) -> Self {
        Self::new(spent.time, spent.resident)
    }
}

/// `struct tms`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProcessTimes {
    /// In the program, in clock ticks.
    pub user: i64,
    /// In the kernel.
    pub system: i64,
    /// Of children that were waited for, in their programs.
    pub children_user: i64,
    /// Of children that were waited for, in the kernel.
    pub children_system: i64,
}

/// `getrusage(2)`.
pub fn getrusage(thread: &Thread, who: i32, usage: UserPtr<Usage>) -> Result<()> {
    const ITSELF: i32 = RUSAGE_SELF as i32;
    const CHILDREN: i32 = RUSAGE_CHILDREN;
    const THREAD: i32 = RUSAGE_THREAD as i32;
    let process = &thread.process;
    let used = match who {
        ITSELF => Usage::of(process),
        CHILDREN => process.spent_by_children().into(),
        THREAD => {
            let time = thread.task().map_or(0, |task| task.cpu_time());
            Usage::new(time, process.memory().resident(0, u64::MAX).resident)
        }
        _ => return Err(Errno::EINVAL),
    };
    usage.write(thread, &used)
}

/// `times(2)`: gives the clock ticks since the machine started.
pub fn times(thread: &Thread, times: UserPtr<ProcessTimes>) -> Result<i64> {
    let process = &thread.process;
    let user = (process.cpu_time() / TICK) as i64;
    let children_user = (process.spent_by_children().time / TICK) as i64;
    times.write_unless_null(thread, &ProcessTimes { user, children_user, ..ProcessTimes::default() })?;
    Ok((machine().monotonic().0 / TICK) as i64)
}
