//! New processes: `fork(2)`, `vfork(2)`, `clone(2)` without `CLONE_THREAD`.

use super::family::Family;
use super::pidfd::{self, PidFdFlags};
use super::{Parts, Process, registry};
use crate::errno::{Errno, Result};
use crate::memory::AddressSpace;
use crate::registers::Registers;
use crate::thread::Thread;
use crate::thread::clone::{CloneArguments, start_beside};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use linux_raw_sys::general as raw;

const VM: u64 = raw::CLONE_VM as u64;
const VFORK: u64 = raw::CLONE_VFORK as u64;
const FS: u64 = raw::CLONE_FS as u64;
const FILES: u64 = raw::CLONE_FILES as u64;
const SIGHAND: u64 = raw::CLONE_SIGHAND as u64;
const PARENT: u64 = raw::CLONE_PARENT as u64;
const PIDFD: u64 = raw::CLONE_PIDFD as u64;
const CHILD_SETTID: u64 = raw::CLONE_CHILD_SETTID as u64;

/// `fork(2)`.
pub fn fork(thread: &Thread, registers: &mut Registers) -> Result<i32> {
    clone_process(thread, registers, &CloneArguments::of_process(0))
}

/// `vfork(2)`.
pub fn vfork(thread: &Thread, registers: &mut Registers) -> Result<i32> {
    clone_process(thread, registers, &CloneArguments::of_process(VFORK | VM))
}

/// A new process by flags that have been checked; gives its number. `EAGAIN`, `ENOMEM`, `EEXIST`, `EINVAL`.
pub fn clone_process(thread: &Thread, registers: &Registers, arguments: &CloneArguments) -> Result<i32> {
    let flags = arguments.flags();
    let process = &thread.process;
    check_count(process)?;
    AddressSpace::prepare_nothing()?;
    let memory = if flags & VM != 0 { process.memory() } else { process.memory().duplicate()? };
    let actions = process.signals.actions();
    let actions = match flags & SIGHAND {
        0 if flags & raw::CLONE_CLEAR_SIGHAND != 0 => actions.after_exec(),
        0 => actions.duplicate(),
        _ => actions,
    };
    let parent = match flags & PARENT {
        0 => Some(process.clone()),
        _ => registry::find(process.parent()),
    };
    let family = match flags & PARENT {
        0 => Family::with_signal(process.id, thread.id(), arguments.exit_signal()),
        // A sibling has the caller's parent, and its signal.
        _ => Family::with_signal(process.parent(), process.parent_thread(), process.exit_signal()),
    };
    let id = arguments.choose_id(thread)?;
    let child = Process::of(Parts {
        id,
        memory: memory.clone(),
        files: if flags & FILES != 0 { process.files.share() } else { process.files.duplicate() },
        context: if flags & FS != 0 { process.context.clone() } else { process.context.duplicate() },
        credentials: process.credentials(),
        actions,
        attributes: process.attributes.duplicate(),
        limits: process.limits.duplicate(),
        program: process.program(),
        group: process.group(),
        membership: process.membership.duplicate(),
        family,
    });
    child.oom_adjustment.store(process.oom_adjustment.load(Ordering::Relaxed), Ordering::Relaxed);
    if flags & VFORK != 0 {
        child.borrow_memory();
    }
    let its_thread = Thread::new(id, child.clone());
    its_thread.signals.inherit(&thread.signals, flags & VM == 0 || flags & VFORK != 0);
    if flags & CHILD_SETTID != 0 {
        // As on Linux, an address that is none is the program's business.
        let _ = memory.write(arguments.child_tid(), &id.to_le_bytes());
    }
    let pidfd = match flags & PIDFD {
        0 => None,
        _ => {
            let fd = pidfd::install(thread, &child, PidFdFlags::empty())?;
            if let Err(errno) = arguments.pidfd().write(thread, &fd.0) {
                drop(thread.files().remove(fd));
                return Err(errno);
            }
            Some(fd)
        }
    };
    if let Some(parent) = &parent {
        parent.add_child(child.clone());
    }
    if let Err(errno) = start_beside(thread, registers, arguments, its_thread) {
        if let Some(parent) = &parent {
            drop(parent.remove_child(&child));
        }
        if let Some(fd) = pidfd {
            drop(thread.files().remove(fd));
        }
        return Err(errno);
    }
    if flags & VFORK != 0 {
        child.await_memory(thread);
    }
    Ok(id)
}

/// `EAGAIN` when the user has as many threads as `RLIMIT_NPROC` allows, unless privileged.
pub fn check_count(process: &Arc<Process>) -> Result<()> {
    let who = process.credentials();
    if who.user.real == 0 || who.has(raw::CAP_SYS_RESOURCE) || who.has(raw::CAP_SYS_ADMIN) {
        return Ok(());
    }
    let limit = process.limits.get(raw::RLIMIT_NPROC).soft;
    let own = registry::all(|other| other.credentials().user.real == who.user.real);
    let count: usize = own.iter().map(|other| other.threads().len()).sum();
    if count as u64 >= limit { Err(Errno::EAGAIN) } else { Ok(()) }
}
