//! `epoll_create(2)`, `epoll_ctl(2)`, `epoll_wait(2)`.

use super::{Epoll, EpollEvent};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::event::timeout::Timeout;
use crate::file::{Events, OpenFile, StatusFlags};
use crate::signal::{SigSet, mask};
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::user::{USER_END, UserPtr};
use crate::wait::{WaitError, wait_in_turn};
use linux_raw_sys::general::{
    EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN,
    EPOLLOUT, EPOLLWAKEUP, O_RDWR,
};

bitflags::bitflags! {
    /// The flags of `epoll_create1(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct EpollFlags: u32 {
        /// The descriptor closes on `execve(2)`.
        const EPOLL_CLOEXEC = EPOLL_CLOEXEC;
    }
}

crate::flag_argument!(EpollFlags, strict);

/// What may be said besides `EPOLLEXCLUSIVE`.
const WITH_EXCLUSIVE: u32 = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

/// `epoll_create(2)`: the size says nothing but must be positive.
pub fn epoll_create(thread: &Thread, size: i32) -> Result<Fd> {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    epoll_create1(thread, EpollFlags::empty())
}

/// `epoll_create1(2)`.
pub fn epoll_create1(thread: &Thread, flags: EpollFlags) -> Result<Fd> {
    let open = OpenFile::new(Epoll::new(), StatusFlags::from_bits_retain(O_RDWR));
    thread.files().install(open, flags.contains(EpollFlags::EPOLL_CLOEXEC))
}

/// `epoll_ctl(2)`.
pub fn epoll_ctl(thread: &Thread, epoll: Fd, operation: i32, fd: Fd, event: UserPtr<EpollEvent>) -> Result<()> {
    let operation = operation as u32;
    let event = match operation {
        EPOLL_CTL_DEL => EpollEvent { events: 0, data: 0 },
        _ => event.read(thread)?,
    };
    let watcher = thread.files().get(epoll)?;
    let open = thread.files().get(fd)?;
    if !open.file().can_poll() {
        return Err(Errno::EPERM);
    }
    let epoll = Epoll::of(&watcher).filter(|_| !core::ptr::eq(&*watcher, &*open)).ok_or(Errno::EINVAL)?;
    let is_exclusive = operation != EPOLL_CTL_DEL && event.events & EPOLLEXCLUSIVE != 0;
    if is_exclusive {
        let is_allowed = operation == EPOLL_CTL_ADD && event.events & !WITH_EXCLUSIVE == 0;
        if !is_allowed || Epoll::of(&open).is_some() {
            return Err(Errno::EINVAL);
        }
    }
    match operation {
        EPOLL_CTL_ADD => epoll.add(fd.0, &open, event),
        EPOLL_CTL_MOD => epoll.modify(fd.0, &open, event),
        EPOLL_CTL_DEL => epoll.remove(fd.0, &open),
        _ => Err(Errno::EINVAL),
    }
}

/// `epoll_wait(2)`: gives the number of events.
pub fn epoll_wait(thread: &Thread, epoll: Fd, events: UserPtr<EpollEvent>, count: i32, timeout: i32) -> Result<i32> {
    wait(thread, epoll, events, count, || Timeout::from_milliseconds(timeout))
}

/// `epoll_pwait(2)`.
pub fn epoll_pwait(
    thread: &Thread,
    epoll: Fd,
    events: UserPtr<EpollEvent>,
    count: i32,
    timeout: i32,
    set: UserPtr<SigSet>,
    size: usize,
) -> Result<i32> {
    if set.is_null() {
        return epoll_wait(thread, epoll, events, count, timeout);
    }
    mask::begin_temporary(thread, set, size)?;
    let outcome = epoll_wait(thread, epoll, events, count, timeout);
    mask::end_temporary(thread, outcome == Err(Errno::EINTR));
    outcome
}

/// `epoll_pwait2(2)`.
pub fn epoll_pwait2(
    thread: &Thread,
    epoll: Fd,
    events: UserPtr<EpollEvent>,
    count: i32,
    span: UserPtr<TimeSpec>,
    set: UserPtr<SigSet>,
    size: usize,
) -> Result<i32> {
    let timeout = Timeout::from_timespec(span.non_null().map(|span| span.read(thread)).transpose()?)?;
    mask::begin_temporary(thread, set, size)?;
    let outcome = wait(thread, epoll, events, count, || timeout);
    mask::end_temporary(thread, outcome == Err(Errno::EINTR));
    outcome
}

/// The timeout is asked for only where nothing is ready: most calls need no clock.
fn wait(
    thread: &Thread,
    epoll: Fd,
    events: UserPtr<EpollEvent>,
    count: i32,
    timeout: impl FnOnce() -> Timeout,
) -> Result<i32> {
    const LARGEST: usize = i32::MAX as usize / size_of::<EpollEvent>();
    let limit = usize::try_from(count).ok().filter(|limit| (1..=LARGEST).contains(limit)).ok_or(Errno::EINVAL)?;
    let length = (limit * size_of::<EpollEvent>()) as u64;
    if events.address().checked_add(length).is_none_or(|end| end > USER_END) {
        return Err(Errno::EFAULT);
    }
    let open = thread.files().get(epoll)?;
    let epoll = Epoll::of(&open).ok_or(Errno::EINVAL)?;
    let harvest = || match epoll.harvest(limit, |index, event| events.element(index).write(thread, event)) {
        Ok(0) => None,
        outcome => Some(outcome),
    };
    if let Some(outcome) = harvest() {
        return outcome.map(|count| count as i32);
    }
    let timeout = timeout();
    if timeout == Timeout::Immediate {
        return Ok(0);
    }
    match wait_in_turn(&epoll.queue, Events::all(), timeout.deadline(), harvest) {
        Ok(outcome) => outcome.map(|count| count as i32),
        Err(WaitError::TimedOut) => Ok(0),
        Err(WaitError::Interrupted) => Err(Errno::EINTR),
    }
}
