//! Sending signals by number: `kill(2)`, `tgkill(2)`, `sigqueue(3)`.

use super::send::{Target, send};
use super::{SigInfo, Signal};
use crate::errno::{Errno, Result};
use crate::process::{Process, registry};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general::CAP_KILL;

/// Whether a process may send this signal to another, or `None` at all (`kill(2)`): to itself, as the same user, with
/// CAP_KILL; `SIGCONT` within the session.
pub fn may_signal(own: &Process, process: &Process, signal: Option<Signal>) -> bool {
    if core::ptr::eq(own, process) {
        return true;
    }
    let (who, target) = (own.credentials(), process.credentials());
    let is_target = |user: u32| user == target.user.real || user == target.user.saved;
    is_target(who.user.effective)
        || is_target(who.user.real)
        || who.has(CAP_KILL)
        || signal == Some(Signal::CONT) && own.session() == process.session()
}

/// Sends a signal by number to a target that is there; 0 only asks whether it is. `EINVAL` for what is no signal,
/// `EPERM`.
fn send_number(thread: &Thread, target: Target<'_>, number: i32, info: impl FnOnce(Signal) -> SigInfo) -> Result<()> {
    let signal = if number == 0 { None } else { Some(Signal::new(number)?) };
    if !may_signal(&thread.process, target.process(), signal) {
        return Err(Errno::EPERM);
    }
    signal.map_or(Ok(()), |signal| send(target, info(signal)))
}

/// What a signal without more tells of the thread that sends it.
fn sender(thread: &Thread, code: i32) -> impl Fn(Signal) -> SigInfo + use<> {
    let (process, user) = (thread.process.id, thread.process.credentials().user.real);
    move |signal| SigInfo::user(signal, code, process, user)
}

/// What `kill(2)` tells with the signal of this number; nothing for what is no signal.
pub(crate) fn from_user(thread: &Thread, number: i32) -> SigInfo {
    Signal::new(number).map_or(SigInfo::EMPTY, sender(thread, SigInfo::USER))
}

/// Sends to each; succeeds when one got it, otherwise the last error, `ESRCH` for none at all.
fn send_to_all(processes: Vec<Arc<Process>>, send_to: impl Fn(&Process) -> Result<()>) -> Result<()> {
    let mut outcome = Err(Errno::ESRCH);
    for process in processes {
        let sent = send_to(&process);
        if outcome.is_err() {
            outcome = sent;
        }
    }
    outcome
}

/// Sends to all processes of a group, as a terminal does. `ESRCH` when it is empty.
pub fn send_to_group(group: i32, info: SigInfo) -> Result<()> {
    send_to_all(registry::all(|process| process.group() == group), |process| send(Target::Process(process), info))
}

/// The process of this number, or the one that a thread of this number belongs to, as on Linux. `ESRCH`.
fn process_of(id: i32) -> Result<Arc<Process>> {
    registry::visible(id).or_else(|| registry::thread(id).map(|thread| thread.process.clone())).ok_or(Errno::ESRCH)
}

/// `kill(2)`.
pub fn kill(thread: &Thread, target: i32, number: i32) -> Result<()> {
    let own = thread.process.id;
    let info = sender(thread, SigInfo::USER);
    let processes = match target {
        1.. => {
            let process = process_of(target)?;
            return send_number(thread, Target::Process(&process), number, info);
        }
        0 => registry::all(|process| process.group() == thread.process.group()),
        // Linux does not say that somebody was left out.
        -1 => {
            let others = registry::all(|process| process.id > 1 && process.id != own);
            return send_to_all(others, |process| match send_number(thread, Target::Process(process), number, &info) {
                Err(Errno::EPERM) => Ok(()),
                outcome => outcome,
            });
        }
        i32::MIN => return Err(Errno::ESRCH),
        _ => registry::all(|process| process.group() == -target),
    };
    send_to_all(processes, |process| send_number(thread, Target::Process(process), number, &info))
}

/// `tkill(2)`.
pub fn tkill(thread: &Thread, target: i32, number: i32) -> Result<()> {
    if target <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = registry::thread(target).ok_or(Errno::ESRCH)?;
    send_number(thread, Target::Thread(&target), number, sender(thread, SigInfo::TKILL))
}

/// A thread of a certain process. `EINVAL` for numbers that are none, `ESRCH`.
fn thread_of(process: i32, thread: i32) -> Result<Arc<Thread>> {
    if process <= 0 || thread <= 0 {
        return Err(Errno::EINVAL);
    }
    registry::visible(process).and_then(|process| process.thread(thread)).ok_or(Errno::ESRCH)
}

/// `tgkill(2)`.
pub fn tgkill(thread: &Thread, process: i32, target: i32, number: i32) -> Result<()> {
    let target = thread_of(process, target)?;
    send_number(thread, Target::Thread(&target), number, sender(thread, SigInfo::TKILL))
}

/// What a program tells with a signal. It may not tell others that it comes from the kernel, `kill` or `tgkill`:
/// `EPERM`. `E2BIG` for bytes that no layout has, `EFAULT`.
pub(crate) fn told(thread: &Thread, number: i32, info: UserPtr<SigInfo>, to_itself: bool) -> Result<SigInfo> {
    let mut info = info.read(thread)?;
    info.number = number;
    let info = info.kept()?;
    if (info.code >= 0 || info.code == SigInfo::TKILL) && !to_itself {
        return Err(Errno::EPERM);
    }
    Ok(info)
}

/// `rt_sigqueueinfo(2)`.
pub fn rt_sigqueueinfo(thread: &Thread, process: i32, number: i32, info: UserPtr<SigInfo>) -> Result<()> {
    let info = told(thread, number, info, process == thread.id())?;
    let process = process_of(process)?;
    send_number(thread, Target::Process(&process), number, |_| info)
}

/// `rt_tgsigqueueinfo(2)`.
pub fn rt_tgsigqueueinfo(
    thread: &Thread,
    process: i32,
    target: i32,
    number: i32,
    info: UserPtr<SigInfo>,
) -> Result<()> {
    if process <= 0 || target <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = told(thread, number, info, target == thread.id())?;
    let target = thread_of(process, target)?;
    send_number(thread, Target::Thread(&target), number, |_| info)
}
