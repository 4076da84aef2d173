//! System call sites in a program's code, found by decoding forward.
//!
//! The first room of the rewriter: it tells where `syscall` instructions stand in a run of code that begins at a known
//! instruction boundary, and what comes right before each. It never searches bytes: `0f 05` inside another instruction
//! is no site. What replaces a site by a jump comes next and builds on this.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod halt;
mod length;
mod sites;

pub use sites::{Site, sites};
