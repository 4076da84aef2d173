//! `clone(2)`, `clone3(2)`: new threads.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::registry;
use crate::registers::Registers;
use crate::thread::Thread;
use crate::user::{USER_END, UserPtr, copy_in};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use linux_raw_sys::general as raw;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// `struct clone_args`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// The first version of the structure: `CLONE_ARGS_SIZE_VER0`.
const SIZE_VERSION_0: usize = 64;

const VM: u64 = raw::CLONE_VM as u64;
const SIGHAND: u64 = raw::CLONE_SIGHAND as u64;
const THREAD: u64 = raw::CLONE_THREAD as u64;
const FS: u64 = raw::CLONE_FS as u64;
const FILES: u64 = raw::CLONE_FILES as u64;
const SETTLS: u64 = raw::CLONE_SETTLS as u64;
const PARENT_SETTID: u64 = raw::CLONE_PARENT_SETTID as u64;
const CHILD_SETTID: u64 = raw::CLONE_CHILD_SETTID as u64;
const CHILD_CLEARTID: u64 = raw::CLONE_CHILD_CLEARTID as u64;
/// The signal in the lowest byte of `clone`'s flags.
const EXIT_SIGNAL: u64 = raw::CSIGNAL as u64;

/// `clone(2)` in x86-64's order of arguments.
pub fn clone(
    thread: &Thread,
    registers: &mut Registers,
    flags: u64,
    stack: u64,
    parent_tid: UserPtr<i32>,
    child_tid: UserPtr<i32>,
    tls: u64,
) -> Result<i32> {
    let arguments = CloneArguments {
        flags: flags & 0xffff_ffff & !EXIT_SIGNAL,
        exit_signal: flags & EXIT_SIGNAL,
        stack,
        parent_tid: parent_tid.address(),
        child_tid: child_tid.address(),
        tls,
        ..CloneArguments::default()
    };
    start(thread, registers, &arguments)
}

/// `clone3(2)`.
pub fn clone3(
    thread: &Thread,
    registers: &mut Registers,
    arguments: UserPtr<CloneArguments>,
    size: usize,
) -> Result<i32> {
    if size < SIZE_VERSION_0 {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let mut known = CloneArguments::new_zeroed();
    let length = size.min(size_of::<CloneArguments>());
    copy_in(thread, arguments.address(), &mut known.as_mut_bytes()[..length])?;
    // What a newer structure holds beyond must be zero.
    let mut beyond = [0; 64];
    let mut at = length;
    while at < size {
        let piece = beyond.len().min(size - at);
        copy_in(thread, arguments.address().wrapping_add(at as u64), &mut beyond[..piece])?;
        if beyond[..piece].iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG);
        }
        at += piece;
    }
    const KNOWN: u64 = u32::MAX as u64 | raw::CLONE_CLEAR_SIGHAND | raw::CLONE_INTO_CGROUP;
    if known.flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    if known.flags & (u64::from(raw::CLONE_DETACHED) | EXIT_SIGNAL) != 0 || known.exit_signal > 64 {
        return Err(Errno::EINVAL);
    }
    match (known.stack, known.stack_size) {
        (0, 0) => {}
        (0, _) | (_, 0) => return Err(Errno::EINVAL),
        (stack, stack_size) => {
            known.stack = stack.checked_add(stack_size).filter(|end| *end <= USER_END).ok_or(Errno::EINVAL)?;
        }
    }
    start(thread, registers, &known)
}

fn start(thread: &Thread, registers: &Registers, arguments: &CloneArguments) -> Result<i32> {
    let flags = arguments.flags;
    if flags & SIGHAND != 0 && flags & VM == 0 || flags & THREAD != 0 && flags & SIGHAND == 0 {
        return Err(Errno::EINVAL);
    }
    if flags & THREAD == 0 {
        return Err(Errno::ENOSYS);
    }
    // A thread shares all that a process has here; Linux would let it have its own descriptors or directories.
    if flags & (FS | FILES) != FS | FILES || flags & u64::from(raw::CLONE_PIDFD) != 0 {
        return Err(Errno::EINVAL);
    }
    let id = registry::next_id();
    let child = Thread::new(id, thread.process.clone());
    child.signals.inherit(&thread.signals, false);
    child.set_name(thread.name());
    child.attributes.inherit(&thread.attributes);
    if flags & CHILD_CLEARTID != 0 {
        child.clear_child_tid.store(arguments.child_tid, Ordering::Relaxed);
    }
    if flags & PARENT_SETTID != 0 {
        UserPtr::<i32>::new(arguments.parent_tid).write(thread, &id)?;
    }
    if flags & CHILD_SETTID != 0 {
        UserPtr::<i32>::new(arguments.child_tid).write(thread, &id)?;
    }
    let mut its_registers = *registers;
    its_registers.rax = 0;
    its_registers.number = Registers::NO_CALL;
    if arguments.stack != 0 {
        its_registers.rsp = arguments.stack;
    }
    let fs_base = match flags & SETTLS {
        0 => thread.task().map_or(0, |task| task.fs_base()),
        _ if arguments.tls >= USER_END => return Err(Errno::EPERM),
        _ => arguments.tls,
    };
    let started: Arc<Thread> = child;
    machine().start_thread(started.clone(), &its_registers, fs_base).map_err(|_| Errno::ENOMEM)?;
    if let (Some(own), Some(its)) = (thread.task(), started.task())
        && own.gs_base() != 0
    {
        its.set_gs_base(own.gs_base());
    }
    Ok(id)
}
