//! Page frames: who has which, and how often.
//!
//! Blocks of 16 frames (64 KiB) and more come from `buddy_system_allocator`, which keeps its lists in the free blocks
//! themselves and needs no heap. Its merging is linear in the number of free blocks, so single frames are carved from
//! blocks by a bit map: freeing one costs the same however full memory is.
//!
//! A frame's record is a reference count; for a page table's frame, its present entries.

mod untouched;

use super::layout::direct;
use buddy_system_allocator::Heap;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use spin::Mutex;
use untouched::Untouched;

/// Bytes in a frame.
pub(crate) const FRAME: u64 = 4096;
const BLOCK_FRAMES: u32 = 16;
const BLOCK: u64 = FRAME * BLOCK_FRAMES as u64;
const NONE: u32 = u32::MAX;

/// What is known of one block of which some frames are free and some are not, or which is wholly in use.
#[derive(Clone, Copy)]
struct Block {
    /// Bit n: frame n is free. Blocks with some bits set are linked.
    free: u16,
    next: u32,
    previous: u32,
}

struct Allocator {
    heap: Heap<33>,
    untouched: Untouched,
    blocks: *mut Block,
    block_count: u32,
    partial: u32,
}

// SAFETY: the pointer leads to memory that only this allocator uses, and the allocator is behind a lock.
unsafe impl Send for Allocator {}

static ALLOCATOR: Mutex<Allocator> = Mutex::new(Allocator {
    heap: Heap::new(),
    untouched: Untouched::new(),
    blocks: core::ptr::null_mut(),
    block_count: 0,
    partial: NONE,
});
static RECORDS: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());
static FRAMES: AtomicU64 = AtomicU64::new(0);
static TOTAL: AtomicU64 = AtomicU64::new(0);
static FREE: AtomicU64 = AtomicU64::new(0);
static RESERVE: AtomicU64 = AtomicU64::new(0);

impl Allocator {
    fn block(&mut self, index: u32) -> &mut Block {
        assert!(index < self.block_count);
        // SAFETY: `start` made `block_count` records, and the index is checked.
        unsafe { &mut *self.blocks.add(index as usize) }
    }

    fn link(&mut self, index: u32) {
        let head = self.partial;
        let block = self.block(index);
        block.previous = NONE;
        block.next = head;
        if head != NONE {
            self.block(head).previous = index;
        }
        self.partial = index;
    }

    fn unlink(&mut self, index: u32) {
        let Block { next, previous, .. } = *self.block(index);
        match previous {
            NONE => self.partial = next,
            _ => self.block(previous).next = next,
        }
        if next != NONE {
            self.block(next).previous = previous;
        }
    }

    /// Memory from the buddy; its physical address.
    fn take_whole(&mut self, layout: Layout) -> Option<u64> {
        loop {
            if let Ok(place) = self.heap.alloc(layout) {
                return Some(place.as_ptr() as u64 - direct(0));
            }
            let piece = self.untouched.take(layout.size() as u64)?;
            // SAFETY: whole blocks of memory that `add` was given and nobody has.
            unsafe { self.heap.add_to_heap(direct(piece.start) as usize, direct(piece.end) as usize) };
        }
    }

    /// A block from the buddy, wholly in use.
    fn take_block(&mut self) -> Option<u32> {
        let layout = Layout::from_size_align(BLOCK as usize, BLOCK as usize).ok()?;
        let index = (self.take_whole(layout)? / BLOCK) as u32;
        *self.block(index) = Block { free: 0, next: NONE, previous: NONE };
        Some(index)
    }

