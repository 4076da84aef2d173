//! Sending: who gets a signal, and whether at all.

use super::pending::Entry;
use super::state::{ARRIVALS, Group, wake, wants};
use super::{Disposition, Origin, SigInfo, SigSet, Signal, Trap};
use crate::errno::Result;
use crate::process::exit::{self, End};
use crate::process::{Process, registry};
use crate::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Whom a signal is for.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// Any thread of the process.
    Process(&'a Process),
    /// This thread alone.
    Thread(&'a Thread),
}

impl<'a> Target<'a> {
    /// The process, or the thread's one.
    pub(super) fn process(self) -> &'a Process {
        match self {
            Self::Process(process) => process,
            Self::Thread(thread) => &thread.process,
        }
    }
}

/// Sends a signal. `EAGAIN` for a real-time signal of `sigqueue(3)` beyond `RLIMIT_SIGPENDING`, `EINVAL` for a number
/// that is none. May be called from anywhere where no lock of signals is held.
pub fn send(target: Target<'_>, info: SigInfo) -> Result<()> {
    send_from(target, info, None).map(|_| ())
}

/// [`send`] for a sender that hears when the signal is taken. Gives whether the signal is pending now: one that is
/// ignored is not, nor one for a process that is ending.
pub fn send_from(target: Target<'_>, info: SigInfo, origin: Option<Arc<dyn Origin>>) -> Result<bool> {
    let signal = info.signal()?;
    let process = target.process();
    if process.id == registry::KERNEL {
        return Ok(false);
    }
    let mut group = process.signals.lock();
    let (dropped, sent) = post(&mut group, target, signal, info, origin);
    let job_changed = group.stop.is_untold();
    drop(group);
    tell(dropped);
    if sent == Ok(true) {
        ARRIVALS.wake_all();
    }
    if job_changed {
        super::stop::tell_parent(process);
    }
    sent
}

/// Tells senders that their signals were dropped.
pub(super) fn tell(dropped: Vec<Entry>) {
    for entry in dropped {
        entry.take();
    }
}

/// Sends under the process's lock.
fn post(
    group: &mut Group,
    target: Target<'_>,
    signal: Signal,
    info: SigInfo,
    origin: Option<Arc<dyn Origin>>,
) -> (Vec<Entry>, Result<bool>) {
    let process = target.process();
    if process.end().is_some() {
        return (Vec::new(), Ok(false));
    }
    let dropped = prepare(group, process, signal);
    if is_ignored(group, target, signal) {
        return (dropped, Ok(false));
    }
    let limit = process.signal_limit();
    let added = match target {
        Target::Process(_) => group.pending.add(info, origin, limit),
        Target::Thread(thread) => thread.signals.lock().pending.add(info, origin, limit),
    };
    if added == Ok(true) {
        complete(group, target, signal);
    }
    (dropped, added)
}

/// A signal that stops and one that continues cancel each other, handled, ignored or blocked.
fn prepare(group: &mut Group, process: &Process, signal: Signal) -> Vec<Entry> {
    let cancelled = match signal.disposition() {
        Disposition::Stop => SigSet::of(&[Signal::CONT]),
        Disposition::Continue => SigSet::STOPPING,
        _ => return Vec::new(),
    };
    let dropped = remove(group, process, cancelled);
    if signal == Signal::CONT {
        group.proceed(process);
    }
    dropped
}

/// Takes signals out of all queues of a process.
pub(super) fn remove(group: &mut Group, process: &Process, set: SigSet) -> Vec<Entry> {
    let mut removed = group.pending.remove(set);
    for thread in process.threads() {
        removed.extend(thread.signals.lock().pending.remove(set));
    }
    removed
}

/// Whether nobody would ever see it. A blocked signal is kept: its action may change before it is let through.
fn is_ignored(group: &Group, target: Target<'_>, signal: Signal) -> bool {
    if !group.actions.get(signal).ignores(signal) {
        return false;
    }
    let keeps = |thread: &Thread| {
        let own = thread.signals.lock();
        own.blocked.with(own.awaited).contains(signal)
    };
    match target {
        Target::Thread(thread) => !keeps(thread),
        Target::Process(process) => !process.main_thread().is_some_and(|thread| keeps(&thread)),
    }
}

