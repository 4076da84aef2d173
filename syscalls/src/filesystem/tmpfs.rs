//! `tmpfs(5)`: files, directories, links and device nodes in memory.

mod archived;
mod directory;
pub mod memory_file;
mod node;
mod pages;
mod regular;

pub use archived::{Archived, Module};
pub use node::Node;
pub use pages::held_pages;

use super::mounts::unused_device;
use super::{Entry, FileSystem, Kind, Make, Statistics};
use crate::machine::machine;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general::{DEVPTS_SUPER_MAGIC, TMPFS_MAGIC};
use spin::{Mutex, Once};

/// One tmpfs. Its size is bounded by the machine's memory alone.
pub struct Tmpfs {
    name: &'static str,
    device: u64,
    next_inode: AtomicU64,
    root: Once<Arc<Entry>>,
    // What is to be in the root before anybody looks.
    content: Option<fn(&Root<'_>)>,
    complete: Once<()>,
    // Held while entries come, go or move, so that each change of names is one step, and no directory is moved into
    // itself. Taken before any directory's lock.
    names: Mutex<()>,
}

impl Tmpfs {
    /// An empty one, whose root is the super-user's with mode 0755. `name` is its type in `/proc/mounts`.
    pub fn new(name: &'static str) -> Arc<Self> {
        Self::build(name, None)
    }

    /// One whose root gets its first content when somebody first looks into it: a start should not pay for names that
    /// nobody asks for.
    pub fn filled_later(name: &'static str, content: fn(&Root<'_>)) -> Arc<Self> {
        Self::build(name, Some(content))
    }

    fn build(name: &'static str, content: Option<fn(&Root<'_>)>) -> Arc<Self> {
        let filesystem = Arc::new(Self {
            name,
            device: unused_device(),
            next_inode: AtomicU64::new(1),
            root: Once::new(),
            content,
            complete: Once::new(),
            names: Mutex::new(()),
        });
        filesystem.root.call_once(|| {
            let node = Node::new(&filesystem, &Make::Directory, (0o755, 0, 0));
            Entry::root(node)
        });
        filesystem
    }

    /// The root.
    pub fn root(&self) -> Arc<Entry> {
        self.root.get().expect("made with the file system").clone()
    }

    /// Makes the first content, if that was put off.
    pub(super) fn complete(&self) {
        if let Some(content) = self.content {
            self.complete.call_once(|| content(&Root { entry: &self.root() }));
        }
    }

    fn next_inode(&self) -> u64 {
        self.next_inode.fetch_add(1, Ordering::Relaxed)
    }
}

/// The root of a tmpfs that gets its first content.
pub struct Root<'a> {
    entry: &'a Arc<Entry>,
}

impl Root<'_> {
    /// Adds the super-user's inode of this kind and mode; there must be none of that name yet.
    pub fn add(&self, name: &str, what: Make<'_>, mode: u16) -> Option<Arc<Entry>> {
        Node::add_first(self.entry, name.as_bytes(), &what, mode)
    }
}

impl FileSystem for Tmpfs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn statistics(&self) -> Statistics {
        let (blocks, free) = (pages::largest_share(), pages::share_left().min(machine().frames().1));
        let magic = u64::from(if self.name == "devpts" { DEVPTS_SUPER_MAGIC } else { TMPFS_MAGIC });
        Statistics { magic, block_size: 4096, blocks, free, inodes: blocks, free_inodes: free }
    }
}

/// Whether an inode of this kind can be made with `mknod(2)`.
const fn is_special(kind: Kind) -> bool {
    matches!(kind, Kind::Character | Kind::Block | Kind::Fifo | Kind::Socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::host::test_process;

    #[test]
    fn what_is_made_later_was_always_there() {
        test_process();
        let made = || {
            Tmpfs::filled_later("test", |root| {
                root.add("directory", Make::Directory, 0o755);
                root.add("link", Make::Symlink(b"directory"), 0o777);
            })
        };
        let attributes = made().root().inode().attributes();
        assert_eq!((attributes.links, attributes.size), (3, 80), "a look at the root itself");
        let root = made().root();
        assert_eq!(root.inode().lookup(&root, b"link").map(|entry| entry.kind()), Ok(Kind::Symlink));
        let root = made().root();
        let again = root.inode().make(&root, b"link", Make::Regular, (0o644, 0, 0));
        assert_eq!(again.err(), Some(crate::errno::Errno::EEXIST));
    }
}
