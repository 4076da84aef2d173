//! The flags of `open(2)`.

use super::StatusFlags;
use crate::errno::{Errno, Result};
use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// The flags of `open(2)`; the access mode is a number of two bits among them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct OpenFlags: u32 {
        /// Write only.
        const O_WRONLY = raw::O_WRONLY;
        /// Read and write.
        const O_RDWR = raw::O_RDWR;
        /// Make the file when it is not there.
        const O_CREAT = raw::O_CREAT;
        /// Fail when it is there.
        const O_EXCL = raw::O_EXCL;
        /// Do not make a terminal the controlling one.
        const O_NOCTTY = raw::O_NOCTTY;
        /// Cut a regular file to nothing.
        const O_TRUNC = raw::O_TRUNC;
        /// Write at the end.
        const O_APPEND = raw::O_APPEND;
        /// Never wait.
        const O_NONBLOCK = raw::O_NONBLOCK;
        /// Each write is stored as `fsync(2)` does.
        const O_SYNC = raw::O_SYNC;
        /// Each write is stored as `fdatasync(2)` does.
        const O_DSYNC = raw::O_DSYNC;
        /// Send `SIGIO`.
        const FASYNC = raw::FASYNC;
        /// Past the cache.
        const O_DIRECT = raw::O_DIRECT;
        /// Says nothing on this architecture.
        const O_LARGEFILE = raw::O_LARGEFILE;
        /// An empty file without a name in this directory.
        const O_TMPFILE = raw::O_TMPFILE;
        /// Only a directory.
        const O_DIRECTORY = raw::O_DIRECTORY;
        /// No symbolic link at the end of the path.
        const O_NOFOLLOW = raw::O_NOFOLLOW;
        /// Reading does not set the time of access.
        const O_NOATIME = raw::O_NOATIME;
        /// Close on `execve(2)`.
        const O_CLOEXEC = raw::O_CLOEXEC;
        /// Only the place in the tree.
        const O_PATH = raw::O_PATH;
    }
}

crate::flag_argument!(OpenFlags, lenient);

impl OpenFlags {
    /// Whether the access mode lets a program read.
    pub const fn reads(self) -> bool {
        // Mode 3 asks for both permissions and then gives neither.
        self.bits() & raw::O_ACCMODE != raw::O_WRONLY
    }

    /// Whether the access mode lets a program write.
    pub const fn writes(self) -> bool {
        self.bits() & raw::O_ACCMODE != raw::O_RDONLY
    }

    /// What stays with the description.
    pub const fn status(self) -> StatusFlags {
        let passing = raw::O_CREAT | raw::O_EXCL | raw::O_NOCTTY | raw::O_TRUNC | raw::O_CLOEXEC;
        StatusFlags::from_bits_retain(self.bits() & !passing)
    }
}

bitflags::bitflags! {
    /// The flags of the calls whose names end in `at`; each call takes some of them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct AtFlags: u32 {
        /// A symbolic link at the end is not followed.
        const AT_SYMLINK_NOFOLLOW = raw::AT_SYMLINK_NOFOLLOW;
        /// `unlinkat`: a directory. The same bit is `faccessat2`'s `AT_EACCESS`.
        const AT_REMOVEDIR = raw::AT_REMOVEDIR;
        /// A symbolic link at the end is followed.
        const AT_SYMLINK_FOLLOW = raw::AT_SYMLINK_FOLLOW;
        /// Nothing is mounted on the way.
        const AT_NO_AUTOMOUNT = raw::AT_NO_AUTOMOUNT;
        /// An empty path is the descriptor itself.
        const AT_EMPTY_PATH = raw::AT_EMPTY_PATH;
        /// `statx`: what the server says.
        const AT_STATX_FORCE_SYNC = raw::AT_STATX_FORCE_SYNC;
        /// `statx`: what is known here.
        const AT_STATX_DONT_SYNC = raw::AT_STATX_DONT_SYNC;
    }
}

crate::flag_argument!(AtFlags, strict);

impl AtFlags {
    /// `faccessat2`: for the effective user, not the real one.
    pub const AT_EACCESS: Self = Self::AT_REMOVEDIR;

    /// `EINVAL` for a flag that this call does not take.
    pub fn only(self, allowed: Self) -> Result<Self> {
        if allowed.contains(self) { Ok(self) } else { Err(Errno::EINVAL) }
    }

    /// Whether a symbolic link at the end is followed by a call that does so unless told otherwise.
    pub const fn follows(self) -> bool {
        !self.contains(Self::AT_SYMLINK_NOFOLLOW)
    }
}
