//! Devices. None is touched before it is used.

pub(crate) mod console;
mod dma;
mod pci;
