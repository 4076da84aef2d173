//! `setxattr(2)`, `getxattr(2)`, `listxattr(2)`, `removexattr(2)`: each by path, by path without following a link at
//! its end, and by descriptor.

use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::extended::{self, Presence};
use crate::filesystem::{Entry, reach};
use crate::thread::Thread;
use crate::user::{UserString, copy_in, copy_out};
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general::{XATTR_CREATE, XATTR_LIST_MAX, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX};

fn followed(thread: &Thread, path: UserString) -> Result<Arc<Entry>> {
    reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())
}

fn unfollowed(thread: &Thread, path: UserString) -> Result<Arc<Entry>> {
    reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn opened(thread: &Thread, fd: Fd) -> Result<Arc<Entry>> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    Ok(open.entry())
}

/// `ERANGE` for no name and for one that is too long.
fn read_name(thread: &Thread, name: UserString) -> Result<Vec<u8>> {
    let name = name.read(thread, XATTR_NAME_MAX as usize + 1, Errno::ERANGE)?;
    if name.is_empty() { Err(Errno::ERANGE) } else { Ok(name) }
}

/// A value to be set: its name, bytes, and whether it may be there.
struct Setting {
    name: Vec<u8>,
    value: Vec<u8>,
    presence: Presence,
}

impl Setting {
    /// `EINVAL`, `ERANGE`, `E2BIG`, `EFAULT`, `ENOMEM`.
    fn read(thread: &Thread, name: UserString, value: Address, size: usize, flags: i32) -> Result<Self> {
        let presence = match flags as u32 {
            0 => Presence::Any,
            XATTR_CREATE => Presence::Absent,
            XATTR_REPLACE => Presence::Present,
            // Both at once can never hold, which Linux finds out by looking.
            both if both == XATTR_CREATE | XATTR_REPLACE => Presence::Absent,
            _ => return Err(Errno::EINVAL),
        };
        let name = read_name(thread, name)?;
        if size > XATTR_SIZE_MAX as usize {
            return Err(Errno::E2BIG);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        bytes.resize(size, 0);
        copy_in(thread, value.0, &mut bytes)?;
        Ok(Self { name, value: bytes, presence })
    }

    fn apply(&self, thread: &Thread, entry: &Arc<Entry>) -> Result<()> {
        extended::set(&thread.process.credentials(), entry, &self.name, &self.value, self.presence)
    }
}

/// `setxattr(2)`.
pub fn setxattr(
    thread: &Thread,
    path: UserString,
    name: UserString,
    value: Address,
    size: usize,
    flags: i32,
) -> Result<()> {
    Setting::read(thread, name, value, size, flags)?.apply(thread, &followed(thread, path)?)
}

/// `lsetxattr(2)`.
pub fn lsetxattr(
    thread: &Thread,
    path: UserString,
    name: UserString,
    value: Address,
    size: usize,
    flags: i32,
) -> Result<()> {
    Setting::read(thread, name, value, size, flags)?.apply(thread, &unfollowed(thread, path)?)
}

/// `fsetxattr(2)`.
pub fn fsetxattr(thread: &Thread, fd: Fd, name: UserString, value: Address, size: usize, flags: i32) -> Result<()> {
    let entry = opened(thread, fd)?;
    Setting::read(thread, name, value, size, flags)?.apply(thread, &entry)
}

/// Hands over bytes; a buffer of no bytes asks for their number. `ERANGE`, `EFAULT`.
fn give(thread: &Thread, bytes: &[u8], buffer: Address, size: usize) -> Result<usize> {
    if size != 0 {
        if bytes.len() > size {
            return Err(Errno::ERANGE);
        }
        copy_out(thread, buffer.0, bytes)?;
    }
    Ok(bytes.len())
}

fn get(thread: &Thread, entry: &Entry, name: UserString, value: Address, size: usize) -> Result<usize> {
    let name = read_name(thread, name)?;
    let found = extended::get(&thread.process.credentials(), entry, &name)?;
    give(thread, &found, value, size.min(XATTR_SIZE_MAX as usize))
}

/// `getxattr(2)`.
pub fn getxattr(thread: &Thread, path: UserString, name: UserString, value: Address, size: usize) -> Result<usize> {
    get(thread, &*followed(thread, path)?, name, value, size)
}

/// `lgetxattr(2)`.
pub fn lgetxattr(thread: &Thread, path: UserString, name: UserString, value: Address, size: usize) -> Result<usize> {
    get(thread, &*unfollowed(thread, path)?, name, value, size)
}

/// `fgetxattr(2)`.
pub fn fgetxattr(thread: &Thread, fd: Fd, name: UserString, value: Address, size: usize) -> Result<usize> {
    get(thread, &*opened(thread, fd)?, name, value, size)
}

fn list(thread: &Thread, entry: &Entry, buffer: Address, size: usize) -> Result<usize> {
    let names = extended::list(&thread.process.credentials(), entry)?;
    give(thread, &names, buffer, size.min(XATTR_LIST_MAX as usize))
}

/// `listxattr(2)`.
pub fn listxattr(thread: &Thread, path: UserString, buffer: Address, size: usize) -> Result<usize> {
    list(thread, &*followed(thread, path)?, buffer, size)
}

/// `llistxattr(2)`.
pub fn llistxattr(thread: &Thread, path: UserString, buffer: Address, size: usize) -> Result<usize> {
    list(thread, &*unfollowed(thread, path)?, buffer, size)
}

/// `flistxattr(2)`.
pub fn flistxattr(thread: &Thread, fd: Fd, buffer: Address, size: usize) -> Result<usize> {
    list(thread, &*opened(thread, fd)?, buffer, size)
}

fn remove(thread: &Thread, entry: &Arc<Entry>, name: UserString) -> Result<()> {
    let name = read_name(thread, name)?;
    extended::remove(&thread.process.credentials(), entry, &name)
}

/// `removexattr(2)`.
pub fn removexattr(thread: &Thread, path: UserString, name: UserString) -> Result<()> {
    remove(thread, &followed(thread, path)?, name)
}

/// `lremovexattr(2)`.
pub fn lremovexattr(thread: &Thread, path: UserString, name: UserString) -> Result<()> {
    remove(thread, &unfollowed(thread, path)?, name)
}

/// `fremovexattr(2)`.
pub fn fremovexattr(thread: &Thread, fd: Fd, name: UserString) -> Result<()> {
    remove(thread, &opened(thread, fd)?, name)
}
