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

/// The signal to send; `None` for 0, which only asks whether the target is there.
fn wanted(number: i32) -> Result<Option<Signal>> {
    if number == 0 { Ok(None) } else { Signal::new(number).map(Some) }
}

/// Sends to each; succeeds when one got it, otherwise the last error, `ESRCH` for none at all.
fn send_to_all(processes: Vec<Arc<Process>>, info: Option<SigInfo>) -> Result<()> {
    let mut outcome = Err(Errno::ESRCH);
    for process in processes {
        let sent = info.map_or(Ok(()), |info| send(Target::Process(&process), info));
        if outcome.is_err() {
            outcome = sent;
        }
    }
    outcome
}

/// Sends to all processes of a group, as a terminal does. `ESRCH` when it is empty.
pub fn send_to_group(group: i32, info: SigInfo) -> Result<()> {
    send_to_all(registry::all(|process| process.group() == group), Some(info))
}

/// `kill(2)`.
pub fn kill(thread: &Thread, target: i32, number: i32) -> Result<()> {
    let signal = wanted(number)?;
    let own = thread.process.id;
    let info = signal.map(|signal| SigInfo::user(signal, SigInfo::USER, own, USER));
    let processes = match target {
        1.. => registry::find(target).into_iter().collect(),
        0 => registry::all(|process| process.group() == thread.process.group()),
        -1 => registry::all(|process| process.id > 1 && process.id != own),
        i32::MIN => return Err(Errno::ESRCH),
        _ => registry::all(|process| process.group() == -target),
    };
    send_to_all(processes, info)
}

fn send_to_thread(process: Option<i32>, thread: i32, info: Option<SigInfo>) -> Result<()> {
    let target = match process {
        Some(process) => registry::find(process).and_then(|process| process.thread(thread)),
        None => registry::thread(thread),
    };
    let target = target.ok_or(Errno::ESRCH)?;
    info.map_or(Ok(()), |info| send(Target::Thread(&target), info))
}

/// `tkill(2)`.
pub fn tkill(thread: &Thread, target: i32, number: i32) -> Result<()> {
    if target <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = wanted(number)?.map(|signal| SigInfo::user(signal, SigInfo::TKILL, thread.process.id, USER));
    send_to_thread(None, target, info)
}

/// `tgkill(2)`.
pub fn tgkill(thread: &Thread, process: i32, target: i32, number: i32) -> Result<()> {
    if process <= 0 || target <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = wanted(number)?.map(|signal| SigInfo::user(signal, SigInfo::TKILL, thread.process.id, USER));
    send_to_thread(Some(process), target, info)
}

/// What a program tells with a signal. It may not tell others that it comes from the kernel, `kill` or `tgkill`:
/// `EPERM`. `E2BIG` for bytes that no layout has, `EFAULT`.
fn told(thread: &Thread, number: i32, info: UserPtr<SigInfo>, to_itself: bool) -> Result<Option<SigInfo>> {
    let mut info = info.read(thread)?;
    if info.has_unknown_bytes() {
        return Err(Errno::E2BIG);
    }
    info.number = number;
    if (info.code >= 0 || info.code == SigInfo::TKILL) && !to_itself {
        return Err(Errno::EPERM);
    }
    Ok(wanted(number)?.map(|_| info))
}

/// `rt_sigqueueinfo(2)`.
pub fn rt_sigqueueinfo(thread: &Thread, process: i32, number: i32, info: UserPtr<SigInfo>) -> Result<()> {
    let info = told(thread, number, info, process == thread.id)?;
    let process = registry::find(process).ok_or(Errno::ESRCH)?;
    info.map_or(Ok(()), |info| send(Target::Process(&process), info))
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
    send_to_thread(Some(process), target, info)
}
