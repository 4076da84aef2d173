//! How a process ends: `exit_group(2)`, and signals that nothing handles.

use super::usage::Spent;
use super::{Process, registry, session};
use crate::errno::{Errno, Result};
use crate::futex::{self, robust};
use crate::ipc::semaphores;
use crate::machine::machine;
use crate::memory::AddressSpace;
use crate::signal::send::{Target, abandon, send};
use crate::signal::stop::child_times;
use crate::signal::{Action, ActionFlags, SigInfo, Signal};
use crate::thread::{Thread, Work};
use crate::user::UserPtr;
use crate::wait::{WaitQueue, wait_for};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use linux_raw_sys::general::{CLD_EXITED, CLD_KILLED};
use spin::Mutex;

/// Why a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With this exit code.
    Exited(u8),
    /// By this signal. There never is a core dump.
    Killed(Signal),
}

impl End {
    /// As a shell and `birgus run` tell it: the exit code, or 128 and the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => 128 + signal.number(),
        }
    }

    /// As `wait4(2)` tells it.
    pub fn wait_status(self) -> i32 {
        match self {
            Self::Exited(code) => i32::from(code) << 8,
            Self::Killed(signal) => i32::from(signal.number()),
        }
    }

    /// As `waitid(2)` and `SIGCHLD` tell it: `CLD_*`, and the exit code or signal.
    pub fn child_status(self) -> (i32, i32) {
        match self {
            Self::Exited(code) => (CLD_EXITED as i32, code.into()),
            Self::Killed(signal) => (CLD_KILLED as i32, signal.number().into()),
        }
    }
}

/// A process's part.
#[derive(Default)]
pub(super) struct Exit {
    end: Mutex<Option<End>>,
    // The latest exit(2): the process's code when nobody calls exit_group(2), since the last thread's counts.
    last_status: AtomicI32,
    is_first: AtomicBool,
    // All threads are gone: the parent may know.
    is_over: AtomicBool,
    // Resident memory at the end, in pages.
    resident: AtomicU64,
    // Woken when a thread has gone and others are left, and when the process is over.
    departures: WaitQueue,
}

impl Process {
    /// Why it ends or has ended; `None` while it lives.
    pub fn end(&self) -> Option<End> {
        *self.exit.end.lock()
    }

    /// Whether it has ended and nobody has waited for it yet.
    pub fn is_zombie(&self) -> bool {
        self.exit.is_over.load(Ordering::SeqCst)
    }

    /// What it has used so far, its children left out.
    pub fn spent(&self) -> Spent {
        let resident = match self.is_zombie() {
            true => self.exit.resident.load(Ordering::Relaxed),
            false => self.memory().table.pages(),
        };
        Spent { time: self.cpu_time(), resident }
    }

    /// Woken when it ends.
    pub fn departures(&self) -> &WaitQueue {
        &self.exit.departures
    }

    /// Says that the machine's life is this process's: the machine is switched off when it ends.
    pub fn set_first(&self) {
        self.exit.is_first.store(true, Ordering::Relaxed);
    }
}

/// Lets the process end: all its threads are to [`leave`]. The first reason given holds. May be called from anywhere;
/// returns at once, also to a thread of the process, which learns of it by its work.
pub fn terminate(process: &Process, end: End) {
    process.exit.end.lock().get_or_insert(end);
    for thread in process.threads() {
        thread.demand(Work::EXIT);
        if let Some(task) = thread.task() {
            task.unpark();
            task.kick();
        }
    }
}

/// Lets the current thread alone end, as `exit(2)` does.
pub fn terminate_thread(thread: &Thread, status: i32) {
    thread.process.exit.last_status.store(status, Ordering::Relaxed);
    thread.demand(Work::EXIT);
}

/// Ends the current thread, whose work says [`Work::EXIT`]: what the kernel calls instead of going back to the program,
/// with no reference of its own to the thread left. The last one takes the process with it.
pub fn leave(thread: &Thread) -> ! {
    depart(thread);
    machine().exit_thread()
}

