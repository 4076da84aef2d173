//! An area: a run of pages that are mapped alike, Linux's VMA.

use crate::file::Pages;
use crate::filesystem::Entry;
use crate::frame::PAGE;
use crate::machine::Access;
use alloc::sync::Arc;
use alloc::vec::Vec;

bitflags::bitflags! {
    /// `PROT_READ`, `PROT_WRITE`, `PROT_EXEC`: what the program asked for, as `/proc/self/maps` shows it.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Protection: u32 {
        /// Reading.
        const READ = 1;
        /// Writing.
        const WRITE = 2;
        /// Running.
        const EXECUTE = 4;
    }
}

impl Protection {
    /// What the hardware grants: any access at all includes reading.
    pub const fn access(self) -> Access {
        Access { read: !self.is_empty(), write: self.contains(Self::WRITE), execute: self.contains(Self::EXECUTE) }
    }
}

bitflags::bitflags! {
    /// What else holds for an area.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct AreaFlags: u32 {
        /// `MAP_SHARED`: writes reach the file.
        const SHARED = 1 << 0;
        /// A shared mapping of a file that is not open for writing, or the vDSO's data: `PROT_WRITE` is refused.
        const NEVER_WRITABLE = 1 << 1;
        /// `MAP_GROWSDOWN`: a fault below extends it.
        const GROWS_DOWN = 1 << 2;
        /// `mlock(2)`.
        const LOCKED = 1 << 3;
        /// `MLOCK_ONFAULT`: locked pages come in when they are touched.
        const LOCKED_ON_FAULT = 1 << 4;
        /// `MAP_NORESERVE`.
        const NO_RESERVE = 1 << 5;
        /// `MADV_DONTFORK`.
        const DONT_FORK = 1 << 6;
        /// `MADV_DONTDUMP`.
        const DONT_DUMP = 1 << 7;
        /// `MADV_WIPEONFORK`.
        const WIPE_ON_FORK = 1 << 8;
        /// `MADV_HUGEPAGE`.
        const HUGE_PAGE = 1 << 9;
        /// `MADV_NOHUGEPAGE`.
        const NO_HUGE_PAGE = 1 << 10;
        /// `MADV_RANDOM`.
        const RANDOM = 1 << 11;
        /// `MADV_SEQUENTIAL`.
        const SEQUENTIAL = 1 << 12;
        /// `mremap(2)` may not make it longer: the vDSO.
        const FIXED_SIZE = 1 << 13;
        /// It went through a fork: frames may belong to another address space, too. Of no meaning to a program.
        const FORKED = 1 << 14;
        /// Pages of the kernel's own for the program's rewritten calls.
        const TRAMPOLINES = 1 << 15;
    }
}

/// What `/proc/self/maps` calls a file.
pub enum MappedName {
    /// Always this.
    Fixed(Vec<u8>),
    /// The path at the time of asking: the file may be renamed or removed.
    Path(Arc<Entry>),
}

impl MappedName {
    /// The name at this time.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Fixed(name) => name.clone(),
            Self::Path(entry) => entry.path(None),
        }
    }
}

/// A file as a mapping knows it.
pub struct MappedFile {
    /// Where its pages come from.
    pub pages: Arc<dyn Pages>,
    /// What `/proc/self/maps` calls it.
    pub name: MappedName,
    /// The device number of its file system.
    pub device: u64,
    /// Its inode number.
    pub inode: u64,
}

/// Where the content of an area's pages comes from at first.
#[derive(Clone)]
pub enum Backing {
    /// Zeros.
    Anonymous,
    /// A file.
    File {
        /// Which.
        file: Arc<MappedFile>,
        /// The file's page at the area's start.
        index: u64,
    },
}

/// A run of pages that are mapped alike. Where it starts is its key in `Areas`.
#[derive(Clone)]
pub struct Area {
    /// The address behind its last byte.
    pub end: u64,
    /// What the program asked for.
    pub protection: Protection,
    /// What else holds.
    pub flags: AreaFlags,
    /// The pages' origin.
    pub backing: Backing,
}

impl Area {
    /// Whether writes reach others: shared, and of a file that may be written.
    pub const fn is_shared(&self) -> bool {
        self.flags.contains(AreaFlags::SHARED)
    }

    /// Whether it has no file and is private.
    pub const fn is_anonymous(&self) -> bool {
        matches!(self.backing, Backing::Anonymous)
    }

    /// Whether `RLIMIT_DATA` counts it: private and writable, no stack.
    pub fn is_data(&self) -> bool {
        is_data(self.protection, self.flags)
    }

    /// Whether a page of it may be somebody else's as well, so that only a fault can tell whether it may be written.
    /// A private anonymous page is nobody else's until a fork; a shared one is written in place.
    pub const fn has_foreign_frames(&self) -> bool {
        !self.is_shared() && (!self.is_anonymous() || self.flags.contains(AreaFlags::FORKED))
    }

    /// The part from `at` on, which is within; this one keeps the part before.
    pub(super) fn split_off(&mut self, start: u64, at: u64) -> Self {
        debug_assert!(start < at && at < self.end);
        let mut upper = self.clone();
        if let Backing::File { index, .. } = &mut upper.backing {
            *index += (at - start) / PAGE;
        }
        self.end = at;
        upper
    }

    /// Whether `next`, which begins at this one's end, goes on as this one does.
    pub(super) fn continues_as(&self, start: u64, next: &Self) -> bool {
        let alike = self.protection == next.protection
            && self.flags.difference(AreaFlags::FORKED) == next.flags.difference(AreaFlags::FORKED);
        alike
            && match (&self.backing, &next.backing) {
                (Backing::Anonymous, Backing::Anonymous) => true,
                (Backing::File { file, index }, Backing::File { file: other, index: next_index }) => {
                    is_same_file(file, other) && index + (self.end - start) / PAGE == *next_index
                }
                _ => false,
            }
    }
}

/// Whether `RLIMIT_DATA` counts pages that are mapped like this.
pub(super) fn is_data(protection: Protection, flags: AreaFlags) -> bool {
    protection.contains(Protection::WRITE) && !flags.intersects(AreaFlags::SHARED | AreaFlags::GROWS_DOWN)
}

/// Whether two mappings show the same file.
pub(super) fn is_same_file(one: &Arc<MappedFile>, other: &Arc<MappedFile>) -> bool {
    Arc::ptr_eq(one, other) || Arc::as_ptr(&one.pages).cast::<()>() == Arc::as_ptr(&other.pages).cast::<()>()
}
