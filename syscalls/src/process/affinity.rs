//! `sched_getaffinity(2)`, `getcpu(2)` and the scheduling interface: all threads are `SCHED_OTHER`.

use super::registry;
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::time::{SECOND, TimeSpec};
use crate::user::{UserPtr, copy_in};
use linux_raw_sys::general::{SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_NORMAL, SCHED_RR};

fn check_thread(thread: &Thread, id: i32) -> Result<()> {
    match id {
        ..0 => Err(Errno::EINVAL),
        0 => Ok(()),
        _ if id == thread.id() || registry::thread(id).is_some() => Ok(()),
        _ => Err(Errno::ESRCH),
    }
}

/// The bits of all CPUs.
fn all_cpus() -> u64 {
    u64::MAX >> (64 - machine().cpus().min(64))
}

/// `sched_getaffinity(2)`: gives the size of the kernel's mask in bytes.
pub fn sched_getaffinity(thread: &Thread, id: i32, size: u32, mask: UserPtr<u64>) -> Result<i32> {
    if size < 8 || !size.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    if id < 0 {
        return Err(Errno::ESRCH);
    }
    check_thread(thread, id)?;
    mask.write(thread, &all_cpus())?;
    Ok(8)
}

/// `sched_setaffinity(2)`: any mask with a CPU that there is will do, since a thread may run on all of them.
pub fn sched_setaffinity(thread: &Thread, id: i32, size: u32, mask: UserPtr<u8>) -> Result<()> {
    let mut wanted = [0; 8];
    copy_in(thread, mask.address(), &mut wanted[..(size as usize).min(8)])?;
    if id < 0 {
        return Err(Errno::ESRCH);
    }
    check_thread(thread, id)?;
    if u64::from_le_bytes(wanted) & all_cpus() == 0 { Err(Errno::EINVAL) } else { Ok(()) }
}

/// `getcpu(2)`.
pub fn getcpu(thread: &Thread, cpu: UserPtr<u32>, node: UserPtr<u32>) -> Result<()> {
    cpu.write_unless_null(thread, &(machine().current_cpu() as u32))?;
    node.write_unless_null(thread, &0)
}

/// `sched_getscheduler(2)`.
pub fn sched_getscheduler(thread: &Thread, id: i32) -> Result<i32> {
    check_thread(thread, id)?;
    Ok(SCHED_NORMAL as i32)
}

/// `sched_getparam(2)`.
pub fn sched_getparam(thread: &Thread, id: i32, parameter: UserPtr<i32>) -> Result<()> {
    if parameter.is_null() {
        return Err(Errno::EINVAL);
    }
    check_thread(thread, id)?;
    parameter.write(thread, &0)
}

/// `sched_get_priority_max(2)`.
pub fn sched_get_priority_max(_: &Thread, policy: i32) -> Result<i32> {
    priorities(policy).map(|(_, highest)| highest)
}

/// `sched_get_priority_min(2)`.
pub fn sched_get_priority_min(_: &Thread, policy: i32) -> Result<i32> {
    priorities(policy).map(|(lowest, _)| lowest)
}

fn priorities(policy: i32) -> Result<(i32, i32)> {
    match policy as u32 {
        SCHED_FIFO | SCHED_RR => Ok((1, 99)),
        SCHED_NORMAL | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// `sched_rr_get_interval(2)`: the slice of the scheduler.
pub fn sched_rr_get_interval(thread: &Thread, id: i32, interval: UserPtr<TimeSpec>) -> Result<()> {
    check_thread(thread, id)?;
    interval.write(thread, &TimeSpec::new(SECOND / 100))
}
