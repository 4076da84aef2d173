//! `clone(2)`, `clone3(2)`: new threads, and what those of new processes have in common with them.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::fork::{check_count, clone_process};
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
const PIDFD: u64 = raw::CLONE_PIDFD as u64;
const PARENT: u64 = raw::CLONE_PARENT as u64;
const FS: u64 = raw::CLONE_FS as u64;
const FILES: u64 = raw::CLONE_FILES as u64;
const SETTLS: u64 = raw::CLONE_SETTLS as u64;
const PARENT_SETTID: u64 = raw::CLONE_PARENT_SETTID as u64;
const CHILD_SETTID: u64 = raw::CLONE_CHILD_SETTID as u64;
const CHILD_CLEARTID: u64 = raw::CLONE_CHILD_CLEARTID as u64;
/// Among the bits of the signal: `clone3` alone knows it.
const NEWTIME: u64 = raw::CLONE_NEWTIME as u64;
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
        // An old flag that clone has passed over for long.
        flags: flags
            & 0xffff_ffff
            & !EXIT_SIGNAL
            & if flags & PIDFD == 0 { !u64::from(raw::CLONE_DETACHED) } else { !0 },
        exit_signal: flags & EXIT_SIGNAL,
        pidfd: parent_tid.address(),
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
    if known.flags & (u64::from(raw::CLONE_DETACHED) | EXIT_SIGNAL & !NEWTIME) != 0 || known.exit_signal > 64 {
        return Err(Errno::EINVAL);
    }
    if known.flags & (THREAD | PARENT) != 0 && known.exit_signal != 0 {
        return Err(Errno::EINVAL);
    }
    // There is one level of process numbers.
    if known.set_tid_size > 1 || (known.set_tid == 0) != (known.set_tid_size == 0) {
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

/// What `clone(2)` and `clone3(2)` have in common.
fn start(thread: &Thread, registers: &Registers, arguments: &CloneArguments) -> Result<i32> {
    let flags = arguments.flags;
    if flags & SIGHAND != 0 && flags & VM == 0 || flags & THREAD != 0 && flags & SIGHAND == 0 {
        return Err(Errno::EINVAL);
    }
    if flags & SIGHAND != 0 && flags & raw::CLONE_CLEAR_SIGHAND != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & PIDFD != 0 && flags & PARENT_SETTID != 0 && arguments.pidfd == arguments.parent_tid
        || flags & PIDFD != 0 && flags & u64::from(raw::CLONE_DETACHED) != 0
    {
        return Err(Errno::EINVAL);
    }
    check_namespaces(thread, flags)?;
    if flags & SETTLS != 0 && arguments.tls >= USER_END {
        return Err(Errno::EPERM);
    }
    let id = match flags & THREAD {
        0 => clone_process(thread, registers, arguments)?,
        _ => clone_thread(thread, registers, arguments)?,
    };
    Ok(id)
}

/// There are no namespaces but the first ones: as a Linux without them says.
fn check_namespaces(thread: &Thread, flags: u64) -> Result<()> {
    const USER: u64 = raw::CLONE_NEWUSER as u64;
    const OTHERS: u64 = raw::CLONE_NEWNS as u64
        | raw::CLONE_NEWUTS as u64
        | raw::CLONE_NEWIPC as u64
        | raw::CLONE_NEWNET as u64
        | raw::CLONE_NEWPID as u64
        | raw::CLONE_NEWCGROUP as u64
        | NEWTIME;
    match flags {
        _ if flags & (USER | raw::CLONE_INTO_CGROUP) != 0 => Err(Errno::EINVAL),
        _ if flags & OTHERS == 0 => Ok(()),
        _ if thread.process.credentials().has(raw::CAP_SYS_ADMIN) => Err(Errno::EINVAL),
        _ => Err(Errno::EPERM),
    }
}

fn clone_thread(thread: &Thread, registers: &Registers, arguments: &CloneArguments) -> Result<i32> {
    let flags = arguments.flags;
    // A thread shares all that a process has here; Linux would let it have its own descriptors or directories.
    if flags & (FS | FILES) != FS | FILES || flags & PIDFD != 0 {
        return Err(Errno::EINVAL);
    }
    check_count(&thread.process)?;
    let id = arguments.choose_id(thread)?;
    let child = Thread::new(id, thread.process.clone());
    child.signals.inherit(&thread.signals, false);
    if flags & CHILD_SETTID != 0 {
        // As on Linux, an address that is none is the program's business.
        let _ = UserPtr::<i32>::new(arguments.child_tid).write(thread, &id);
    }
    start_beside(thread, registers, arguments, child)?;
    Ok(id)
}

/// Lets a new thread, of the same or of a new process, begin where the current one is. `ENOMEM`.
pub(crate) fn start_beside(
    thread: &Thread,
    registers: &Registers,
    arguments: &CloneArguments,
    child: Arc<Thread>,
) -> Result<()> {
    let flags = arguments.flags;
    child.set_name(thread.name());
    child.attributes.inherit(&thread.attributes);
    if flags & CHILD_CLEARTID != 0 {
        child.clear_child_tid.store(arguments.child_tid, Ordering::Relaxed);
    }
    let mut its_registers = *registers;
    its_registers.rax = 0;
    its_registers.number = Registers::NO_CALL;
    if arguments.stack != 0 {
        its_registers.rsp = arguments.stack;
    }
    let fs_base = match flags & SETTLS {
        0 => thread.task().map_or(0, |task| task.fs_base()),
        _ => arguments.tls,
    };
    let id = child.id();
    machine().start_thread(child.clone(), &its_registers, fs_base).map_err(|_| Errno::ENOMEM)?;
    if let (Some(own), Some(its)) = (thread.task(), child.task())
        && own.gs_base() != 0
    {
        its.set_gs_base(own.gs_base());
    }
    if flags & PARENT_SETTID != 0 {
        let _ = UserPtr::<i32>::new(arguments.parent_tid).write(thread, &id);
    }
    Ok(())
}

impl CloneArguments {
    /// Those of a plain new process, with these flags.
    pub(crate) fn of_process(flags: u64) -> Self {
        Self { flags, exit_signal: raw::SIGCHLD.into(), ..Self::default() }
    }

    /// `CLONE_*`.
    pub(crate) const fn flags(&self) -> u64 {
        self.flags
    }

    /// The number of the signal that the child's end sends; 0 for none.
    pub(crate) const fn exit_signal(&self) -> i32 {
        self.exit_signal as i32
    }

    /// Where `CLONE_PIDFD` wants its descriptor.
    pub(crate) const fn pidfd(&self) -> UserPtr<i32> {
        UserPtr::new(self.pidfd)
    }

    /// Where `CLONE_CHILD_SETTID` and `CLONE_CHILD_CLEARTID` want the child's number.
    pub(crate) const fn child_tid(&self) -> u64 {
        self.child_tid
    }

    /// The child's number: the next one, or the one that `set_tid` wants. `EINVAL`, `EPERM`, `EEXIST`.
    pub(crate) fn choose_id(&self, thread: &Thread) -> Result<i32> {
        if self.set_tid_size == 0 {
            return Ok(registry::next_id());
        }
        let wanted = UserPtr::<i32>::new(self.set_tid).read(thread)?;
        if wanted < 1 {
            return Err(Errno::EINVAL);
        }
        let who = thread.process.credentials();
        if !who.has(raw::CAP_SYS_ADMIN) && !who.has(raw::CAP_CHECKPOINT_RESTORE) {
            return Err(Errno::EPERM);
        }
        registry::claim(wanted)
    }
}
