//! Job control: stopping all threads of a process and letting them go on.

use super::state::{Group, Own, wake};
use super::{ActionFlags, ChildTimes, SigInfo, Signal};
use crate::machine::machine;
use crate::process::{Process, registry};
use crate::thread::Thread;
use linux_raw_sys::general::{CLD_CONTINUED, CLD_STOPPED};

/// How far a process has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Phase {
    #[default]
    Running,
    /// This many threads have not stopped yet.
    Stopping {
        signal: Signal,
        left: usize,
    },
    Stopped {
        signal: Signal,
    },
}

/// A change that a parent's `wait4(2)` reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobChange {
    /// All threads have stopped because of this signal.
    Stopped(Signal),
    /// The process goes on.
    Continued,
}

/// A process's state of job control.
#[derive(Clone, Copy, Default)]
pub(super) struct Stop {
    phase: Phase,
    /// What `wait4(2)` has not reported yet.
    unreported: Option<JobChange>,
    /// What the parent has not got a `SIGCHLD` for yet.
    untold: Option<JobChange>,
}

impl Stop {
    /// Whether the parent is to hear of a change.
    pub(super) fn is_untold(&self) -> bool {
        self.untold.is_some()
    }

    fn change(&mut self, change: JobChange) {
        self.unreported = Some(change);
        self.untold = Some(change);
    }
}

impl Group {
    /// Begins to stop the process, or joins a stop under way. The threads learn of it by their work.
    fn begin_stop(&mut self, process: &Process, signal: Signal) {
        if self.stop.phase != Phase::Running {
            return;
        }
        let mut left = 0;
        for thread in process.threads() {
            if !thread.is_leaving() {
                thread.signals.lock().stop_due = true;
                wake(&thread);
                left += 1;
            }
        }
        self.stop.phase = Phase::Stopping { signal, left };
    }

    /// This thread stands still, or is gone.
    fn count_stopped(&mut self, own: &mut Own) {
        if !core::mem::take(&mut own.stop_due) {
            return;
        }
        if let Phase::Stopping { signal, left } = self.stop.phase {
            self.stop.phase = if left > 1 {
                Phase::Stopping { signal, left: left - 1 }
            } else {
                self.stop.change(JobChange::Stopped(signal));
                Phase::Stopped { signal }
            };
        }
    }

    /// A thread that ends stops no more.
    pub(super) fn leave_stop(&mut self, own: &mut Own) {
        self.count_stopped(own);
        own.stopped = false;
    }

    /// `SIGCONT`: lets all threads run; the parent hears of it if the process had stopped.
    pub(super) fn proceed(&mut self, process: &Process) {
        match self.stop.phase {
            Phase::Running => return,
            // Linux: a stop that was not complete is told as one, and `wait4` sees that the process goes on.
            Phase::Stopping { signal, .. } => {
                self.stop.change(JobChange::Continued);
                self.stop.untold = Some(JobChange::Stopped(signal));
            }
            Phase::Stopped { .. } => self.stop.change(JobChange::Continued),
        }
        self.proceed_silently(process);
    }

    /// Lets all threads run because the process ends.
    pub(super) fn proceed_silently(&mut self, process: &Process) {
        if self.stop.phase == Phase::Running {
            return;
        }
        self.stop.phase = Phase::Running;
        for thread in process.threads() {
            let mut own = thread.signals.lock();
            own.stop_due = false;
            if core::mem::take(&mut own.stopped) {
                drop(own);
                thread.unpark();
            }
        }
    }
}

/// Stops the process because the current thread took a stop signal.
pub(super) fn stop(thread: &Thread, signal: Signal) {
    thread.process.signals.lock().begin_stop(&thread.process, signal);
}

/// Stands still while the process is stopped.
pub(super) fn stand_still(thread: &Thread) {
    {
        let mut group = thread.process.signals.lock();
        let mut own = thread.signals.lock();
        if !own.stop_due || thread.is_leaving() {
            return;
        }
        group.count_stopped(&mut own);
        own.stopped = true;
    }
    tell_parent(&thread.process);
    // Whoever clears `stopped` or demands the end unparks afterwards, so none is lost.
    while thread.signals.lock().stopped && !thread.is_leaving() {
        machine().park(None);
    }
    let group = thread.process.signals.lock();
    let mut own = thread.signals.lock();
    own.stopped = false;
    group.recalculate(thread, &own);
}

/// Sends the parent the `SIGCHLD` that is due. No lock of signals may be held.
pub(super) fn tell_parent(process: &Process) {
    let Some(change) = process.signals.lock().stop.untold.take() else { return };
    let Some(parent) = registry::find(process.parent()) else { return };
    let action = parent.signals.actions().get(Signal::CHLD);
    if action.handler != super::Action::IGNORE && !action.flags().contains(ActionFlags::NOCLDSTOP) {
        let (code, status) = match change {
            JobChange::Stopped(signal) => (CLD_STOPPED, i32::from(signal.number())),
            JobChange::Continued => (CLD_CONTINUED, i32::from(Signal::CONT.number())),
        };
        let info =
            SigInfo::child(code as i32, process.id, process.credentials().user.real, status, child_times(process));
        // Cannot fail: a standard signal of the kernel needs no room.
        let _ = super::send::send(super::send::Target::Process(&parent), info);
    }
    parent.child_events.wake_all();
}

/// A process's CPU time as `SIGCHLD` tells it. The machine does not tell user from system time: all counts as user.
pub(crate) fn child_times(process: &Process) -> ChildTimes {
    ChildTimes { user: (process.cpu_time() / 10_000_000) as i64, system: 0 }
}

/// What `wait4(2)` may report of a child, if it `is_wanted`; the report is taken off unless `keep` says so (`WNOWAIT`).
pub fn job_change(process: &Process, is_wanted: impl Fn(JobChange) -> bool, keep: bool) -> Option<JobChange> {
    let mut group = process.signals.lock();
    let change = group.stop.unreported.filter(|change| is_wanted(*change))?;
    if !keep {
        group.stop.unreported = None;
    }
    Some(change)
}

/// Whether all threads of a process stand still.
pub fn is_stopped(process: &Process) -> bool {
    matches!(process.signals.lock().stop.phase, Phase::Stopped { .. })
}
