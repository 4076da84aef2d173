//! Which signals a thread blocks: `sigprocmask(2)`, and masks for the time of one call.

use super::send::retarget;
use super::{SigSet, state::Own};
use crate::errno::{Errno, Result};
use crate::thread::{Thread, Work};
use crate::user::UserPtr;
use linux_raw_sys::general::{SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK};

/// `rt_sigprocmask(2)`.
pub fn rt_sigprocmask(
    thread: &Thread,
    how: i32,
    set: UserPtr<SigSet>,
    old: UserPtr<SigSet>,
    size: usize,
) -> Result<()> {
    SigSet::check_size(size)?;
    let before = thread.signals.blocked();
    if let Some(set) = set.non_null() {
        let set = set.read(thread)?;
        let mask = match how as u32 {
            SIG_BLOCK => before.with(set),
            SIG_UNBLOCK => before.without(set),
            SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        set_blocked(thread, mask);
    }
    old.write_unless_null(thread, &before)
}

/// `rt_sigpending(2)`: what is pending and blocked. Linux takes smaller sets too.
pub fn rt_sigpending(thread: &Thread, set: UserPtr<u8>, size: usize) -> Result<()> {
    if size > size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    let pending = {
        let group = thread.process.signals.lock();
        let own = thread.signals.lock();
        group.pending.set().with(own.pending.set()).and(own.blocked)
    };
    let bytes = pending.0.to_le_bytes();
    set.write_array(thread, bytes.get(..size).unwrap_or(&bytes))
}

/// Sets what the current thread blocks; what cannot be blocked is left out.
pub fn set_blocked(thread: &Thread, mask: SigSet) {
    change(thread, |own| own.blocked = mask.blockable());
}

/// Changes the mask of the current thread under the locks, and sees to what follows from it.
pub(super) fn change<T>(thread: &Thread, change: impl FnOnce(&mut Own) -> T) -> T {
    let group = thread.process.signals.lock();
    let mut own = thread.signals.lock();
    let before = own.blocked;
    let result = change(&mut own);
    let newly_blocked = own.blocked.without(before);
    // It was perhaps chosen for a signal that it blocks now.
    let may_be_chosen = thread.is_interrupted() && !newly_blocked.is_empty();
    group.recalculate(thread, &own);
    drop(own);
    if may_be_chosen {
        retarget(&group, thread, newly_blocked);
    }
    result
}

/// A mask for the time of one call (`ppoll`, `pselect6`, `epoll_pwait`, `rt_sigsuspend`): [`end_temporary`] or the way
/// back to the program puts the old one in place again, after the handler of a signal that this one lets through.
/// A null pointer changes nothing. `EINVAL`, `EFAULT`.
pub fn begin_temporary(thread: &Thread, set: UserPtr<SigSet>, size: usize) -> Result<()> {
    let Some(set) = set.non_null() else { return Ok(()) };
    set_temporary(thread, SigSet::read(thread, set, size)?);
    Ok(())
}

pub(super) fn set_temporary(thread: &Thread, mask: SigSet) {
    change(thread, |own| {
        own.saved = Some(own.blocked);
        own.blocked = mask.blockable();
    });
}

/// Ends what [`begin_temporary`] began, at the call's end: with `interrupted` (the call answers `EINTR` or one of the
/// restart numbers) the old mask waits for the way back, so that a handler runs under the temporary one.
pub fn end_temporary(thread: &Thread, interrupted: bool) {
    if interrupted {
        // Whatever happens, the way back has to come by.
        thread.demand(Work::SIGNAL);
    } else {
        restore_saved(thread);
    }
}

/// Puts the saved mask back, if there is one.
pub(super) fn restore_saved(thread: &Thread) {
    if thread.signals.lock().saved.is_some() {
        change(thread, |own| {
            if let Some(saved) = own.saved.take() {
                own.blocked = saved;
            }
        });
    }
}
