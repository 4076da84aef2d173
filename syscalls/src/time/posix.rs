//! POSIX timers: `timer_create(2)` and its family.

use super::clock::Clock;
use super::deadline::look_after;
use super::schedule::{Schedule, TimerSpec};
use super::timers::{Alarm, Sleeper};
use super::{Instant, TimeSpec};
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::signal::send::{Target, send_from};
use crate::signal::{Origin, SigInfo, Signal, Slot};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use linux_raw_sys::general as raw;
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A periodic timer whose signal is ignored rings no more often than this: nobody sees it.
const IGNORED_PERIOD: u64 = 1_000_000;

/// `struct sigevent`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SignalEvent {
    /// `sigev_value`.
    pub value: u64,
    /// `sigev_signo`.
    pub signal: i32,
    /// `sigev_notify`.
    pub notify: i32,
    /// `sigev_notify_thread_id`.
    pub thread: i32,
    /// The rest of the union.
    pub padding: [i32; 11],
}

/// What happens when a timer expires.
enum Notice {
    Nothing,
    Process(Signal),
    Thread(Signal, Weak<Thread>),
}

struct State {
    schedule: Schedule,
    /// What the schedule runs on.
    clock: Clock,
    /// A signal of this timer waits to be taken.
    queued: bool,
    /// The schedule waits for that, too: so a short period cannot flood anybody.
    halted: bool,
    /// Expiries since the signal was queued.
    missed: u64,
    /// `timer_getoverrun(2)`.
    overrun: i32,
    deleted: bool,
}

impl State {
    fn new(clock: Clock) -> Self {
        let schedule = Schedule::default();
        Self { schedule, clock, queued: false, halted: false, missed: 0, overrun: 0, deleted: false }
    }
}

/// A timer.
struct PosixTimer {
    id: i32,
    process: Weak<Process>,
    clock: Clock,
    notice: Notice,
    value: u64,
    state: Mutex<State>,
    alarm: Alarm,
    me: Weak<Self>,
    // Its signal's room in a queue, taken beforehand so that it always arrives.
    _slot: Slot,
}

impl PosixTimer {
    /// Sets the alarm as the schedule says.
    fn arm(&self, state: &State) {
        let waits = matches!(self.notice, Notice::Nothing) || state.halted || state.deleted;
        let next = state.schedule.next.filter(|_| !waits);
        self.alarm.set(next.and_then(|next| state.clock.instant(next)));
    }

    /// Looks whether it has expired, and sends what is to be sent.
    fn look(&self) {
        let mut state = self.state.lock();
        let now = state.clock.reading();
        if state.halted || state.deleted || !state.schedule.is_due(now) {
            return self.arm(&state);
        }
        if state.queued {
            // Set anew while its signal still waits.
            state.missed += state.schedule.advance(now);
            return self.arm(&state);
        }
        if state.schedule.is_periodic() {
            state.halted = true;
        } else {
            state.schedule.next = None;
        }
        state.queued = true;
        state.missed = 0;
        drop(state);
        // Not with the lock held: taking the signal, on another CPU or because it is ignored, comes back here.
        if !self.send() {
            let mut state = self.state.lock();
            state.queued = false;
            state.halted = false;
            if self.is_target_gone() {
                state.schedule = Schedule::default();
            }
            state.schedule.advance(now.saturating_add(IGNORED_PERIOD));
            self.arm(&state);
        }
    }

    fn is_target_gone(&self) -> bool {
        match &self.notice {
            Notice::Nothing => false,
            Notice::Process(_) => self.process.strong_count() == 0,
            Notice::Thread(_, thread) => thread.upgrade().is_none_or(|thread| thread.is_leaving()),
        }
    }

    /// The same for a clock that no alarm can follow: gives what is left on it.
    fn look_on_cpu_time(&self) -> Option<u64> {
        self.look();
        let state = self.state.lock();
        let next = state.schedule.next.filter(|_| !state.halted && !state.deleted)?;
        Some(next.saturating_sub(state.clock.reading()))
    }

