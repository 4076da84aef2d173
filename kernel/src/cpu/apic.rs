//! The local APIC (SDM volume 3, chapter 12) and the IO-APIC (82093AA data sheet).

use crate::memory::kernel_half::map_device;
use core::arch::x86_64::__cpuid;
use core::sync::atomic::{AtomicU64, Ordering};
use x86_64::instructions::port::Port;
use x86_64::registers::model_specific::Msr;

const APIC_BASE: u32 = 0x1b;
const BASE_ENABLED: u64 = 1 << 11;
const BASE_X2APIC: u64 = 1 << 10;
const BASE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// The register at offset 0 as a model-specific one.
const X2APIC_FIRST: u32 = 0x800;

const EOI: u64 = 0xb0;
const SPURIOUS: u64 = 0xf0;
const IN_SERVICE: u64 = 0x100;
const LVT_TIMER: u64 = 0x320;
const LVT_LINT0: u64 = 0x350;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const TIMER_INITIAL: u64 = 0x380;
const TIMER_CURRENT: u64 = 0x390;
const TIMER_DIVIDE: u64 = 0x3e0;
const MASKED: u32 = 1 << 16;

/// The interrupt masks of the two old interrupt controllers.
const OLD_CONTROLLER_MASKS: [u16; 2] = [0x21, 0xa1];

const IO_BASE: u64 = 0xfec0_0000;
/// From one IO-APIC's registers to the next one's, as QEMU's microvm has it, and how many lines each has.
const IO_STRIDE: u64 = 0x1_0000;
const IO_LINES: u32 = 24;

/// Where the registers are mapped; 0 before [`start`]; [`BY_MSR`]: they are model-specific registers.
static REGISTERS: AtomicU64 = AtomicU64::new(0);
/// Firmware has left the local APIC in x2APIC mode, out of which there is no way but a reset.
const BY_MSR: u64 = 1;

fn read(register: u64) -> u32 {
    match REGISTERS.load(Ordering::Relaxed) {
        0 => panic!("the local APIC is used before it is mapped"),
        // SAFETY: in this mode the local APIC's registers are there.
        BY_MSR => unsafe { Msr::new(X2APIC_FIRST + (register >> 4) as u32).read() as u32 },
        // SAFETY: a register of the local APIC, mapped uncached.
        base => unsafe { ((base + register) as *const u32).read_volatile() },
    }
}

fn write(register: u64, value: u32) {
    match REGISTERS.load(Ordering::Relaxed) {
        0 => panic!("the local APIC is used before it is mapped"),
        // SAFETY: as above; none of the registers written here touches memory.
        BY_MSR => unsafe { Msr::new(X2APIC_FIRST + (register >> 4) as u32).write(value.into()) },
        // SAFETY: as above.
        base => unsafe { ((base + register) as *mut u32).write_volatile(value) },
    }
}

/// Turns the local APIC on. `None`: no frame to map it. Panics if the CPU has none.
pub(crate) fn start() -> Option<()> {
    assert!(__cpuid(1).edx & 1 << 9 != 0, "this CPU has no local APIC, which Birgus cannot do without");
    let mut msr = Msr::new(APIC_BASE);
    // SAFETY: the register is there where the local APIC is.
    let base = unsafe { msr.read() };
    if base & BASE_ENABLED == 0 {
        // SAFETY: turns on what is off, at its place.
        unsafe { msr.write(base | BASE_ENABLED) };
    }
    let registers = if base & BASE_X2APIC != 0 { BY_MSR } else { map_device(base & BASE_ADDRESS, 4096)? };
    REGISTERS.store(registers, Ordering::Relaxed);
    write(SPURIOUS, 0x100 | u32::from(super::Vector::SPURIOUS));
    disconnect_old_controllers();
    write(TIMER_DIVIDE, 0b1011);
    write(LVT_TIMER, u32::from(super::Vector::TIMER));
    Some(())
}

