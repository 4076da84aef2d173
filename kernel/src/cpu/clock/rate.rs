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
/// What is measured is this part of a second.
const PER_SECOND: u64 = 125;
/// What is assumed where there is nothing to measure by.
const GUESS_KHZ: u64 = 1_000_000;

/// Ticks of the time stamp counter in a millisecond.
pub(super) fn counter_khz() -> u64 {
    let known = kvm::counter_khz().or_else(from_cpuid);
    // A virtual machine may be stopped for longer than the PIT takes to wrap, which would go unnoticed; and there the
    // other timer's rate is known. On a real one it is the other way round.
    let measured = || if is_virtual() { by_local_apic().or_else(by_pit) } else { by_pit().or_else(by_local_apic) };
    known.or_else(measured).unwrap_or(GUESS_KHZ)
}

/// Ticks of the local APIC's timer in a second, if it can be known without measuring; it is corrected in use.
pub(super) fn of_local_apic_timer() -> u64 {
    let told = if is_virtual() { kvm::apic_hertz() } else { crystal_hertz() };
    told.unwrap_or(VIRTUAL_APIC_RATE)
}

/// Whether the CPU says that there is a hypervisor.
fn is_virtual() -> bool {
    __cpuid(1).ecx & 1 << 31 != 0
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
    let pit = Timer { rate: PIT_RATE, modulus: 1 << 16, count: || pit_count().into() };
    pit.measure()
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

/// Measures against the local APIC's timer, which on virtual machines has a known rate. `None`: it stands still.
fn by_local_apic() -> Option<u64> {
    apic::count_down_from(u32::MAX);
    let timer = Timer { rate: of_local_apic_timer(), modulus: 1 << 32, count: || apic::count_left().into() };
    let khz = timer.measure();
    apic::end_count_down();
    khz
}

/// A timer that counts down.
struct Timer<C> {
    /// Ticks in a second.
    rate: u64,
    /// What it counts modulo.
    modulus: u64,
    count: C,
}

impl<C: Fn() -> u64> Timer<C> {
    /// How often the timer is looked at before it must have moved.
    const LOOKS: usize = 10;

    /// Ticks of the time stamp counter in a millisecond. `None`: the timer does not move.
    fn measure(&self) -> Option<u64> {
        let (first_count, first) = self.reading();
        for look in 0.. {
            pause();
            let (count, last) = self.reading();
            let passed = first_count.wrapping_sub(count) % self.modulus;
            if passed >= self.rate / PER_SECOND {
                return Some((u128::from(last - first) * u128::from(self.rate) / u128::from(passed) / 1000) as u64);
            }
            if passed == 0 && look > Self::LOOKS {
                break;
            }
        }
        None
    }

    /// The count, and the time stamp counter at that moment: of a few readings the one that took the shortest, so that
    /// an interruption by the host does not count.
    fn reading(&self) -> (u64, u64) {
        let one = || {
            let before = counter();
            let count = (self.count)();
            let took = counter() - before;
            (took, count, before + took / 2)
        };
        let shortest = (0..6).map(|_| one()).min_by_key(|(took, ..)| *took);
        shortest.map_or_else(|| (0, counter()), |(_, count, at)| (count, at))
    }
}

/// Some 100 µs without a device access.
fn pause() {
    for _ in 0..5_000 {
        core::hint::spin_loop();
    }
}
