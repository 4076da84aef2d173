//! The kernel's lock: where there are several CPUs, one at a time is in the kernel.
//!
//! The kernel was made for one CPU, which is not preempted in it. The lock keeps that true for all that the
//! personality does: it is taken at each door (system calls, rewritten calls, exceptions, interrupts), given back on
//! the way to a program and while a CPU halts, and goes along from thread to thread at a switch. So programs run in
//! parallel, and the kernel's parts see no more of each other than with one CPU. It comes before all other locks.
//!
//! With one CPU it is never taken: the doors that take it are others (`entry.S`).
//!
//! It is not fair: a CPU of a virtual machine may be stopped by its host at any time, and one that is stopped while it
//! is next in turn would stop all others. Who waits has interrupts off; it goes on to answer other CPUs that want it to
//! forget translations.

use super::percpu::{are_several, this_cpu};
use crate::memory::tlb;
use core::sync::atomic::{AtomicU32, Ordering};

/// The CPU that holds the lock, its number plus 1; 0: nobody does.
pub(super) static HOLDER: AtomicU32 = AtomicU32::new(0);

/// Takes the lock, which this CPU does not hold.
pub(crate) extern "C" fn take() {
    let own = this_cpu().number() as u32 + 1;
    while HOLDER.load(Ordering::Relaxed) != 0
        || HOLDER.compare_exchange_weak(0, own, Ordering::Acquire, Ordering::Relaxed).is_err()
    {
        tlb::answer();
        core::hint::spin_loop();
    }
}

/// Gives the lock back, which this CPU holds. The entry stubs have the same in one instruction.
pub(crate) fn give_back() {
    HOLDER.store(0, Ordering::Release);
}

/// Takes the lock unless this CPU has it; whether it had not. Where there is one CPU nothing happens.
pub(crate) fn enter() -> bool {
    let enters = are_several() && HOLDER.load(Ordering::Relaxed) != this_cpu().number() as u32 + 1;
    if enters {
        take();
    }
    enters
}

/// On the way to a program: gives the lock back, if there are several CPUs.
pub(crate) fn leave() {
    if are_several() {
        give_back();
    }
}
