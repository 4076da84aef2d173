//! Where things lie in the kernel's half of every address space, and in physical memory.

/// All physical memory is mapped from here on, not executable.
pub(crate) const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;
/// Kernel stacks, each with a hole below it.
pub(crate) const STACKS: u64 = 0xffff_c000_0000_0000;
/// Stacks on which exceptions and interrupts land, CPU by CPU.
pub(crate) const LANDING_STACKS: u64 = 0xffff_d000_0000_0000;
/// The kernel image is mapped at its physical address above this.
pub(crate) const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;
/// The user half ends here.
pub(crate) const USER_END: u64 = 0x0000_8000_0000_0000;

unsafe extern "C" {
    static kernel_start: u8;
    static text_start: u8;
    static text_end: u8;
    static rodata_end: u8;
    static kernel_end: u8;
}

/// The address of a symbol of the linker script.
macro_rules! address {
    ($symbol:ident) => {
        (&raw const $symbol) as u64
    };
}

/// Virtual addresses of the kernel's text, from and to.
pub(crate) fn text() -> core::ops::Range<u64> {
    address!(text_start)..address!(text_end)
}

/// Virtual addresses of the kernel's read-only data.
pub(crate) fn rodata() -> core::ops::Range<u64> {
    address!(text_end)..address!(rodata_end)
}

/// Virtual addresses of the kernel's data, zeroed data included.
pub(crate) fn data() -> core::ops::Range<u64> {
    address!(rodata_end)..address!(kernel_end)
}

/// Physical addresses of the whole image.
pub(crate) fn image() -> core::ops::Range<u64> {
    address!(kernel_start)..address!(kernel_end) - KERNEL_BASE
}

/// The address at which a physical one is mapped.
pub(crate) const fn direct(physical: u64) -> u64 {
    DIRECT_MAP + physical
}
