//! `open(2)`, `openat(2)`, `creat(2)`, `openat2(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::OpenFlags;
use crate::filesystem::{self, How, Resolve};
use crate::thread::Thread;
use crate::user::{UserPtr, UserString, copy_in};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct open_how` in its first version.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OpenHow {
    /// `O_*`.
    pub flags: u64,
    /// The mode of a new file.
    pub mode: u64,
    /// `RESOLVE_*`.
    pub resolve: u64,
}

/// `open(2)`.
pub fn open(thread: &Thread, path: UserString, flags: OpenFlags, mode: u16) -> Result<Fd> {
    openat(thread, Fd::WORKING_DIRECTORY, path, flags, mode)
}

/// `creat(2)`.
pub fn creat(thread: &Thread, path: UserString, mode: u16) -> Result<Fd> {
    open(thread, path, OpenFlags::O_CREAT | OpenFlags::O_WRONLY | OpenFlags::O_TRUNC, mode)
}

/// `openat(2)`.
pub fn openat(thread: &Thread, directory: Fd, path: UserString, flags: OpenFlags, mode: u16) -> Result<Fd> {
    let mut how = How::open(flags, mode)?;
    if !flags.contains(OpenFlags::O_PATH) {
        // Set for every 64-bit program; F_GETFL shows it.
        how.flags |= OpenFlags::O_LARGEFILE;
    }
    install(thread, directory, path, how)
}

/// `openat2(2)`: what `openat` drops silently is `EINVAL` here; `E2BIG` for a later version's members.
pub fn openat2(thread: &Thread, directory: Fd, path: UserString, how: UserPtr<OpenHow>, size: usize) -> Result<Fd> {
    let known = size_of::<OpenHow>();
    if size < known {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let OpenHow { flags, mode, resolve } = how.read(thread)?;
    let mut rest = [0; 64];
    let mut at = known;
    while at < size {
        let piece = &mut rest[..(size - at).min(64)];
        copy_in(thread, how.address().wrapping_add(at as u64), piece)?;
        if piece.iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG);
        }
        at += piece.len();
    }
    let flags = u32::try_from(flags).ok().and_then(OpenFlags::from_bits).ok_or(Errno::EINVAL)?;
    let resolve = Resolve::from_bits(resolve).ok_or(Errno::EINVAL)?;
    let makes = flags.intersects(OpenFlags::O_CREAT | (OpenFlags::O_TMPFILE - OpenFlags::O_DIRECTORY));
    if mode & !0o7777 != 0 || mode != 0 && !makes {
        return Err(Errno::EINVAL);
    }
    if resolve.contains(Resolve::BENEATH | Resolve::IN_ROOT) {
        return Err(Errno::EINVAL);
    }
    let plain = How::open(flags, mode as u16)?;
    // Beside O_PATH all but three flags are refused, not dropped.
    if plain.flags != flags {
        return Err(Errno::EINVAL);
    }
    if resolve.contains(Resolve::CACHED)
        && flags.intersects(OpenFlags::O_TRUNC | OpenFlags::O_CREAT | (OpenFlags::O_TMPFILE - OpenFlags::O_DIRECTORY))
    {
        return Err(Errno::EAGAIN);
    }
    install(thread, directory, path, How { resolve, ..plain })
}

fn install(thread: &Thread, directory: Fd, path: UserString, how: How) -> Result<Fd> {
    let path = path.read_path(thread)?;
    let open = filesystem::open(thread, directory, &path, how)?;
    thread.files().install(open, how.flags.contains(OpenFlags::O_CLOEXEC))
}