/// Finds the thread that is to take a pending signal: for a process its main thread if that one wants it, otherwise the
/// next in turn. A signal that ends the process without a handler starts to do so at once.
fn complete(group: &mut Group, target: Target<'_>, signal: Signal) {
    let willing = |thread: &Thread| wants(thread, &thread.signals.lock(), signal);
    match target {
        Target::Thread(thread) => {
            if willing(thread) {
                hand_to(group, thread, signal);
            }
        }
        Target::Process(process) => {
            if let Some(main) = process.main_thread().filter(|thread| willing(thread)) {
                return hand_to(group, &main, signal);
            }
            let threads = process.threads();
            let first = threads.iter().position(|thread| thread.id() == group.target).unwrap_or(0);
            let (before, after) = threads.split_at(first);
            if let Some(thread) = after.iter().chain(before).find(|thread| willing(thread)) {
                group.target = thread.id();
                hand_to(group, thread, signal);
            }
        }
    }
}

fn hand_to(group: &mut Group, thread: &Thread, signal: Signal) {
    let is_fatal = signal.disposition() == Disposition::Terminate && {
        let action = group.actions.get(signal);
        !action.is_handled() && !action.ignores(signal)
    };
    // One that rt_sigtimedwait waits for is that call's.
    if is_fatal && !thread.signals.lock().awaited.contains(signal) {
        group.proceed_silently(&thread.process);
        exit::terminate(&thread.process, End::Killed(signal));
    } else {
        wake(thread);
    }
}

/// When a thread blocks signals that it was chosen for, or ends: lets others that do not block them have them.
pub(super) fn retarget(group: &Group, from: &Thread, signals: SigSet) {
    let mut orphans = group.pending.set().and(signals);
    if orphans.is_empty() {
        return;
    }
    for thread in from.process.threads() {
        if core::ptr::eq(&*thread, from) || thread.is_leaving() {
            continue;
        }
        let blocked = thread.signals.lock().blocked;
        if orphans.without(blocked).is_empty() {
            continue;
        }
        orphans = orphans.and(blocked);
        wake(&thread);
        if orphans.is_empty() {
            return;
        }
    }
}

/// A thread that ends takes no more signals: others get what it was chosen for. Its own pending ones go with it.
pub fn abandon(thread: &Thread) {
    let mut group = thread.process.signals.lock();
    let unblocked = thread.signals.lock().blocked.complement();
    retarget(&group, thread, unblocked);
    let removed = {
        let mut own = thread.signals.lock();
        group.leave_stop(&mut own);
        own.pending.remove(SigSet::EMPTY.complement())
    };
    drop(group);
    tell(removed);
    super::stop::tell_parent(&thread.process);
}

/// What becomes of the handler of a signal that is forced upon a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    /// It runs, unless the signal is blocked or ignored.
    Kept,
    /// It does not run and never will again: the signal ends the process.
    Final,
}

/// Forces a signal upon the current thread that it cannot escape, `SIGSEGV` for one: blocked or ignored, it becomes
/// the default and ends the process.
pub fn force(thread: &Thread, info: SigInfo) {
    force_with(thread, info, Handler::Kept);
}

pub(super) fn force_with(thread: &Thread, info: SigInfo, handler: Handler) {
    let Ok(signal) = info.signal() else { return };
    let mut group = thread.process.signals.lock();
    let blocked = {
        let mut own = thread.signals.lock();
        let blocked = own.blocked.contains(signal);
        own.blocked.remove(signal);
        blocked
    };
    let actions = group.actions.clone();
    let ignored = actions.get(signal).handler == super::Action::IGNORE;
    if blocked || ignored || handler == Handler::Final {
        actions.reset(signal, handler == Handler::Final);
    }
    let (dropped, _) = post(&mut group, Target::Thread(thread), signal, info, None);
    drop(group);
    // Also when it was pending already.
    wake(thread);
    tell(dropped);
    ARRIVALS.wake_all();
}

/// An exception of the processor in a program: [`force`]s the signal and keeps what the frame shows of the exception.
pub fn fault(thread: &Thread, info: SigInfo, trap: Trap) {
    *thread.signals.trap.lock() = trap;
    force(thread, info);
}

/// `SIGSEGV` because a frame for `failed` could not be built or read: where that is `SIGSEGV` itself, nothing can
/// handle it any more.
pub(super) fn force_segv(thread: &Thread, failed: Option<Signal>) {
    let handler = if failed == Some(Signal::SEGV) { Handler::Final } else { Handler::Kept };
    force_with(thread, SigInfo::kernel(Signal::SEGV), handler);
}
