//! Waiting for children: `wait4(2)`, `waitid(2)`.

use super::exit::{End, forget};
use super::usage::Usage;
use super::{Process, pidfd};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::signal::stop::{self, JobChange};
use crate::signal::{SigInfo, Signal};
use crate::thread::Thread;
use crate::user::UserPtr;
use crate::wait::wait_until;
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// `W*`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Options: u32 {
        /// Do not wait.
        const NOHANG = raw::WNOHANG;
        /// Children that have stopped (`WUNTRACED` is the same).
        const STOPPED = raw::WSTOPPED;
        /// Children that have ended.
        const EXITED = raw::WEXITED;
        /// Children that go on.
        const CONTINUED = raw::WCONTINUED;
        /// Leave the child as it is, to be waited for again.
        const NOWAIT = raw::WNOWAIT;
        /// The calling thread's own children alone.
        const NOTHREAD = raw::__WNOTHREAD;
        /// Whatever signal the child's end sends.
        const ALL = raw::__WALL;
        /// Those alone whose end sends another signal than `SIGCHLD`.
        const CLONE = raw::__WCLONE;
    }
}

/// Which children.
#[derive(Clone, Copy)]
enum Which<'a> {
    Any,
    Group(i32),
    Number(i32),
    This(&'a Arc<Process>),
}

/// What has become of a child.
#[derive(Clone, Copy)]
enum Change {
    Ended(End),
    Job(JobChange),
}

impl Change {
    /// As `wait4(2)` tells it.
    fn status(self) -> i32 {
        match self {
            Self::Ended(end) => end.wait_status(),
            Self::Job(JobChange::Stopped(signal)) => i32::from(signal.number()) << 8 | 0x7f,
            Self::Job(JobChange::Continued) => 0xffff,
        }
    }

    /// As `waitid(2)` tells it: `si_code` and `si_status`.
    fn code(self) -> (i32, i32) {
        match self {
            Self::Ended(end) => end.child_status(),
            Self::Job(JobChange::Stopped(signal)) => (raw::CLD_STOPPED as i32, signal.number().into()),
            Self::Job(JobChange::Continued) => (raw::CLD_CONTINUED as i32, Signal::CONT.number().into()),
        }
    }
}

struct Wanted<'a> {
    which: Which<'a>,
    options: Options,
}

impl Wanted<'_> {
    fn is_selected(&self, thread: &Thread, child: &Arc<Process>) -> bool {
        let is_it = match self.which {
            Which::Any => true,
            Which::Group(group) => child.group() == group,
            Which::Number(id) => child.id == id,
            Which::This(process) => Arc::ptr_eq(process, child),
        };
        let is_ordinary = child.exit_signal() == i32::from(Signal::CHLD.number());
        is_it
            && (self.options.contains(Options::ALL) || is_ordinary != self.options.contains(Options::CLONE))
            && (!self.options.contains(Options::NOTHREAD) || child.parent_thread() == thread.id())
    }

    /// What is to be told of a child; takes the report of a stop off.
    fn change_of(&self, child: &Process) -> Option<Change> {
        if child.is_zombie() {
            return self.options.contains(Options::EXITED).then(|| child.end().map(Change::Ended)).flatten();
        }
        let is_wanted = |change| match change {
            JobChange::Stopped(_) => self.options.contains(Options::STOPPED),
            JobChange::Continued => self.options.contains(Options::CONTINUED),
        };
        stop::job_change(child, is_wanted, self.options.contains(Options::NOWAIT)).map(Change::Job)
    }

    /// A child that has something to tell. `None` when no child has yet, `ECHILD` when none ever will.
    fn look(&self, thread: &Thread) -> Result<Option<(Arc<Process>, Change)>> {
        let process = &thread.process;
        let mut any = false;
        for child in process.children().iter().filter(|child| self.is_selected(thread, child)) {
            // As on Linux, one that has ended does not count for a call that does not ask for ends.
            any |= !child.is_zombie();
            let Some(change) = self.change_of(child) else { continue };
            if matches!(change, Change::Ended(_)) && !self.options.contains(Options::NOWAIT) {
                if !forget(process, child) {
                    // Another thread was faster.
                    continue;
                }
                process.charge_child(child);
            }
            return Ok(Some((child.clone(), change)));
        }
        if any { Ok(None) } else { Err(Errno::ECHILD) }
    }

    /// Waits. `None` with `WNOHANG` when nothing has happened. `ECHILD`, `ERESTARTSYS`.
    fn wait(&self, thread: &Thread) -> Result<Option<(Arc<Process>, Change)>> {
        wait_until(&[&thread.process.child_events], None, || match self.look(thread) {
            Ok(None) if !self.options.contains(Options::NOHANG) => None,
            found => Some(found),
        })?
    }
}

