//! Linux's system calls in safe Rust.
//!
//! One declarative [`table`] names every call; a handler reads like its man page and reaches the machine
//! (user memory, page tables, threads, clocks) through the [`machine::Machine`] trait alone.
//!
//! The kernel enters through [`table::HANDLERS`] for a call, [`memory`] for a page fault and [`signal`] on the
//! way back to the program.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "test-machine"))]
extern crate std;

pub mod argument;
pub mod console;
pub mod errno;
pub mod event;
pub mod file;
pub mod filesystem;
pub mod frame;
pub mod futex;
pub mod ipc;
pub mod machine;
pub mod memory;
pub mod network;
pub mod pipe;
pub mod process;
pub mod pseudo_terminal;
pub mod registers;
pub mod signal;
pub mod socket;
pub mod system;
pub mod table;
pub mod terminal;
pub mod thread;
pub mod time;
pub mod trace;
pub mod transfer;
pub mod user;
pub mod wait;
pub mod wire;

pub use errno::{Errno, Result};
