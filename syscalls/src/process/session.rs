//! Sessions, process groups and controlling terminals: `credentials(7)`, `setsid(2)`, `setpgid(2)`, `tty(4)`.
//!
//! As on Linux each process has its own reference to the controlling terminal, and a child takes over its parent's; the
//! terminal knows the session and which of its groups is in the foreground. Both sides change under the terminal's lock
//! first and the process's afterwards.

pub mod calls;
mod terminal;
#[cfg(test)]
mod tests;

pub use terminal::{ControllingTerminal, JobControl};

use super::{Process, registry};
use crate::errno::{Errno, Result};
use crate::signal::kill::send_to_group;
use crate::signal::{SigInfo, Signal};
use alloc::sync::Arc;
use spin::Mutex;

#[derive(Clone)]
struct State {
    session: i32,
    terminal: Option<Arc<dyn ControllingTerminal>>,
}

/// A process's place in a session.
pub struct Membership(Mutex<State>);

impl Membership {
    /// The leader of a new session, without a terminal.
    pub fn leader(process: i32) -> Self {
        Self(Mutex::new(State { session: process, terminal: None }))
    }

    /// A place in the same session, with its terminal, as `fork(2)` has it.
    pub(super) fn duplicate(&self) -> Self {
        Self(Mutex::new(self.0.lock().clone()))
    }

    #[cfg(test)]
    pub(super) fn join(&self, other: &Self) {
        let state = other.0.lock().clone();
        *self.0.lock() = state;
    }
}

impl Process {
    /// The number of its session.
    pub fn session(&self) -> i32 {
        self.membership.0.lock().session
    }

    /// Whether it leads its session.
    pub fn leads_session(&self) -> bool {
        self.session() == self.id
    }

    /// Its controlling terminal.
    pub fn terminal(&self) -> Option<Arc<dyn ControllingTerminal>> {
        self.membership.0.lock().terminal.clone()
    }

    /// Whether this terminal is its controlling one.
    pub fn is_controlled_by(&self, terminal: &JobControl) -> bool {
        self.membership.0.lock().terminal.as_ref().is_some_and(|own| core::ptr::eq(own.job_control(), terminal))
    }

    fn set_terminal(&self, terminal: Option<Arc<dyn ControllingTerminal>>) {
        self.membership.0.lock().terminal = terminal;
    }
}

/// Makes the process, which is no group's leader, the leader of a new session and of a new group. `EPERM`.
fn begin_session(process: &Process) -> Result<i32> {
    // Its group may have outlived its leader's change to another one: the number stays taken.
    if process.leads_session() || !registry::all(|other| other.group() == process.id).is_empty() {
        return Err(Errno::EPERM);
    }
    *process.membership.0.lock() = State { session: process.id, terminal: None };
    process.set_group(process.id);
    Ok(process.id)
}

/// Whether nobody who could let a stopped process of this group go on is in its session and outside of it (POSIX:
/// an orphaned process group). The signals of terminals do not stop such a group.
pub fn is_orphaned(group: i32) -> bool {
    registry::all(|process| process.group() == group && process.end().is_none()).iter().all(|process| {
        // The kernel itself, process 1, is nobody's shell; it is not in the registry.
        registry::find(process.parent())
            .is_none_or(|parent| parent.group() == group || parent.session() != process.session())
    })
}

/// Makes a terminal the controlling one of a session's leader (TIOCSCTTY, or an `open(2)` without `O_NOCTTY`), its group
/// the foreground one. With `steal` another session loses it. `EPERM`.
pub fn take_terminal(process: &Process, terminal: &Arc<dyn ControllingTerminal>, steal: bool) -> Result<()> {
    let job_control = terminal.job_control();
    let session = process.session();
    if process.leads_session() && job_control.session() == Some(session) {
        return Ok(());
    }
    if !process.leads_session() || process.terminal().is_some() {
        return Err(Errno::EPERM);
    }
    match job_control.session() {
        Some(_) if !steal => return Err(Errno::EPERM),
        Some(other) => clear_terminal(other),
        None => {}
    }
    job_control.belong_to(Some((session, process.group())));
    process.set_terminal(Some(terminal.clone()));
    Ok(())
}

/// Gives the controlling terminal up (TIOCNOTTY). When a session's leader does, all of the session lose it, and the
/// foreground group gets `SIGHUP` and `SIGCONT`.
fn give_up_terminal(process: &Process, job_control: &JobControl) {
    if process.leads_session() {
        let foreground = job_control.foreground();
        job_control.belong_to(None);
        clear_terminal(process.session());
        signal_group(foreground, &[Signal::HUP, Signal::CONT]);
    } else {
        process.set_terminal(None);
    }
}

/// A session's leader ends: the session loses its terminal.
pub(super) fn leave(process: &Process) {
    if process.leads_session()
        && let Some(terminal) = process.terminal()
    {
        give_up_terminal(process, terminal.job_control());
    }
}

/// A terminal is gone for good: its session's leader gets `SIGHUP` and `SIGCONT`, so does the foreground group, and
/// the session has no terminal any more.
pub fn lose_terminal(job_control: &JobControl) {
    let Some(session) = job_control.session() else { return };
    let foreground = job_control.foreground();
    job_control.belong_to(None);
    clear_terminal(session);
    if let Some(leader) = registry::find(session) {
        for signal in [Signal::HUP, Signal::CONT] {
            // Cannot fail: a standard signal of the kernel needs no room.
            let _ = crate::signal::send::send(crate::signal::send::Target::Process(&leader), SigInfo::kernel(signal));
        }
    }
    signal_group(foreground, &[Signal::HUP, Signal::CONT]);
}

/// All processes of a session lose their controlling terminal.
fn clear_terminal(session: i32) {
    for process in registry::all(|process| process.session() == session) {
        process.set_terminal(None);
    }
}

fn signal_group(group: Option<i32>, signals: &[Signal]) {
    for signal in group.iter().flat_map(|_| signals) {
        // An empty group hears nothing.
        let _ = group.map(|group| send_to_group(group, SigInfo::kernel(*signal)));
    }
}
