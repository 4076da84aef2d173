//! Timers on the host's machine, whose clock interrupt the tests play.

use super::clock::TimeVal;
use super::descriptor::{SetTimeFlags, TimerFdFlags, timerfd_create, timerfd_gettime, timerfd_settime};
use super::interval::{IntervalSetting, Which, alarm, getitimer, setitimer};
use super::posix::*;
use super::schedule::{Schedule, TimerSpec};
use super::*;
use crate::argument::Fd;
use crate::file::Events;
use crate::machine::host::{test_process, user_bytes, user_pages};
use crate::machine::machine;
use crate::process::limits::Limit;
use crate::signal::waiting::rt_sigtimedwait;
use crate::signal::{SigInfo, SigSet, Signal, mask};
use crate::transfer::Destination;
use crate::user::UserPtr;
use linux_raw_sys::general as raw;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zerocopy::IntoBytes;

/// Alarms belong to the machine: tests that let them ring take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spec(value: u64, interval: u64) -> TimerSpec {
    TimerSpec { interval: TimeSpec::new(interval), value: TimeSpec::new(value) }
}

/// Waits for the clock to get there and lets what is due ring.
fn pass(nanoseconds: u64) {
    let until = machine().monotonic().after(nanoseconds);
    while machine().monotonic() < until {
        std::thread::sleep(core::time::Duration::from_micros(200));
    }
    expire(machine().monotonic());
}

const MS: u64 = 1_000_000;

/// Takes a pending signal without waiting.
fn taken(thread: &Thread) -> Option<SigInfo> {
    let memory = user_pages(1);
    UserPtr::new(memory).write(thread, &SigSet(!0)).unwrap();
    UserPtr::new(memory + 256).write(thread, &TimeSpec::default()).unwrap();
    let info = UserPtr::new(memory + 8);
    rt_sigtimedwait(thread, UserPtr::new(memory), info, UserPtr::new(memory + 256), 8).ok()?;
    Some(info.read(thread).unwrap())
}

fn limit_signals(thread: &Thread, limit: u64) {
    thread.process.limits.set(raw::RLIMIT_SIGPENDING, Limit { soft: limit, hard: limit });
}

fn blocking_process() -> Arc<Thread> {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet(!0));
    thread
}

#[test]
fn schedules() {
    let mut once = Schedule::new(&spec(10, 0), false, 100).unwrap();
    assert_eq!((once.next, once.remaining(105), once.remaining(110), once.is_due(109)), (Some(110), 5, 1, false));
    assert_eq!((once.advance(109), once.advance(500), once.advance(600), once.remaining(1)), (0, 1, 0, 0));
    let mut often = Schedule::new(&spec(10, 7), true, 100).unwrap();
    assert_eq!((often.advance(9), often.advance(10), often.next), (0, 1, Some(17)));
    assert_eq!((often.advance(38), often.next), (4, Some(45)));
    assert_eq!(Schedule::new(&spec(0, 7), false, 1), Ok(Schedule::default()));
    let bad = TimerSpec { value: TimeSpec { seconds: 1, nanoseconds: 1_000_000_000 }, ..spec(0, 0) };
    assert_eq!(Schedule::new(&bad, false, 1), Err(Errno::EINVAL));
    let mut far = Schedule::new(&spec(u64::MAX, u64::MAX), false, 100).unwrap();
    let first = i64::MAX as u64 + 100;
    assert_eq!((far.next, far.advance(u64::MAX), far.next), (Some(first), 1, Some(u64::MAX)));
}

#[test]
fn times() {
    assert_eq!(TimeSpec { seconds: -1, nanoseconds: 0 }.nanoseconds(), Err(Errno::EINVAL));
    assert_eq!(TimeSpec { seconds: i64::MAX, nanoseconds: 1 }.nanoseconds(), Ok(i64::MAX as u64));
    assert_eq!(TimeVal { seconds: 1, microseconds: 1_000_000 }.nanoseconds(), Err(Errno::EINVAL));
    assert_eq!(TimeVal { seconds: 1, microseconds: i64::MAX }.nanoseconds(), Err(Errno::EINVAL));
    assert_eq!(TimeVal { seconds: 1, microseconds: 5 }.nanoseconds(), Ok(SECOND + 5000));
    assert_eq!(TimeVal::new(SECOND + 5999), TimeVal { seconds: 1, microseconds: 5 });
}

