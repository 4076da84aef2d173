//! The time stamp counter as the clock, and the local APIC's timer as the alarm.

use super::apic;
use birgus_syscalls::time::Instant;
use core::arch::x86_64::{__cpuid, _rdtsc};
use core::sync::atomic::{AtomicU64, Ordering};

/// Value of the counter at time 0.
static ORIGIN: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds a tick, times 2^32.
static SCALE: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds since 1970 at time 0.
static REALTIME: AtomicU64 = AtomicU64::new(0);
/// When the alarm is set to fire, as an [`Instant`]; the maximum: it is not set.
static ALARM: AtomicU64 = AtomicU64::new(u64::MAX);
/// Nanoseconds from setting the alarm until now, for the alarm that is set.
static ARMED_AT: AtomicU64 = AtomicU64::new(0);
/// Ticks of the alarm's timer in a second. QEMU's and KVM's run at 1 GHz; others are found out by use.
static ALARM_RATE: AtomicU64 = AtomicU64::new(1_000_000_000);

/// Starts the clock at 0. `told_khz`: the counter's rate if somebody knows it.
pub(crate) fn start(told_khz: Option<u32>) {
    ORIGIN.store(counter(), Ordering::Relaxed);
    let khz = told_khz.map(u64::from).or_else(from_cpuid).unwrap_or(1_000_000);
    SCALE.store((1_000_000 << 32) / khz, Ordering::Relaxed);
}

fn counter() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { _rdtsc() }
}

/// CPUID leaf 15h: the counter's rate by the crystal's.
fn from_cpuid() -> Option<u64> {
    if __cpuid(0).eax < 0x15 {
        return None;
    }
    let leaf = __cpuid(0x15);
    let hertz = u64::from(leaf.ecx) * u64::from(leaf.ebx).checked_div(u64::from(leaf.eax))?;
    (hertz != 0).then_some(hertz / 1000)
}

/// The counter and the factor from its ticks to nanoseconds (times 2^32), for the vDSO.
pub(crate) fn parameters() -> (u64, u64) {
    (ORIGIN.load(Ordering::Relaxed), SCALE.load(Ordering::Relaxed))
}

/// `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Instant {
    let ticks = counter().wrapping_sub(ORIGIN.load(Ordering::Relaxed));
    Instant((u128::from(ticks) * u128::from(SCALE.load(Ordering::Relaxed)) >> 32) as u64)
}

/// What `CLOCK_REALTIME` is ahead of [`now`].
pub(crate) fn realtime_offset() -> u64 {
    REALTIME.load(Ordering::Relaxed)
}

/// Sets that.
pub(crate) fn set_realtime_offset(nanoseconds: u64) {
    REALTIME.store(nanoseconds, Ordering::Relaxed);
}

/// Lets the alarm fire at `deadline`, unless it is set to fire earlier.
pub(crate) fn arm(deadline: Instant) {
    if deadline.0 >= ALARM.load(Ordering::Relaxed) {
        return;
    }
    let now = now();
    ALARM.store(deadline.0, Ordering::Relaxed);
    ARMED_AT.store(now.0, Ordering::Relaxed);
    let ticks = u128::from(deadline.since(now)) * u128::from(ALARM_RATE.load(Ordering::Relaxed)) / 1_000_000_000;
    apic::arm(u32::try_from(ticks).unwrap_or(u32::MAX));
}

/// The alarm has fired: it is no longer set. Learns its rate from how late it was.
pub(crate) fn alarm_fired() {
    let deadline = ALARM.swap(u64::MAX, Ordering::Relaxed);
    let armed_at = ARMED_AT.load(Ordering::Relaxed);
    let wanted = deadline.saturating_sub(armed_at);
    let taken = now().0.saturating_sub(armed_at);
    // A busy host is late, too, but never early: only a timer that is clearly slow is believed to be slow.
    if wanted > 100_000 && deadline != u64::MAX && (taken < wanted / 2 || taken > wanted * 4) {
        let rate = ALARM_RATE.load(Ordering::Relaxed);
        let better = u128::from(rate) * u128::from(wanted) / u128::from(taken.max(1));
        ALARM_RATE.store((better as u64).clamp(1_000_000, 10_000_000_000), Ordering::Relaxed);
    }
}
