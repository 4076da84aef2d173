//! Timers as files: `timerfd_create(2)`.

use super::Instant;
use super::clock::Clock;
use super::schedule::{Schedule, TimerSpec};
use super::timers::{Alarm, Sleeper};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile, StatusFlags};
use crate::flag_argument;
use crate::thread::Thread;
use crate::transfer::Destination;
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use linux_raw_sys::general as raw;
use spin::Mutex;

bitflags::bitflags! {
    /// The flags of `timerfd_create(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct TimerFdFlags: u32 {
        /// `TFD_NONBLOCK`.
        const NONBLOCK = raw::TFD_NONBLOCK;
        /// `TFD_CLOEXEC`.
        const CLOEXEC = raw::TFD_CLOEXEC;
    }

    /// The flags of `timerfd_settime(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SetTimeFlags: u32 {
        /// `TFD_TIMER_ABSTIME`.
        const ABSOLUTE = raw::TFD_TIMER_ABSTIME;
        /// `TFD_TIMER_CANCEL_ON_SET`.
        const CANCEL_ON_SET = raw::TFD_TIMER_CANCEL_ON_SET;
    }
}

flag_argument!(TimerFdFlags, strict);
flag_argument!(SetTimeFlags, strict);

struct State {
    schedule: Schedule,
    /// What the schedule runs on.
    clock: Clock,
    /// Expiries that nobody has read, without those since `halted`.
    count: u64,
    /// An expiry was told and the schedule has not gone on: so a short period costs nothing while nobody reads.
    halted: bool,
    cancels_on_set: bool,
    /// The clock was set, and a read is to tell.
    canceled: bool,
}

impl State {
    fn new(schedule: Schedule, clock: Clock) -> Self {
        Self { schedule, clock, count: 0, halted: false, cancels_on_set: false, canceled: false }
    }
}

/// A timer behind a descriptor.
pub struct TimerFile {
    clock: Clock,
    state: Mutex<State>,
    alarm: Alarm,
    changed: WaitQueue,
}

impl TimerFile {
    fn new(clock: Clock) -> Arc<Self> {
        let timer = Arc::new_cyclic(|me: &Weak<Self>| Self {
            state: Mutex::new(State::new(Schedule::default(), clock)),
            clock,
            alarm: Alarm::new(me.clone()),
            changed: WaitQueue::new(),
        });
        if timer.clock.can_be_set() {
            timer.alarm.follow_wall_clock();
        }
        timer
    }

    fn arm(&self, state: &State) {
        let next = state.schedule.next.filter(|_| !state.halted);
        self.alarm.set(next.and_then(|next| state.clock.instant(next)));
    }

    /// Brings the count up to now.
    fn go_on(&self, state: &mut State) {
        let now = state.clock.reading();
        let missed = state.schedule.advance(now);
        if core::mem::take(&mut state.halted) || missed != 0 {
            state.count += missed;
            self.arm(state);
        }
    }

    fn set(&self, new: &TimerSpec, flags: SetTimeFlags) -> Result<TimerSpec> {
        let absolute = flags.contains(SetTimeFlags::ABSOLUTE);
        let clock = self.clock.for_schedule(absolute);
        let schedule = Schedule::new(new, absolute, clock.reading())?;
        let mut state = self.state.lock();
        let now = state.clock.reading();
        let mut before = state.schedule;
        before.advance(now);
        // Counts only for points in wall time, as on Linux.
        let cancels_on_set = clock.can_be_set() && flags.contains(SetTimeFlags::CANCEL_ON_SET);
        *state = State { cancels_on_set, ..State::new(schedule, clock) };
        self.arm(&state);
        Ok(before.setting(now))
    }

    fn get(&self) -> TimerSpec {
        let mut state = self.state.lock();
        self.go_on(&mut state);
        state.schedule.setting(state.clock.reading())
    }
}

impl Sleeper for TimerFile {
    fn ring(&self, _: Instant) {
        let mut state = self.state.lock();
        let is_due = state.schedule.is_due(state.clock.reading());
        if is_due && !state.halted {
            // Counted when somebody looks; until then the alarm is silent.
            state.halted = true;
        }
        self.arm(&state);
        drop(state);
        if is_due {
            self.changed.wake_all();
        }
    }

    fn clock_was_set(&self) {
        let mut state = self.state.lock();
        state.canceled |= state.cancels_on_set;
        self.arm(&state);
        drop(state);
        self.changed.wake_all();
    }
}

impl File for TimerFile {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        if to.remaining() < size_of::<u64>() {
            return Err(Errno::EINVAL);
        }
        let count = {
            let mut state = self.state.lock();
            if core::mem::take(&mut state.canceled) {
                return Err(Errno::ECANCELED);
            }
            self.go_on(&mut state);
            core::mem::take(&mut state.count)
        };
        if count == 0 { Err(Errno::EAGAIN) } else { to.put(&count.to_ne_bytes()) }
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let state = self.state.lock();
        let ready = state.count != 0 || state.canceled || state.schedule.is_due(state.clock.reading());
        if ready { Events::IN } else { Events::empty() }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.changed)
    }
}

/// `timerfd_create(2)`.
pub fn timerfd_create(thread: &Thread, clock: u32, flags: TimerFdFlags) -> Result<Fd> {
    let clock = match clock {
        raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_ALARM => Clock::Realtime,
        raw::CLOCK_MONOTONIC | raw::CLOCK_BOOTTIME | raw::CLOCK_BOOTTIME_ALARM => Clock::Monotonic,
        _ => return Err(Errno::EINVAL),
    };
    let nonblock = flags.bits() & raw::TFD_NONBLOCK;
    let open = OpenFile::new(TimerFile::new(clock), StatusFlags::from_bits_retain(raw::O_RDWR | nonblock));
    thread.files().install(open, flags.contains(TimerFdFlags::CLOEXEC))
}

/// Does something with the timer of a descriptor. `EBADF`, `EINVAL` for another file.
fn with_timer<T>(thread: &Thread, fd: Fd, act: impl FnOnce(&TimerFile) -> Result<T>) -> Result<T> {
    let open = thread.files().get(fd)?;
    let file: &dyn Any = &**open.file();
    act(file.downcast_ref().ok_or(Errno::EINVAL)?)
}

/// `timerfd_settime(2)`.
pub fn timerfd_settime(
    thread: &Thread,
    fd: Fd,
    flags: SetTimeFlags,
    new: UserPtr<TimerSpec>,
    old: UserPtr<TimerSpec>,
) -> Result<()> {
    let new = new.read(thread)?;
    let before = with_timer(thread, fd, |timer| timer.set(&new, flags))?;
    old.write_unless_null(thread, &before)
}

/// `timerfd_gettime(2)`.
pub fn timerfd_gettime(thread: &Thread, fd: Fd, value: UserPtr<TimerSpec>) -> Result<()> {
    let setting = with_timer(thread, fd, |timer| Ok(timer.get()))?;
    value.write(thread, &setting)
}
