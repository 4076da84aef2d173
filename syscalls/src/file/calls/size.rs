//! `truncate(2)`, `fallocate(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::watch::{self, Happening};
use crate::filesystem::{Kind, Permission, Writing, check, namespace, reach};
use crate::thread::Thread;
use crate::user::UserString;
use linux_raw_sys::general::{
    FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_UNSHARE_RANGE, FALLOC_FL_ZERO_RANGE,
};

/// `truncate(2)`.
pub fn truncate(thread: &Thread, path: UserString, length: i64) -> Result<()> {
    let length = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let entry = reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())?;
    match entry.kind() {
        Kind::Regular => {}
        Kind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    namespace().check_writable(&entry)?;
    check(&thread.process.credentials(), entry.inode().ownership(), Permission::WRITE)?;
    let _writing = Writing::of(entry.inode())?;
    entry.inode().resize(length)?;
    watch::report(&entry, Happening::MODIFY);
    Ok(())
}

/// `ftruncate(2)`: `EINVAL`, not `EBADF`, for a descriptor that cannot write.
pub fn ftruncate(thread: &Thread, fd: Fd, length: i64) -> Result<()> {
    let length = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    let entry = open.entry();
    if entry.kind() != Kind::Regular || open.check_writable().is_err() {
        return Err(Errno::EINVAL);
    }
    entry.inode().resize(length)?;
    watch::report(&entry, Happening::MODIFY);
    Ok(())
}

/// `fallocate(2)`: memory ahead of time, and holes. Zeroed, collapsed and inserted ranges are `EOPNOTSUPP`, as on
/// Linux's tmpfs.
pub fn fallocate(thread: &Thread, fd: Fd, mode: u32, offset: i64, length: i64) -> Result<()> {
    const SHIFTS: u32 = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
    const KNOWN: u32 =
        FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_UNSHARE_RANGE | SHIFTS;
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let length = u64::try_from(length).ok().filter(|&length| length > 0).ok_or(Errno::EINVAL)?;
    let punches = mode & FALLOC_FL_PUNCH_HOLE != 0;
    if mode & !KNOWN != 0 || punches && mode & FALLOC_FL_KEEP_SIZE == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    open.check_writable()?;
    match open.attributes().kind {
        Kind::Regular => {}
        Kind::Fifo => return Err(Errno::ESPIPE),
        Kind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::ENODEV),
    }
    let end = offset.checked_add(length).filter(|&end| end <= i64::MAX as u64).ok_or(Errno::EFBIG)?;
    if mode & !(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if punches {
        open.file().punch(offset, end)?;
    } else {
        open.file().allocate(offset, end, mode & FALLOC_FL_KEEP_SIZE == 0)?;
    }
    watch::report(&open.entry(), Happening::MODIFY);
    Ok(())
}
