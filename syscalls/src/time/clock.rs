//! Clocks: `clock_gettime(2)`, `gettimeofday(2)`, `time(2)`, `clock_settime(2)`.

use super::{SECOND, TimeSpec};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::registry;
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general as raw;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A clock, `clockid_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Since 1970; can be set.
    Realtime,
    /// Since the start of the machine. Nothing sleeps here, so `CLOCK_BOOTTIME` and `CLOCK_MONOTONIC_RAW` are the same.
    Monotonic,
    /// CPU time of a process; 0 is the caller's.
    Process(i32),
    /// CPU time of a thread; 0 is the caller.
    Thread(i32),
    /// International Atomic Time, as far ahead of `Realtime` as nobody has told: 0.
    Tai,
}

/// A tick of the coarse clocks in nanoseconds, as with Linux's `HZ` of 250.
pub const COARSE: u64 = SECOND / 250;

impl Clock {
    /// `EINVAL`: no such clock.
    pub fn from_id(id: i32) -> Result<Self> {
        if id < 0 {
            // The lowest three bits tell the kind, the others, inverted, the process or thread (`clock_getcpuclockid(3)`).
            let target = !(id >> 3);
            return match (id & 3, id & 4) {
                (3, _) => Err(Errno::EINVAL),
                (_, 0) => Ok(Self::Process(target)),
                _ => Ok(Self::Thread(target)),
            };
        }
        match id as u32 {
            raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_COARSE | raw::CLOCK_REALTIME_ALARM => Ok(Self::Realtime),
            raw::CLOCK_MONOTONIC
            | raw::CLOCK_MONOTONIC_RAW
            | raw::CLOCK_MONOTONIC_COARSE
            | raw::CLOCK_BOOTTIME
            | raw::CLOCK_BOOTTIME_ALARM => Ok(Self::Monotonic),
            raw::CLOCK_PROCESS_CPUTIME_ID => Ok(Self::Process(0)),
            raw::CLOCK_THREAD_CPUTIME_ID => Ok(Self::Thread(0)),
            raw::CLOCK_TAI => Ok(Self::Tai),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Nanoseconds since the clock's beginning. `EINVAL`: the process or thread of a CPU clock is not there.
    pub fn now(self, thread: &Thread) -> Result<u64> {
        let monotonic = machine().monotonic().0;
        match self {
            Self::Monotonic => Ok(monotonic),
            Self::Realtime | Self::Tai => Ok(monotonic + machine().realtime_offset()),
            Self::Process(0) => Ok(thread.process.cpu_time()),
            Self::Process(id) => registry::find(id).map(|process| process.cpu_time()).ok_or(Errno::EINVAL),
            Self::Thread(0) => Ok(thread.task().map_or(0, |task| task.cpu_time())),
            Self::Thread(id) => {
                let other = registry::thread(id).ok_or(Errno::EINVAL)?;
                Ok(other.task().map_or(0, |task| task.cpu_time()))
            }
        }
    }
}

/// `clock_gettime(2)`.
pub fn clock_gettime(thread: &Thread, id: i32, time: UserPtr<TimeSpec>) -> Result<()> {
    let now = Clock::from_id(id)?.now(thread)?;
    time.write(thread, &TimeSpec::new(now))
}

/// `clock_getres(2)`.
pub fn clock_getres(thread: &Thread, id: i32, resolution: UserPtr<TimeSpec>) -> Result<()> {
    Clock::from_id(id)?.now(thread)?;
    let coarse = id == raw::CLOCK_REALTIME_COARSE as i32 || id == raw::CLOCK_MONOTONIC_COARSE as i32;
    resolution.write_unless_null(thread, &TimeSpec::new(if coarse { COARSE } else { 1 }))
}

/// Sets `Realtime` to `nanoseconds` since 1970. `EINVAL`: earlier than the machine's start would be.
fn set_realtime(nanoseconds: u64) -> Result<()> {
    let offset = nanoseconds.checked_sub(machine().monotonic().0).ok_or(Errno::EINVAL)?;
    machine().set_realtime_offset(offset);
    super::clock_was_set();
    Ok(())
}

/// `clock_settime(2)`.
pub fn clock_settime(thread: &Thread, id: i32, time: UserPtr<TimeSpec>) -> Result<()> {
    if id != raw::CLOCK_REALTIME as i32 {
        return Err(Errno::EINVAL);
    }
    set_realtime(time.read(thread)?.nanoseconds()?)
}

/// `struct timeval`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TimeVal {
    /// `tv_sec`.
    pub seconds: i64,
    /// `tv_usec`.
    pub microseconds: i64,
}

impl TimeVal {
    /// From nanoseconds, rounded down.
    pub const fn new(nanoseconds: u64) -> Self {
        Self { seconds: (nanoseconds / SECOND) as i64, microseconds: (nanoseconds % SECOND / 1000) as i64 }
    }
}

/// `struct timezone`: minutes west of Greenwich, and a kind of daylight saving that nothing uses.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TimeZone {
    minutes_west: i32,
    daylight_saving: i32,
}

/// `gettimeofday(2)`.
pub fn gettimeofday(thread: &Thread, time: UserPtr<TimeVal>, zone: UserPtr<TimeZone>) -> Result<()> {
    let now = Clock::Realtime.now(thread)?;
    time.write_unless_null(thread, &TimeVal::new(now))?;
    zone.write_unless_null(thread, &TimeZone::default())
}

/// `settimeofday(2)`.
pub fn settimeofday(thread: &Thread, time: UserPtr<TimeVal>, zone: UserPtr<TimeZone>) -> Result<()> {
    if let Some(zone) = zone.non_null() {
        zone.read(thread)?;
    }
    let Some(time) = time.non_null() else { return Ok(()) };
    let time = time.read(thread)?;
    if !(0..1_000_000).contains(&time.microseconds) {
        return Err(Errno::EINVAL);
    }
    set_realtime(TimeSpec { seconds: time.seconds, nanoseconds: time.microseconds * 1000 }.nanoseconds()?)
}

/// `time(2)`.
pub fn time(thread: &Thread, result: UserPtr<i64>) -> Result<i64> {
    let seconds = (Clock::Realtime.now(thread)? / SECOND) as i64;
    result.write_unless_null(thread, &seconds)?;
    Ok(seconds)
}
