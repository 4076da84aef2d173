//! `close(2)`, `close_range(2)`, `dup(2)`, `fcntl(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{OpenFlags, StatusFlags};
use crate::thread::Thread;
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
                raw::F_SETFL => set_status(open, argument as u32).map(|()| 0),
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

/// `F_SETFL`: these flags change, all others stay.
fn set_status(open: &crate::file::OpenFile, flags: u32) -> Result<()> {
    const CHANGES: u32 = raw::O_APPEND | raw::O_NONBLOCK | raw::O_DIRECT | raw::O_NOATIME | raw::FASYNC;
    let kept = open.status().bits() & !CHANGES;
    open.set_status(StatusFlags::from_bits_retain(kept | flags & CHANGES));
    Ok(())
}
