//! `membarrier(2)`. With one CPU the way into the kernel and back is a barrier for all threads. With several, all other
//! CPUs are made to pass one, whosever threads they run.

#[cfg(test)]
mod tests;

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use linux_raw_sys::general::membarrier_cmd as raw;

const QUERY: i32 = raw::MEMBARRIER_CMD_QUERY as i32;
const GLOBAL: i32 = raw::MEMBARRIER_CMD_GLOBAL as i32;
const GLOBAL_EXPEDITED: i32 = raw::MEMBARRIER_CMD_GLOBAL_EXPEDITED as i32;
const REGISTER_GLOBAL: i32 = raw::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED as i32;
const PRIVATE: i32 = raw::MEMBARRIER_CMD_PRIVATE_EXPEDITED as i32;
const REGISTER_PRIVATE: i32 = raw::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED as i32;
const SYNC_CORE: i32 = raw::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE as i32;
const REGISTER_SYNC_CORE: i32 = raw::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE as i32;
const REGISTRATIONS: i32 = raw::MEMBARRIER_CMD_GET_REGISTRATIONS as i32;
const ALL: i32 = GLOBAL
    | GLOBAL_EXPEDITED
    | REGISTER_GLOBAL
    | PRIVATE
    | REGISTER_PRIVATE
    | SYNC_CORE
    | REGISTER_SYNC_CORE
    | REGISTRATIONS;

fn pass() -> Result<i32> {
    machine().synchronise_cpus();
    Ok(0)
}

/// `membarrier(2)`. `EPERM` for a private barrier that was not registered for.
pub fn membarrier(thread: &Thread, command: i32, flags: u32, _cpu: i32) -> Result<i32> {
    // The one flag belongs to the commands for restartable sequences, which are not there.
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let shared = &thread.process.attributes;
    let has_registered = |barrier: i32| shared.barriers() & barrier as u32 != 0;
    match command {
        QUERY => Ok(ALL),
        GLOBAL | GLOBAL_EXPEDITED => pass(),
        REGISTER_GLOBAL | REGISTER_PRIVATE | REGISTER_SYNC_CORE => {
            shared.register_barrier(command as u32);
            Ok(0)
        }
        PRIVATE if has_registered(REGISTER_PRIVATE) => pass(),
        SYNC_CORE if has_registered(REGISTER_SYNC_CORE) => pass(),
        PRIVATE | SYNC_CORE => Err(Errno::EPERM),
        REGISTRATIONS => Ok(shared.barriers() as i32),
        _ => Err(Errno::EINVAL),
    }
}
