//! Who may do what to an inode: `path_resolution(7)`, `capabilities(7)`.

use super::{Kind, Ownership};
use crate::errno::{Errno, Result};
use crate::process::Credentials;
use linux_raw_sys::general::{CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER};

bitflags::bitflags! {
    /// What someone wants to do; the bits are those of one digit of a mode.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Permission: u16 {
        /// Run it, or search the directory.
        const EXECUTE = 1;
        /// Write it, or make and remove entries.
        const WRITE = 2;
        /// Read or list it.
        const READ = 4;
    }
}

/// `EACCES` unless `who` may do all that is `wanted`.
pub fn check(who: &Credentials, inode: Ownership, wanted: Permission) -> Result<()> {
    let granted = if who.file_uid() == inode.uid {
        inode.mode >> 6
    } else if who.is_in_group(inode.gid) {
        inode.mode >> 3
    } else {
        inode.mode
    };
    if wanted.bits() & !granted & 7 == 0 {
        return Ok(());
    }
    // A capability lets nobody run a file that no one may run.
    let is_directory = inode.kind == Kind::Directory;
    let runs = wanted.contains(Permission::EXECUTE) && !is_directory;
    if who.has(CAP_DAC_OVERRIDE) && (!runs || inode.mode & 0o111 != 0) {
        return Ok(());
    }
    let only_looks = wanted == Permission::READ || is_directory && !wanted.contains(Permission::WRITE);
    if who.has(CAP_DAC_READ_SEARCH) && only_looks {
        return Ok(());
    }
    Err(Errno::EACCES)
}

/// Whether `who` counts as the owner of an inode.
pub(crate) fn owns(who: &Credentials, inode: Ownership) -> bool {
    who.file_uid() == inode.uid || who.has(CAP_FOWNER)
}

/// `EPERM` when the directory's sticky bit keeps `who` from removing or renaming the entry.
pub(crate) fn check_sticky(who: &Credentials, directory: Ownership, entry: Ownership) -> Result<()> {
    let sticky = directory.mode & 0o1000 != 0;
    if sticky && who.file_uid() != entry.uid && who.file_uid() != directory.uid && !who.has(CAP_FOWNER) {
        return Err(Errno::EPERM);
    }
    Ok(())
}
