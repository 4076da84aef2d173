//! The kernel's heap: objects of a few sizes in pages of their own, everything larger in whole frames.
//!
//! A page ("slab") holds objects of one size behind a header; its free objects are chained through themselves. An
//! empty slab goes back to the frames.

use super::frames;
use super::layout::direct;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use spin::Mutex;

const HEADER: usize = 64;
/// Object sizes. Those that are multiples of 64 keep objects aligned to 64, which an XSAVE area needs.
const SIZES: [usize; 12] = [16, 32, 48, 64, 96, 128, 192, 256, 448, 576, 1344, 2016];

/// The header at the begin of a slab.
struct Slab {
    next: *mut Slab,
    previous: *mut Slab,
    free: *mut Object,
    used: usize,
}

struct Object {
    next: *mut Object,
}

/// The slabs of one size that have room.
struct Class {
    slabs: *mut Slab,
}

// SAFETY: the slabs belong to the class, which is behind a lock.
unsafe impl Send for Class {}

struct SlabHeap {
    classes: [Mutex<Class>; SIZES.len()],
}

#[global_allocator]
static HEAP: SlabHeap = SlabHeap { classes: [const { Mutex::new(Class { slabs: null_mut() }) }; SIZES.len()] };

impl Class {
    fn allocate(&mut self, size: usize) -> *mut u8 {
        if self.slabs.is_null() && !self.grow(size) {
            return null_mut();
        }
        // SAFETY: slabs in the list are whole, initialised, this class's own, and have a free object.
        unsafe {
            let slab = self.slabs;
            let object = (*slab).free;
            (*slab).free = (*object).next;
            (*slab).used += 1;
            if (*slab).free.is_null() {
                self.unlink(slab);
            }
            object.cast()
        }
    }

    fn grow(&mut self, size: usize) -> bool {
        let Some(frame) = frames::allocate(1) else { return false };
        let base = direct(u64::from(frame) * frames::FRAME) as *mut u8;
        let slab: *mut Slab = base.cast();
        // SAFETY: the page is fresh and nobody else's; all places lie within it.
        unsafe {
            let mut free: *mut Object = null_mut();
            let mut offset = HEADER + (frames::FRAME as usize - HEADER) / size * size;
            while offset > HEADER {
                offset -= size;
                let object: *mut Object = base.add(offset).cast();
                object.write(Object { next: free });
                free = object;
            }
            slab.write(Slab { next: null_mut(), previous: null_mut(), free, used: 0 });
        }
        self.link(slab);
        true
    }

    fn link(&mut self, slab: *mut Slab) {
        // SAFETY: both are slabs of this class.
        unsafe {
            (*slab).previous = null_mut();
            (*slab).next = self.slabs;
            if !self.slabs.is_null() {
                (*self.slabs).previous = slab;
            }
        }
        self.slabs = slab;
    }

    fn unlink(&mut self, slab: *mut Slab) {
        // SAFETY: the slab is in this class's list, and so are its neighbours.
        unsafe {
            if (*slab).previous.is_null() {
                self.slabs = (*slab).next;
            } else {
                (*(*slab).previous).next = (*slab).next;
            }
            if !(*slab).next.is_null() {
                (*(*slab).next).previous = (*slab).previous;
            }
        }
    }

    /// # Safety
    /// The object came from [`Class::allocate`] of this class and is not used any more.
    unsafe fn free(&mut self, object: *mut u8) {
        let slab = (object as usize & !(frames::FRAME as usize - 1)) as *mut Slab;
        let object: *mut Object = object.cast();
        // SAFETY: an object lies in its slab's page, behind the header.
        unsafe {
            let was_full = (*slab).free.is_null();
            object.write(Object { next: (*slab).free });
            (*slab).free = object;
            (*slab).used -= 1;
            if was_full {
                self.link(slab);
            }
            // The last slab of a size stays: the next object of that size is likely.
            if (*slab).used == 0 && !((*slab).next.is_null() && (*slab).previous.is_null()) {
                self.unlink(slab);
                frames::free(((slab as u64 - direct(0)) / frames::FRAME) as u32, 1);
            }
        }
    }
}

/// The class for sizes of up to 16 times the index.
static CLASS_BY_SIZE: [u8; SIZES[SIZES.len() - 1] / 16 + 1] = class_by_size();

const fn class_by_size() -> [u8; SIZES[SIZES.len() - 1] / 16 + 1] {
    let mut table = [0; SIZES[SIZES.len() - 1] / 16 + 1];
    let (mut index, mut class) = (0, 0);
    while index < table.len() {
        if index * 16 > SIZES[class] {
            class += 1;
        }
        table[index] = class as u8;
        index += 1;
    }
    table
}

/// The class that serves a layout; `None`: whole frames do.
fn class(layout: Layout) -> Option<usize> {
    // Every size is a multiple of 16; those a larger alignment needs are multiples of 64.
    let size = if layout.align() <= 16 { layout.size() } else { layout.size().next_multiple_of(64) };
    let class = usize::from(*CLASS_BY_SIZE.get(size.div_ceil(16))?);
    match layout.align() {
        ..=16 => Some(class),
        align @ ..=64 => (class..SIZES.len()).find(|&class| SIZES[class].is_multiple_of(align)),
        _ => None,
    }
}

// SAFETY: every allocation is a slab object or frames of its own, at least as large as asked for and aligned: objects
// begin at multiples of their size behind a 64-byte header, and the class's size is a multiple of the alignment.
unsafe impl GlobalAlloc for SlabHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class(layout) {
            Some(class) => self.classes[class].lock().allocate(SIZES[class]),
            None if layout.align() <= frames::FRAME as usize => frames::allocate(frame_count(layout))
                .map_or(null_mut(), |frame| direct(u64::from(frame) * frames::FRAME) as *mut u8),
            None => null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` with this layout.
        unsafe {
            match class(layout) {
                Some(class) => self.classes[class].lock().free(pointer),
                None => frames::free(((pointer as u64 - direct(0)) / frames::FRAME) as u32, frame_count(layout)),
            }
        }
    }
}

fn frame_count(layout: Layout) -> u32 {
    layout.size().div_ceil(frames::FRAME as usize) as u32
}
