//! The local APIC (SDM volume 3, chapter 12) and the IO-APIC.

use crate::memory::kernel_half::map_device;
use core::sync::atomic::{AtomicU64, Ordering};

const BASE: u64 = 0xfee0_0000;
const IO_BASE: u64 = 0xfec0_0000;

const EOI: u64 = 0xb0;
const SPURIOUS: u64 = 0xf0;
const IN_SERVICE: u64 = 0x100;
const LVT_TIMER: u64 = 0x320;
const LVT_LINT0: u64 = 0x350;
const TIMER_INITIAL: u64 = 0x380;
const TIMER_DIVIDE: u64 = 0x3e0;
const MASKED: u32 = 1 << 16;

/// Where the registers are mapped; 0 before [`start`].
static REGISTERS: AtomicU64 = AtomicU64::new(0);

fn read(register: u64) -> u32 {
    let base = REGISTERS.load(Ordering::Relaxed);
    assert!(base != 0, "the local APIC is used before it is mapped");
    // SAFETY: a register of the local APIC, mapped uncached.
    unsafe { ((base + register) as *const u32).read_volatile() }
}

fn write(register: u64, value: u32) {
    let base = REGISTERS.load(Ordering::Relaxed);
    assert!(base != 0, "the local APIC is used before it is mapped");
    // SAFETY: a register of the local APIC, mapped uncached.
    unsafe { ((base + register) as *mut u32).write_volatile(value) };
}

/// Turns the local APIC on. `None`: no frame to map it.
pub(crate) fn start() -> Option<()> {
    REGISTERS.store(map_device(BASE, 4096)?, Ordering::Relaxed);
    write(SPURIOUS, 0x100 | u32::from(super::Vector::SPURIOUS));
    // Firmware may have left the old interrupt controller connected.
    write(LVT_LINT0, MASKED);
    write(TIMER_DIVIDE, 0b1011);
    write(LVT_TIMER, u32::from(super::Vector::TIMER));
    Some(())
}

/// Tells the local APIC that its interrupt is handled.
pub(crate) fn end_of_interrupt() {
    write(EOI, 0);
}

/// Whether the interrupt that is being handled is this vector's.
pub(crate) fn is_in_service(vector: u8) -> bool {
    let register = IN_SERVICE + 0x10 * u64::from(vector / 32);
    read(register) & 1 << (vector % 32) != 0
}

/// Lets the timer fire once after `count` of its ticks.
pub(crate) fn arm(count: u32) {
    write(TIMER_INITIAL, count.max(1));
}

/// Leads an interrupt line (GSI) to a vector of the boot CPU: edge-triggered, active high.
pub(crate) fn route(gsi: u32, vector: u8) -> Option<()> {
    let registers = map_device(IO_BASE, 4096)?;
    let write = |index: u32, value: u32| {
        // SAFETY: IOREGSEL and IOWIN of the IO-APIC, mapped uncached.
        unsafe {
            (registers as *mut u32).write_volatile(index);
            ((registers + 0x10) as *mut u32).write_volatile(value);
        }
    };
    write(0x11 + 2 * gsi, 0);
    write(0x10 + 2 * gsi, u32::from(vector));
    Some(())
}
