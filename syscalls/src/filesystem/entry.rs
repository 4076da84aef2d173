//! Entries: a name in a directory, and what it stands for.

use super::{Inode, Kind};
use crate::errno::{Errno, Result};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use spin::Mutex;

struct Place {
    parent: Option<Arc<Entry>>,
    name: Arc<[u8]>,
    removed: bool,
}

/// A name: its parent, its inode, and whether something is mounted over it.
///
/// An inode with two hard links has two entries. Open files, working directories and mappings hold entries, so each
/// knows by which name it was reached, and follows when that name, or one above it, is renamed.
pub struct Entry {
    inode: Arc<dyn Inode>,
    kind: Kind,
    place: Mutex<Place>,
    covered: AtomicBool,
    cover: Mutex<Option<Arc<Entry>>>,
    /// A root's: what it is mounted over.
    covers: Mutex<Option<Weak<Entry>>>,
    /// Where a listing of its directory finds it; for the file system alone.
    pub(super) position: AtomicU64,
}

impl Entry {
    /// A name in a directory.
    pub fn new(parent: &Arc<Self>, name: Arc<[u8]>, inode: Arc<dyn Inode>) -> Arc<Self> {
        Self::build(Some(parent.clone()), name, inode, false)
    }

    /// The root of a file system that is not mounted yet.
    pub fn root(inode: Arc<dyn Inode>) -> Arc<Self> {
        Self::build(None, Arc::from(&b""[..]), inode, false)
    }

    /// An inode that no directory holds: a pipe, a file made by `O_TMPFILE`. `name` is what `/proc/self/fd` shows.
    pub fn nameless(name: Arc<[u8]>, inode: Arc<dyn Inode>) -> Arc<Self> {
        Self::build(None, name, inode, true)
    }

    fn build(parent: Option<Arc<Self>>, name: Arc<[u8]>, inode: Arc<dyn Inode>, removed: bool) -> Arc<Self> {
        Arc::new(Self {
            kind: inode.kind(),
            inode,
            place: Mutex::new(Place { parent, name, removed }),
            covered: AtomicBool::new(false),
            cover: Mutex::new(None),
            covers: Mutex::new(None),
            position: AtomicU64::new(0),
        })
    }

    /// What it stands for.
    #[inline]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    /// The inode's kind.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name within the directory; empty for the root of all.
    pub fn name(&self) -> Arc<[u8]> {
        self.place.lock().name.clone()
    }

    /// The directory that holds it; `None` for the root of all and for nameless inodes.
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.place.lock().parent.clone()
    }

    /// Whether no directory holds it any more.
    pub fn is_removed(&self) -> bool {
        self.place.lock().removed
    }

    /// Says that its directory no longer holds it.
    pub fn set_removed(&self) {
        self.place.lock().removed = true;
    }

    /// Moves it; for file systems, under the lock that orders their renames.
    pub fn set_place(&self, parent: &Arc<Self>, name: Arc<[u8]>) {
        let mut place = self.place.lock();
        let before = core::mem::replace(&mut *place, Place { parent: Some(parent.clone()), name, removed: false });
        drop(place);
        drop(before);
    }

    /// The root that is mounted over it, or itself.
    #[inline]
    pub fn through_mounts(self: Arc<Self>) -> Arc<Self> {
        let mut entry = self;
        while entry.covered.load(Ordering::Acquire) {
            let Some(root) = entry.cover.lock().clone() else { break };
            entry = root;
        }
        entry
    }

    /// Whether something is mounted over it.
    #[inline]
    pub fn is_mount_point(&self) -> bool {
        self.covered.load(Ordering::Acquire)
    }

    /// Mounts a file system's root over it. `EBUSY` when something is mounted here, or the root elsewhere.
    pub(super) fn cover(self: &Arc<Self>, root: &Arc<Self>) -> Result<()> {
        let mut cover = self.cover.lock();
        // A root stands in one place alone, and so never within itself.
        if cover.is_some() || root.parent().is_some() {
            return Err(Errno::EBUSY);
        }
        // The root takes this entry's place in the tree, so `..` and paths need to know nothing of mounts.
        let (parent, name) = {
            let place = self.place.lock();
            (place.parent.clone(), place.name.clone())
        };
        *root.place.lock() = Place { parent, name, removed: false };
        *root.covers.lock() = Some(Arc::downgrade(self));
        *cover = Some(root.clone());
        self.covered.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes a root out of the place where it is mounted.
    pub(super) fn uncover(self: &Arc<Self>) {
        let place = Place { parent: None, name: Arc::from(&b""[..]), removed: false };
        let before = core::mem::replace(&mut *self.place.lock(), place);
        let below = self.covers.lock().take();
        if let Some(below) = below.and_then(|below| below.upgrade()) {
            below.covered.store(false, Ordering::Release);
            let root = below.cover.lock().take();
            drop(root);
        }
        drop(before);
    }

    /// Whether `other` is this entry or lies below it.
    pub fn contains(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut entry = other.clone();
        loop {
            if Arc::ptr_eq(self, &entry) {
                return true;
            }
            match entry.parent() {
                Some(parent) => entry = parent,
                None => return false,
            }
        }
    }

    /// The path from `root`, or from the root of all; `None` when it does not lie below.
    pub fn path_below(self: &Arc<Self>, root: Option<&Arc<Self>>) -> Option<Vec<u8>> {
        let mut names = Vec::new();
        let mut entry = self.clone();
        loop {
            if root.is_some_and(|root| Arc::ptr_eq(root, &entry)) {
                break;
            }
            let (parent, name) = {
                let place = entry.place.lock();
                (place.parent.clone(), place.name.clone())
            };
            match parent {
                Some(parent) => {
                    names.push(name);
                    entry = parent;
                }
                None if root.is_none() => break,
                None => return None,
            }
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Some(path)
    }

    /// The path as `/proc` shows it: ` (deleted)` behind what is gone, `pipe:[7]` for what never had a name. An entry
    /// outside of `root` shows its path from the root of all.
    pub fn path(self: &Arc<Self>, root: Option<&Arc<Self>>) -> Vec<u8> {
        let (nameless, removed) = {
            let place = self.place.lock();
            (place.parent.is_none() && place.removed, place.removed)
        };
        if nameless {
            return self.name().to_vec();
        }
        let mut path = self.path_below(root).or_else(|| self.path_below(None)).unwrap_or_default();
        if removed {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }
}

impl Drop for Entry {
    /// Lets go of the parents one by one: the chain above a working directory that was removed may be long.
    fn drop(&mut self) {
        let mut next = self.place.get_mut().parent.take();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.place.get_mut().parent.take());
        }
    }
}
