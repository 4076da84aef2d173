//! `poll(2)`, `ppoll(2)`.

use super::timeout::Timeout;
use super::{ALWAYS, reported};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::signal::{SigSet, mask, restart};
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::user::UserPtr;
use crate::wait::{WaitError, WaitQueue, wait_until};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::offset_of;
use linux_raw_sys::general::POLLNVAL;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct pollfd`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PollFd {
    /// The descriptor; a negative one is passed over.
    pub fd: i32,
    /// What to wait for: `POLL*`.
    pub events: u16,
    /// What there is.
    pub revents: u16,
}

/// `poll(2)`: gives how many have something to report.
pub fn poll(thread: &Thread, fds: UserPtr<PollFd>, count: u32, timeout: i32) -> Result<i32> {
    poll_again(thread, fds, count, Timeout::from_milliseconds(timeout))
}

/// A signal without a handler lets it go on, to the same end.
fn poll_again(thread: &Thread, fds: UserPtr<PollFd>, count: u32, timeout: Timeout) -> Result<i32> {
    poll_files(thread, fds, count, timeout).map_err(|errno| match errno {
        Errno::ERESTARTNOHAND => {
            restart::interrupt(thread, move |thread| poll_again(thread, fds, count, timeout).map(i64::from))
        }
        errno => errno,
    })
}

/// `ppoll(2)`: what is left of the time is written back.
pub fn ppoll(
    thread: &Thread,
    fds: UserPtr<PollFd>,
    count: u32,
    span: UserPtr<TimeSpec>,
    set: UserPtr<SigSet>,
    size: usize,
) -> Result<i32> {
    let timeout = Timeout::from_timespec(span.non_null().map(|span| span.read(thread)).transpose()?)?;
    mask::begin_temporary(thread, set, size)?;
    let outcome = poll_files(thread, fds, count, timeout);
    mask::end_temporary(thread, outcome == Err(Errno::ERESTARTNOHAND));
    finish(outcome, timeout, |left| span.write(thread, &TimeSpec::new(left)))
}

/// Tells the program what is left of its time. Where that fails the call cannot start again: `EINTR`.
pub(super) fn finish(outcome: Result<i32>, timeout: Timeout, tell: impl FnOnce(u64) -> Result<()>) -> Result<i32> {
    match (outcome, timeout.left().map_or(Ok(()), tell)) {
        (Err(Errno::ERESTARTNOHAND), Err(_)) => Err(Errno::EINTR),
        _ => outcome,
    }
}

/// Waits for what the array names and fills its answers in. `EINVAL` for more than `RLIMIT_NOFILE`, `EFAULT`, `ENOMEM`,
/// `ERESTARTNOHAND`.
fn poll_files(thread: &Thread, address: UserPtr<PollFd>, count: u32, timeout: Timeout) -> Result<i32> {
    if u64::from(count) > thread.files().limit() {
        return Err(Errno::EINVAL);
    }
    let mut fds = address.read_array(thread, count as usize)?;
    let mut files = Vec::new();
    files.try_reserve_exact(fds.len()).map_err(|_| Errno::ENOMEM)?;
    files.extend(fds.iter().map(|entry| thread.files().get(Fd(entry.fd)).ok()));
    let outcome = wait_for_any(&files, timeout, || {
        let mut ready = 0;
        for (entry, file) in fds.iter_mut().zip(&files) {
            entry.revents = answer(*entry, file.as_deref());
            ready += i32::from(entry.revents != 0);
        }
        ready
    });
    for (index, entry) in fds.iter().enumerate() {
        let place = address.element(index).address() + offset_of!(PollFd, revents) as u64;
        UserPtr::new(place).write(thread, &entry.revents)?;
    }
    outcome
}

fn answer(entry: PollFd, file: Option<&OpenFile>) -> u16 {
    match file {
        _ if entry.fd < 0 => 0,
        None => POLLNVAL as u16,
        Some(open) => reported(open.poll()) as u16 & (entry.events | ALWAYS as u16),
    }
}

/// Looks at once and whenever one of the files has something new, until `look` counts any. `ENOMEM`, `ERESTARTNOHAND`.
pub(super) fn wait_for_any(
    files: &[Option<Arc<OpenFile>>],
    timeout: Timeout,
    mut look: impl FnMut() -> i32,
) -> Result<i32> {
    let ready = look();
    if ready > 0 || timeout == Timeout::Immediate {
        return Ok(ready);
    }
    let mut queues: Vec<&WaitQueue> = Vec::new();
    queues.try_reserve_exact(files.len()).map_err(|_| Errno::ENOMEM)?;
    queues.extend(files.iter().flatten().filter_map(|open| open.file().queue()));
    match wait_until(&queues, timeout.deadline(), || Some(look()).filter(|&ready| ready > 0)) {
        Ok(ready) => Ok(ready),
        Err(WaitError::TimedOut) => Ok(0),
        Err(WaitError::Interrupted) => Err(Errno::ERESTARTNOHAND),
    }
}
