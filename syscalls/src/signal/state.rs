//! What a process and a thread keep about signals.

use super::extended::AlignedBytes;
use super::pending::{Entry, Pending};
use super::restart::RestartBlock;
use super::stack::AlternateStack;
use super::stop::Stop;
use super::{SigSet, Signal, SignalActions};
use crate::thread::{Thread, Work};
use crate::wait::WaitQueue;
use alloc::sync::Arc;
use spin::{Mutex, MutexGuard};

/// Woken whenever a signal becomes pending anywhere: who waits for blocked signals (`signalfd`) looks again.
pub(super) static ARRIVALS: WaitQueue = WaitQueue::new();

/// The part of a process, under the lock that Linux calls `siglock`.
pub(super) struct Group {
    pub(super) actions: Arc<SignalActions>,
    pub(super) pending: Pending,
    /// The thread that took the last signal for the whole process: the search for the next one begins there.
    pub(super) target: i32,
    pub(super) stop: Stop,
}

/// What a process keeps about signals.
pub struct ProcessSignals {
    group: Mutex<Group>,
}

impl ProcessSignals {
    /// As a new process has them: nothing pending, with these actions.
    pub fn new(actions: Arc<SignalActions>) -> Self {
        let group = Group { actions, pending: Pending::default(), target: 0, stop: Stop::default() };
        Self { group: Mutex::new(group) }
    }

    /// The actions.
    pub fn actions(&self) -> Arc<SignalActions> {
        self.group.lock().actions.clone()
    }

    /// Replaces the actions, as `execve(2)` does.
    pub fn set_actions(&self, actions: Arc<SignalActions>) {
        self.group.lock().actions = actions;
    }

    /// The signals that are pending for the whole process.
    pub fn pending(&self) -> SigSet {
        self.group.lock().pending.set()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Group> {
        self.group.lock()
    }
}

/// What the processor said with the last exception that became a signal: signal frames show it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Trap {
    /// The vector: 14 for a page fault.
    pub number: u64,
    /// The error code, with the bits that Linux would see (a page fault's has the user bit).
    pub error: u64,
    /// CR2: the address of a page fault.
    pub address: u64,
}

/// A thread's part that others look at: locked below the process's.
#[derive(Default)]
pub(super) struct Own {
    pub(super) blocked: SigSet,
    /// What `rt_sigtimedwait(2)` has let through for its time: such a signal is for that call, not for a handler.
    pub(super) awaited: SigSet,
    /// The mask to put back on the way to the program, when no handler does it.
    pub(super) saved: Option<SigSet>,
    pub(super) pending: Pending,
    /// The process is to stop and this thread has not yet.
    pub(super) stop_due: bool,
    pub(super) stopped: bool,
}

/// What a thread keeps about signals.
#[derive(Default)]
pub struct ThreadSignals {
    own: Mutex<Own>,
    pub(super) alternate: Mutex<AlternateStack>,
    pub(super) restart: Mutex<RestartBlock>,
    pub(super) trap: Mutex<Trap>,
    /// Where frames are built and read.
    pub(super) image: Mutex<AlignedBytes>,
}

impl ThreadSignals {
    /// Takes over what `clone(2)` hands to a new thread: the mask, and with `alternate` the alternate stack (a thread
    /// that shares memory with its maker, and is no `vfork`, gets none).
    pub fn inherit(&self, from: &Self, alternate: bool) {
        self.own.lock().blocked = from.blocked();
        if alternate {
            *self.alternate.lock() = *from.alternate.lock();
        }
    }

    /// The blocked signals.
    pub fn blocked(&self) -> SigSet {
        self.own.lock().blocked
    }

    /// The signals that are pending for this thread alone.
    pub fn pending(&self) -> SigSet {
        self.own.lock().pending.set()
    }

    /// Whether job control has stopped the thread.
    pub fn is_stopped(&self) -> bool {
        self.own.lock().stopped
    }

    /// Forgets the alternate stack, as `execve(2)` does.
    pub fn drop_alternate_stack(&self) {
        *self.alternate.lock() = AlternateStack::default();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock()
    }
}

impl Group {
    /// Says in the thread's work whether it has a signal to handle. For the current thread alone: only a thread itself
    /// may find that it has nothing to do any more, since a call of it may wait to be started again.
    pub(super) fn recalculate(&self, thread: &Thread, own: &Own) {
        if self.has_work(own) { thread.demand(Work::SIGNAL) } else { thread.settle(Work::SIGNAL) }
    }

    fn has_work(&self, own: &Own) -> bool {
        own.stop_due || !own.pending.set().with(self.pending.set()).without(own.blocked).is_empty()
    }

    /// Takes the next signal for the thread that is not in `blocked`.
    pub(super) fn take(&mut self, thread: &Thread, own: &mut Own, blocked: SigSet) -> Option<Entry> {
        let entry = own.pending.next(blocked).or_else(|| self.pending.next(blocked));
        self.recalculate(thread, own);
        entry
    }
}

/// Makes a thread look at its signals, wherever it is.
pub(super) fn wake(thread: &Thread) {
    thread.demand(Work::SIGNAL);
    if let Some(task) = thread.task() {
        task.unpark();
        task.kick();
    }
}

/// Whether a thread would take this signal now.
pub(super) fn wants(thread: &Thread, own: &Own, signal: Signal) -> bool {
    if own.blocked.contains(signal) || thread.is_leaving() {
        return false;
    }
    signal == Signal::KILL || !own.stopped && !thread.is_interrupted()
}