#[test]
fn the_interval_timer() {
    let _turn = turn();
    let thread = blocking_process();
    let memory = UserPtr::<IntervalSetting>::new(user_pages(1));
    let setting = |value, interval| IntervalSetting { interval: TimeVal::new(interval), value: TimeVal::new(value) };
    memory.write(&thread, &setting(5 * MS, 3 * MS)).unwrap();
    setitimer(&thread, Which::Real, memory, UserPtr::new(0)).unwrap();
    getitimer(&thread, Which::Real, memory).unwrap();
    let left = memory.read(&thread).unwrap();
    assert!(left.interval == TimeVal::new(3 * MS) && left.value.microseconds <= 5000 && left.value.microseconds > 0);
    pass(0);
    assert_eq!(taken(&thread), None);
    pass(6 * MS);
    let info = taken(&thread).unwrap();
    assert_eq!((info.number, info.code, info.process()), (14, SigInfo::KERNEL, 0));
    pass(4 * MS);
    assert_eq!(taken(&thread).unwrap().number, 14);
    assert_eq!(alarm(&thread, 100), Ok(1), "not rounded to none");
    assert_eq!(alarm(&thread, 0), Ok(100));
    pass(4 * MS);
    assert_eq!(taken(&thread), None);
    assert_eq!(alarm(&thread, 0), Ok(0));
}

#[test]
fn timers_on_cpu_time() {
    let _turn = turn();
    let thread = blocking_process();
    let memory = UserPtr::<IntervalSetting>::new(user_pages(1));
    // The host's threads use CPU time as the clock goes.
    let once = IntervalSetting { value: TimeVal::new(MS), ..IntervalSetting::default() };
    memory.write(&thread, &once).unwrap();
    setitimer(&thread, Which::Profiling, memory, UserPtr::new(0)).unwrap();
    setitimer(&thread, Which::Virtual, memory, UserPtr::new(0)).unwrap();
    let event = UserPtr::new(0);
    let id = UserPtr::new(user_pages(1));
    timer_create(&thread, raw::CLOCK_PROCESS_CPUTIME_ID as i32, event, id).unwrap();
    let id = id.read(&thread).unwrap();
    let new = UserPtr::new(user_bytes(spec(MS, 0).as_bytes()));
    timer_settime(&thread, id, 0, new, UserPtr::new(0)).unwrap();
    pass(2 * MS);
    assert_eq!(taken(&thread), None, "only a tick looks at them");
    tick(&thread);
    let numbers = [taken(&thread), taken(&thread), taken(&thread), taken(&thread)].map(|info| info.map(|i| i.number));
    assert_eq!(numbers, [Some(14), Some(26), Some(27), None]);
    tick(&thread);
    assert_eq!(taken(&thread), None);
}

fn create(thread: &Thread, notify: u32, signal: Signal) -> Result<i32> {
    let number = i32::from(signal.number());
    let event = SignalEvent { value: 99, signal: number, notify: notify as i32, thread: thread.id(), padding: [0; 11] };
    let id = UserPtr::new(user_pages(1));
    timer_create(thread, raw::CLOCK_MONOTONIC as i32, UserPtr::new(user_bytes(event.as_bytes())), id)?;
    id.read(thread)
}

fn set(thread: &Thread, id: i32, flags: u32, value: u64, interval: u64) -> Result<TimerSpec> {
    let old = UserPtr::new(user_pages(1));
    let new = UserPtr::new(user_bytes(spec(value, interval).as_bytes()));
    timer_settime(thread, id, flags as i32, new, old)?;
    old.read(thread)
}

fn get(thread: &Thread, id: i32) -> TimerSpec {
    let value = UserPtr::new(user_pages(1));
    timer_gettime(thread, id, value).unwrap();
    value.read(thread).unwrap()
}

#[test]
fn overruns_are_counted() {
    let _turn = turn();
    let thread = blocking_process();
    let id = create(&thread, raw::SIGEV_SIGNAL, Signal::USR1).unwrap();
    assert_eq!(set(&thread, id, 0, MS, 2 * MS), Ok(TimerSpec::default()));
    pass(2 * MS);
    // The signal waits, so the timer does; what it misses is counted when the signal is taken.
    let start = machine().monotonic();
    pass(10 * MS);
    let left = get(&thread, id);
    assert!(left.interval == TimeSpec::new(2 * MS) && (1..=2 * MS as i64).contains(&left.value.nanoseconds));
    let info = taken(&thread).unwrap();
    let end = machine().monotonic();
    assert_eq!((info.number, info.code, info.process(), info.value()), (10, SigInfo::TIMER, id, 99));
    let least = 4;
    let most = (end.since(start) / (2 * MS) + 3) as i32;
    assert!((least..=most).contains(&info.overrun()), "{}", info.overrun());
    assert_eq!(timer_getoverrun(&thread, id), Ok(info.overrun()));
    assert_eq!(taken(&thread), None);
    pass(3 * MS);
    assert!(taken(&thread).is_some(), "and it goes on");
    timer_delete(&thread, id).unwrap();
    assert_eq!(timer_delete(&thread, id), Err(Errno::EINVAL));
    pass(3 * MS);
    assert_eq!(taken(&thread), None);
}

