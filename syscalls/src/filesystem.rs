//! File systems: names, inodes, path walks, and the ones that live in memory.
//!
//! A name is an [`Entry`]: it knows its parent and its [`Inode`], so `..`, `getcwd(2)` and `/proc/self/fd` need no
//! search. The tree of entries is the mount namespace: a mounted root stands in the place of the entry it covers.

pub mod archive;
mod attributes;
pub mod devfs;
pub mod device;
mod entry;
pub mod extended;
pub mod generated;
mod mounts;
mod opening;
mod permission;
pub mod procfs;
mod reaching;
pub mod sysfs;
pub mod tmpfs;
mod walk;
pub mod watch;
mod writers;

pub use attributes::{Attributes, Change, Kind, Ownership, Timestamp};
pub use entry::Entry;
pub use mounts::{Mount, MountFlags, Namespace, namespace};
pub use opening::{How, make, open, open_entry};
pub use permission::{Permission, check};
pub(crate) use permission::{check_sticky, owns};
pub use reaching::{is_empty, itself, reach, reach_path};
pub use walk::{Final, Last, Resolve, Step, Walk};
pub use writers::{Running, Writers, Writing};

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::file::OpenFlags;
use alloc::sync::Arc;
use core::any::Any;

/// The types of file systems that there are.
pub const FILE_SYSTEMS: [&str; 8] = ["sysfs", "tmpfs", "proc", "devtmpfs", "sockfs", "pipefs", "ramfs", "devpts"];

/// The longest name of one entry in bytes, `NAME_MAX`.
pub const NAME_MAX: usize = 255;

/// What `statfs(2)` reports of a file system. Sizes are in blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// `f_type`, the magic number of `<linux/magic.h>`.
    pub magic: u64,
    /// Bytes in a block.
    pub block_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// All inodes.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
}

/// A file system that can be mounted.
pub trait FileSystem: Send + Sync {
    /// Its type, as `/proc/mounts` names it.
    fn name(&self) -> &'static str;
    /// The device number that `st_dev` shows.
    fn device(&self) -> u64;
    /// What `statfs(2)` says.
    fn statistics(&self) -> Statistics;
}

/// What a new inode shall be.
#[derive(Clone, Copy, Debug)]
pub enum Make<'a> {
    /// An empty regular file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link with this target.
    Symlink(&'a [u8]),
    /// A device, fifo or socket.
    Special(Kind, u64),
}

impl Make<'_> {
    /// The kind of the new inode.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Regular => Kind::Regular,
            Self::Directory => Kind::Directory,
            Self::Symlink(_) => Kind::Symlink,
            Self::Special(kind, _) => *kind,
        }
    }
}

/// What a symbolic link leads to.
pub enum Link {
    /// A path to go on with.
    Path(Arc<[u8]>),
    /// The object itself, whatever its name: the "magic links" of `/proc/PID`.
    Object(Arc<Entry>),
}

/// One line of a directory's listing.
pub struct Item<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The inode's number.
    pub inode: u64,
    /// The inode's kind.
    pub kind: Kind,
    /// The position from which a listing goes on behind this item.
    pub next: u64,
}

/// A file, directory, link or device, whatever its names. Default bodies answer for an inode that has no such
/// operation. The caller has checked permissions, kinds and mount points; an inode checks what can change in between.
///
/// `directory` is the entry through which this inode, a directory, was reached; new entries get it as their parent.
pub trait Inode: Any + Send + Sync {
    /// What it is; never changes.
    fn kind(&self) -> Kind;

    /// All that `stat(2)` reports.
    fn attributes(&self) -> Attributes;

    /// The part of the attributes that permission checks need.
    fn ownership(&self) -> Ownership {
        let Attributes { kind, mode, uid, gid, .. } = self.attributes();
        Ownership { kind, mode, uid, gid }
    }

    /// The file system it lives on.
    fn filesystem(&self) -> Arc<dyn FileSystem>;

    /// Its extended attributes; `None` where the file system has none.
    fn extended(&self) -> Option<&extended::ExtendedAttributes> {
        None
    }

