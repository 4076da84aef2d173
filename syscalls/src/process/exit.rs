//! How a process ends: `exit_group(2)`, and signals that nothing handles.

use super::{Process, registry};
use crate::futex::{self, robust};
use crate::ipc::semaphores;
use crate::machine::machine;
use crate::signal::send::{Target, abandon, send};
use crate::signal::{Action, SigInfo, Signal};
use crate::thread::{Thread, Work};
use crate::user::UserPtr;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
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
}

/// A process's part.
#[derive(Default)]
pub(super) struct Exit {
    end: Mutex<Option<End>>,
    // The latest exit(2): the process's code when nobody calls exit_group(2), since the last thread's counts.
    last_status: AtomicI32,
    is_first: AtomicBool,
}

impl Process {
    /// Why it ends or has ended; `None` while it lives.
    pub fn end(&self) -> Option<End> {
        *self.exit.end.lock()
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

/// What the end of a thread means for others.
fn depart(thread: &Thread) {
    robust::abandon(thread);
    futex::abandon_locks(thread);
    announce(thread);
    abandon(thread);
    let process = &thread.process;
    if process.remove_thread(thread) {
        let status = process.exit.last_status.load(Ordering::Relaxed);
        let end = *process.exit.end.lock().get_or_insert(End::Exited(status as u8));
        finish(process, end);
    }
}

/// `CLONE_CHILD_CLEARTID`: whoever joins the thread waits for this word.
fn announce(thread: &Thread) {
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
    drop(process.files.remove_where(|_, _| true));
    let Some(parent) = registry::find(process.parent()) else { return };
    if parent.signals.actions().get(Signal::CHLD).handler != Action::IGNORE {
        let (code, status) = match end {
            End::Exited(code) => (CLD_EXITED, i32::from(code)),
            End::Killed(signal) => (CLD_KILLED, i32::from(signal.number())),
        };
        let info = SigInfo::child(code as i32, process.id, 0, status, crate::signal::stop::child_times(process));
        // Cannot fail: a standard signal of the kernel needs no room.
        let _ = send(Target::Process(&parent), info);
    }
    parent.child_events.wake_all();
}
