//! What `CLONE_FS` shares: root, working directory, umask.

use crate::filesystem::Entry;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use spin::RwLock;

struct Directories {
    root: Arc<Entry>,
    working: Arc<Entry>,
}

/// How a process sees the tree of files.
pub struct FileContext {
    directories: RwLock<Directories>,
    umask: AtomicU32,
}

impl FileContext {
    /// Root and working directory are `root`, the umask is 022.
    pub fn new(root: Arc<Entry>) -> Arc<Self> {
        let directories = RwLock::new(Directories { working: root.clone(), root });
        Arc::new(Self { directories, umask: AtomicU32::new(0o022) })
    }

    /// The same view, changed apart from now on, as `fork(2)` makes it.
    pub fn duplicate(&self) -> Arc<Self> {
        let directories = self.directories.read();
        let copy = Directories { root: directories.root.clone(), working: directories.working.clone() };
        Arc::new(Self { directories: RwLock::new(copy), umask: AtomicU32::new(self.umask()) })
    }

    /// Where absolute paths begin.
    pub fn root(&self) -> Arc<Entry> {
        self.directories.read().root.clone()
    }

    /// Where relative paths begin.
    pub fn working_directory(&self) -> Arc<Entry> {
        self.directories.read().working.clone()
    }

    /// `chroot(2)`: the working directory stays.
    pub fn set_root(&self, root: Arc<Entry>) {
        let before = core::mem::replace(&mut self.directories.write().root, root);
        drop(before);
    }

    /// `chdir(2)`.
    pub fn set_working_directory(&self, directory: Arc<Entry>) {
        let before = core::mem::replace(&mut self.directories.write().working, directory);
        drop(before);
    }

    /// Permission bits that new files do not get.
    pub fn umask(&self) -> u32 {
        self.umask.load(Ordering::Relaxed)
    }

    /// Sets the umask; gives the one before.
    pub fn set_umask(&self, umask: u32) -> u32 {
        self.umask.swap(umask & 0o777, Ordering::Relaxed)
    }
}
