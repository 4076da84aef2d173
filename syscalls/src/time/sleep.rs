//! `nanosleep(2)`, `clock_nanosleep(2)`.

use super::clock::Clock;
use super::{Instant, TimeSpec};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::signal::restart;
use crate::thread::Thread;
use crate::user::UserPtr;
use crate::wait::{WaitError, wait_until};
use linux_raw_sys::general::TIMER_ABSTIME;

/// Sleeps until the deadline; `false` when a signal is due.
fn sleep_until(deadline: Instant) -> bool {
    wait_until::<()>(&[], Some(deadline), || None) == Err(WaitError::TimedOut)
}

/// Sleeps; what is left after a signal goes to `remaining`, and the sleep goes on if no handler runs.
fn sleep_for(thread: &Thread, deadline: Instant, remaining: UserPtr<TimeSpec>) -> Result<i64> {
    if sleep_until(deadline) {
        return Ok(0);
    }
    let left = deadline.since(machine().monotonic());
    if left == 0 {
        return Ok(0);
    }
    remaining.write_unless_null(thread, &TimeSpec::new(left))?;
    Err(restart::interrupt(thread, move |thread| sleep_for(thread, deadline, remaining)))
}

/// `nanosleep(2)`.
pub fn nanosleep(thread: &Thread, request: UserPtr<TimeSpec>, remaining: UserPtr<TimeSpec>) -> Result<i64> {
    let duration = request.read(thread)?.nanoseconds()?;
    sleep_for(thread, machine().monotonic().after(duration), remaining)
}

/// `clock_nanosleep(2)`.
pub fn clock_nanosleep(
    thread: &Thread,
    id: i32,
    flags: u32,
    request: UserPtr<TimeSpec>,
    remaining: UserPtr<TimeSpec>,
) -> Result<i64> {
    let clock = Clock::from_id(id)?;
    if matches!(clock, Clock::Thread(_)) {
        return Err(Errno::EOPNOTSUPP);
    }
    let time = request.read(thread)?.nanoseconds()?;
    let now = clock.now(thread)?;
    let absolute = flags & TIMER_ABSTIME != 0;
    match clock {
        Clock::Process(_) => sleep_by_cpu_time(thread, clock, if absolute { time } else { now.saturating_add(time) }),
        _ if absolute => loop {
            // A clock that is set meanwhile moves the deadline.
            let left = time.saturating_sub(clock.now(thread)?);
            if left == 0 {
                return Ok(0);
            }
            if !sleep_until(machine().monotonic().after(left)) {
                return Err(Errno::ERESTARTNOHAND);
            }
        },
        _ => sleep_for(thread, machine().monotonic().after(time), remaining),
    }
}

/// Sleeps while the other threads of the process use CPU time.
fn sleep_by_cpu_time(thread: &Thread, clock: Clock, until: u64) -> Result<i64> {
    loop {
        let left = until.saturating_sub(clock.now(thread)?);
        if left == 0 {
            return Ok(0);
        }
        // CPU time does not run faster than time times CPUs; look again when it could be over.
        let soonest = (left / machine().cpus() as u64).max(1_000_000);
        if !sleep_until(machine().monotonic().after(soonest)) {
            return Err(Errno::ERESTARTNOHAND);
        }
    }
}
