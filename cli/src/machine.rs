//! The virtual machine: QEMU, its command line and its process.

mod backlog;
mod command_line;
mod process;
mod qemu;

pub(crate) use command_line::{Backend, Configuration, Console, Network};
pub(crate) use process::{Process, channel};
pub(crate) use qemu::{Qemu, Version};