    /// Gives whether a signal is queued now.
    fn send(&self) -> bool {
        let Some(me) = self.me.upgrade() else { return false };
        let origin: Option<Arc<dyn Origin>> = Some(me);
        let sent = match &self.notice {
            Notice::Nothing => return false,
            Notice::Process(signal) => self.process.upgrade().map(|process| {
                send_from(Target::Process(&process), SigInfo::timer(*signal, self.id, self.value), origin)
            }),
            Notice::Thread(signal, thread) => thread
                .upgrade()
                .filter(|thread| !thread.is_leaving())
                .map(|thread| send_from(Target::Thread(&thread), SigInfo::timer(*signal, self.id, self.value), origin)),
        };
        sent == Some(Ok(true))
    }

    fn is_on_cpu_time(&self) -> bool {
        self.clock.is_cpu_time() && !matches!(self.notice, Notice::Nothing)
    }

    /// The schedule as a program sees it: expiries that were reached do not count.
    fn setting(&self, state: &State) -> TimerSpec {
        let now = state.clock.reading();
        let mut schedule = state.schedule;
        if schedule.is_periodic() || matches!(self.notice, Notice::Nothing) {
            schedule.advance(now);
        }
        schedule.setting(now)
    }
}

impl Sleeper for PosixTimer {
    fn ring(&self, _: Instant) {
        self.look();
    }

    fn clock_was_set(&self) {
        self.arm(&self.state.lock());
    }
}

impl Origin for PosixTimer {
    fn taken(&self, info: &mut SigInfo) {
        let mut state = self.state.lock();
        let mut missed = core::mem::take(&mut state.missed);
        state.queued = false;
        if core::mem::take(&mut state.halted) {
            // The first of these is the one that the signal tells of.
            let now = state.clock.reading();
            missed += state.schedule.advance(now).saturating_sub(1);
        }
        state.overrun = missed.min(i32::MAX as u64) as i32;
        info.set_overrun(state.overrun);
        self.arm(&state);
    }
}

/// A process's POSIX timers.
#[derive(Default)]
pub struct PosixTimers {
    timers: Mutex<BTreeMap<i32, Arc<PosixTimer>>>,
    next: AtomicU32,
    on_cpu_time: AtomicBool,
}

impl PosixTimers {
    fn get(&self, id: i32) -> Result<Arc<PosixTimer>> {
        self.timers.lock().get(&id).cloned().ok_or(Errno::EINVAL)
    }

    /// Looks at the timers on CPU time; gives the CPU time to the next expiry.
    pub(super) fn tick(&self) -> Option<u64> {
        if !self.on_cpu_time.load(Ordering::Relaxed) {
            return None;
        }
        let due: Vec<_> = self.timers.lock().values().filter(|timer| timer.is_on_cpu_time()).cloned().collect();
        if due.is_empty() {
            self.on_cpu_time.store(false, Ordering::Relaxed);
        }
        due.iter().filter_map(|timer| timer.look_on_cpu_time()).min()
    }

    /// Deletes all, as `execve(2)` and the process's end do.
    pub(super) fn clear(&self) {
        let timers = core::mem::take(&mut *self.timers.lock());
        timers.values().for_each(|timer| delete(timer));
    }

    fn add(&self, make: impl Fn(i32) -> Result<Arc<PosixTimer>>) -> Result<i32> {
        let mut timers = self.timers.lock();
        // Numbers are not used again soon, so that a late call does not hit another timer.
        loop {
            let id = (self.next.fetch_add(1, Ordering::Relaxed) & i32::MAX as u32) as i32;
            if let alloc::collections::btree_map::Entry::Vacant(entry) = timers.entry(id) {
                let timer = make(id)?;
                if timer.is_on_cpu_time() {
                    self.on_cpu_time.store(true, Ordering::Relaxed);
                }
                entry.insert(timer);
                return Ok(id);
            }
        }
    }
}

fn delete(timer: &PosixTimer) {
    let mut state = timer.state.lock();
    state.deleted = true;
    timer.arm(&state);
}

/// The clock of a timer. `EINVAL` for a number that is none, `EOPNOTSUPP` for one that only tells the time or, as on a
/// machine that no clock can wake, is to wake it.
fn clock_of(thread: &Thread, number: i32) -> Result<Clock> {
    const WITHOUT_TIMERS: [u32; 5] = [
        raw::CLOCK_MONOTONIC_RAW,
        raw::CLOCK_REALTIME_COARSE,
        raw::CLOCK_MONOTONIC_COARSE,
        raw::CLOCK_REALTIME_ALARM,
        raw::CLOCK_BOOTTIME_ALARM,
    ];
    if WITHOUT_TIMERS.contains(&(number as u32)) {
        return Err(Errno::EOPNOTSUPP);
    }
    Clock::from_id(number)?.kept_by(thread)
}

