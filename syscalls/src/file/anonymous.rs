//! Entries for files that were not opened by a path: pipes, sockets, event counters.

use super::{File, OpenFlags};
use crate::errno::Result;
use crate::filesystem::{Attributes, Entry, FileSystem, Inode, Kind, Statistics};
use alloc::sync::Arc;

struct Anonymous {
    file: Arc<dyn File>,
}

/// The entry of an open file that has none: what `/proc/self/fd/N` leads to.
pub(super) fn entry(file: &Arc<dyn File>) -> Arc<Entry> {
    let label: Arc<[u8]> = Arc::from(file.label().as_bytes());
    Entry::nameless(label, Arc::new(Anonymous { file: file.clone() }))
}

impl Inode for Anonymous {
    fn kind(&self) -> Kind {
        self.file.attributes().kind
    }

    fn attributes(&self) -> Attributes {
        self.file.attributes()
    }

    fn filesystem(&self) -> Arc<dyn FileSystem> {
        Arc::new(AnonymousFileSystem { device: self.file.attributes().device })
    }

    fn open(self: Arc<Self>, _: &Arc<Entry>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        self.file.clone().reopen(flags)
    }
}

/// The internal mount on which Linux keeps such files.
struct AnonymousFileSystem {
    device: u64,
}

impl FileSystem for AnonymousFileSystem {
    fn name(&self) -> &'static str {
        "anon_inodefs"
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn statistics(&self) -> Statistics {
        let magic = u64::from(linux_raw_sys::general::ANON_INODE_FS_MAGIC);
        Statistics { magic, block_size: 4096, ..Statistics::default() }
    }
}
