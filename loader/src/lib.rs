//! ELF file in, load plan out.
//!
//! * [`plan()`] reads an ELF file's headers and says what goes where in memory: a [`Plan`].
//! * [`stack`] builds the first bytes on a new program's stack: arguments, environment, auxiliary vector.
//! * [`command_line`] reads the kernel command line, for a kernel that is booted by hand.
//! * [`handover`] is the boot module by which the host's tool tells the kernel what to run, and how.
//!
//! Nothing here touches memory but through the slices it is given; every malformed input is an error value.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod command_line;
mod elf;
mod error;
pub mod handover;
mod page;
mod plan;
mod script;
mod segment;
mod source;
pub mod stack;

pub use elf::plan;
pub use error::Error;
pub use page::{LOWEST_ADDRESS, PAGE_SIZE, USER_END};
pub use plan::{Kind, Plan, ProgramHeaders};
pub use script::Script;
pub use segment::{Protection, Segment};
pub use source::Source;
