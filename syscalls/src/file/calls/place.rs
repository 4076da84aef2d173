//! Where paths begin: `chdir(2)`, `chroot(2)`, `getcwd(2)`; and `umask(2)`.

use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::{Entry, Kind, Permission, check, reach};
use crate::thread::Thread;
use crate::user::{UserString, copy_out};
use alloc::sync::Arc;
use linux_raw_sys::general::CAP_SYS_CHROOT;

/// `chdir(2)`.
pub fn chdir(thread: &Thread, path: UserString) -> Result<()> {
    let directory = reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())?;
    may_stand(thread, &directory)?;
    thread.process.context.set_working_directory(directory);
    Ok(())
}

/// `fchdir(2)`.
pub fn fchdir(thread: &Thread, fd: Fd) -> Result<()> {
    let directory = thread.files().get(fd)?.entry();
    may_stand(thread, &directory)?;
    thread.process.context.set_working_directory(directory);
    Ok(())
}

/// `chroot(2)`.
pub fn chroot(thread: &Thread, path: UserString) -> Result<()> {
    let directory = reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())?;
    may_stand(thread, &directory)?;
    if !thread.process.credentials().has(CAP_SYS_CHROOT) {
        return Err(Errno::EPERM);
    }
    thread.process.context.set_root(directory);
    Ok(())
}

fn may_stand(thread: &Thread, directory: &Arc<Entry>) -> Result<()> {
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    check(&thread.process.credentials(), directory.inode().ownership(), Permission::EXECUTE)
}

/// `getcwd(2)`: gives the length with the zero at the end. A directory outside of the root is `(unreachable)`.
pub fn getcwd(thread: &Thread, buffer: Address, size: usize) -> Result<usize> {
    let context = &thread.process.context;
    let directory = context.working_directory();
    if directory.is_removed() {
        return Err(Errno::ENOENT);
    }
    let mut path = match directory.path_below(Some(&context.root())) {
        Some(path) => path,
        None => [b"(unreachable)".to_vec(), directory.path_below(None).unwrap_or_default()].concat(),
    };
    path.push(0);
    if path.len() > size {
        return Err(Errno::ERANGE);
    }
    copy_out(thread, buffer.0, &path)?;
    Ok(path.len())
}

/// `umask(2)`.
pub fn umask(thread: &Thread, mask: u32) -> Result<u32> {
    Ok(thread.process.context.set_umask(mask))
}
