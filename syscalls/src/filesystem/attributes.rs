//! What `stat(2)` knows of an inode.

use crate::machine::machine;
use linux_raw_sys::general as raw;

/// The kind of an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    Regular,
    Directory,
    Symlink,
    Character,
    Block,
    Fifo,
    Socket,
    /// An event counter, an epoll instance and their like: of no type.
    Anonymous,
}

impl Kind {
    /// The bits of `st_mode`, `S_IFMT`.
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Regular => raw::S_IFREG,
            Self::Directory => raw::S_IFDIR,
            Self::Symlink => raw::S_IFLNK,
            Self::Character => raw::S_IFCHR,
            Self::Block => raw::S_IFBLK,
            Self::Fifo => raw::S_IFIFO,
            Self::Socket => raw::S_IFSOCK,
            Self::Anonymous => 0,
        }
    }

    /// From `st_mode`; `None` for a value that Linux does not define.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & raw::S_IFMT {
            raw::S_IFREG => Self::Regular,
            raw::S_IFDIR => Self::Directory,
            raw::S_IFLNK => Self::Symlink,
            raw::S_IFCHR => Self::Character,
            raw::S_IFBLK => Self::Block,
            raw::S_IFIFO => Self::Fifo,
            raw::S_IFSOCK => Self::Socket,
            _ => return None,
        })
    }

    /// `d_type` of `getdents64(2)`: `DT_*`, which are the bits of `S_IFMT` moved down.
    pub const fn entry_type(self) -> u8 {
        (self.mode_bits() >> 12) as u8
    }
}

/// A point in time since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds within the second, less than 10⁹.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// The present, by `CLOCK_REALTIME`.
    #[inline]
    pub fn now() -> Self {
        let machine = machine();
        let nanoseconds = machine.monotonic().0.wrapping_add(machine.realtime_offset());
        Self { seconds: (nanoseconds / 1_000_000_000) as i64, nanoseconds: (nanoseconds % 1_000_000_000) as u32 }
    }
}

/// What permission checks look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ownership {
    /// The kind.
    pub kind: Kind,
    /// The lower twelve bits of `st_mode`.
    pub mode: u16,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// All that `stat(2)` reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// The device number of the file system.
    pub device: u64,
    /// The inode's number there.
    pub inode: u64,
    /// The kind.
    pub kind: Kind,
    /// The lower twelve bits of `st_mode`.
    pub mode: u16,
    /// The number of names.
    pub links: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The device that a device node stands for.
    pub special: u64,
    /// Bytes.
    pub size: u64,
    /// Allocated blocks of 512 bytes.
    pub blocks: u64,
    /// The size of transfers that suits the file, in bytes.
    pub block_size: u32,
    /// Last read.
    pub accessed: Timestamp,
    /// Last write.
    pub modified: Timestamp,
    /// Last change of the inode.
    pub changed: Timestamp,
    /// The inode's making; `statx(2)` alone shows it.
    pub created: Timestamp,
}

impl Attributes {
    /// Attributes of an inode without a file system's name: an empty, private one of this kind, made at no time.
    pub const fn nameless(kind: Kind, mode: u16) -> Self {
        const NEVER: Timestamp = Timestamp { seconds: 0, nanoseconds: 0 };
        Self {
            // Linux keeps pipes, sockets and anonymous inodes on internal mounts with small minor numbers.
            device: 0xf,
            inode: 1,
            kind,
            mode,
            links: 1,
            uid: 0,
            gid: 0,
            special: 0,
            size: 0,
            blocks: 0,
            block_size: 4096,
            accessed: NEVER,
            modified: NEVER,
            changed: NEVER,
            created: NEVER,
        }
    }

    /// `st_mode`.
    pub const fn full_mode(&self) -> u32 {
        self.kind.mode_bits() | self.mode as u32
    }
}

/// Attributes to set; `None` leaves one as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// The lower twelve bits of `st_mode`.
    pub mode: Option<u16>,
    /// The owner.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// Last read.
    pub accessed: Option<Timestamp>,
    /// Last write.
    pub modified: Option<Timestamp>,
}