#[test]
fn what_timers_refuse() {
    let _turn = turn();
    let thread = blocking_process();
    assert_eq!(create(&thread, 7, Signal::USR1), Err(Errno::EINVAL));
    let memory = user_pages(1);
    let clock = |clock| timer_create(&thread, clock, UserPtr::new(0), UserPtr::new(memory));
    assert_eq!(clock(12), Err(Errno::EINVAL));
    assert_eq!(clock(raw::CLOCK_MONOTONIC_RAW as i32), Err(Errno::EOPNOTSUPP));
    assert_eq!(clock(!(thread.process.id) << 3 | 2), Ok(()));
    assert_eq!(clock(!(thread.id()) << 3 | 6), Ok(()));
    assert_eq!(clock(!(999_999) << 3 | 6), Err(Errno::EINVAL));
    let bad = timer_create(&thread, 1, UserPtr::new(0), UserPtr::new(0x10));
    assert_eq!(bad, Err(Errno::EFAULT));
    limit_signals(&thread, 0);
    assert_eq!(clock(1), Err(Errno::EAGAIN));
    assert_eq!(timer_settime(&thread, 77, 0, UserPtr::new(0), UserPtr::new(0)), Err(Errno::EINVAL));
}

#[test]
fn timers_that_tell_nobody_or_one_thread() {
    let _turn = turn();
    let thread = blocking_process();
    let silent = create(&thread, raw::SIGEV_NONE, Signal::USR1).unwrap();
    set(&thread, silent, 0, MS, 0).unwrap();
    assert!(get(&thread, silent).value.nanoseconds > 0);
    pass(2 * MS);
    assert_eq!(get(&thread, silent), TimerSpec::default());
    let mine = create(&thread, raw::SIGEV_THREAD_ID, Signal::new(40).unwrap()).unwrap();
    let point = machine().monotonic().0 + MS;
    set(&thread, mine, raw::TIMER_ABSTIME, point, 0).unwrap();
    pass(2 * MS);
    assert_eq!(taken(&thread).map(|info| (info.number, info.overrun())), Some((40, 0)));
    // A point that has passed rings at once.
    set(&thread, mine, raw::TIMER_ABSTIME, point, 0).unwrap();
    pass(0);
    assert!(taken(&thread).is_some());
    // Set anew while its signal waits, the signal is not queued twice.
    set(&thread, mine, 0, MS, 0).unwrap();
    pass(2 * MS);
    set(&thread, mine, 0, MS, 0).unwrap();
    pass(2 * MS);
    assert_eq!(taken(&thread).map(|info| info.overrun()), Some(1));
    assert_eq!(taken(&thread), None);
}

#[test]
fn ignored_timers_go_on() {
    let _turn = turn();
    let thread = test_process();
    let id = create(&thread, raw::SIGEV_SIGNAL, Signal::WINCH).unwrap();
    set(&thread, id, 0, MS, MS).unwrap();
    pass(2 * MS);
    pass(3 * MS);
    mask::set_blocked(&thread, SigSet::of(&[Signal::WINCH]));
    pass(3 * MS);
    assert!(taken(&thread).is_some());
}

fn expiries(thread: &Thread, fd: Fd) -> Result<u64> {
    let mut bytes = [0; 8];
    let open = thread.files().get(fd)?;
    open.read(&mut Destination::kernel(&mut bytes))?;
    Ok(u64::from_ne_bytes(bytes))
}

