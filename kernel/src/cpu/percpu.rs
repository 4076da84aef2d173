//! What each CPU has for itself. The GS base leads to it while the kernel runs, and while a program runs that has
//! not asked for GS.

use birgus_syscalls::thread::Thread;
use core::cell::Cell;
use core::ptr::null;
use x86_64::VirtAddr;
use x86_64::registers::model_specific::Msr;

const GS_BASE: Msr = Msr::new(0xc000_0101);

/// One CPU's own data. The entry stubs reach the first fields by their offsets.
#[repr(C)]
pub(crate) struct PerCpu {
    this: Cell<*const PerCpu>,
    /// The thread that runs; null while the CPU boots.
    pub(crate) current: Cell<*const Thread>,
    /// Where RSP goes at a system call.
    pub(crate) kernel_rsp: Cell<u64>,
    /// The program's RSP, for the length of two instructions.
    pub(crate) user_rsp: Cell<u64>,
    /// The CPU's number, from 0.
    pub(crate) number: usize,
}

// SAFETY: each CPU touches its own alone, with interrupts off.
unsafe impl Sync for PerCpu {}

static BOOT_CPU: PerCpu = PerCpu {
    this: Cell::new(null()),
    current: Cell::new(null()),
    kernel_rsp: Cell::new(0),
    user_rsp: Cell::new(0),
    number: 0,
};

/// Lets GS lead to the boot CPU's data.
pub(crate) fn start() {
    BOOT_CPU.this.set(&raw const BOOT_CPU);
    let mut gs_base = GS_BASE;
    // SAFETY: GS is the kernel's.
    unsafe { gs_base.write(&raw const BOOT_CPU as u64) };
}

/// Where the boot CPU's data is: the kernel's GS base.
pub(super) fn boot_cpu() -> VirtAddr {
    VirtAddr::from_ptr(&raw const BOOT_CPU)
}

/// This CPU's data.
pub(crate) fn this_cpu() -> &'static PerCpu {
    let this: *const PerCpu;
    // SAFETY: `start` ran first; the pointer leads to a static.
    unsafe {
        core::arch::asm!("mov {}, gs:[0]", out(reg) this, options(nostack, readonly, preserves_flags, pure));
        &*this
    }
}
