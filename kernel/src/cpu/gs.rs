//! The GS base: the kernel's own, until a program asks for it.
//!
//! A thread that has set its GS base owns it: while it runs in its program GS is its own and the kernel's base waits in
//! IA32_KERNEL_GS_BASE. Such a thread enters through doors of its own and always leaves the long way; all others pay
//! nothing. CR4.FSGSBASE stays clear, so a program cannot change its base without the kernel.

use super::{percpu, syscall};
use crate::memory::stacks;
use core::sync::atomic::{AtomicBool, Ordering};
use x86_64::VirtAddr;
use x86_64::registers::model_specific::{GsBase, KernelGsBase};
use x86_64::registers::segmentation::GS;

/// Whether any thread has ever owned its GS.
static ANY: AtomicBool = AtomicBool::new(false);

/// Makes GS the kernel's where it is a program's. Called first thing by whoever may have interrupted either, with the
/// address of something on the landing stack, which tells the CPU. Gives whether it was.
pub(super) fn reclaim(landed: u64) -> bool {
    let is_own = ANY.load(Ordering::Relaxed) && GsBase::read() != percpu::base(stacks::cpu_of_landing(landed));
    if is_own {
        // SAFETY: the kernel's base is the one that waits.
        unsafe { GS::swap() };
    }
    is_own
}

/// Makes the way to and from the thread that is about to run fit: `base` is its own GS base, if it has one.
pub(crate) fn prepare(base: Option<u64>) {
    if let Some(base) = base {
        ANY.store(true, Ordering::Relaxed);
        KernelGsBase::write(VirtAddr::new_truncate(base));
    }
    if ANY.load(Ordering::Relaxed) {
        syscall::choose_door(base.is_some());
    }
}
