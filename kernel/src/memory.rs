//! Memory: frames, the heap, the kernel's half of the address space, programs' page tables, copies.

pub(crate) mod copy;
pub(crate) mod frames;
mod heap;
pub(crate) mod kernel_half;
pub(crate) mod layout;
pub(crate) mod space;
pub(crate) mod stacks;
pub(crate) mod tlb;

use crate::boot::Information;

/// Hands usable memory to the frame allocator. Nothing before this may allocate.
pub(crate) fn start(information: &Information) {
    let end = information.memory.iter().map(|region| region.end).max().unwrap_or(0);
    let size = frames::record_size(end).next_multiple_of(frames::FRAME);
    let free = information.free_memory();
    let Some(place) = free.iter().find(|region| region.end - region.start >= size).cloned() else {
        panic!("no room for the records of {} bytes of memory", end)
    };
    // SAFETY: free memory, and the piece with the records is not added.
    unsafe {
        frames::start(end, place.start);
        for module in information.modules.iter() {
            frames::keep(module.place.clone());
        }
        for region in free.iter() {
            let start = if region.start == place.start { region.start + size } else { region.start };
            frames::add(start..region.end.min(1 << 30));
        }
    }
    kernel_half::settle_top_level().expect("memory for page tables");
    for region in free.iter().filter(|region| region.end > 1 << 30) {
        kernel_half::map_memory(region.clone()).expect("memory for page tables");
        // SAFETY: mapped now.
        unsafe { frames::add(region.start.max(1 << 30)..region.end) };
    }
}
