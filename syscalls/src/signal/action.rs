//! What a process wants done with each signal: `sigaction(2)`.

use super::{SigSet, Signal};
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// `SA_*`. Unknown bits, [`SA_UNSUPPORTED`](raw::SA_UNSUPPORTED) among them, are cleared when an action is set,
    /// so that a program can find out what there is, as since Linux 5.11.
    #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
    pub struct ActionFlags: u64 {
        /// No `SIGCHLD` when a child stops or goes on.
        const NOCLDSTOP = raw::SA_NOCLDSTOP as u64;
        /// Children leave no zombie.
        const NOCLDWAIT = raw::SA_NOCLDWAIT as u64;
        /// The frame holds a `siginfo_t`.
        const SIGINFO = raw::SA_SIGINFO as u64;
        /// Tag bits of `si_addr` are kept; x86-64 has none.
        const EXPOSE_TAGBITS = raw::SA_EXPOSE_TAGBITS as u64;
        /// `restorer` is set; without it nothing can be handled on x86-64.
        const RESTORER = raw::SA_RESTORER as u64;
        /// The handler runs on the alternate stack.
        const ONSTACK = raw::SA_ONSTACK as u64;
        /// Interrupted calls start again.
        const RESTART = raw::SA_RESTART as u64;
        /// The signal is not blocked while it is handled.
        const NODEFER = raw::SA_NODEFER as u64;
        /// Handled once, then back to the default.
        const RESETHAND = raw::SA_RESETHAND as u64;
    }
}

/// `struct sigaction` as `rt_sigaction(2)` takes it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Action {
    /// The function, or [`Action::DEFAULT`] or [`Action::IGNORE`].
    pub handler: u64,
    /// Bits of [`ActionFlags`].
    pub flags: u64,
    /// Where the handler returns to: the C library's call of `rt_sigreturn(2)`.
    pub restorer: u64,
    /// What is blocked while the handler runs.
    pub mask: SigSet,
}

impl Action {
    /// `SIG_DFL`.
    pub const DEFAULT: u64 = 0;
    /// `SIG_IGN`.
    pub const IGNORE: u64 = 1;

    /// The flags.
    pub const fn flags(&self) -> ActionFlags {
        ActionFlags::from_bits_truncate(self.flags)
    }

    /// Whether this signal would be dropped.
    pub const fn ignores(&self, signal: Signal) -> bool {
        self.handler == Self::IGNORE || self.handler == Self::DEFAULT && signal.is_ignored_by_default()
    }

    /// Whether a function handles it.
    pub const fn is_handled(&self) -> bool {
        self.handler != Self::DEFAULT && self.handler != Self::IGNORE
    }
}

#[derive(Clone)]
struct Actions {
    all: [Action; Signal::COUNT],
    // Linux's SA_IMMUTABLE: forced to be fatal, no racing sigaction may change that.
    immutable: SigSet,
}

/// The actions of a process, or of several (`CLONE_SIGHAND`).
pub struct SignalActions(Mutex<Actions>);

impl Default for SignalActions {
    fn default() -> Self {
        Self(Mutex::new(Actions { all: [Action::default(); Signal::COUNT], immutable: SigSet::EMPTY }))
    }
}

impl SignalActions {
    /// A copy, as `fork(2)` makes it.
    pub fn duplicate(&self) -> Arc<Self> {
        Arc::new(Self(Mutex::new(self.0.lock().clone())))
    }

    /// As `execve(2)` leaves them: handlers become the default, ignored signals stay ignored.
    pub fn after_exec(&self) -> Arc<Self> {
        let mut actions = self.0.lock().clone();
        for action in &mut actions.all {
            let handler = if action.handler == Action::IGNORE { Action::IGNORE } else { Action::DEFAULT };
            *action = Action { handler, ..Action::default() };
        }
        Arc::new(Self(Mutex::new(actions)))
    }

    /// The signals that are ignored by the program's wish, and those that a function handles.
    pub fn ignored_and_handled(&self) -> (SigSet, SigSet) {
        let actions = self.0.lock();
        let all = || (1..).zip(&actions.all).filter_map(|(number, action)| Some((Signal::new(number).ok()?, action)));
        let ignored = all().filter(|(_, action)| action.handler == Action::IGNORE).map(|(signal, _)| signal).collect();
        let handled = all().filter(|(_, action)| action.is_handled()).map(|(signal, _)| signal).collect();
        (ignored, handled)
    }

    /// The action for a signal.
    pub fn get(&self, signal: Signal) -> Action {
        self.0.lock().all[signal.index()]
    }

    /// Sets an action; gives the one before. `EINVAL` for what nothing can catch.
    pub(super) fn set(&self, signal: Signal, action: Action) -> Result<Action> {
        let mut actions = self.0.lock();
        if SigSet::UNBLOCKABLE.with(actions.immutable).contains(signal) {
            return Err(Errno::EINVAL);
        }
        let flags = action.flags().bits();
        let action = Action { flags, mask: action.mask.blockable(), ..action };
        Ok(core::mem::replace(&mut actions.all[signal.index()], action))
    }

    /// Back to the default, for `SA_RESETHAND` and forced signals; the flags stay, as on Linux.
    pub(super) fn reset(&self, signal: Signal, for_good: bool) {
        let mut actions = self.0.lock();
        actions.all[signal.index()].handler = Action::DEFAULT;
        if for_good {
            actions.immutable.add(signal);
        }
    }
}
