//! `sync(2)`, `fsync(2)`, `posix_fadvise(2)` and their relatives. All files are in memory: once written, they are as
//! safe as they will ever be.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::filesystem::Kind;
use crate::thread::Thread;

/// `sync(2)`.
pub fn sync(_: &Thread) -> Result<()> {
    Ok(())
}

/// `syncfs(2)`.
pub fn syncfs(thread: &Thread, fd: Fd) -> Result<()> {
    thread.files().get(fd)?.check_not_path()
}

/// `fsync(2)`, `fdatasync(2)`.
pub fn fsync(thread: &Thread, fd: Fd) -> Result<()> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    open.file().sync()
}

/// `sync_file_range(2)`.
pub fn sync_file_range(thread: &Thread, fd: Fd, offset: i64, length: i64, flags: u32) -> Result<()> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    let in_range = offset >= 0 && length >= 0 && offset.checked_add(length).is_some();
    if flags & !7 != 0 || !in_range {
        return Err(Errno::EINVAL);
    }
    match open.attributes().kind {
        Kind::Regular | Kind::Block | Kind::Directory => Ok(()),
        _ => Err(Errno::ESPIPE),
    }
}

/// `posix_fadvise(2)`: pages are neither read ahead nor dropped.
pub fn fadvise64(thread: &Thread, fd: Fd, _: i64, length: i64, advice: u32) -> Result<()> {
    const LAST: u32 = linux_raw_sys::general::POSIX_FADV_NOREUSE;
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    if open.attributes().kind == Kind::Fifo {
        return Err(Errno::ESPIPE);
    }
    if length < 0 || advice > LAST { Err(Errno::EINVAL) } else { Ok(()) }
}

/// `readahead(2)`.
pub fn readahead(thread: &Thread, fd: Fd, _: i64, _: usize) -> Result<()> {
    let open = thread.files().get(fd)?;
    open.check_readable()?;
    match open.attributes().kind {
        Kind::Regular | Kind::Block => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}
