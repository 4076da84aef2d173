//! Sending signals by number: `kill(2)`, `tgkill(2)`, `sigqueue(3)`.

use super::send::{Target, send};
use super::{SigInfo, Signal};
use crate::errno::{Errno, Result};
use crate::process::{Process, registry};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// All programs are the superuser's.
const USER: u32 = 0;

/// Sends a signal by number to a target that is there; 0 only asks whether it is. `EINVAL` for what is no signal.
fn send_number(target: Target<'_>, number: i32, info: impl FnOnce(Signal) -> SigInfo) -> Result<()> {
    if number == 0 { Ok(()) } else { send(target, info(Signal::new(number)?)) }
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

/// `kill(2)`.
pub fn kill(thread: &Thread, target: i32, number: i32) -> Result<()> {
    let own = thread.process.id;
    let info = |signal| SigInfo::user(signal, SigInfo::USER, own, USER);
    let processes = match target {
        1.. => {
            let process = registry::find(target).ok_or(Errno::ESRCH)?;
            return send_number(Target::Process(&process), number, info);
        }
        0 => registry::all(|process| process.group() == thread.process.group()),
        -1 => registry::all(|process| process.id > 1 && process.id != own),
        i32::MIN => return Err(Errno::ESRCH),
        _ => registry::all(|process| process.group() == -target),
    };
    send_to_all(processes, |process| send_number(Target::Process(process), number, info))
}

/// `tkill(2)`.
pub fn tkill(thread: &Thread, target: i32, number: i32) -> Result<()> {
    if target <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = registry::thread(target).ok_or(Errno::ESRCH)?;
    let info = |signal| SigInfo::user(signal, SigInfo::TKILL, thread.process.id, USER);
    send_number(Target::Thread(&target), number, info)
}

/// A thread of a certain process. `EINVAL` for numbers that are none, `ESRCH`.
fn thread_of(process: i32, thread: i32) -> Result<Arc<Thread>> {
    if process <= 0 || thread <= 0 {
        return Err(Errno::EINVAL);
    }
    registry::find(process).and_then(|process| process.thread(thread)).ok_or(Errno::ESRCH)
}

/// `tgkill(2)`.
pub fn tgkill(thread: &Thread, process: i32, target: i32, number: i32) -> Result<()> {
    let target = thread_of(process, target)?;
    let info = |signal| SigInfo::user(signal, SigInfo::TKILL, thread.process.id, USER);
    send_number(Target::Thread(&target), number, info)
}

/// What a program tells with a signal. It may not tell others that it comes from the kernel, `kill` or `tgkill`:
/// `EPERM`. `E2BIG` for bytes that no layout has, `EFAULT`.
fn told(thread: &Thread, number: i32, info: UserPtr<SigInfo>, to_itself: bool) -> Result<SigInfo> {
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
    let info = told(thread, number, info, process == thread.id)?;
    let process = registry::find(process).ok_or(Errno::ESRCH)?;
    send_number(Target::Process(&process), number, |_| info)
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
    let info = told(thread, number, info, target == thread.id)?;
    let target = thread_of(process, target)?;
    send_number(Target::Thread(&target), number, |_| info)
}
