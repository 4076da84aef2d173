//! `sched_getaffinity(2)`, `sched_setaffinity(2)`, `getcpu(2)`.

use super::registry;
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::user::{UserPtr, copy_in};

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