#[test]
fn timers_as_files() {
    let _turn = turn();
    let thread = test_process();
    let fd = timerfd_create(&thread, raw::CLOCK_MONOTONIC, TimerFdFlags::NONBLOCK).unwrap();
    assert_eq!(timerfd_create(&thread, 2, TimerFdFlags::empty()), Err(Errno::EINVAL));
    let open = thread.files().get(fd).unwrap();
    assert_eq!(expiries(&thread, fd), Err(Errno::EAGAIN));
    assert_eq!(open.read(&mut Destination::kernel(&mut [0; 7])), Err(Errno::EINVAL));
    let set = |value, interval, flags| {
        let new = UserPtr::new(user_bytes(spec(value, interval).as_bytes()));
        timerfd_settime(&thread, fd, flags, new, UserPtr::new(0))
    };
    set(MS, 0, SetTimeFlags::empty()).unwrap();
    assert_eq!(open.poll(), Events::empty());
    pass(2 * MS);
    assert_eq!((open.poll(), expiries(&thread, fd)), (Events::IN, Ok(1)));
    assert_eq!(expiries(&thread, fd), Err(Errno::EAGAIN));
    set(MS, MS, SetTimeFlags::empty()).unwrap();
    pass(5 * MS);
    let left = UserPtr::new(user_pages(1));
    timerfd_gettime(&thread, fd, left).unwrap();
    assert!((1..=MS as i64).contains(&left.read(&thread).unwrap().value.nanoseconds));
    assert!(expiries(&thread, fd).unwrap() >= 5);
    pass(2 * MS);
    assert!(expiries(&thread, fd).unwrap() >= 1, "and it goes on");
    // Another file is no timer.
    let signals = crate::signal::signalfd::signalfd(&thread, Fd(-1), left.cast(), 8).unwrap();
    let refused = timerfd_gettime(&thread, signals, left);
    assert_eq!(refused, Err(Errno::EINVAL));
}

#[test]
fn the_wall_clock_can_be_set() {
    let _turn = turn();
    let thread = blocking_process();
    let offset = machine().realtime_offset();
    let now = || machine().monotonic().0 + machine().realtime_offset();
    let flags = TimerFdFlags::NONBLOCK;
    let [point, span] = [(); 2].map(|()| timerfd_create(&thread, raw::CLOCK_REALTIME, flags).unwrap());
    let set = |fd, value, flags| {
        let new = UserPtr::new(user_bytes(spec(value, 0).as_bytes()));
        timerfd_settime(&thread, fd, flags, new, UserPtr::new(0)).unwrap();
    };
    set(point, now() + 3600 * SECOND, SetTimeFlags::ABSOLUTE | SetTimeFlags::CANCEL_ON_SET);
    set(span, 3600 * SECOND, SetTimeFlags::CANCEL_ON_SET);
    machine().set_realtime_offset(offset + 7200 * SECOND);
    clock_was_set();
    pass(0);
    assert_eq!(expiries(&thread, point), Err(Errno::ECANCELED));
    assert_eq!(expiries(&thread, point), Ok(1));
    assert_eq!(expiries(&thread, span), Err(Errno::EAGAIN));
    machine().set_realtime_offset(offset);
    clock_was_set();
}

#[test]
fn signals_as_a_file() {
    use crate::signal::send::{Target, send};
    use crate::signal::signalfd::{SignalFdFlags, signalfd4};
    let thread = blocking_process();
    let set = UserPtr::new(user_bytes(SigSet::of(&[Signal::USR1, Signal::SEGV]).as_bytes()));
    let fd = signalfd4(&thread, Fd(-1), set, 8, SignalFdFlags::NONBLOCK).unwrap();
    let open = thread.files().get(fd).unwrap();
    let mut records = [0; 300];
    assert_eq!(open.read(&mut Destination::kernel(&mut records)), Err(Errno::EAGAIN));
    assert_eq!(open.read(&mut Destination::kernel(&mut [0; 127])), Err(Errno::EINVAL));
    assert_eq!(open.poll(), Events::empty());
    let to = Target::Process(&thread.process);
    send(to, SigInfo::with_value(Signal::USR1, SigInfo::QUEUE, 7, 8, 0x1_0000_0009)).unwrap();
    send(to, SigInfo::fault(Signal::SEGV, 1, 0x1234)).unwrap();
    send(to, SigInfo::kernel(Signal::USR2)).unwrap();
    assert_eq!(open.poll(), Events::IN);
    assert_eq!(open.read(&mut Destination::kernel(&mut records)), Ok(256));
    let word = |at: usize| u32::from_ne_bytes(records[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(8), word(72), word(12)), (11, 1, 0x1234, 0));
    let second = [0, 8, 12, 16, 44, 48, 52].map(|at| word(128 + at));
    assert_eq!(second, [10, -1_i32 as u32, 7, 8, 9, 9, 1]);
    // Another set for the same descriptor.
    let other = UserPtr::new(user_bytes(SigSet::of(&[Signal::USR2]).as_bytes()));
    assert_eq!(signalfd4(&thread, fd, other, 8, SignalFdFlags::empty()), Ok(fd));
    assert_eq!(open.poll(), Events::IN);
    assert_eq!(signalfd4(&thread, Fd(50), other, 8, SignalFdFlags::empty()), Err(Errno::EBADF));
    assert_eq!(signalfd4(&thread, fd, other, 4, SignalFdFlags::empty()), Err(Errno::EINVAL));
}
