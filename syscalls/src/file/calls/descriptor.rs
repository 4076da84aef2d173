//! `close(2)`, `close_range(2)`, `dup(2)`, `fcntl(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{OpenFile, OpenFlags, StatusFlags};
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// The flags of `close_range(2)`, `<linux/close_range.h>`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct CloseRangeFlags: u32 {
        /// On a table of its own.
        const CLOSE_RANGE_UNSHARE = 1 << 1;
        /// At `execve(2)`, not now.
        const CLOSE_RANGE_CLOEXEC = 1 << 2;
    }
}

crate::flag_argument!(CloseRangeFlags, strict);

/// `close(2)`.
pub fn close(thread: &Thread, fd: Fd) -> Result<()> {
    thread.files().remove(fd).map(drop)
}

/// `close_range(2)`.
pub fn close_range(thread: &Thread, first: u32, last: u32, flags: CloseRangeFlags) -> Result<()> {
    if first > last {
        return Err(Errno::EINVAL);
    }
    if flags.contains(CloseRangeFlags::CLOSE_RANGE_UNSHARE) {
        thread.files().unshare();
    }
    let range = first..=last;
    if flags.contains(CloseRangeFlags::CLOSE_RANGE_CLOEXEC) {
        for (fd, _) in thread.files().snapshot() {
            if range.contains(&(fd.0 as u32)) {
                // Another thread may have closed it in between, which is as good.
                let _ = thread.files().set_close_on_exec(fd, true);
            }
        }
        return Ok(());
    }
    drop(thread.files().remove_where(|fd, _| range.contains(&(fd.0 as u32))));
    Ok(())
}

/// `dup(2)`.
pub fn dup(thread: &Thread, old: Fd) -> Result<Fd> {
    let open = thread.files().get(old)?;
    thread.files().install(open, false)
}

/// `dup2(2)`: the same descriptor twice is no more than a check.
pub fn dup2(thread: &Thread, old: Fd, new: Fd) -> Result<Fd> {
    if old == new {
        thread.files().get(old)?;
        return Ok(new);
    }
    duplicate(thread, old, new, false)
}

/// `dup3(2)`.
pub fn dup3(thread: &Thread, old: Fd, new: Fd, flags: OpenFlags) -> Result<Fd> {
    if old == new || !(flags - OpenFlags::O_CLOEXEC).is_empty() {
        return Err(Errno::EINVAL);
    }
    duplicate(thread, old, new, flags.contains(OpenFlags::O_CLOEXEC))
}

fn duplicate(thread: &Thread, old: Fd, new: Fd, close_on_exec: bool) -> Result<Fd> {
    let open = thread.files().get(old)?;
    thread.files().replace(new, open, close_on_exec)?;
    Ok(new)
}

/// `fcntl(2)`.
pub fn fcntl(thread: &Thread, fd: Fd, command: u32, argument: u64) -> Result<i64> {
    let descriptor = thread.files().descriptor(fd)?;
    let open = &descriptor.open;
    match command {
        raw::F_DUPFD | raw::F_DUPFD_CLOEXEC => {
            let lowest = u64::from(argument as u32);
            if lowest >= thread.files().limit() {
                return Err(Errno::EINVAL);
            }
            let close_on_exec = command == raw::F_DUPFD_CLOEXEC;
            thread.files().install_from(lowest, open.clone(), close_on_exec).map(|fd| i64::from(fd.0))
        }
        raw::F_GETFD => Ok(i64::from(descriptor.close_on_exec)),
        raw::F_SETFD => {
            let close_on_exec = argument as u32 & raw::FD_CLOEXEC != 0;
            thread.files().set_close_on_exec(fd, close_on_exec).map(|()| 0)
        }
        raw::F_GETFL => Ok(i64::from(open.status().bits())),
        _ => {
            open.check_not_path()?;
            match command {
                raw::F_SETFL => {
                    set_status(open, fd, argument as u32);
                    Ok(0)
                }
                raw::F_SETOWN => set_owner(thread, open, argument as i32).map(|()| 0),
                raw::F_GETOWN => Ok(i64::from(owner(open))),
                raw::F_SETOWN_EX => {
                    let [kind, number] = read_pair(thread, argument)?;
                    open.driven().set_owner(thread, kind as u32, number).map(|()| 0)
                }
                raw::F_GETOWN_EX => {
                    let (kind, number) = open.driven().owner();
                    UserPtr::<i32>::new(argument).write_array(thread, &[kind as i32, number]).map(|()| 0)
                }
                raw::F_SETSIG => open.driven().set_signal(argument).map(|()| 0),
                raw::F_GETSIG => Ok(i64::from(open.driven().signal())),
                raw::F_GETLK
                | raw::F_SETLK
                | raw::F_SETLKW
                | raw::F_OFD_GETLK
                | raw::F_OFD_SETLK
                | raw::F_OFD_SETLKW => super::locking::control(thread, open, command, argument),
                raw::F_ADD_SEALS if open.check_writable().is_err() => Err(Errno::EPERM),
                _ => open.file().control(thread, command, argument),
            }
        }
    }
}

/// `struct f_owner_ex`.
fn read_pair(thread: &Thread, address: u64) -> Result<[i32; 2]> {
    let pair = UserPtr::<i32>::new(address).read_array(thread, 2)?;
    pair.try_into().map_err(|_| Errno::EFAULT)
}

/// `F_SETOWN`: a process, or minus a group. `EINVAL`, `ESRCH`.
pub(super) fn set_owner(thread: &Thread, open: &OpenFile, number: i32) -> Result<()> {
    match number {
        0.. => open.driven().set_owner(thread, raw::F_OWNER_PID, number),
        _ => open.driven().set_owner(thread, raw::F_OWNER_PGRP, number.checked_neg().ok_or(Errno::EINVAL)?),
    }
}

/// `F_GETOWN`.
pub(super) fn owner(open: &OpenFile) -> i32 {
    match open.driven().owner() {
        (raw::F_OWNER_PGRP, group) => -group,
        (_, number) => number,
    }
}

/// `F_SETFL`: these flags change, all others stay.
fn set_status(open: &OpenFile, fd: Fd, flags: u32) {
    const CHANGES: u32 = raw::O_APPEND | raw::O_NONBLOCK | raw::O_DIRECT | raw::O_NOATIME;
    if (open.status().bits() ^ flags) & raw::FASYNC != 0 && open.file().can_signal() {
        open.set_async(fd.0, flags & raw::FASYNC != 0);
    }
    let kept = open.status().bits() & !CHANGES;
    open.set_status(StatusFlags::from_bits_retain(kept | flags & CHANGES));
}
