//! `sched_getaffinity(2)`, `sched_setaffinity(2)`, `getcpu(2)`.

use super::registry;
use crate::errno::{Errno, Result};
use crate::machine::{Task, machine};
use crate::thread::Thread;
use crate::user::{UserPtr, copy_in};
use alloc::sync::Arc;

/// The thread that is meant; 0 is the caller. `ESRCH`.
fn find(thread: &Thread, id: i32) -> Result<Arc<dyn Task>> {
    let task = match id {
        0 => thread.task(),
        _ if id == thread.id() => thread.task(),
        1.. => registry::thread(id).ok_or(Errno::ESRCH)?.task(),
        _ => None,
    };
    task.ok_or(Errno::ESRCH)
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
    mask.write(thread, &(find(thread, id)?.affinity() & all_cpus()))?;
    Ok(8)
}

/// `sched_setaffinity(2)`. `EINVAL` for a mask without a CPU that there is.
pub fn sched_setaffinity(thread: &Thread, id: i32, size: u32, mask: UserPtr<u8>) -> Result<()> {
    let mut wanted = [0; 8];
    copy_in(thread, mask.address(), &mut wanted[..(size as usize).min(8)])?;
    let task = find(thread, id)?;
    let wanted = u64::from_le_bytes(wanted) & all_cpus();
    if wanted == 0 {
        return Err(Errno::EINVAL);
    }
    task.set_affinity(wanted);
    Ok(())
}

/// `getcpu(2)`.
pub fn getcpu(thread: &Thread, cpu: UserPtr<u32>, node: UserPtr<u32>) -> Result<()> {
    cpu.write_unless_null(thread, &(machine().current_cpu() as u32))?;
    node.write_unless_null(thread, &0)
}
