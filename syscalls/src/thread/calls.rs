//! What a thread asks about itself: `gettid(2)`, `set_tid_address(2)`, `arch_prctl(2)`, `sched_yield(2)`.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::user::{USER_END, UserPtr};
use core::sync::atomic::Ordering;

/// `gettid(2)`.
pub fn gettid(thread: &Thread) -> Result<i32> {
    Ok(thread.id())
}

/// `set_tid_address(2)`.
pub fn set_tid_address(thread: &Thread, address: UserPtr<i32>) -> Result<i32> {
    thread.clear_child_tid.store(address.address(), Ordering::Relaxed);
    Ok(thread.id())
}

/// `sched_yield(2)`.
pub fn sched_yield(_: &Thread) -> Result<()> {
    machine().yield_now();
    Ok(())
}

const ARCH_SET_GS: i32 = 0x1001;
const ARCH_SET_FS: i32 = 0x1002;
const ARCH_GET_FS: i32 = 0x1003;
const ARCH_GET_GS: i32 = 0x1004;
const ARCH_GET_CPUID: i32 = 0x1011;
const ARCH_SET_CPUID: i32 = 0x1012;

/// `arch_prctl(2)`: the FS and GS bases.
pub fn arch_prctl(thread: &Thread, code: i32, address: u64) -> Result<i64> {
    let task = thread.task().ok_or(Errno::ESRCH)?;
    match code {
        ARCH_SET_FS | ARCH_SET_GS if address >= USER_END => return Err(Errno::EPERM),
        ARCH_SET_FS => task.set_fs_base(address),
        ARCH_SET_GS => {
            // The doors of rewritten calls take GS for the kernel's.
            thread.process.memory().stop_rewriting();
            task.set_gs_base(address);
        }
        ARCH_GET_FS => UserPtr::<u64>::new(address).write(thread, &task.fs_base())?,
        ARCH_GET_GS => UserPtr::<u64>::new(address).write(thread, &task.gs_base())?,
        // The instruction is always there.
        ARCH_GET_CPUID => return Ok(1),
        ARCH_SET_CPUID => return Err(Errno::ENODEV),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
