//! Whom a directory is about: a process, or one of its threads.

use super::super::generated::Owned;
use crate::errno::{Errno, Result};
use crate::process::{Process, registry};
use crate::thread::Thread;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// A process or a thread, which may be gone by the time something is asked of it.
#[derive(Clone)]
pub(super) struct Subject {
    process: Weak<Process>,
    /// The thread whose directory it is; a process's is its first one's.
    pub(super) thread: i32,
    /// Whether times and states are those of this thread alone.
    pub(super) alone: bool,
}

impl Subject {
    /// `/proc/PID`.
    pub(super) fn of_process(process: &Arc<Process>) -> Self {
        Self { process: Arc::downgrade(process), thread: process.id, alone: false }
    }

    /// `/proc/TID` of a thread that is not its process's first.
    pub(super) fn of_thread(thread: &Arc<Thread>) -> Self {
        Self { process: Arc::downgrade(&thread.process), thread: thread.id(), alone: false }
    }

    /// `/proc/PID/task/TID`, while the thread is there.
    pub(super) fn task(&self, id: i32) -> Result<Self> {
        self.process()?.thread(id).ok_or(Errno::ENOENT)?;
        Ok(Self { process: self.process.clone(), thread: id, alone: true })
    }

    /// The process. `ESRCH` when it is gone.
    pub(super) fn process(&self) -> Result<Arc<Process>> {
        let process = self.process.upgrade().ok_or(Errno::ESRCH)?;
        // A thread's directory goes with it; a process's stays until somebody has waited for the process.
        if self.thread != process.id && process.thread(self.thread).is_none() {
            return Err(Errno::ESRCH);
        }
        Ok(process)
    }

    /// The thread; `None` when it has ended and the process has not.
    pub(super) fn thread(&self) -> Option<Arc<Thread>> {
        self.process.upgrade()?.thread(self.thread)
    }

    /// The mode with the process's effective user and group.
    pub(super) fn owned(&self, mode: u16) -> Owned {
        match self.process.upgrade() {
            Some(process) => {
                let who = process.credentials();
                Owned { mode, uid: who.user.effective, gid: who.group.effective }
            }
            None => Owned::root(mode),
        }
    }

    /// The name, without what follows its first zero byte.
    pub(super) fn name(&self) -> Vec<u8> {
        let any = || self.process.upgrade().and_then(|process| process.threads().into_iter().next());
        let name = self.thread().or_else(any).map(|thread| thread.name()).unwrap_or_default();
        name.iter().copied().take_while(|&byte| byte != 0).collect()
    }

    /// The letter of its state, as `ps(1)` shows it.
    pub(super) fn state(&self) -> char {
        let Some(thread) = self.thread() else { return 'Z' };
        match thread.task() {
            _ if thread.signals.is_stopped() => 'T',
            _ if thread.id() == registry::KERNEL => 'S',
            Some(task) if task.is_parked() => 'S',
            Some(_) => 'R',
            None => 'Z',
        }
    }
}
