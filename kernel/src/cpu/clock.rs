//! The time stamp counter as the clock, and the local APIC's timer as the alarm.

mod kvm;
mod rate;
mod real_time_clock;

use super::apic;
use super::percpu::this_cpu;
use crate::vdso::DATA;
use birgus_syscalls::time::{Instant, SECOND};
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

/// Value of the counter at time 0. Like the next two, programs read it, too.
static ORIGIN: &AtomicU64 = &DATA.origin;
/// Nanoseconds a tick, times 2^32.
static SCALE: &AtomicU64 = &DATA.scale;
/// Nanoseconds since 1970 at time 0.
static REALTIME: &AtomicU64 = &DATA.realtime;
/// Nobody has said what time it is, and nobody has asked.
const NOT_KNOWN: u64 = u64::MAX;
/// Ticks of the alarms' timers in a second.
static ALARM_RATE: AtomicU64 = AtomicU64::new(1_000_000_000);

/// Starts the clock at 0. `told_khz`: the counter's rate if somebody knows it; otherwise it may take 10 ms to find out.
/// The local APIC is on.
pub(crate) fn start(told_khz: Option<u32>) {
    ALARM_RATE.store(rate::of_local_apic_timer(), Ordering::Relaxed);
    let khz = told_khz.map_or_else(rate::counter_khz, u64::from).max(1);
    ORIGIN.store(counter(), Ordering::Relaxed);
    SCALE.store((1_000_000 << 32) / khz, Ordering::Relaxed);
    REALTIME.store(NOT_KNOWN, Ordering::Relaxed);
}

/// The time stamp counter, read after everything before: also after a program's own look at it (SDM volume 2, RDTSC).
fn counter() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: every x86-64 CPU has both instructions.
    unsafe {
        asm!("lfence", "rdtsc", out("rax") low, out("rdx") high, options(nomem, nostack, preserves_flags));
    };
    high << 32 | low
}

/// The counter's rate in kHz.
pub(crate) fn counter_khz() -> u64 {
    (1_000_000 << 32) / SCALE.load(Ordering::Relaxed).max(1)
}

/// `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Instant {
    at(counter())
}

/// When the counter had this value; 0 if that was before time 0.
fn at(counter: u64) -> Instant {
    let ticks = counter.saturating_sub(ORIGIN.load(Ordering::Relaxed));
    Instant(nanoseconds(ticks))
}

fn nanoseconds(ticks: u64) -> u64 {
    let product = u128::from(ticks) * u128::from(SCALE.load(Ordering::Relaxed));
    (product >> 32) as u64
}

/// What `CLOCK_REALTIME` is ahead of [`now`]. If nobody has said it, the machine is asked at the first time.
pub(crate) fn realtime_offset() -> u64 {
    match REALTIME.load(Ordering::Relaxed) {
        NOT_KNOWN => {
            let wall = kvm::wall_clock().or_else(real_time_clock::read).unwrap_or(0);
            let offset = wall.saturating_sub(now().0);
            REALTIME.store(offset, Ordering::Relaxed);
            offset
        }
        offset => offset,
    }
}

/// Sets that.
pub(crate) fn set_realtime_offset(nanoseconds: u64) {
    REALTIME.store(nanoseconds, Ordering::Relaxed);
}

/// Says what time it was (in nanoseconds since 1970): when the counter had the value `then`, otherwise just now.
pub(crate) fn set_wall_clock(wall: u64, then: Option<u64>) {
    let origin = ORIGIN.load(Ordering::Relaxed);
    let offset = match then {
        // The tool looked before this machine's clock began.
        Some(then) if then < origin => wall.saturating_add(nanoseconds(origin - then)),
        Some(then) => wall.saturating_sub(at(then).0),
        None => wall.saturating_sub(now().0),
    };
    set_realtime_offset(offset);
}

/// Lets this CPU's alarm fire at `deadline`, unless it is set to fire earlier.
pub(crate) fn arm(deadline: Instant) {
    let cpu = this_cpu();
    if deadline.0 >= cpu.alarm.get() {
        return;
    }
    let now = now();
    let wanted = deadline.since(now);
    let rate = ALARM_RATE.load(Ordering::Relaxed);
    let ticks = u128::from(wanted) * u128::from(rate) / u128::from(SECOND);
    // What is too far away is waited for in pieces: whoever set the alarm looks at the time when it fires.
    let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
    cpu.alarm.set(deadline.0);
    cpu.armed_at.set(now.0);
    cpu.armed_for.set(wanted.min(u64::from(ticks) * SECOND / rate));
    apic::arm(ticks);
}

/// This CPU's alarm has fired: it is no longer set. Learns its rate from how early or late it was.
pub(crate) fn alarm_fired() {
    let cpu = this_cpu();
    if cpu.alarm.replace(u64::MAX) == u64::MAX {
        return;
    }
    let wanted = cpu.armed_for.get();
    let taken = now().0.saturating_sub(cpu.armed_at.get());
    // No timer is early that runs at its rate. But all are late on a busy host: only a long wait that was far too long
    // says that the timer is slow. A wrong belief mends itself: with it the next alarm is early.
    let is_fast = wanted > 100_000 && taken < wanted / 2;
    let is_slow = wanted >= 20_000_000 && taken > wanted.saturating_mul(4);
    if is_fast || is_slow {
        let rate = ALARM_RATE.load(Ordering::Relaxed);
        let better = u128::from(rate) * u128::from(wanted) / u128::from(taken.max(1));
        ALARM_RATE.store((better as u64).clamp(1_000_000, 10_000_000_000), Ordering::Relaxed);
    }
}