/// Turns on the local APIC of a CPU that is not the boot CPU, on that CPU, in the boot CPU's mode.
pub(super) fn start_application() {
    let mut msr = Msr::new(APIC_BASE);
    let mode = if REGISTERS.load(Ordering::Relaxed) == BY_MSR { BASE_X2APIC } else { 0 };
    // SAFETY: the register is there; the two bits may be set together (SDM volume 3, figure 12-27), the address stays.
    unsafe {
        let base = msr.read();
        msr.write(base | BASE_ENABLED);
        msr.write(base | BASE_ENABLED | mode);
    }
    write(SPURIOUS, 0x100 | u32::from(super::Vector::SPURIOUS));
    write(TIMER_DIVIDE, 0b1011);
    write(LVT_TIMER, u32::from(super::Vector::TIMER));
}

/// Delivery modes of an interrupt to another CPU (SDM volume 3, 12.6.1), with "assert".
const FIXED: u32 = 1 << 14;
const NON_MASKABLE: u32 = 1 << 14 | 4 << 8;
const INIT: u32 = 1 << 14 | 5 << 8;
const START_UP: u32 = 1 << 14 | 6 << 8;
/// The last command has not been accepted yet.
const PENDING: u32 = 1 << 12;

/// Sends a command to the CPU with this number, which is that of its local APIC.
fn command(cpu: usize, command: u32) {
    if REGISTERS.load(Ordering::Relaxed) == BY_MSR {
        // SAFETY: the register is there in this mode. It does not wait for writes before it (SDM volume 3, 12.12.3),
        // hence the fence.
        unsafe {
            core::arch::asm!("mfence", options(nostack, preserves_flags));
            Msr::new(X2APIC_FIRST + (COMMAND_LOW >> 4) as u32).write((cpu as u64) << 32 | u64::from(command));
        }
        return;
    }
    while read(COMMAND_LOW) & PENDING != 0 {
        core::hint::spin_loop();
    }
    write(COMMAND_HIGH, (cpu as u32) << 24);
    write(COMMAND_LOW, command);
}

/// Interrupts another CPU.
pub(crate) fn interrupt(cpu: usize, vector: u8) {
    command(cpu, FIXED | u32::from(vector));
}

/// Interrupts another CPU that may have interrupts off.
pub(crate) fn non_maskable_interrupt(cpu: usize) {
    command(cpu, NON_MASKABLE);
}

/// Resets another CPU, which waits for [`start_up`] then.
pub(super) fn reset(cpu: usize) {
    command(cpu, INIT);
}

/// Lets a CPU that was reset begin in real mode at the start of a page below 1 MiB.
pub(super) fn start_up(cpu: usize, page: u8) {
    command(cpu, START_UP | u32::from(page));
}

/// Firmware may have left the old interrupt controllers connected, and one of their interrupts pending: they are
/// masked first, so that it is withdrawn, and then cut off.
fn disconnect_old_controllers() {
    if read(LVT_LINT0) & MASKED != 0 {
        return;
    }
    for port in OLD_CONTROLLER_MASKS {
        // SAFETY: nothing here uses these controllers.
        unsafe { Port::new(port).write(0xff_u8) };
    }
    write(LVT_LINT0, MASKED);
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

/// Lets the timer run without an interrupt, up to [`end_count_down`].
pub(crate) fn count_down_from(count: u32) {
    write(LVT_TIMER, MASKED);
    write(TIMER_INITIAL, count);
}

/// What is left of the count.
pub(crate) fn count_left() -> u32 {
    read(TIMER_CURRENT)
}

/// Stops the count; the timer's interrupt is back on.
pub(crate) fn end_count_down() {
    write(TIMER_INITIAL, 0);
    write(LVT_TIMER, u32::from(super::Vector::TIMER));
}

/// The boot CPU's number for interrupts, of which one byte is enough for one CPU.
pub(crate) fn id() -> u32 {
    __cpuid(1).ebx >> 24
}

/// Leads an interrupt line (GSI) to a vector of the boot CPU: edge-triggered, active high.
pub(crate) fn route(gsi: u32, vector: u8) -> Option<()> {
    let registers = map_device(IO_BASE + u64::from(gsi / IO_LINES) * IO_STRIDE, 4096)?;
    let line = gsi % IO_LINES;
    let write = |index: u32, value: u32| {
        // SAFETY: IOREGSEL and IOWIN of the IO-APIC, mapped uncached.
        unsafe {
            (registers as *mut u32).write_volatile(index);
            ((registers + 0x10) as *mut u32).write_volatile(value);
        }
    };
    write(0x11 + 2 * line, id() << 24);
    write(0x10 + 2 * line, u32::from(vector));
    Some(())
}