    /// `count` (at most 16) adjacent frames; the number of the first.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut index = self.partial;
        // A run of several is looked for in a few blocks only: a new block costs less than a long search.
        for _ in 0..8 {
            if index == NONE {
                break;
            }
            let block = *self.block(index);
            if let Some(first) = run(block.free, count) {
                self.mark_used(index, first, count);
                return Some(index * BLOCK_FRAMES + first);
            }
            index = block.next;
        }
        let index = self.take_block()?;
        self.block(index).free = u16::MAX;
        self.link(index);
        self.mark_used(index, 0, count);
        Some(index * BLOCK_FRAMES)
    }

    fn mark_used(&mut self, index: u32, first: u32, count: u32) {
        let mask = mask(first, count);
        let block = self.block(index);
        block.free &= !mask;
        if block.free == 0 {
            self.unlink(index);
        }
    }

    fn give(&mut self, frame: u32, count: u32) {
        let index = frame / BLOCK_FRAMES;
        let mask = mask(frame % BLOCK_FRAMES, count);
        let block = self.block(index);
        assert!(block.free & mask == 0, "frame {frame:#x} freed twice");
        let was_empty = block.free == 0;
        block.free |= mask;
        if block.free == u16::MAX {
            if !was_empty {
                self.unlink(index);
            }
            let layout = Layout::from_size_align(BLOCK as usize, BLOCK as usize).expect("a power of two");
            let pointer = NonNull::new(direct(u64::from(index) * BLOCK) as *mut u8).expect("not null");
            // SAFETY: the block came from this heap with this layout (or was never in it but is whole and usable
            // memory, which is what add_to_heap asks for), and nobody uses any of its frames.
            unsafe { self.heap.dealloc(pointer, layout) };
        } else if was_empty {
            self.link(index);
        }
    }
}

impl Allocator {
    /// Frames at the edge of a region, which fill no block. The rest of their block may come with another region.
    fn add_part(&mut self, start: u64, end: u64) {
        if start < end {
            let (index, first) = ((start / BLOCK) as u32, (start % BLOCK / FRAME) as u32);
            let is_first = self.block(index).free == 0;
            self.block(index).free |= mask(first, ((end - start) / FRAME) as u32);
            if is_first {
                self.link(index);
            }
        }
    }
}

const fn mask(first: u32, count: u32) -> u16 {
    (((1u32 << count) - 1) << first) as u16
}

/// Where `count` adjacent bits are set.
fn run(free: u16, count: u32) -> Option<u32> {
    if count == 1 {
        return (free != 0).then(|| free.trailing_zeros());
    }
    (0..=BLOCK_FRAMES - count).find(|&first| free & mask(first, count) == mask(first, count))
}

/// Makes ready for memory that ends at `end_of_memory`; the records stand at the physical address `records`.
///
/// # Safety
/// [`record_size`] bytes there are in the direct map and nobody else's.
pub(crate) unsafe fn start(end_of_memory: u64, records: u64) {
    let mut allocator = ALLOCATOR.lock();
    FRAMES.store(end_of_memory / FRAME, Ordering::Relaxed);
    RECORDS.store(direct(records) as *mut AtomicU32, Ordering::Relaxed);
    allocator.blocks = direct(records + (end_of_memory / FRAME * 4).next_multiple_of(16)) as *mut Block;
    allocator.block_count = end_of_memory.div_ceil(BLOCK) as u32;
    // SAFETY: the caller's promise; all zero is a block without a free frame.
    unsafe { allocator.blocks.write_bytes(0, allocator.block_count as usize) };
}

/// Gives the frames of this range, which is never added, a reference for ever.
pub(crate) fn keep(range: core::ops::Range<u64>) {
    for frame in range.start / FRAME..range.end.div_ceil(FRAME).min(FRAMES.load(Ordering::Relaxed)) {
        record(frame as u32).store(1, Ordering::Relaxed);
    }
}

/// Bytes of records for memory that ends at this address.
pub(crate) const fn record_size(end_of_memory: u64) -> u64 {
    (end_of_memory / FRAME * 4).next_multiple_of(16) + end_of_memory.div_ceil(BLOCK) * size_of::<Block>() as u64
}

