//! Memory: frames, the heap, the kernel's half of the address space, programs' page tables, copies.

pub(crate) mod copy;
pub(crate) mod frames;
mod heap;
pub(crate) mod kernel_half;
pub(crate) mod layout;
pub(crate) mod space;
