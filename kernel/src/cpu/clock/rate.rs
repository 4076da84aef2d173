//! How fast the time stamp counter runs, and the local APIC's timer.
//!
//! Whoever started the machine should say it (`birgus.tsc_khz=`, or the handover). Otherwise, in this order: the
//! hypervisor, the CPU, a measurement.

use super::{counter, kvm};
use crate::cpu::apic;
use core::arch::x86_64::__cpuid;
use x86_64::instructions::port::Port;

/// What QEMU's and KVM's local APIC timers run at.
const VIRTUAL_APIC_RATE: u64 = 1_000_000_000;
/// Ticks of the PIT (8254) in a second.
const PIT_RATE: u64 = 1_193_182;
/// The channel that nobody needs any more: its interrupt is masked.
const PIT_CHANNEL: u16 = 0x40;
const PIT_CONTROL: u16 = 0x43;
/// Channel 0, both bytes, rate generator.
const PIT_MODE: u8 = 0x34;
/// Ticks that are measured over: 5 ms.
const PIT_SPAN: u16 = 5966;
/// The same with the local APIC's timer.
const APIC_SPAN: u64 = VIRTUAL_APIC_RATE / 200;

/// Ticks of the time stamp counter in a millisecond.
pub(super) fn counter_khz() -> u64 {
    kvm::counter_khz().or_else(from_cpuid).or_else(by_pit).unwrap_or_else(by_local_apic)
}

/// Ticks of the local APIC's timer in a second, if it can be known without measuring; it is corrected in use.
pub(super) fn of_local_apic_timer() -> u64 {
    let is_virtual = __cpuid(1).ecx & 1 << 31 != 0;
    let told = if is_virtual { kvm::apic_hertz() } else { crystal_hertz() };
    told.unwrap_or(VIRTUAL_APIC_RATE)
}

/// CPUID leaf 15h (SDM volume 3, 19.7.3): the crystal's rate, which the local APIC's timer counts.
fn crystal_hertz() -> Option<u64> {
    let hertz = u64::from(leaf(0x15)?.ecx);
    (hertz != 0).then_some(hertz)
}

/// CPUID leaf 15h: the counter's rate by the crystal's. CPUs that do not tell the crystal's rate run the counter at the
/// base frequency, which leaf 16h tells in MHz.
fn from_cpuid() -> Option<u64> {
    let ratio = leaf(0x15)?;
    if ratio.eax == 0 || ratio.ebx == 0 {
        return None;
    }
    let khz = match crystal_hertz() {
        Some(hertz) => hertz * u64::from(ratio.ebx) / u64::from(ratio.eax) / 1000,
        None => u64::from(leaf(0x16)?.eax & 0xffff) * 1000,
    };
    (khz != 0).then_some(khz)
}

fn leaf(number: u32) -> Option<core::arch::x86_64::CpuidResult> {
    (__cpuid(0).eax >= number).then(|| __cpuid(number))
}

/// Measures against the PIT. `None`: there is none.
fn by_pit() -> Option<u64> {
    // SAFETY: nothing else uses the PIT; its interrupt is not let through.
    unsafe {
        Port::new(PIT_CONTROL).write(PIT_MODE);
        Port::new(PIT_CHANNEL).write(0_u8);
        Port::new(PIT_CHANNEL).write(0_u8);
    }
    let (first_tick, first) = reading(pit_count);
    let mut looks = 0;
    loop {
        pause();
        let (tick, last) = reading(pit_count);
        // It counts down, and wraps after 55 ms.
        let passed = first_tick.wrapping_sub(tick);
        if passed >= PIT_SPAN {
            return Some((last - first) * PIT_RATE / u64::from(passed) / 1000);
        }
        looks += 1;
        if passed == 0 && looks > 10 {
            return None;
        }
    }
}

fn pit_count() -> u16 {
    // SAFETY: as above; the first command holds channel 0's count for reading.
    unsafe {
        Port::new(PIT_CONTROL).write(0_u8);
        let mut channel = Port::<u8>::new(PIT_CHANNEL);
        let low = channel.read();
        u16::from_le_bytes([low, channel.read()])
    }
}

/// Measures against the local APIC's timer, which on virtual machines has a known rate.
fn by_local_apic() -> u64 {
    let rate = of_local_apic_timer();
    apic::count_down_from(u32::MAX);
    let start = counter();
    let mut last;
    loop {
        pause();
        last = counter();
        let passed = u64::from(u32::MAX - apic::count_left());
        if passed >= APIC_SPAN * rate / VIRTUAL_APIC_RATE {
            apic::end_count_down();
            return (u128::from(last - start) * u128::from(rate) / u128::from(passed) / 1000) as u64;
        }
    }
}

/// A timer's count, and the time stamp counter at that moment: of a few readings the one that took the shortest, so
/// that an interruption by the host does not count.
fn reading<T>(timer: impl Fn() -> T) -> (T, u64) {
    let one = || {
        let before = counter();
        let count = timer();
        let took = counter() - before;
        (took, count, before + took / 2)
    };
    let mut best = one();
    for _ in 0..3 {
        let next = one();
        if next.0 < best.0 {
            best = next;
        }
    }
    (best.1, best.2)
}

/// Some 100 µs without a device access.
fn pause() {
    for _ in 0..5_000 {
        core::hint::spin_loop();
    }
}
