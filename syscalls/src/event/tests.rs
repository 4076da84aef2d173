//! `eventfd(2)`, `poll(2)`, `select(2)` on the host's machine.

use super::eventfd::{EventCounter, EventFdFlags, eventfd2};
use super::poll::{PollFd, poll, ppoll};
use super::select::{SizedSet, pselect6, select};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile};
use crate::machine::Machine;
use crate::machine::host::{host, spawn, test_process, user_bytes, user_pages};
use crate::pipe::calls::{PipeFlags, pipe2};
use crate::signal::restart::restart_syscall;
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, SigSet, Signal, mask};
use crate::thread::{Thread, Work};
use crate::time::TimeSpec;
use crate::time::clock::TimeVal;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use linux_raw_sys::general::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDNORM};
use std::sync::Arc;
use std::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes};

const SEMAPHORE: EventFdFlags = EventFdFlags::EFD_SEMAPHORE;
const NONBLOCK: EventFdFlags = EventFdFlags::EFD_NONBLOCK;

fn user<T: IntoBytes + Immutable + ?Sized, P>(value: &T) -> UserPtr<P> {
    UserPtr::new(user_bytes(value.as_bytes()))
}

fn at<T: FromBytes + IntoBytes, P>(thread: &Thread, place: UserPtr<P>) -> T {
    place.cast::<T>().read(thread).unwrap()
}

fn null<P>() -> UserPtr<P> {
    UserPtr::new(0)
}

fn counter(thread: &Thread, initial: u32, flags: EventFdFlags) -> (Fd, Arc<OpenFile>) {
    let fd = eventfd2(thread, initial, flags).unwrap();
    (fd, thread.files().get(fd).unwrap())
}

fn add(open: &OpenFile, amount: u64) -> Result<usize> {
    open.write(&mut Source::kernel(&amount.to_ne_bytes()))
}

fn take(open: &OpenFile) -> Result<u64> {
    let mut bytes = [0; 8];
    open.read(&mut Destination::kernel(&mut bytes)).map(|_| u64::from_ne_bytes(bytes))
}

fn raise(thread: &Thread, signal: Signal) {
    send(Target::Thread(thread), SigInfo::user(signal, SigInfo::TKILL, thread.process.id, 0)).unwrap();
}