/// Adds usable memory, without its first and last bytes where they fill no frame.
///
/// # Safety
/// Nobody else uses the region, it is in the direct map, and no frame has been allocated from a block that it shares
/// with another one.
pub(crate) unsafe fn add(region: core::ops::Range<u64>) {
    let (start, end) = (region.start.next_multiple_of(FRAME), region.end / FRAME * FRAME);
    if start >= end {
        return;
    }
    let allocator = &mut *ALLOCATOR.lock();
    let (first_whole, end_whole) = (start.next_multiple_of(BLOCK), end / BLOCK * BLOCK);
    if first_whole > end_whole {
        allocator.add_part(start, end);
    } else {
        allocator.add_part(start, first_whole);
        if first_whole < end_whole && !allocator.untouched.add(first_whole..end_whole) {
            // SAFETY: whole blocks of memory that the caller hands over.
            unsafe { allocator.heap.add_to_heap(direct(first_whole) as usize, direct(end_whole) as usize) };
        }
        allocator.add_part(end_whole, end);
    }
    let frames = (end - start) / FRAME;
    FREE.fetch_add(frames, Ordering::Relaxed);
    let total = TOTAL.fetch_add(frames, Ordering::Relaxed) + frames;
    RESERVE.store((total / 64).clamp(32, 1024), Ordering::Relaxed);
}

/// One frame, or several adjacent ones, with an arbitrary content and a record of 1 each. `None`: out of memory.
/// More than 16 are rounded up to a power of two of blocks.
pub(crate) fn allocate(count: u32) -> Option<u32> {
    let mut allocator = ALLOCATOR.lock();
    let first = if count <= BLOCK_FRAMES {
        allocator.take(count)?
    } else {
        (allocator.take_whole(large(count)?)? / FRAME) as u32
    };
    drop(allocator);
    FREE.fetch_sub(u64::from(count), Ordering::Relaxed);
    for frame in first..first + count {
        record(frame).store(1, Ordering::Relaxed);
    }
    Some(first)
}

/// Like [`allocate`] of one frame, but leaves the kernel's reserve alone.
pub(crate) fn allocate_for_program() -> Option<u32> {
    if FREE.load(Ordering::Relaxed) <= RESERVE.load(Ordering::Relaxed) {
        return None;
    }
    allocate(1)
}

/// Gives frames back.
///
/// # Safety
/// They came from one [`allocate`] of the same count, and nobody uses them any more.
pub(crate) unsafe fn free(first: u32, count: u32) {
    let mut allocator = ALLOCATOR.lock();
    if count <= BLOCK_FRAMES {
        allocator.give(first, count);
    } else {
        let pointer = NonNull::new(direct(u64::from(first) * FRAME) as *mut u8).expect("not null");
        let layout = large(count).expect("it was allocated with this layout");
        // SAFETY: the caller's promise.
        unsafe { allocator.heap.dealloc(pointer, layout) };
    }
    FREE.fetch_add(u64::from(count), Ordering::Relaxed);
}

fn large(count: u32) -> Option<Layout> {
    let size = (u64::from(count) * FRAME).checked_next_power_of_two()?;
    Layout::from_size_align(size as usize, BLOCK as usize).ok()
}

/// A frame's record. Frames that are not memory have none: the program cannot name them, so this panics.
pub(crate) fn record(frame: u32) -> &'static AtomicU32 {
    assert!(u64::from(frame) < FRAMES.load(Ordering::Relaxed));
    // SAFETY: `start` made a record for every frame below the end of memory.
    unsafe { &*RECORDS.load(Ordering::Relaxed).add(frame as usize) }
}

/// All frames and those that are free for programs.
pub(crate) fn count() -> (u64, u64) {
    let free = FREE.load(Ordering::Relaxed).saturating_sub(RESERVE.load(Ordering::Relaxed));
    (TOTAL.load(Ordering::Relaxed), free)
}
