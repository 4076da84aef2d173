//! How fast the machine's time stamp counter runs. It is told to the guest, which so need not measure it by a timer
//! that a busy host makes unreliable, or that the machine does not have.

use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::cache;

/// With `-icount shift=0` the counter advances once a nanosecond.
pub(crate) const COUNTED_KHZ: u64 = 1_000_000;

const MEASURING_TIME: Duration = Duration::from_millis(10);

/// The rate of the host's counter in kHz, which is the guest's too: KVM passes the counter on, and so does TCG.
/// Measured once in a start of the host.
pub(crate) fn host_tsc_khz() -> Option<u64> {
    let boot = cache::boot_id();
    let remembered = cache::recall("tsc-khz", &boot).and_then(|value| value.parse().ok());
    remembered.or_else(|| {
        let khz = measure()?;
        cache::remember("tsc-khz", &boot, &khz.to_string());
        Some(khz)
    })
}

fn measure() -> Option<u64> {
    let (first_ticks, first_time) = reading()?;
    thread::sleep(MEASURING_TIME);
    let (last_ticks, last_time) = reading()?;
    let nanoseconds = u128::from(last_time.checked_sub(first_time)?);
    let ticks = u128::from(last_ticks.checked_sub(first_ticks)?);
    u64::try_from((ticks * 1_000_000).checked_div(nanoseconds)?).ok().filter(|khz| *khz > 0)
}

/// Counter and time (ns) of one moment: of several readings the one that took the shortest, so that an interruption
/// between the two does not count.
fn reading() -> Option<(u64, u64)> {
    let one = || {
        let before = ticks();
        let time = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).ok()?;
        let took = ticks().wrapping_sub(before);
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let nanoseconds = u64::try_from(time.tv_nsec()).ok()?;
        Some((took, before.wrapping_add(took / 2), seconds * 1_000_000_000 + nanoseconds))
    };
    let (_, ticks, time) = (0..8).filter_map(|_| one()).min_by_key(|(took, ..)| *took)?;
    Some((ticks, time))
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 CPU has the instruction; it reads a register and touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_agree() {
        let (first, second) = (measure().expect("a rate"), measure().expect("a rate"));
        assert!(first.abs_diff(second) < first / 100, "{first} kHz, then {second} kHz");
        assert!((100_000..10_000_000).contains(&first), "{first} kHz");
    }
}
