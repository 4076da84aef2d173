//! From the arguments of a call to an entry.

use super::{Entry, Walk};
use crate::argument::Fd;
use crate::errno::Result;
use crate::file::AtFlags;
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use alloc::sync::Arc;

/// The entry that a directory and a path name; with `AT_EMPTY_PATH` an empty path, or none, is the directory itself,
/// which may be any file. The errors of [`Walk::entry`], `EBADF`, `EFAULT`.
pub fn reach(thread: &Thread, directory: Fd, path: UserString, flags: AtFlags) -> Result<Arc<Entry>> {
    if flags.contains(AtFlags::AT_EMPTY_PATH) && is_empty(thread, path)? {
        return itself(thread, directory);
    }
    let path = path.read_path(thread)?;
    reach_path(thread, directory, &path, flags.follows())
}

/// The entry at the end of a path. The errors of [`Walk::entry`], `EBADF`.
pub fn reach_path(thread: &Thread, directory: Fd, path: &[u8], follow: bool) -> Result<Arc<Entry>> {
    Walk::new(thread, directory, path)?.entry(path, follow)
}

/// What a descriptor, or `AT_FDCWD`, stands for. `EBADF`.
pub fn itself(thread: &Thread, directory: Fd) -> Result<Arc<Entry>> {
    if directory == Fd::WORKING_DIRECTORY {
        return Ok(thread.process.context.working_directory());
    }
    Ok(thread.files().get(directory)?.entry())
}

/// Whether there is no path: the null pointer, or an empty string. `EFAULT`.
pub fn is_empty(thread: &Thread, path: UserString) -> Result<bool> {
    Ok(path.is_null() || UserPtr::<u8>::new(path.0).read(thread)? == 0)
}
