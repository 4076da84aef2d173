//! `rt_sigaction(2)`.

use super::{Action, SigSet, Signal, deliver};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::UserPtr;

/// `rt_sigaction(2)`.
pub fn rt_sigaction(
    thread: &Thread,
    number: i32,
    new: UserPtr<Action>,
    old: UserPtr<Action>,
    size: usize,
) -> Result<()> {
    SigSet::check_size(size)?;
    let new = new.non_null().map(|new| new.read(thread)).transpose()?;
    let signal = Signal::new(number)?;
    let before = match new {
        Some(_) if SigSet::UNBLOCKABLE.contains(signal) => return Err(Errno::EINVAL),
        Some(new) => deliver::set_action(thread, signal, new)?,
        None => thread.process.signals.actions().get(signal),
    };
    old.write_unless_null(thread, &before)
}
