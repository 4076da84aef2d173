//! Files that QEMU inherits instead of names, so that no name with a blank or comma ever has to be quoted for it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A new file that lives in memory only.
pub(crate) fn create() -> io::Result<File> {
    Ok(File::from(memfd_create(c"birgus", MFdFlags::MFD_CLOEXEC)?))
}

/// A file in memory with this content.
pub(crate) fn holding(content: &[u8]) -> io::Result<File> {
    let mut file = create()?;
    file.write_all(content)?;
    Ok(file)
}

/// A file in memory with what `source` has to give.
pub(crate) fn copy_of(mut source: impl Read) -> io::Result<File> {
    let mut file = create()?;
    io::copy(&mut source, &mut file)?;
    Ok(file)
}

/// A file that the next process to be started gets at the same number.
#[derive(Debug)]
pub(crate) struct Inherited(OwnedFd);

impl Inherited {
    pub(crate) fn new(file: impl Into<OwnedFd>) -> io::Result<Self> {
        let file = file.into();
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(Self(file))
    }

    pub(crate) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// The name under which the other process can open it anew.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.number()).into()
    }
}
