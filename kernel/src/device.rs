//! Devices. None is touched before it is used.

pub(crate) mod console;
mod dma;
pub(crate) mod network;
mod pci;
mod virtio;
