//! Waiting for signals: `pause(2)`, `sigsuspend(2)`, `sigtimedwait(2)`.

use super::{SigInfo, SigSet, mask};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::user::UserPtr;
use crate::wait::{WaitError, wait_until};
use core::convert::Infallible;

/// Sleeps until a signal is to be handled.
fn sleep_until_signal() {
    let Err(_) = wait_until::<Infallible>(&[], None, || None);
}

/// `pause(2)`.
pub fn pause(_: &Thread) -> Result<()> {
    sleep_until_signal();
    Err(Errno::ERESTARTNOHAND)
}

/// `rt_sigsuspend(2)`.
pub fn rt_sigsuspend(thread: &Thread, set: UserPtr<SigSet>, size: usize) -> Result<()> {
    let set = SigSet::read(thread, set, size)?;
    mask::set_temporary(thread, set);
    sleep_until_signal();
    mask::end_temporary(thread, true);
    Err(Errno::ERESTARTNOHAND)
}

/// Takes a pending signal of a set, for the current thread.
pub(super) fn take(thread: &Thread, set: SigSet) -> Option<SigInfo> {
    let entry = {
        let mut group = thread.process.signals.lock();
        let mut own = thread.signals.lock();
        group.take(thread, &mut own, set.blockable().complement())
    };
    entry.map(super::pending::Entry::take)
}

/// `rt_sigtimedwait(2)`: gives the signal's number. `EAGAIN` when the time is over, `EINTR`.
pub fn rt_sigtimedwait(
    thread: &Thread,
    set: UserPtr<SigSet>,
    info: UserPtr<SigInfo>,
    timeout: UserPtr<TimeSpec>,
    size: usize,
) -> Result<i32> {
    let set = SigSet::read(thread, set, size)?.blockable();
    let timeout = timeout.non_null().map(|timeout| timeout.read(thread)).transpose()?;
    let deadline = match timeout {
        Some(timeout) => Some(machine().monotonic().after(timeout.nanoseconds()?)),
        None => None,
    };
    let taken = match take(thread, set) {
        Some(taken) => Ok(taken),
        None if timeout == Some(TimeSpec::default()) => return Err(Errno::EAGAIN),
        None => {
            // Let through meanwhile, so that they wake this thread; for handlers they stay blocked.
            mask::change(thread, |own| {
                own.awaited = own.blocked;
                own.blocked = own.blocked.without(set);
            });
            let taken = wait_until(&[], deadline, || take(thread, set));
            mask::change(thread, |own| own.blocked = core::mem::take(&mut own.awaited));
            // One that came at the last moment, before they were blocked again.
            taken.or_else(|error| take(thread, set).ok_or(error))
        }
    };
    let taken = taken.map_err(|error| match error {
        WaitError::Interrupted => Errno::EINTR,
        WaitError::TimedOut => Errno::EAGAIN,
    })?;
    if !info.is_null() {
        info.write(thread, &taken)?;
    }
    Ok(taken.number)
}