/// What a child and its own children have used.
fn usage_of(child: &Process) -> Usage {
    child.spent().and(child.spent_by_children()).into()
}

/// `wait4(2)`.
pub fn wait4(thread: &Thread, id: i32, status: UserPtr<i32>, options: u32, usage: UserPtr<Usage>) -> Result<i32> {
    const KNOWN: u32 = raw::WNOHANG | raw::WUNTRACED | raw::WCONTINUED | raw::__WNOTHREAD | raw::__WCLONE | raw::__WALL;
    if options & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let which = match id {
        1.. => Which::Number(id),
        0 => Which::Group(thread.process.group()),
        -1 => Which::Any,
        _ => Which::Group(id.checked_neg().ok_or(Errno::ESRCH)?),
    };
    let options = Options::from_bits_truncate(options) | Options::EXITED;
    let Some((child, change)) = (Wanted { which, options }).wait(thread)? else { return Ok(0) };
    status.write_unless_null(thread, &change.status())?;
    usage.write_unless_null(thread, &usage_of(&child))?;
    Ok(child.id)
}

/// `waitid(2)`.
pub fn waitid(
    thread: &Thread,
    kind: i32,
    id: i32,
    information: UserPtr<SigInfo>,
    options: u32,
    usage: UserPtr<Usage>,
) -> Result<()> {
    let mut options = Options::from_bits(options).ok_or(Errno::EINVAL)?;
    if !options.intersects(Options::EXITED | Options::STOPPED | Options::CONTINUED) {
        return Err(Errno::EINVAL);
    }
    let process;
    let which = match kind as u32 {
        raw::P_ALL => Which::Any,
        raw::P_PID if id <= 0 => return Err(Errno::EINVAL),
        raw::P_PID => Which::Number(id),
        raw::P_PGID if id < 0 => return Err(Errno::EINVAL),
        raw::P_PGID if id == 0 => Which::Group(thread.process.group()),
        raw::P_PGID => Which::Group(id),
        raw::P_PIDFD if id < 0 => return Err(Errno::EINVAL),
        raw::P_PIDFD => {
            let (found, blocks) = pidfd::waited_for(thread, Fd(id))?;
            process = found;
            // A descriptor that does not block makes the call say so.
            if !blocks && !options.contains(Options::NOHANG) {
                options |= Options::NOHANG;
                let outcome = tell(thread, &Wanted { which: Which::This(&process), options }, information, usage)?;
                return if outcome { Ok(()) } else { Err(Errno::EAGAIN) };
            }
            Which::This(&process)
        }
        _ => return Err(Errno::EINVAL),
    };
    tell(thread, &Wanted { which, options }, information, usage).map(|_| ())
}

/// Waits and tells by `waitid`'s structures; gives whether there was anything.
fn tell(thread: &Thread, wanted: &Wanted<'_>, information: UserPtr<SigInfo>, usage: UserPtr<Usage>) -> Result<bool> {
    let found = wanted.wait(thread)?;
    let mut info = SigInfo::EMPTY;
    if let Some((child, change)) = &found {
        let (code, status) = change.code();
        let user = child.credentials().user.real;
        info = SigInfo::child(code, child.id, user, status, crate::signal::ChildTimes::default());
        usage.write_unless_null(thread, &usage_of(child))?;
    }
    if !information.is_null() {
        // As on Linux, only the fields that it sets: what the program had elsewhere stays.
        let fields = information.cast::<i32>();
        fields.write_array(thread, &[info.number, info.errno, info.code])?;
        fields.element(4).write_array(thread, &[info.process(), info.user_id() as i32, info.status()])?;
    }
    Ok(found.is_some())
}
