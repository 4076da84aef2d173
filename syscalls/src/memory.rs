//! A process's memory: what is mapped where, and what happens when a page is touched.
//!
//! An [`AddressSpace`] keeps [`Area`]s, Linux's memory map, beside the hardware's [`PageTable`]. Pages come in by
//! [faults](AddressSpace::fault) alone. One short lock guards the areas and every change of the page table that
//! follows from them; it is never held while a file is asked for a page, which may wait.

mod advise;
mod area;
mod areas;
pub mod calls;
mod describe;
mod fault;
mod foreign;
mod fork;
mod invalidate;
mod layout;
mod limits;
mod lock;
mod mapping;
mod program;
mod program_break;
mod protect;
mod remap;
pub mod remote;
mod residency;
mod rewriting;
mod shared;
#[cfg(test)]
mod tests;

pub use advise::Advice;
pub use area::{Area, AreaFlags, Backing, MappedFile, MappedName, Protection};
pub use areas::{Counts, MAXIMUM_AREAS, STACK_GUARD};
pub use describe::{Description, Residency};
pub use fault::{FaultError, SegvCode};
pub use invalidate::{Lost, invalidate, is_mapped_writable, mapping_count};
pub use layout::Layout;
pub use limits::Limits;
pub use mapping::{MapRequest, OpenForMapping};
pub use remap::RemapFlags;
pub use shared::shared_memory;

use crate::frame::PAGE;
use crate::machine::PageTable;
use alloc::boxed::Box;
use alloc::sync::Arc;
use areas::Areas;
use spin::Mutex;

/// `vm.mmap_min_addr`: nothing is mapped below.
pub const LOWEST_ADDRESS: u64 = 64 * 1024;

/// An address space.
pub struct AddressSpace {
    /// The hardware's view.
    pub table: Box<dyn PageTable>,
    /// The resource limits that concern memory.
    pub limits: Limits,
    layout: Layout,
    state: Mutex<State>,
}

/// What the lock guards.
struct State {
    areas: Areas,
    break_start: u64,
    /// Where the heap ends, to the byte.
    break_end: u64,
    /// What `mlockall(MCL_FUTURE)` gives to every new area.
    future: AreaFlags,
    /// How the program's system calls become jumps, if they do.
    rewriting: Option<Box<rewriting::Rewriting>>,
}

impl AddressSpace {
    /// An empty one with a random layout.
    pub fn new(table: Box<dyn PageTable>) -> Arc<Self> {
        Self::with_layout(table, Layout::random(Limits::STACK))
    }

    /// An empty one whose layout is given.
    pub fn with_layout(table: Box<dyn PageTable>, layout: Layout) -> Arc<Self> {
        let state = State {
            areas: Areas::default(),
            break_start: 0,
            break_end: 0,
            future: AreaFlags::empty(),
            rewriting: None,
        };
        Arc::new(Self { table, limits: Limits::default(), layout, state: Mutex::new(state) })
    }

    /// Where things are placed.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The frame that a shared mapping has at `address`: `Some(None)` where the mapping is private, `None` where no
    /// page is present or may be read. It names a futex that processes share.
    pub fn shared_frame(&self, address: u64) -> Option<Option<u32>> {
        let state = self.state.lock();
        let (_, area) = state.areas.containing(address)?;
        if !area.protection.contains(Protection::READ) {
            return None;
        }
        if !area.is_shared() {
            return Some(None);
        }
        self.table.lookup(page_of(address)).map(|mapped| Some(mapped.frame))
    }
}

/// The start of the page that `address` lies in.
const fn page_of(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// `length` in whole pages; `None` where that overflows.
fn whole_pages(length: u64) -> Option<u64> {
    length.checked_add(PAGE - 1).map(page_of)
}

/// Whether it is the start of a page.
const fn is_aligned(address: u64) -> bool {
    address.is_multiple_of(PAGE)
}
