//! `flock(2)`, and the locks of `fcntl(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::file::lock::{Owner, Range, find_conflict, lock, lock_whole, unlock, unlock_whole};
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general as raw;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct flock`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct LockDescription {
    kind: i16,
    whence: i16,
    padding: u32,
    start: i64,
    length: i64,
    process: i32,
    padding_behind: u32,
}

/// `flock(2)`.
pub fn flock(thread: &Thread, fd: Fd, operation: u32) -> Result<()> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    let wait = operation & raw::LOCK_NB == 0;
    match operation & !raw::LOCK_NB {
        raw::LOCK_SH => lock_whole(&open, false, wait),
        raw::LOCK_EX => lock_whole(&open, true, wait),
        raw::LOCK_UN => {
            unlock_whole(&open);
            Ok(())
        }
        _ => Err(Errno::EINVAL),
    }
}

/// The lock commands of `fcntl(2)`: a process's, or with `F_OFD_*` the description's.
pub(super) fn control(thread: &Thread, open: &OpenFile, command: u32, argument: u64) -> Result<i64> {
    let by_description = matches!(command, raw::F_OFD_GETLK | raw::F_OFD_SETLK | raw::F_OFD_SETLKW);
    let pointer = UserPtr::<LockDescription>::new(argument);
    let mut asked = pointer.read(thread)?;
    if by_description && asked.process != 0 {
        return Err(Errno::EINVAL);
    }
    let owner = if by_description { Owner::description(open) } else { Owner::table(thread.files()) };
    let (start, end) = extent(open, &asked)?;
    let kind = u32::try_from(asked.kind).map_err(|_| Errno::EINVAL)?;
    let exclusive = match kind {
        raw::F_RDLCK | raw::F_UNLCK => false,
        raw::F_WRLCK => true,
        _ => return Err(Errno::EINVAL),
    };
    let wanted = Range { owner, process: thread.process.id, exclusive, start, end };
    match command {
        raw::F_GETLK | raw::F_OFD_GETLK => {
            if kind == raw::F_UNLCK {
                return Err(Errno::EINVAL);
            }
            match find_conflict(open, &wanted) {
                None => asked.kind = raw::F_UNLCK as i16,
                Some(held) => {
                    asked.kind = if held.exclusive { raw::F_WRLCK } else { raw::F_RDLCK } as i16;
                    asked.whence = raw::SEEK_SET as i16;
                    asked.start = held.start as i64;
                    asked.length = if held.end == Range::END { 0 } else { (held.end - held.start) as i64 };
                    asked.process = if matches!(held.owner, Owner::Table(_)) { held.process } else { -1 };
                }
            }
            pointer.write(thread, &asked)?;
        }
        raw::F_SETLK | raw::F_SETLKW | raw::F_OFD_SETLK | raw::F_OFD_SETLKW => match kind {
            raw::F_UNLCK => unlock(open, &wanted),
            _ => {
                if exclusive {
                    open.check_writable()?;
                } else {
                    open.check_readable()?;
                }
                lock(open, &wanted, matches!(command, raw::F_SETLKW | raw::F_OFD_SETLKW))?;
            }
        },
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// First byte and the one behind the last. A length of 0 reaches to the end of time, a negative one backward.
fn extent(open: &OpenFile, asked: &LockDescription) -> Result<(u64, u64)> {
    let base = match u32::try_from(asked.whence).map_err(|_| Errno::EINVAL)? {
        raw::SEEK_SET => 0,
        raw::SEEK_CUR => open.position() as i64,
        raw::SEEK_END => open.attributes().size as i64,
        _ => return Err(Errno::EINVAL),
    };
    let start = base.checked_add(asked.start).ok_or(Errno::EOVERFLOW)?;
    let end = start.checked_add(asked.length).ok_or(Errno::EOVERFLOW)?;
    let (first, behind) = if asked.length < 0 { (end, start) } else { (start, end) };
    let first = u64::try_from(first).map_err(|_| Errno::EINVAL)?;
    let behind = if asked.length == 0 { Range::END } else { behind as u64 };
    Ok((first, behind))
}