/// Lets all threads of a process but the current one end, and waits for that: `execve(2)`. `EAGAIN` when the thread is
/// to end itself meanwhile, which the caller's program never sees.
pub(super) fn end_other_threads(thread: &Thread) -> Result<()> {
    let process = &thread.process;
    let others = process.threads();
    if others.len() == 1 {
        return Ok(());
    }
    for other in others.iter().filter(|other| !core::ptr::eq(&***other, thread)) {
        other.demand(Work::EXIT);
        if let Some(task) = other.task() {
            task.unpark();
            task.kick();
        }
    }
    drop(others);
    wait_for(thread, &process.exit.departures, || process.threads().len() == 1);
    if thread.is_leaving() { Err(Errno::EAGAIN) } else { Ok(()) }
}

/// What the end of a thread means for others.
fn depart(thread: &Thread) {
    leave_memory(thread);
    abandon(thread);
    let process = &thread.process;
    if process.remove_thread(thread) {
        let status = process.exit.last_status.load(Ordering::Relaxed);
        let end = *process.exit.end.lock().get_or_insert(End::Exited(status as u8));
        finish(process, end);
    } else {
        process.leave_children_of(thread.id());
    }
    process.exit.departures.wake_all();
}

/// What a thread has left to others in its memory, before it uses it no more: robust futexes, and
/// `CLONE_CHILD_CLEARTID`'s word, for which whoever joins the thread waits; and the futexes it owns.
pub(super) fn leave_memory(thread: &Thread) {
    robust::abandon(thread);
    futex::abandon_locks(thread);
    let address = thread.clear_child_tid.swap(0, Ordering::Relaxed);
    if address != 0 && UserPtr::<u32>::new(address).write(thread, &0).is_ok() {
        let _ = futex::wake(thread, address, false, 1, futex::ANY);
        let _ = futex::wake(thread, address, true, 1, futex::ANY);
    }
}

/// The last thread is gone.
fn finish(process: &Process, end: End) {
    if process.exit.is_first.load(Ordering::Relaxed) {
        machine().power_off(end.code(), matches!(end, End::Killed(_)));
    }
    process.timers.clear();
    semaphores::undo(process);
    process.files.leave();
    process.exit.resident.store(process.memory().table.pages(), Ordering::Relaxed);
    if let Some(nothing) = AddressSpace::nothing() {
        process.move_to(nothing);
    }
    process.give_back_memory();
    process.forget_program();
    session::leave(process);
    process.give_children_away();
    process.leave_group();
    process.exit.is_over.store(true, Ordering::SeqCst);
    tell_parent(process);
}

/// Tells the parent of a process that is over, or forgets it when the parent does not want to know.
pub(super) fn tell_parent(process: &Process) {
    let Some(parent) = registry::find(process.parent()) else {
        // The kernel is its parent, and waits for nothing.
        return registry::remove(process);
    };
    let signal = Signal::new(process.exit_signal()).ok();
    let action = parent.signals.actions().get(Signal::CHLD);
    let is_ordinary = signal == Some(Signal::CHLD);
    let is_ignored = is_ordinary && action.handler == Action::IGNORE;
    if is_ignored || is_ordinary && action.flags().contains(ActionFlags::NOCLDWAIT) {
        forget(&parent, process);
    }
    if let Some(signal) = signal.filter(|_| !is_ignored) {
        let (code, status) = process.end().unwrap_or(End::Exited(0)).child_status();
        let user = process.credentials().user.real;
        let mut info = SigInfo::child(code, process.id, user, status, child_times(process));
        info.number = signal.number().into();
        // A standard signal of the kernel needs no room; for a real-time one there may be none.
        let _ = send(Target::Process(&parent), info);
    }
    parent.child_events.wake_all();
}

/// Nobody needs to know of the process any more: its number is free. `false` when another thread was faster.
pub(super) fn forget(parent: &Process, process: &Process) -> bool {
    let Some(gone) = parent.remove_child(process) else { return false };
    registry::remove(process);
    drop(gone);
    true
}
