//! `getpriority(2)`, `setpriority(2)`: niceness is kept and given back; the scheduler treats all threads alike.

pub mod io;
#[cfg(test)]
mod tests;

use super::registry;
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general::{CAP_SYS_NICE, PRIO_PGRP, PRIO_PROCESS, PRIO_USER, RLIMIT_NICE};

/// The threads that a priority is asked of or set for. `EINVAL` for an unknown kind.
fn targets(thread: &Thread, which: i32, who: i32) -> Result<Vec<Arc<Thread>>> {
    let all_of = |processes: Vec<Arc<super::Process>>| processes.iter().flat_map(|process| process.threads()).collect();
    match which as u32 {
        PRIO_PROCESS => {
            let id = if who == 0 { thread.id() } else { who };
            Ok(registry::thread(id).into_iter().collect())
        }
        PRIO_PGRP => {
            let group = if who == 0 { thread.process.group() } else { who };
            Ok(all_of(registry::all(|process| process.group() == group)))
        }
        PRIO_USER => {
            let user = if who == 0 { thread.process.credentials().user.real } else { who as u32 };
            Ok(all_of(registry::all(|process| process.credentials().user.real == user)))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// `getpriority(2)`: 20 less the niceness, of the best thread. `ESRCH` for none.
pub fn getpriority(thread: &Thread, which: i32, who: i32) -> Result<i32> {
    let threads = targets(thread, which, who)?;
    threads.iter().map(|thread| 20 - thread.attributes.nice()).max().ok_or(Errno::ESRCH)
}

/// Sets one thread's niceness. `EPERM` for another user's, `EACCES` for a better one without the right to it.
fn set(caller: &Thread, target: &Thread, nice: i32) -> Result<()> {
    let who = caller.process.credentials();
    let privileged = who.has(CAP_SYS_NICE);
    let user = target.process.credentials().user;
    if !privileged && user.real != who.user.effective && user.effective != who.user.effective {
        return Err(Errno::EPERM);
    }
    let allowed = caller.process.limits.get(RLIMIT_NICE).soft;
    if nice < target.attributes.nice() && !privileged && (20 - nice) as u64 > allowed {
        return Err(Errno::EACCES);
    }
    target.attributes.set_nice(nice);
    Ok(())
}

/// `setpriority(2)`. The last refusal is told, also when others were served.
pub fn setpriority(thread: &Thread, which: i32, who: i32, value: i32) -> Result<()> {
    let nice = value.clamp(-20, 19);
    let threads = targets(thread, which, who)?;
    if threads.is_empty() {
        return Err(Errno::ESRCH);
    }
    let mut outcome = Ok(());
    for target in &threads {
        if let Err(refusal) = set(thread, target, nice) {
            outcome = Err(refusal);
        }
    }
    outcome
}