#[test]
fn counters_count() {
    let thread = test_process();
    let (_, open) = counter(&thread, 3, NONBLOCK);
    assert_eq!((add(&open, 4), take(&open), take(&open)), (Ok(8), Ok(7), Err(Errno::EAGAIN)));
    assert_eq!(open.poll(), Events::OUT);
    assert_eq!(add(&open, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(add(&open, u64::MAX - 1), Ok(8));
    assert_eq!(open.poll(), Events::IN);
    assert_eq!((add(&open, 1), add(&open, 0)), (Err(Errno::EAGAIN), Ok(8)));
    assert_eq!(open.read(&mut Destination::kernel(&mut [0; 7])), Err(Errno::EINVAL));
    assert_eq!(open.write(&mut Source::kernel(&[0; 7])), Err(Errno::EINVAL));
    assert_eq!(take(&open), Ok(u64::MAX - 1));
    // More than eight bytes: the first eight count.
    assert_eq!(open.write(&mut Source::kernel(&[1, 0, 0, 0, 0, 0, 0, 0, 9])), Ok(8));
    assert_eq!(take(&open), Ok(1));

    let (_, open) = counter(&thread, 2, NONBLOCK | SEMAPHORE);
    assert_eq!((take(&open), take(&open), take(&open)), (Ok(1), Ok(1), Err(Errno::EAGAIN)));

    let counter = EventCounter::new(1, false);
    counter.signal(u64::MAX);
    assert_eq!(counter.poll(), Events::IN | Events::ERR);
}

#[test]
fn counters_wait_both_ways() {
    let thread = test_process();
    let (_, open) = counter(&thread, 0, SEMAPHORE);
    let takers: Vec<_> = (0..3)
        .map(|_| {
            let open = open.clone();
            spawn(&thread.process, move |_| (0..100).map(|_| take(&open).unwrap()).sum::<u64>())
        })
        .collect();
    (0..60).for_each(|_| assert_eq!(add(&open, 5), Ok(8)));
    assert!(takers.into_iter().all(|taker| taker.join().unwrap() == 100));

    let (_, open) = counter(&thread, 1, EventFdFlags::empty());
    let writer = {
        let open = open.clone();
        spawn(&thread.process, move |_| add(&open, u64::MAX - 1))
    };
    assert_eq!(take(&open), Ok(1));
    assert_eq!(writer.join().unwrap(), Ok(8));
    assert_eq!(take(&open), Ok(u64::MAX - 1));
}

#[test]
fn poll_answers_for_each_descriptor() {
    let thread = test_process();
    let place = user_pages(1);
    pipe2(&thread, UserPtr::new(place), PipeFlags::empty()).unwrap();
    let (ready, _) = counter(&thread, 1, EventFdFlags::empty());
    let entry = |fd, events: u32| PollFd { fd, events: events as u16, revents: 0xff };
    let fds = [
        entry(0, POLLIN),
        entry(1, POLLOUT),
        entry(-1, POLLIN),
        entry(99, 0),
        entry(ready.0, POLLRDNORM | POLLPRI),
        entry(ready.0, 0),
    ];
    let place = user(&fds);
    assert_eq!(poll(&thread, place, 6, -1), Ok(3));
    let answers = at::<[PollFd; 6], _>(&thread, place).map(|entry| u32::from(entry.revents));
    assert_eq!(answers, [0, POLLOUT, 0, POLLNVAL, POLLRDNORM, 0]);
    drop(thread.files().remove(Fd(1)).unwrap());
    assert_eq!(poll(&thread, place, 1, -1), Ok(1));
    assert_eq!(u32::from(at::<PollFd, _>(&thread, place).revents), POLLHUP);

    assert_eq!(poll(&thread, UserPtr::new(8), 1, 0), Err(Errno::EFAULT));
    assert_eq!(poll(&thread, UserPtr::new(8), 1025, 0), Err(Errno::EINVAL));
    let before = host().monotonic();
    assert_eq!(poll(&thread, null(), 0, 3), Ok(0));
    assert!(host().monotonic().since(before) >= 3_000_000);
}

#[test]
fn poll_wakes_for_whichever_comes() {
    let thread = test_process();
    let counters: Vec<_> = (0..3).map(|_| counter(&thread, 0, NONBLOCK)).collect();
    let numbers: Vec<i32> = counters.iter().map(|(fd, _)| fd.0).collect();
    let poller = spawn(&thread.process, move |thread| {
        let fds: [PollFd; 3] =
            core::array::from_fn(|index| PollFd { fd: numbers[index], events: POLLIN as u16, revents: 0 });
        let place = user(&fds);
        let mut seen = [0; 3];
        while seen.iter().sum::<u64>() < 300 {
            poll(thread, place, 3, -1).unwrap();
            for (index, entry) in at::<[PollFd; 3], _>(thread, place).iter().enumerate() {
                if entry.revents != 0 {
                    seen[index] += take(&thread.files().get(Fd(entry.fd)).unwrap()).unwrap();
                }
            }
        }
        seen
    });
    for round in 0..300 {
        add(&counters[round % 3].1, 1).unwrap();
    }
    assert_eq!(poller.join().unwrap(), [100; 3]);
}

#[test]
fn poll_goes_on_to_the_same_end_after_a_signal() {
    let thread = test_process();
    thread.demand(Work::SIGNAL);
    let before = host().monotonic();
    assert_eq!(poll(&thread, null(), 0, 20), Err(Errno::ERESTART_RESTARTBLOCK));
    thread.settle(Work::SIGNAL);
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(restart_syscall(&thread), Ok(0));
    let took = host().monotonic().since(before);
    assert!((20_000_000..1_000_000_000).contains(&took), "{took}");
}

#[test]
fn ppoll_swaps_the_mask_and_tells_the_time_left() {
    let thread = test_process();
    let blocked = SigSet::of(&[Signal::USR1]);
    mask::set_blocked(&thread, blocked);
    raise(&thread, Signal::USR1);
    let span = user(&TimeSpec { seconds: 50, nanoseconds: 0 });
    // It is let through for the call alone; the old mask comes back behind its handler.
    let outcome = ppoll(&thread, null(), 0, span, user(&SigSet::EMPTY), 8);
    assert_eq!(outcome, Err(Errno::ERESTARTNOHAND));
    assert!(thread.is_interrupted());
    assert_eq!(thread.signals.blocked(), SigSet::EMPTY);
    let left: TimeSpec = at(&thread, span);
    assert!(left.seconds == 49 && left.nanoseconds > 0, "{left:?}");
    mask::set_blocked(&thread, blocked);

    // What is ready comes first, with the old mask back at once.
    let (fd, _) = counter(&thread, 1, NONBLOCK);
    let fds = user(&PollFd { fd: fd.0, events: POLLIN as u16, revents: 0 });
    assert_eq!(ppoll(&thread, fds, 1, null(), user(&SigSet::EMPTY), 8), Ok(1));
    assert_eq!(thread.signals.blocked(), blocked);
    assert!(!thread.is_interrupted());

    let bad = user(&TimeSpec { seconds: 0, nanoseconds: 1_000_000_000 });
    assert_eq!(ppoll(&thread, fds, 1, bad, null(), 0), Err(Errno::EINVAL));
    assert_eq!(ppoll(&thread, fds, 1, null(), user(&SigSet::EMPTY), 4), Err(Errno::EINVAL));
    assert_eq!(ppoll(&thread, fds, 1, null(), UserPtr::new(8), 8), Err(Errno::EFAULT));
    let nothing = user(&TimeSpec::default());
    assert_eq!(ppoll(&thread, null(), 0, nothing, null(), 0), Ok(0));
}

#[test]
fn select_answers_in_its_sets() {
    let thread = test_process();
    let place = user_pages(1);
    pipe2(&thread, UserPtr::new(place), PipeFlags::empty()).unwrap();
    let (ready, open) = counter(&thread, 1, NONBLOCK);
    let bits = 1_u64 << ready.0 | 0b11;
    let sets = [(); 3].map(|()| user::<_, u64>(&[bits, u64::MAX]));
    let span = user(&TimeVal { seconds: 0, microseconds: 2_500_000 });
    assert_eq!(select(&thread, ready.0 + 1, sets[0], sets[1], sets[2], span), Ok(3));
    assert_eq!(at::<u64, _>(&thread, sets[0]), 1 << ready.0);
    assert_eq!(at::<u64, _>(&thread, sets[1]), 1 << ready.0 | 0b10);
    assert_eq!(at::<[u64; 2], _>(&thread, sets[2]), [0, u64::MAX], "one word is written");
    let left: TimeVal = at(&thread, span);
    assert!(left.seconds == 2 && left.microseconds < 500_000, "{left:?}");

    let again = || user::<_, u64>(&[1_u64 << 40, 0]);
    assert_eq!(select(&thread, 64, again(), null(), null(), null()), Err(Errno::EBADF));
    assert_eq!(select(&thread, 40, again(), null(), null(), user(&TimeVal::default())), Ok(0));
    assert_eq!(select(&thread, -1, null(), null(), null(), null()), Err(Errno::EINVAL));
    assert_eq!(select(&thread, 1, UserPtr::new(8), null(), null(), null()), Err(Errno::EFAULT));
    let bad = user(&TimeVal { seconds: 0, microseconds: -1 });
    assert_eq!(select(&thread, 0, null(), null(), null(), bad), Err(Errno::EINVAL));

    // A hang-up is readable, an error both.
    take(&open).unwrap();
    drop(thread.files().remove(Fd(0)).unwrap());
    let write = user::<_, u64>(&0b10_u64);
    let read = user::<_, u64>(&0b10_u64);
    assert_eq!(select(&thread, 2, read, write, null(), null()), Ok(2));
    assert_eq!(POLLERR, 8);
}

#[test]
fn pselect_takes_its_mask_from_a_pair() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet::of(&[Signal::USR1]));
    raise(&thread, Signal::USR1);
    let set: UserPtr<SigSet> = user(&SigSet::EMPTY);
    let call = |pair: SizedSet| pselect6(&thread, 0, null(), null(), null(), null(), user(&pair));
    assert_eq!(call(SizedSet { set: set.address(), size: 7 }), Err(Errno::EINVAL));
    assert_eq!(call(SizedSet { set: set.address(), size: 8 }), Err(Errno::ERESTARTNOHAND));
    let span = user(&TimeSpec { seconds: 0, nanoseconds: 1_000_000 });
    thread.settle(Work::SIGNAL);
    let pair = user(&SizedSet { set: 0, size: 0 });
    assert_eq!(pselect6(&thread, 0, null(), null(), null(), span, pair), Ok(0));
    assert_eq!(at::<TimeSpec, _>(&thread, span), TimeSpec::default());
}
