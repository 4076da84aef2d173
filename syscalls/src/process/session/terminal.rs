//! What a terminal knows of sessions: job control, for every kind of terminal.

use super::{give_up_terminal, is_orphaned, take_terminal};
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::process::registry;
use crate::signal::kill::send_to_group;
use crate::signal::{Action, SigInfo, Signal};
use crate::terminal::SessionRequest;
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Mutex;

/// A terminal that can be a session's.
pub trait ControllingTerminal: Send + Sync {
    /// Its part of job control, always the same.
    fn job_control(&self) -> &JobControl;
    /// A new description of it: `/dev/tty`.
    fn open(self: Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>>;
}

#[derive(Clone, Copy)]
struct Owner {
    session: i32,
    foreground: i32,
}

/// Whose terminal it is.
#[derive(Default)]
pub struct JobControl {
    owner: Mutex<Option<Owner>>,
    // TIOCEXCL. All programs are the superuser's, whom it does not keep out.
    exclusive: AtomicBool,
}

impl JobControl {
    /// A terminal of no session.
    pub const fn new() -> Self {
        Self { owner: Mutex::new(None), exclusive: AtomicBool::new(false) }
    }

    /// The session whose controlling terminal it is.
    pub fn session(&self) -> Option<i32> {
        self.owner.lock().map(|owner| owner.session)
    }

    /// The group in the foreground.
    pub fn foreground(&self) -> Option<i32> {
        self.owner.lock().map(|owner| owner.foreground)
    }

    /// Gives it to a session with a foreground group, or to none.
    pub(super) fn belong_to(&self, owner: Option<(i32, i32)>) {
        *self.owner.lock() = owner.map(|(session, foreground)| Owner { session, foreground });
    }

    /// Sends a signal of the terminal to the foreground group, if there is one. No lock that signals or wake-ups take
    /// may be held.
    pub fn signal_foreground(&self, signal: Signal) {
        if let Some(group) = self.foreground() {
            // An empty group hears nothing.
            let _ = send_to_group(group, SigInfo::kernel(signal));
        }
    }

    /// Stops a process in the background that reads from the terminal (`SIGTTIN`) or writes to it or sets it
    /// (`SIGTTOU`). `ERESTARTSYS` when the signal was sent; `EIO` for reading with the signal ignored or blocked, and
    /// where nobody could let the group go on.
    pub fn check_foreground(&self, thread: &Thread, signal: Signal) -> Result<()> {
        let process = &thread.process;
        let group = process.group();
        if !process.is_controlled_by(self) || self.foreground().is_none_or(|foreground| foreground == group) {
            return Ok(());
        }
        let ignored = process.signals.actions().get(signal).handler == Action::IGNORE;
        if ignored || thread.signals.blocked().contains(signal) {
            return if signal == Signal::TTIN { Err(Errno::EIO) } else { Ok(()) };
        }
        if is_orphaned(group) {
            return Err(Errno::EIO);
        }
        send_to_group(group, SigInfo::kernel(signal))?;
        Err(Errno::ERESTARTSYS)
    }

    /// Answers the `ioctl` requests about sessions for `terminal`, whose part this is, with the device number `device`.
    /// `None` for TIOCVHANGUP and TIOCCONS, which are about the device.
    pub fn answer(
        &self,
        terminal: &Arc<dyn ControllingTerminal>,
        thread: &Thread,
        request: SessionRequest,
        argument: u64,
        device: u32,
    ) -> Option<Result<i64>> {
        let give = |value: i32| UserPtr::new(argument).write(thread, &value);
        let outcome = match request {
            SessionRequest::GetForeground if thread.process.is_controlled_by(self) => {
                give(self.foreground().unwrap_or(0))
            }
            SessionRequest::GetSession if thread.process.is_controlled_by(self) => {
                self.session().ok_or(Errno::ENOTTY).and_then(give)
            }
            SessionRequest::GetForeground | SessionRequest::GetSession => Err(Errno::ENOTTY),
            SessionRequest::SetForeground => self.set_foreground(thread, argument),
            SessionRequest::SetControlling => take_terminal(&thread.process, terminal, argument == 1),
            SessionRequest::GiveUpControlling if thread.process.is_controlled_by(self) => {
                give_up_terminal(&thread.process, self);
                Ok(())
            }
            SessionRequest::GiveUpControlling => Err(Errno::ENOTTY),
            SessionRequest::SetExclusive => {
                self.exclusive.store(true, Ordering::Relaxed);
                Ok(())
            }
            SessionRequest::ClearExclusive => {
                self.exclusive.store(false, Ordering::Relaxed);
                Ok(())
            }
            SessionRequest::GetExclusive => give(i32::from(self.exclusive.load(Ordering::Relaxed))),
            SessionRequest::GetDevice => UserPtr::new(argument).write(thread, &device),
            SessionRequest::HangUp | SessionRequest::TakeConsole => return None,
        };
        Some(outcome.map(|()| 0))
    }

    /// TIOCSPGRP.
    fn set_foreground(&self, thread: &Thread, argument: u64) -> Result<()> {
        match self.check_foreground(thread, Signal::TTOU) {
            Err(Errno::EIO) => return Err(Errno::ENOTTY),
            outcome => outcome?,
        }
        let group = UserPtr::<i32>::new(argument).read(thread)?;
        if group < 0 {
            return Err(Errno::EINVAL);
        }
        let session = thread.process.session();
        if !thread.process.is_controlled_by(self) || self.session() != Some(session) {
            return Err(Errno::ENOTTY);
        }
        // As on Linux the number may also be that of a process, whatever its group.
        let member = registry::all(|process| process.group() == group).into_iter().next();
        let member = member.or_else(|| registry::find(group)).ok_or(Errno::ESRCH)?;
        if member.session() != session {
            return Err(Errno::EPERM);
        }
        if let Some(owner) = &mut *self.owner.lock() {
            owner.foreground = group;
        }
        Ok(())
    }
}
