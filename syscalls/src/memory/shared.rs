//! Memory that is shared and has no file: `MAP_SHARED | MAP_ANONYMOUS`.

use super::area::{MappedFile, MappedName};
use super::{Lost, invalidate};
use crate::errno::{Errno, Result};
use crate::file::Pages;
use crate::frame::Frame;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;

/// Pages of zeros that come to be when they are asked for.
pub(super) struct SharedMemory {
    // The mapping that made it: what mremap adds lies beyond the end, as on Linux.
    size: u64,
    frames: Mutex<BTreeMap<u64, Frame>>,
}

impl SharedMemory {
    /// New memory of `size` pages, under the name that Linux gives it.
    pub(super) fn new_file(size: u64) -> Arc<MappedFile> {
        shared_memory(size, b"/dev/zero (deleted)".to_vec())
    }
}

/// Memory of `size` pages that whoever maps it shares; `name` is what `/proc/self/maps` shows.
pub fn shared_memory(size: u64, name: Vec<u8>) -> Arc<MappedFile> {
    static INODE: AtomicU64 = AtomicU64::new(1);
    Arc::new(MappedFile {
        pages: Arc::new(SharedMemory { size, frames: Mutex::new(BTreeMap::new()) }),
        name: MappedName::Fixed(name),
        device: 1,
        inode: INODE.fetch_add(1, Ordering::Relaxed),
    })
}

impl Pages for SharedMemory {
    fn page(&self, index: u64, _: bool) -> Result<Option<Frame>> {
        if index >= self.size {
            return Ok(None);
        }
        let mut frames = self.frames.lock();
        if let Some(frame) = frames.get(&index) {
            return Ok(Some(frame.clone()));
        }
        let frame = Frame::zeroed().ok_or(Errno::ENOMEM)?;
        frames.insert(index, frame.clone());
        Ok(Some(frame))
    }

    fn held(&self) -> u64 {
        self.frames.lock().len() as u64
    }

    fn holds(&self, index: u64, frame: &Frame) -> bool {
        self.frames.lock().get(&index).is_some_and(|held| held == frame)
    }

    fn remove(&self, first: u64, end: u64) -> Result<()> {
        let mut gone = BTreeMap::new();
        {
            let mut frames = self.frames.lock();
            let mut range = frames.split_off(&first);
            frames.append(&mut range.split_off(&end));
            gone.append(&mut range);
        }
        invalidate(self, first..end, Lost::Punched);
        Ok(())
    }
}
