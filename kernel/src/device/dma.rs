//! Memory that virtio devices see.

use crate::memory::frames::{self, FRAME};
use crate::memory::kernel_half;
use crate::memory::layout::{DIRECT_MAP, direct};
use core::ptr::NonNull;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// The machine as `virtio-drivers` sees it: memory is coherent, device addresses are physical ones.
pub(crate) struct Dma;

// SAFETY: frames are page-aligned, zeroed, exclusive until freed; buffers lie in the direct map, so that they are
// contiguous and their physical address is known.
unsafe impl Hal for Dma {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let Some(frame) = frames::allocate(pages as u32) else { return (0, NonNull::dangling()) };
        let physical = u64::from(frame) * FRAME;
        let pointer = direct(physical) as *mut u8;
        // SAFETY: fresh frames.
        unsafe { pointer.cast::<u64>().write_bytes(0, pages * 512) };
        (physical, NonNull::new(pointer).expect("not null"))
    }

    unsafe fn dma_dealloc(physical: PhysAddr, _: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: they came from `dma_alloc`.
        unsafe { frames::free((physical / FRAME) as u32, pages as u32) };
        0
    }

    unsafe fn mmio_phys_to_virt(physical: PhysAddr, size: usize) -> NonNull<u8> {
        let address = kernel_half::map_device(physical, size as u64).expect("memory for a page table");
        NonNull::new(address as *mut u8).expect("not null")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let address = buffer.cast::<u8>().as_ptr() as u64;
        assert!((DIRECT_MAP..crate::memory::layout::STACKS).contains(&address), "a buffer outside of the direct map");
        address - DIRECT_MAP
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
