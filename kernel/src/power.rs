//! The end of the machine.

use birgus_loader::command_line::CommandLine;
use core::sync::atomic::{AtomicU32, Ordering};
use x86_64::instructions::port::Port;

/// The port of QEMU's `isa-debug-exit`; all ones: there is none.
static DEBUG_EXIT: AtomicU32 = AtomicU32::new(u32::MAX);

/// Takes note of how the machine is to be ended.
pub(crate) fn start(command_line: CommandLine<'_>) {
    if let Some(port) = command_line.debug_exit() {
        DEBUG_EXIT.store(port.into(), Ordering::Relaxed);
    }
}

/// Ends the machine: the first program has ended with this code, or the kernel has failed.
///
/// The tool has learnt the code from the console. By hand it gets lost, unless QEMU was given the device
/// `isa-debug-exit,iobase=0xf4,iosize=1` and the kernel `birgus.debug_exit=0xf4`: QEMU's exit status is then
/// 2 · code + 1 (of which a shell sees the lower eight bits).
pub(crate) fn end(code: u8) -> ! {
    if let Ok(port) = u16::try_from(DEBUG_EXIT.load(Ordering::Relaxed)) {
        // SAFETY: the command line says that this is the device that ends the machine.
        unsafe { Port::new(port).write(code) };
    }
    reset()
}

/// Resets the machine by a triple fault, which every machine type and hypervisor knows; with QEMU's `-no-reboot` that
/// is its end.
pub(crate) fn reset() -> ! {
    use x86_64::instructions::tables::lidt;
    use x86_64::structures::DescriptorTablePointer;
    let nothing = DescriptorTablePointer { limit: 0, base: x86_64::VirtAddr::zero() };
    // SAFETY: nothing is meant to run after this.
    unsafe {
        lidt(&nothing);
        core::arch::asm!("ud2", options(noreturn));
    }
}

/// Shows that this machine runs: counts to a million, and ends it. The tool tries KVM so, since one that opens need
/// not work.
pub(crate) fn self_test() -> ! {
    for turn in 0..1_000_000 {
        core::hint::black_box(turn);
    }
    reset()
}
