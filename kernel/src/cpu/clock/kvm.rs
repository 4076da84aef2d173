//! What KVM tells of time: `Documentation/virt/kvm/x86/cpuid.rst` and `msr.rst` of Linux.

use super::counter;
use crate::memory::layout::KERNEL_BASE;
use core::arch::x86_64::__cpuid;
use core::cell::UnsafeCell;
use core::sync::atomic::{Ordering, fence};
use x86_64::registers::model_specific::Msr;

/// Hypervisors begin to number their leaves here, or, behind those of another one they imitate, 256 further on.
const FIRST_LEAVES: [u32; 2] = [0x4000_0000, 0x4000_0100];
/// The frequency leaf that VMware has invented, from the first leaf on.
const FREQUENCIES: u32 = 0x10;
/// Bit of the feature leaf: the clock's registers are at their present numbers.
const HAS_CLOCK: u32 = 1 << 3;
const WALL_CLOCK: u32 = 0x4b56_4d00;
const SYSTEM_TIME: u32 = 0x4b56_4d01;

/// Where the hypervisor writes to. It must not cross a page.
#[repr(C, align(64))]
struct Page(UnsafeCell<[u32; 8]>);

// SAFETY: used at boot and, once, by whoever first asks for the time, with interrupts off.
unsafe impl Sync for Page {}

static PAGE: Page = Page(UnsafeCell::new([0; 8]));

/// `pvclock_vcpu_time_info`.
struct SystemTime {
    /// The counter when the rest was true.
    counter: u64,
    /// Nanoseconds of the machine's life then.
    nanoseconds: u64,
    /// Nanoseconds a tick, times 2^32, for ticks shifted by `shift`.
    multiplier: u32,
    shift: i8,
}

/// KVM's first leaf.
fn leaves() -> Option<u32> {
    if __cpuid(1).ecx & 1 << 31 == 0 {
        return None;
    }
    FIRST_LEAVES.into_iter().find(|&first| {
        let names = __cpuid(first);
        [names.ebx, names.ecx, names.edx].map(u32::to_le_bytes).as_flattened() == b"KVMKVMKVM\0\0\0"
    })
}

/// The frequency leaf: kHz of the counter, kHz of the local APIC's timer.
fn frequencies() -> Option<(u64, u64)> {
    if __cpuid(1).ecx & 1 << 31 == 0 {
        return None;
    }
    // Other hypervisors than KVM have this leaf too.
    let first = leaves().unwrap_or(FIRST_LEAVES[0]);
    let last = __cpuid(first).eax;
    if !(first + FREQUENCIES..first + 0x100).contains(&last) {
        return None;
    }
    let leaf = __cpuid(first + FREQUENCIES);
    Some((leaf.eax.into(), leaf.ebx.into()))
}

/// Ticks of the counter in a millisecond.
pub(super) fn counter_khz() -> Option<u64> {
    let told = frequencies().map(|(khz, _)| khz).filter(|&khz| khz != 0);
    told.or_else(|| system_time()?.khz())
}

/// Ticks of the local APIC's timer in a second.
pub(super) fn apic_hertz() -> Option<u64> {
    frequencies().map(|(_, khz)| khz * 1000).filter(|&hertz| hertz != 0)
}

/// Nanoseconds since 1970.
pub(super) fn wall_clock() -> Option<u64> {
    let time = system_time()?;
    let [version, seconds, nanoseconds, ..] = ask(WALL_CLOCK, 0);
    let begin = u64::from(seconds).checked_mul(1_000_000_000)?.checked_add(nanoseconds.into())?;
    (version != 0).then(|| begin.saturating_add(time.now()))
}

fn system_time() -> Option<SystemTime> {
    if __cpuid(leaves()? + 1).eax & HAS_CLOCK == 0 {
        return None;
    }
    let words = ask(SYSTEM_TIME, 1);
    // Off again: the page is wanted for other questions, and the counter's rate does not change.
    // SAFETY: the register is there.
    unsafe { Msr::new(SYSTEM_TIME).write(0) };
    let long = |at: usize| u64::from(words[at + 1]) << 32 | u64::from(words[at]);
    let time = SystemTime { counter: long(2), nanoseconds: long(4), multiplier: words[6], shift: words[7] as u8 as i8 };
    (words[0] != 0 && words[0].is_multiple_of(2) && time.multiplier != 0 && time.shift.abs() < 32).then_some(time)
}

/// Lets the hypervisor fill the page.
fn ask(register: u32, flags: u64) -> [u32; 8] {
    let place = PAGE.0.get();
    // SAFETY: nobody else uses the page, and the hypervisor writes no more than 32 bytes.
    unsafe {
        place.write([0; 8]);
        Msr::new(register).write((place as u64 - KERNEL_BASE) | flags);
        fence(Ordering::SeqCst);
        place.read_volatile()
    }
}

impl SystemTime {
    fn khz(&self) -> Option<u64> {
        let khz = (1_000_000_u64 << 32) / u64::from(self.multiplier);
        let khz = if self.shift < 0 { khz << -self.shift } else { khz >> self.shift };
        (khz != 0).then_some(khz)
    }

    fn now(&self) -> u64 {
        let ticks = u128::from(counter().saturating_sub(self.counter));
        let ticks = if self.shift < 0 { ticks >> -self.shift } else { ticks << self.shift };
        let product = ticks * u128::from(self.multiplier);
        self.nanoseconds.saturating_add((product >> 32) as u64)
    }
}