    /// Changes attributes; sets the time of change. `EPERM`.
    fn change(&self, change: &Change) -> Result<()> {
        let _ = change;
        Err(Errno::EPERM)
    }

    /// What stands behind a new description of it. `ENXIO`, `EACCES`.
    fn open(self: Arc<Self>, entry: &Arc<Entry>, flags: OpenFlags) -> Result<Arc<dyn File>>;

    /// Who writes to it or runs it, if it matters.
    fn writers(&self) -> Option<&Writers> {
        None
    }

    /// Sets a regular file's size. `EINVAL`, `EFBIG`, `ENOSPC`.
    fn resize(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// The entry of a name. `ENOENT`, `ENOTDIR`.
    fn lookup(&self, directory: &Arc<Entry>, name: &[u8]) -> Result<Arc<Entry>> {
        let _ = (directory, name);
        Err(Errno::ENOTDIR)
    }

    /// Calls `each` with items from `position` on until it answers `false`. `.` and `..` are the caller's.
    /// Positions are the directory's own; 0 is the first, none is above `i64::MAX`. `ENOTDIR`.
    fn list(&self, position: u64, each: &mut dyn FnMut(Item<'_>) -> bool) -> Result<()> {
        let _ = (position, each);
        Err(Errno::ENOTDIR)
    }

    /// Makes a new inode under a name. `EEXIST`, `ENOENT` (the directory is gone), `ENOSPC`, `EPERM`.
    fn make(
        &self,
        directory: &Arc<Entry>,
        name: &[u8],
        what: Make<'_>,
        ownership: (u16, u32, u32),
    ) -> Result<Arc<Entry>> {
        let _ = (directory, name, what, ownership);
        Err(Errno::EPERM)
    }

    /// Makes a regular file without a name (`O_TMPFILE`); with `linkable` it may get one later. `EOPNOTSUPP`.
    fn make_nameless(&self, directory: &Arc<Entry>, ownership: (u16, u32, u32), linkable: bool) -> Result<Arc<Entry>> {
        let _ = (directory, ownership, linkable);
        Err(Errno::EOPNOTSUPP)
    }

    /// Gives the inode of `target`, on the same file system, one more name here. `EEXIST`, `EMLINK`, `EPERM`.
    fn link(&self, directory: &Arc<Entry>, name: &[u8], target: &Arc<Entry>) -> Result<()> {
        let _ = (directory, name, target);
        Err(Errno::EPERM)
    }

    /// Takes an entry off this directory: a directory, which must be empty, or anything else.
    /// `ENOENT`, `ENOTEMPTY`, `EPERM`.
    fn remove(&self, entry: &Arc<Entry>) -> Result<()> {
        let _ = entry;
        Err(Errno::EPERM)
    }

    /// Moves an entry of this directory to a name in another on the same file system; what has that name
    /// (`replaced`) goes, or takes this entry's place with `exchange`. `ENOENT`, `EEXIST`, `ENOTEMPTY`, `EPERM`.
    fn rename(
        &self,
        entry: &Arc<Entry>,
        to_directory: &Arc<Entry>,
        to_name: &[u8],
        replaced: Option<&Arc<Entry>>,
        exchange: bool,
    ) -> Result<()> {
        let _ = (entry, to_directory, to_name, replaced, exchange);
        Err(Errno::EPERM)
    }

    /// Where a symbolic link leads. `EINVAL`.
    fn follow(&self) -> Result<Link> {
        Err(Errno::EINVAL)
    }

    /// What `readlink(2)` gives of a symbolic link. `EINVAL`.
    fn link_text(&self) -> Result<Arc<[u8]>> {
        match self.follow()? {
            Link::Path(path) => Ok(path),
            Link::Object(entry) => Ok(entry.path(None).into()),
        }
    }
}

/// A device number from its two halves, in the form that `st_rdev` and `mknod(2)` use.
pub const fn device_number(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}

/// The halves of a device number: major, minor.
pub const fn device_halves(device: u64) -> (u32, u32) {
    let major = (device >> 8 & 0xfff) | (device >> 32 & !0xfff);
    let minor = (device & 0xff) | (device >> 12 & !0xff);
    (major as u32, minor as u32)
}
