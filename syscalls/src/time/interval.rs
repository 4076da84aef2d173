//! Interval timers: `setitimer(2)`, `alarm(2)`.

use super::clock::TimeVal;
use super::deadline::look_after;
use super::schedule::Schedule;
use super::timers::{Alarm, Sleeper};
use super::{Instant, SECOND};
use crate::argument::Argument;
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::Process;
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, Ordering};
use linux_raw_sys::general::{ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL};
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A periodic timer does not ring more often than this: what falls between would be one signal anyway.
const SHORTEST_PERIOD: u64 = 50_000;

/// `struct itimerval`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct IntervalSetting {
    /// From one expiry to the next; zero for a single one.
    pub interval: TimeVal,
    /// To the first expiry; zero for never.
    pub value: TimeVal,
}

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Real time, `SIGALRM`.
    Real,
    /// The program's CPU time, `SIGVTALRM`.
    Virtual,
    /// The program's CPU time and the kernel's for it, `SIGPROF`. The machine does not tell them apart: both are all.
    Profiling,
}

impl Argument for Which {
    const FORMAT: crate::argument::Format = |raw, _, out| write!(out, "{}", raw as i32);
    fn from_register(raw: u64) -> Result<Self> {
        match raw as u32 {
            ITIMER_REAL => Ok(Self::Real),
            ITIMER_VIRTUAL => Ok(Self::Virtual),
            ITIMER_PROF => Ok(Self::Profiling),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// A process's interval timers.
#[derive(Default)]
pub struct IntervalTimers {
    // Made when it is first wanted: most programs never do.
    real: Mutex<Option<Arc<RealTimer>>>,
    cpu: Mutex<[Schedule; 2]>,
    cpu_in_use: AtomicBool,
}

struct RealTimer {
    process: Weak<Process>,
    schedule: Mutex<Schedule>,
    alarm: Alarm,
}

impl Sleeper for RealTimer {
    fn ring(&self, now: Instant) {
        let mut schedule = self.schedule.lock();
        if !schedule.is_due(now.0) {
            return;
        }
        schedule.advance(now.0);
        // Still on the grid of its period.
        let not_before = now.0.saturating_add(SHORTEST_PERIOD);
        schedule.advance(not_before);
        self.alarm.set(schedule.next.map(Instant));
        drop(schedule);
        if let Some(process) = self.process.upgrade() {
            alert(&process, Signal::ALRM);
        }
    }
}

fn alert(process: &Process, signal: Signal) {
    // Cannot fail: a standard signal of the kernel needs no room.
    let _ = send(Target::Process(process), SigInfo::kernel(signal));
}

impl IntervalTimers {
    /// Looks at the timers on CPU time, with each tick of a process's thread; gives the CPU time to the next expiry.
    pub(super) fn tick(&self, process: &Process) -> Option<u64> {
        if !self.cpu_in_use.load(Ordering::Relaxed) {
            return None;
        }
        let now = process.cpu_time();
        let ([virtual_due, profiling_due], next) = {
            let mut schedules = self.cpu.lock();
            let due = schedules.each_mut().map(|schedule| schedule.advance(now) != 0);
            let next = schedules.iter().filter_map(|schedule| schedule.next).min();
            self.cpu_in_use.store(next.is_some(), Ordering::Relaxed);
            (due, next)
        };
        if virtual_due {
            alert(process, Signal::VTALRM);
        }
        if profiling_due {
            alert(process, Signal::PROF);
        }
        next.map(|next| next.saturating_sub(now))
    }

    /// Stops all: the process ends.
    pub(super) fn clear(&self) {
        *self.real.lock() = None;
        *self.cpu.lock() = Default::default();
    }

    fn real(&self, process: &Arc<Process>) -> Arc<RealTimer> {
        let make = || {
            Arc::new_cyclic(|me: &Weak<RealTimer>| RealTimer {
                process: Arc::downgrade(process),
                schedule: Mutex::default(),
                alarm: Alarm::new(me.clone()),
            })
        };
        self.real.lock().get_or_insert_with(make).clone()
    }

    /// What is left, in nanoseconds, and the interval.
    fn get(&self, process: &Process, which: Which) -> (u64, u64) {
        let (schedule, now) = match which {
            Which::Real => {
                let timer = self.real.lock().clone();
                (timer.map_or(Schedule::default(), |timer| *timer.schedule.lock()), machine().monotonic().0)
            }
            Which::Virtual => (self.cpu.lock()[0], process.cpu_time()),
            Which::Profiling => (self.cpu.lock()[1], process.cpu_time()),
        };
        // An expiry that is under way is one microsecond ahead, so that it does not look as if there were none.
        let left = schedule.next.map_or(0, |_| schedule.remaining(now).max(1000));
        (left, schedule.interval)
    }

    fn set(&self, process: &Arc<Process>, which: Which, value: u64, interval: u64) {
        let starting = |now: u64| match value {
            0 => Schedule { next: None, interval: 0 },
            _ => Schedule { next: Some(now.saturating_add(value)), interval },
        };
        let index = match which {
            Which::Real => {
                let timer = self.real(process);
                let mut schedule = timer.schedule.lock();
                *schedule = starting(machine().monotonic().0);
                timer.alarm.set(schedule.next.map(Instant));
                return;
            }
            Which::Virtual => 0,
            Which::Profiling => 1,
        };
        let mut schedules = self.cpu.lock();
        schedules[index] = starting(process.cpu_time());
        self.cpu_in_use.store(schedules.iter().any(|schedule| schedule.next.is_some()), Ordering::Relaxed);
        if value != 0 {
            look_after(value);
        }
    }
}

/// `getitimer(2)`.
pub fn getitimer(thread: &Thread, which: Which, value: UserPtr<IntervalSetting>) -> Result<()> {
    let (left, interval) = thread.process.timers.interval.get(&thread.process, which);
    value.write(thread, &IntervalSetting { interval: TimeVal::new(interval), value: TimeVal::new(left) })
}

/// `setitimer(2)`. A null pointer stops the timer, as Linux lets it.
pub fn setitimer(
    thread: &Thread,
    which: Which,
    new: UserPtr<IntervalSetting>,
    old: UserPtr<IntervalSetting>,
) -> Result<()> {
    let new = new.non_null().map_or(Ok(IntervalSetting::default()), |new| new.read(thread))?;
    let (value, interval) = (new.value.nanoseconds()?, new.interval.nanoseconds()?);
    let timers = &thread.process.timers.interval;
    let before = timers.get(&thread.process, which);
    timers.set(&thread.process, which, value, interval);
    old.write_unless_null(thread, &IntervalSetting { interval: TimeVal::new(before.1), value: TimeVal::new(before.0) })
}

/// `alarm(2)`: gives the seconds that were left, rounded, but not to 0.
pub fn alarm(thread: &Thread, seconds: u32) -> Result<u32> {
    let timers = &thread.process.timers.interval;
    let (left, _) = timers.get(&thread.process, Which::Real);
    timers.set(&thread.process, Which::Real, u64::from(seconds) * SECOND, 0);
    let seconds = left / SECOND;
    let up = left % SECOND >= SECOND / 2 || seconds == 0 && left > 0;
    Ok((seconds + u64::from(up)) as u32)
}
