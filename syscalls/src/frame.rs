//! Page frames: the unit in which the machine's memory is handed out.

use crate::machine::machine;
use core::mem::ManuallyDrop;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;
/// The same, for addresses and file offsets.
pub const PAGE: u64 = 4096;

/// One counted reference to a page frame; the last one to go gives the frame back to the machine.
///
/// Its bytes are reached by copies alone, so that safe code can share a frame with a program's mapping.
#[derive(PartialEq, Eq, Debug)]
pub struct Frame(u32);

impl Frame {
    /// A frame of zeros, or `None` when memory is down to the kernel's reserve.
    pub fn zeroed() -> Option<Self> {
        machine().allocate_frame(true)
    }

    /// A frame with arbitrary content, which the caller overwrites as a whole before a program can see it.
    pub fn uninitialised() -> Option<Self> {
        machine().allocate_frame(false)
    }

    /// Takes over a reference that the machine (or a page table entry) held.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The physical page frame number.
    pub const fn number(&self) -> u32 {
        self.0
    }

    /// Hands the reference to the machine (a page table entry).
    pub fn into_number(self) -> u32 {
        ManuallyDrop::new(self).0
    }

    /// Whether nobody else refers to this frame.
    pub fn is_exclusive(&self) -> bool {
        machine().frame_references(self.0) == 1
    }

    /// Copies from the frame. Panics when the range leaves the frame.
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        assert!(offset + to.len() <= PAGE_SIZE);
        machine().read_frame(self.0, offset, to);
    }

    /// Copies into the frame. Panics when the range leaves the frame.
    pub fn write(&self, offset: usize, from: &[u8]) {
        assert!(offset + from.len() <= PAGE_SIZE);
        machine().write_frame(self.0, offset, from);
    }

    /// Zeroes part of the frame. Panics when the range leaves the frame.
    pub fn zero(&self, offset: usize, length: usize) {
        assert!(offset + length <= PAGE_SIZE);
        machine().zero_frame(self.0, offset, length);
    }

    /// A new frame with the same content.
    pub fn duplicate(&self) -> Option<Self> {
        let copy = Self::uninitialised()?;
        machine().copy_frame(copy.0, self.0);
        Some(copy)
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        machine().retain_frame(self.0);
        Self(self.0)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        machine().release_frame(self.0);
    }
}
