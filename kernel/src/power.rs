//! The end of the machine.

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