/// `EINVAL` for an event that makes no sense.
fn notice_of(thread: &Thread, event: &SignalEvent) -> Result<Notice> {
    let signal = || Signal::new(event.signal);
    match event.notify as u32 {
        raw::SIGEV_NONE => Ok(Notice::Nothing),
        raw::SIGEV_SIGNAL | raw::SIGEV_THREAD => Ok(Notice::Process(signal()?)),
        raw::SIGEV_THREAD_ID => {
            let target = thread.process.thread(event.thread).ok_or(Errno::EINVAL)?;
            Ok(Notice::Thread(signal()?, Arc::downgrade(&target)))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// `timer_create(2)`. `EAGAIN` beyond `RLIMIT_SIGPENDING`.
pub fn timer_create(thread: &Thread, clock: i32, event: UserPtr<SignalEvent>, id: UserPtr<i32>) -> Result<()> {
    let event = event.non_null().map(|event| event.read(thread)).transpose()?;
    let process = &thread.process;
    let make = |number: i32| {
        let clock = clock_of(thread, clock)?;
        let slot = Slot::take(process.signal_limit()).ok_or(Errno::EAGAIN)?;
        let (notice, value) = match &event {
            Some(event) => (notice_of(thread, event)?, event.value),
            None => (Notice::Process(Signal::ALRM), number as u64),
        };
        let timer = Arc::new_cyclic(|me: &Weak<PosixTimer>| PosixTimer {
            id: number,
            process: Arc::downgrade(process),
            state: Mutex::new(State::new(clock)),
            clock,
            notice,
            value,
            alarm: Alarm::new(me.clone()),
            me: me.clone(),
            _slot: slot,
        });
        if timer.clock.can_be_set() {
            timer.alarm.follow_wall_clock();
        }
        Ok(timer)
    };
    let number = process.timers.posix.add(make)?;
    id.write(thread, &number).inspect_err(|_| {
        let _ = timer_delete(thread, number);
    })
}

/// `timer_settime(2)`.
pub fn timer_settime(
    thread: &Thread,
    id: i32,
    flags: i32,
    new: UserPtr<TimerSpec>,
    old: UserPtr<TimerSpec>,
) -> Result<()> {
    let new = new.non_null().ok_or(Errno::EINVAL)?.read(thread)?;
    // Judged before the timer is looked for.
    let _: (u64, u64) = (new.value.nanoseconds()?, new.interval.nanoseconds()?);
    let timer = thread.process.timers.posix.get(id)?;
    let before = {
        let mut state = timer.state.lock();
        let before = timer.setting(&state);
        let absolute = flags as u32 & raw::TIMER_ABSTIME != 0;
        state.clock = timer.clock.for_schedule(absolute);
        state.schedule = Schedule::new(&new, absolute, state.clock.reading())?;
        state.halted = false;
        state.missed = 0;
        state.overrun = 0;
        timer.arm(&state);
        before
    };
    if timer.is_on_cpu_time() {
        thread.process.timers.posix.on_cpu_time.store(true, Ordering::Relaxed);
        if let Some(left) = timer.look_on_cpu_time() {
            look_after(left);
        }
    }
    old.write_unless_null(thread, &before)
}

/// `timer_gettime(2)`.
pub fn timer_gettime(thread: &Thread, id: i32, value: UserPtr<TimerSpec>) -> Result<()> {
    let timer = thread.process.timers.posix.get(id)?;
    let setting = timer.setting(&timer.state.lock());
    value.write(thread, &setting)
}

/// `timer_getoverrun(2)`: expiries beside the one that the last signal told of.
pub fn timer_getoverrun(thread: &Thread, id: i32) -> Result<i32> {
    let timer = thread.process.timers.posix.get(id)?;
    let overrun = timer.state.lock().overrun;
    Ok(overrun)
}

/// `timer_delete(2)`. A signal that waits already is still handled.
pub fn timer_delete(thread: &Thread, id: i32) -> Result<()> {
    let timer = thread.process.timers.posix.timers.lock().remove(&id).ok_or(Errno::EINVAL)?;
    delete(&timer);
    Ok(())
}

const _: () = assert!(size_of::<SignalEvent>() == 64 && size_of::<TimerSpec>() == 2 * size_of::<TimeSpec>());
