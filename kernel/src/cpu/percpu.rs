//! What each CPU has for itself. The GS base leads to it while the kernel runs, and while a program runs that has
//! not asked for GS.

use birgus_syscalls::thread::Thread;
use core::cell::Cell;
use core::ptr::null;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use x86_64::VirtAddr;
use x86_64::registers::model_specific::Msr;

const GS_BASE: Msr = Msr::new(0xc000_0101);

/// The most CPUs that are used.
pub(crate) const MAXIMUM: usize = 32;

/// One CPU's own data. The entry stubs reach the first fields by their offsets.
#[repr(C, align(64))]
pub(crate) struct PerCpu {
    this: Cell<*const PerCpu>,
    /// The thread that runs; null while the CPU boots, and while one of several CPUs is idle.
    pub(crate) current: Cell<*const Thread>,
    /// Where RSP goes at a system call.
    pub(crate) kernel_rsp: Cell<u64>,
    /// The program's RSP, for the length of two instructions.
    pub(crate) user_rsp: Cell<u64>,
    number: Cell<usize>,
    /// When the alarm is set to fire; the maximum: it is not set.
    pub(crate) alarm: Cell<u64>,
    /// When the alarm was set.
    pub(crate) armed_at: Cell<u64>,
    /// Nanoseconds from then until it should fire. Less than until the deadline if the timer cannot count so far.
    pub(crate) armed_for: Cell<u64>,
    /// Top of the stack on which one of several CPUs is idle.
    pub(crate) idle_stack: Cell<u64>,
    /// The top-level table in use; 0 for the kernel's own. Others look at it, too, with the kernel's lock held.
    pub(crate) top_level: Cell<u64>,
    /// Whether the CPU halts until it is told of something to run. Under the kernel's lock.
    pub(crate) is_idle: Cell<bool>,
    /// Another CPU waits for this one to forget translations.
    pub(crate) flush: AtomicBool,
}

// SAFETY: each CPU touches its own alone, with interrupts off, but for the atomic field, and for those that are
// under the kernel's lock.
unsafe impl Sync for PerCpu {}

static CPUS: [PerCpu; MAXIMUM] = [const {
    PerCpu {
        this: Cell::new(null()),
        current: Cell::new(null()),
        kernel_rsp: Cell::new(0),
        user_rsp: Cell::new(0),
        number: Cell::new(0),
        alarm: Cell::new(0),
        armed_at: Cell::new(0),
        armed_for: Cell::new(0),
        idle_stack: Cell::new(0),
        top_level: Cell::new(0),
        is_idle: Cell::new(false),
        flush: AtomicBool::new(false),
    }
}; MAXIMUM];

/// How many CPUs run.
static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Lets GS lead to the data of this CPU, which has this number.
pub(crate) fn start(number: usize) {
    let cpu = &CPUS[number];
    cpu.this.set(cpu);
    cpu.number.set(number);
    cpu.alarm.set(u64::MAX);
    let mut gs_base = GS_BASE;
    // SAFETY: GS is the kernel's.
    unsafe { gs_base.write(core::ptr::from_ref(cpu) as u64) };
}

/// How many CPUs run.
#[inline]
pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Whether there is more than one CPU: then the kernel's lock is taken at each door.
#[inline]
pub(crate) fn are_several() -> bool {
    count() > 1
}

/// Says how many CPUs run, once, before any of the others does.
pub(super) fn set_count(count: usize) {
    COUNT.store(count, Ordering::Relaxed);
}

/// The data of a CPU, for what others may touch of it.
pub(crate) fn cpu(number: usize) -> &'static PerCpu {
    &CPUS[number]
}

/// Where a CPU's data is: the kernel's GS base there.
pub(super) fn base(number: usize) -> VirtAddr {
    VirtAddr::from_ptr(&raw const CPUS[number])
}

/// This CPU's data. Must not be kept over a switch of threads, which may go on elsewhere.
pub(crate) fn this_cpu() -> &'static PerCpu {
    let this: *const PerCpu;
    // SAFETY: `start` ran first; the pointer leads to a static.
    unsafe {
        core::arch::asm!("mov {}, gs:[0]", out(reg) this, options(nostack, readonly, preserves_flags, pure));
        &*this
    }
}

impl PerCpu {
    /// The CPU's number, from 0, which is the boot CPU's.
    pub(crate) fn number(&self) -> usize {
        self.number.get()
    }
}
