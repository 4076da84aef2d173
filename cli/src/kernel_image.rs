//! The kernel, which the tool carries inside itself.

/// The kernel's ELF file as far as it is loaded; `build.rs` made it.
pub(crate) const KERNEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/birgus-kernel"));
