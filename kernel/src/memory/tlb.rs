//! Translations that CPUs remember: whoever takes one away has all CPUs forget it that may know it.
//!
//! One CPU at a time changes page tables (`cpu/lock.rs`), so there is one request at a time. The others are asked by
//! an interrupt, or by the flag that they look at while they wait for the lock; both may come, and the second finds
//! nothing to do.

use super::frames::FRAME;
use crate::cpu::Vector;
use crate::cpu::apic;
use crate::cpu::percpu::{self, this_cpu};
use core::sync::atomic::{AtomicU64, Ordering};
use x86_64::VirtAddr;
use x86_64::instructions::tlb;

/// More pages than this are not worth going through one by one.
const MOST: u64 = 32;
/// Looks at the flags before a CPU is asked by an NMI: its program has turned interrupts off.
const PATIENCE: u32 = 1 << 22;

/// What the others are to forget. An empty range: nothing, only to come by.
static START: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);

/// Drops translations of `[start, end)` on this CPU.
fn forget(start: u64, end: u64) {
    if (end - start) / FRAME > MOST {
        tlb::flush_all();
    } else {
        for page in (start..end).step_by(FRAME as usize) {
            tlb::flush(VirtAddr::new_truncate(page));
        }
    }
}

/// Drops translations of `[start, end)` in the address space of this top-level table, on all CPUs that run in it.
pub(crate) fn invalidate(top: u64, start: u64, end: u64) {
    if !percpu::are_several() {
        return forget(start, end);
    }
    if this_cpu().top_level.get() == top {
        forget(start, end);
    }
    ask(start, end, |cpu| cpu.top_level.get() == top);
}

/// Whether any CPU runs in the address space of this top-level table, so that its TLB may know its entries.
pub(crate) fn is_active(top: u64) -> bool {
    if percpu::are_several() {
        return (0..percpu::count()).any(|number| percpu::cpu(number).top_level.get() == top);
    }
    x86_64::registers::control::Cr3::read().0.start_address().as_u64() == top
}

/// Makes each other CPU that runs a program pass a point where all its reads and writes before are done, and its
/// instructions are fetched anew (SDM volume 3, 9.3: IRET serialises).
pub(crate) fn synchronise() {
    if percpu::are_several() {
        ask(0, 0, |cpu| !cpu.is_idle.get());
    }
}

/// Asks the other CPUs of which `concerned` holds, and waits for their answers. The kernel's lock is held.
fn ask(start: u64, end: u64, concerned: impl Fn(&percpu::PerCpu) -> bool) {
    let own = this_cpu().number();
    let others = || (0..percpu::count()).filter(|&number| number != own && concerned(percpu::cpu(number)));
    START.store(start, Ordering::Relaxed);
    END.store(end, Ordering::Relaxed);
    for number in others() {
        percpu::cpu(number).flush.store(true, Ordering::SeqCst);
        apic::interrupt(number, Vector::SHOOT_DOWN);
    }
    for number in others() {
        let mut looks = 0_u32;
        while percpu::cpu(number).flush.load(Ordering::Acquire) {
            looks += 1;
            if looks == PATIENCE {
                looks = 0;
                apic::non_maskable_interrupt(number);
            }
            core::hint::spin_loop();
        }
    }
}

/// Does what another CPU has asked for, if one has.
pub(crate) fn answer() {
    let flush = &this_cpu().flush;
    if flush.load(Ordering::Acquire) {
        forget(START.load(Ordering::Relaxed), END.load(Ordering::Relaxed));
        core::sync::atomic::fence(Ordering::SeqCst);
        flush.store(false, Ordering::Release);
    }
}
