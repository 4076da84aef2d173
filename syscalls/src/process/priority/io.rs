//! `ioprio_get(2)`, `ioprio_set(2)`: kept and given back. Files are in memory: nothing waits for a disk.

use super::targets;
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use linux_raw_sys::general::{CAP_SYS_ADMIN, CAP_SYS_NICE};

/// `IOPRIO_CLASS_*` (`<linux/ioprio.h>`), which stand above 13 bits of data, the lowest three of which are the level.
const NONE: i32 = 0;
const REAL_TIME: i32 = 1;
const BEST_EFFORT: i32 = 2;
const IDLE: i32 = 3;
const CLASS_SHIFT: u32 = 13;
const LEVEL: i32 = 7;

/// `which` as `setpriority(2)` has it: one lower than here.
fn kind(which: i32) -> Result<i32> {
    if (1..=3).contains(&which) { Ok(which - 1) } else { Err(Errno::EINVAL) }
}

/// The priority that a thread without one has: its niceness tells.
fn effective(thread: &Thread) -> i32 {
    let own = thread.attributes.io_priority();
    if own >> CLASS_SHIFT == NONE { (BEST_EFFORT << CLASS_SHIFT) | ((thread.attributes.nice() + 20) / 5) } else { own }
}

/// `ioprio_set(2)`. `EPERM` for the real-time class without the right to it.
pub fn ioprio_set(thread: &Thread, which: i32, who: i32, priority: i32) -> Result<()> {
    let by = thread.process.credentials();
    match (priority >> CLASS_SHIFT, priority & LEVEL) {
        (REAL_TIME, _) => {
            if !by.has(CAP_SYS_ADMIN) && !by.has(CAP_SYS_NICE) {
                return Err(Errno::EPERM);
            }
        }
        (BEST_EFFORT | IDLE, _) | (NONE, 0) => {}
        _ => return Err(Errno::EINVAL),
    }
    let threads = targets(thread, kind(which)?, who)?;
    if threads.is_empty() {
        return Err(Errno::ESRCH);
    }
    for target in threads {
        let owner = target.process.credentials().user.real;
        if owner != by.user.effective && owner != by.user.real && !by.has(CAP_SYS_NICE) {
            return Err(Errno::EPERM);
        }
        target.attributes.set_io_priority(priority);
    }
    Ok(())
}

/// `ioprio_get(2)`: one thread's own, or the best of a group's or user's.
pub fn ioprio_get(thread: &Thread, which: i32, who: i32) -> Result<i32> {
    let threads = targets(thread, kind(which)?, who)?;
    match which {
        1 => threads.first().map(|thread| thread.attributes.io_priority()),
        _ => threads.iter().map(|thread| effective(thread)).min(),
    }
    .ok_or(Errno::ESRCH)
}
