//! `read(2)`, `write(2)` and their relatives: at an offset, into and out of several buffers.

use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::thread::Thread;
use crate::transfer::{Destination, IoVec, Source};
use crate::user::UserPtr;
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// The flags of `preadv2(2)`, `RWF_*`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct TransferFlags: u32 {
        /// Ahead of others.
        const RWF_HIPRI = raw::RWF_HIPRI;
        /// As with `O_DSYNC`.
        const RWF_DSYNC = raw::RWF_DSYNC;
        /// As with `O_SYNC`.
        const RWF_SYNC = raw::RWF_SYNC;
        /// Never wait.
        const RWF_NOWAIT = raw::RWF_NOWAIT;
        /// As with `O_APPEND`.
        const RWF_APPEND = raw::RWF_APPEND;
        /// As without `O_APPEND` (Linux 6.9).
        const RWF_NOAPPEND = 0x20;
    }
}

impl TransferFlags {
    /// `EOPNOTSUPP` for a flag that is not there, as the man page says.
    fn check(raw: u32) -> Result<Self> {
        Self::from_bits(raw).ok_or(Errno::EOPNOTSUPP)
    }
}

/// `read(2)`.
pub fn read(thread: &Thread, fd: Fd, buffer: Address, count: usize) -> Result<usize> {
    let open = readable(thread, fd)?;
    open.read(&mut Destination::user(thread, buffer.0, count)?)
}

/// `write(2)`.
pub fn write(thread: &Thread, fd: Fd, buffer: Address, count: usize) -> Result<usize> {
    let open = writable(thread, fd)?;
    open.write(&mut Source::user(thread, buffer.0, count)?)
}

/// `readv(2)`.
pub fn readv(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize) -> Result<usize> {
    let open = readable(thread, fd)?;
    open.read(&mut Destination::vectors(thread, vector.address(), count)?)
}

/// `writev(2)`.
pub fn writev(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize) -> Result<usize> {
    let open = writable(thread, fd)?;
    open.write(&mut Source::vectors(thread, vector.address(), count)?)
}

/// `pread(2)`.
pub fn pread64(thread: &Thread, fd: Fd, buffer: Address, count: usize, offset: i64) -> Result<usize> {
    let offset = positive(offset)?;
    let open = thread.files().get(fd)?;
    open.check_seekable()?;
    open.check_readable()?;
    open.read_at(&mut Destination::user(thread, buffer.0, count)?, offset)
}

/// `pwrite(2)`. With `O_APPEND` the offset is not used, as on Linux.
pub fn pwrite64(thread: &Thread, fd: Fd, buffer: Address, count: usize, offset: i64) -> Result<usize> {
    let offset = positive(offset)?;
    let open = thread.files().get(fd)?;
    open.check_seekable()?;
    open.check_writable()?;
    open.write_at(&mut Source::user(thread, buffer.0, count)?, offset)
}

/// `preadv(2)`. A register holds the whole offset, so its upper half is not looked at.
pub fn preadv(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize, low: i64, _: u64) -> Result<usize> {
    read_vectors_at(thread, fd, vector, count, low)
}

/// `pwritev(2)`.
pub fn pwritev(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize, low: i64, _: u64) -> Result<usize> {
    write_vectors_at(thread, fd, vector, count, low)
}

/// `preadv2(2)`: an offset of -1 is the description's own.
pub fn preadv2(
    thread: &Thread,
    fd: Fd,
    vector: UserPtr<IoVec>,
    count: usize,
    low: i64,
    _: u64,
    flags: u32,
) -> Result<usize> {
    let flags = TransferFlags::check(flags)?;
    if flags.contains(TransferFlags::RWF_NOWAIT) && thread.files().get(fd)?.file().queue().is_some() {
        return Err(Errno::EOPNOTSUPP);
    }
    if low == -1 { readv(thread, fd, vector, count) } else { read_vectors_at(thread, fd, vector, count, low) }
}

/// `pwritev2(2)`.
pub fn pwritev2(
    thread: &Thread,
    fd: Fd,
    vector: UserPtr<IoVec>,
    count: usize,
    low: i64,
    _: u64,
    flags: u32,
) -> Result<usize> {
    let flags = TransferFlags::check(flags)?;
    if flags.contains(TransferFlags::RWF_APPEND | TransferFlags::RWF_NOAPPEND) {
        return Err(Errno::EINVAL);
    }
    let open = writable(thread, fd)?;
    if flags.contains(TransferFlags::RWF_NOWAIT) && open.file().queue().is_some() {
        return Err(Errno::EOPNOTSUPP);
    }
    let offset = match low {
        -1 => None,
        low => {
            let offset = positive(low)?;
            open.check_seekable()?;
            Some(offset)
        }
    };
    let from = &mut Source::vectors(thread, vector.address(), count)?;
    let appends = open.appends() && !flags.contains(TransferFlags::RWF_NOAPPEND);
    if appends || flags.contains(TransferFlags::RWF_APPEND) {
        return open.append(from, offset.is_none());
    }
    match offset {
        Some(offset) => open.write_there(from, offset),
        None => open.write_here(from),
    }
}

fn read_vectors_at(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize, offset: i64) -> Result<usize> {
    let offset = positive(offset)?;
    let open = thread.files().get(fd)?;
    open.check_seekable()?;
    open.check_readable()?;
    open.read_at(&mut Destination::vectors(thread, vector.address(), count)?, offset)
}

fn write_vectors_at(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize, offset: i64) -> Result<usize> {
    let offset = positive(offset)?;
    let open = thread.files().get(fd)?;
    open.check_seekable()?;
    open.check_writable()?;
    open.write_at(&mut Source::vectors(thread, vector.address(), count)?, offset)
}

#[inline]
fn readable(thread: &Thread, fd: Fd) -> Result<Arc<OpenFile>> {
    let open = thread.files().get(fd)?;
    open.check_readable()?;
    Ok(open)
}

#[inline]
fn writable(thread: &Thread, fd: Fd) -> Result<Arc<OpenFile>> {
    let open = thread.files().get(fd)?;
    open.check_writable()?;
    Ok(open)
}

fn positive(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| Errno::EINVAL)
}
