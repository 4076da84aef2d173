//! Signal-driven I/O, `fcntl(2)`: an open file whose flag `O_ASYNC` is set signals its owner when it becomes ready.

use super::{Events, OpenFile};
use crate::errno::{Errno, Result};
use crate::process::{Process, registry};
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use crate::thread::Thread;
use crate::wait::Observer;
use alloc::sync::{Arc, Weak};
use linux_raw_sys::general::{
    CAP_KILL, F_OWNER_PGRP, F_OWNER_PID, F_OWNER_TID, POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM,
};
use spin::Mutex;

/// `POLL_IN` and `POLL_OUT` of `<asm-generic/siginfo.h>`.
const POLL_IN: i32 = 1;
const POLL_OUT: i32 = 2;

/// Who gets the signals.
#[derive(Clone, Default)]
enum Owner {
    #[default]
    Nobody,
    Thread(Weak<Thread>),
    Process(Weak<Process>),
    Group(i32),
}

/// Who chose the owner: what it may signal, this may.
#[derive(Clone, Copy, Default)]
struct Chooser {
    real: u32,
    effective: u32,
    is_privileged: bool,
}

#[derive(Default)]
struct State {
    owner: Owner,
    /// The kind of owner that was chosen last.
    kind: u32,
    chooser: Chooser,
    /// `F_SETSIG`; 0: `SIGIO`, without more.
    signal: i32,
    /// The descriptor by which the flag was set.
    fd: i32,
    is_on: bool,
}

/// An open file's owner and signal.
#[derive(Default)]
pub struct Driven {
    state: Mutex<State>,
}

impl Driven {
    /// `O_ASYNC` of a file that can signal: on or off, by this descriptor.
    pub(super) fn set(self: &Arc<Self>, open: &OpenFile, fd: i32, on: bool) {
        let before = {
            let mut state = self.state.lock();
            state.fd = fd;
            core::mem::replace(&mut state.is_on, on)
        };
        let Some(queue) = open.file().queue() else { return };
        let observer: Weak<dyn Observer> = Arc::<Self>::downgrade(self);
        match (before, on) {
            (false, true) => queue.observe(observer, false),
            (true, false) => queue.forget(&observer),
            _ => {}
        }
    }

    /// `F_SETOWN_EX`: the kind is one of `F_OWNER_*`; number 0 is nobody. `EINVAL`, `ESRCH`.
    pub fn set_owner(&self, thread: &Thread, kind: u32, number: i32) -> Result<()> {
        let owner = match kind {
            _ if kind > F_OWNER_PGRP => return Err(Errno::EINVAL),
            _ if number == 0 => Owner::Nobody,
            F_OWNER_TID => Owner::Thread(Arc::downgrade(&registry::thread(number).ok_or(Errno::ESRCH)?)),
            F_OWNER_PID => Owner::Process(Arc::downgrade(&registry::find(number).ok_or(Errno::ESRCH)?)),
            _ if registry::all(|process| process.group() == number).is_empty() => return Err(Errno::ESRCH),
            _ => Owner::Group(number),
        };
        let who = thread.process.credentials();
        let (real, effective) = (who.user.real, who.user.effective);
        let chooser = Chooser { real, effective, is_privileged: who.has(CAP_KILL) };
        let mut state = self.state.lock();
        (state.owner, state.kind, state.chooser) = (owner, kind, chooser);
        Ok(())
    }

    /// `F_GETOWN_EX`: kind and number, 0 when there is none any more.
    pub fn owner(&self) -> (u32, i32) {
        let state = self.state.lock();
        let number = match &state.owner {
            Owner::Nobody => 0,
            Owner::Thread(thread) => thread.upgrade().map_or(0, |thread| thread.id()),
            Owner::Process(process) => process.upgrade().map_or(0, |process| process.id),
            Owner::Group(group) => *group,
        };
        (state.kind, number)
    }

    /// `F_SETSIG`. `EINVAL`.
    pub fn set_signal(&self, number: u64) -> Result<()> {
        if number > 64 {
            return Err(Errno::EINVAL);
        }
        self.state.lock().signal = number as i32;
        Ok(())
    }

    /// `F_GETSIG`.
    pub fn signal(&self) -> i32 {
        self.state.lock().signal
    }
}

impl Chooser {
    fn may_signal(self, process: &Process) -> bool {
        let user = process.credentials().user;
        self.is_privileged || [self.real, self.effective].iter().any(|&own| own == user.real || own == user.saved)
    }
}

/// What the signal tells.
fn information(signal: i32, fd: i32, events: Events) -> SigInfo {
    let (code, band) = if events.contains(Events::IN) {
        (POLL_IN, POLLIN | POLLRDNORM)
    } else {
        (POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND)
    };
    match Signal::new(signal) {
        Ok(signal) => SigInfo::poll(signal, code, i64::from(band), fd),
        Err(_) => SigInfo::new(Signal::IO, SigInfo::KERNEL),
    }
}

impl Observer for Driven {
    fn notify(self: Arc<Self>, events: Events) -> bool {
        let (owner, chooser, info) = {
            let state = self.state.lock();
            (state.owner.clone(), state.chooser, information(state.signal, state.fd, events))
        };
        let tell = |target: Target<'_>, process: &Process| {
            if !chooser.may_signal(process) {
                return;
            }
            // Without room for what the signal tells, SIGIO says that something was lost.
            if send(target, info).is_err() {
                let _ = send(target, SigInfo::new(Signal::IO, SigInfo::KERNEL));
            }
        };
        match owner {
            Owner::Nobody => {}
            Owner::Thread(thread) => {
                if let Some(thread) = thread.upgrade() {
                    tell(Target::Thread(&thread), &thread.process);
                }
            }
            Owner::Process(process) => {
                if let Some(process) = process.upgrade() {
                    tell(Target::Process(&process), &process);
                }
            }
            Owner::Group(group) => {
                for process in registry::all(|process| process.group() == group) {
                    tell(Target::Process(&process), &process);
                }
            }
        }
        false
    }
}
