//! The Birgus kernel: boots, loads one unmodified Linux program into its own address space and privilege level, and
//! serves its system calls.
//!
//! This crate is the machine: all unsafe code of the guest is here. What the calls mean is in `birgus-syscalls`.
#![no_std]
#![no_main]

extern crate alloc;

mod boot;
mod cpu;
mod device;
mod launch;
mod machine;
mod memory;
mod panic;
mod power;
mod random;
mod task;
mod vdso;

use birgus_loader::command_line::CommandLine;
use boot::Information;
use memory::kernel_half;

/// The first Rust code: from the entry, in the higher half, on the boot stack, with interrupts off.
#[unsafe(no_mangle)]
extern "C" fn start(magic: u32, block: u32) -> ! {
    // SAFETY: the arguments are what the entry found.
    let Some(information) = (unsafe { Information::read(magic, block) }) else { power::reset() };
    let command_line = CommandLine::new(information.command_line);
    power::start(command_line);
    // SAFETY: once, at boot.
    unsafe { kernel_half::protect() };
    memory::start(&information);
    cpu::start().expect("memory for the CPU's stacks");
    if command_line.self_test() {
        power::self_test();
    }
    device::console::start(command_line, information.is_from_tool());
    birgus_syscalls::machine::install(&machine::Hardware);
    launch::launch(&information, command_line);
    task::run()
}
