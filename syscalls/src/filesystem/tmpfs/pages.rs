//! A file's pages by index: sparse, and quick to reach.

use crate::frame::Frame;
use crate::machine::machine;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::sync::atomic::{AtomicU64, Ordering};

/// Pages in one chunk.
const CHUNK: u64 = 32;

type Chunk = [Option<Frame>; CHUNK as usize];

// Frames in all maps.
static HELD: AtomicU64 = AtomicU64::new(0);
// Those of them that are bounded.
static BOUNDED: AtomicU64 = AtomicU64::new(0);

/// How many pages all files with names may hold: half of the memory, as a tmpfs of Linux, so that programs can live
/// beside full files.
pub(super) fn largest_share() -> u64 {
    machine().frames().0 / 2
}

/// How many pages more they may hold.
pub(super) fn share_left() -> u64 {
    largest_share().saturating_sub(BOUNDED.load(Ordering::Relaxed))
}

/// The pages that all files of all tmpfs hold: `Shmem` of `/proc/meminfo`.
pub fn held_pages() -> u64 {
    HELD.load(Ordering::Relaxed)
}

/// Frames by page index. Neighbours share a chunk, so that a lookup passes few keys and an empty range costs nothing.
#[derive(Default)]
pub(super) struct PageMap {
    chunks: BTreeMap<u64, Box<Chunk>>,
    count: u64,
    unbounded: bool,
}

impl PageMap {
    /// Its pages do not count for the share that files may have; to be said of an empty one.
    pub(super) fn be_unbounded(&mut self) {
        self.unbounded = true;
    }

    /// Whether the files may have one more page.
    pub(super) fn has_room(&self) -> bool {
        self.unbounded || share_left() > 0
    }

    fn counted(&self, change: impl Fn(&AtomicU64)) {
        change(&HELD);
        if !self.unbounded {
            change(&BOUNDED);
        }
    }

    /// The frame at an index.
    pub(super) fn get(&self, index: u64) -> Option<&Frame> {
        self.chunks.get(&(index / CHUNK))?.get((index % CHUNK) as usize)?.as_ref()
    }

    /// Sets the frame at an index.
    pub(super) fn insert(&mut self, index: u64, frame: Frame) {
        let chunk = self.chunks.entry(index / CHUNK).or_insert_with(|| Box::new([const { None }; CHUNK as usize]));
        if let Some(slot) = chunk.get_mut((index % CHUNK) as usize)
            && slot.replace(frame).is_none()
        {
            self.count += 1;
            self.counted(|pages| _ = pages.fetch_add(1, Ordering::Relaxed));
        }
    }

    /// Frames in the map.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Releases the frames of `[start, end)`.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        let (mut from, before) = (start / CHUNK, self.count);
        while let Some((&key, chunk)) = self.chunks.range_mut(from..).next() {
            let first = key * CHUNK;
            if first >= end {
                break;
            }
            for (index, slot) in (first..).zip(chunk.iter_mut()) {
                if (start..end).contains(&index) && slot.take().is_some() {
                    self.count -= 1;
                }
            }
            if chunk.iter().all(Option::is_none) {
                self.chunks.remove(&key);
            }
            from = key + 1;
        }
        let removed = before - self.count;
        self.counted(|pages| _ = pages.fetch_sub(removed, Ordering::Relaxed));
    }

    /// The first index at or behind `from` that has a frame.
    pub(super) fn next_present(&self, from: u64) -> Option<u64> {
        let chunks = self.chunks.range(from / CHUNK..);
        let mut indices = chunks.flat_map(|(key, chunk)| (key * CHUNK..).zip(chunk.iter()));
        indices.find_map(|(index, slot)| (index >= from && slot.is_some()).then_some(index))
    }

    /// The first index at or behind `from` that has none.
    pub(super) fn next_absent(&self, from: u64) -> u64 {
        let mut index = from;
        while self.get(index).is_some() {
            index += 1;
        }
        index
    }
}

impl Drop for PageMap {
    fn drop(&mut self) {
        let count = self.count;
        self.counted(|pages| _ = pages.fetch_sub(count, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_map_has_no_pages() {
        let map = PageMap::default();
        assert!(map.get(0).is_none());
        assert_eq!(map.next_present(0), None);
        assert_eq!(map.next_absent(u64::MAX / CHUNK), u64::MAX / CHUNK);
    }
}
