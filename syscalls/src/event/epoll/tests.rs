//! `epoll(7)` on the host's machine, and side by side with the host's own.

use super::calls::{EpollFlags, epoll_create, epoll_create1, epoll_ctl, epoll_pwait, epoll_pwait2, epoll_wait};
use super::*;
use crate::argument::Fd;
use crate::event::eventfd::{EventFdFlags, eventfd2};
use crate::machine::host::{spawn, test_process, user_bytes, user_pages};
use crate::pipe::calls::{PipeFlags, pipe2};
use crate::pipe::{Pipe, PipeEnd, Side};
use crate::signal::{SigInfo, SigSet, Signal, mask, send};
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use linux_raw_sys::general::*;
use proptest::prelude::*;
use rustix::event::epoll as linux;
use std::os::fd::OwnedFd;
use std::vec;

const FOREVER: i32 = -1;

fn new(thread: &Thread) -> Fd {
    epoll_create1(thread, EpollFlags::empty()).unwrap()
}

fn counter(thread: &Thread, initial: u32) -> Fd {
    eventfd2(thread, initial, EventFdFlags::EFD_NONBLOCK).unwrap()
}

fn change(thread: &Thread, epoll: Fd, operation: u32, fd: Fd, events: u32) -> Result<()> {
    let event = EpollEvent { events, data: fd.0 as u64 };
    let place = UserPtr::new(user_bytes(zerocopy::IntoBytes::as_bytes(&event)));
    epoll_ctl(thread, epoll, operation as i32, fd, place)
}

fn add(thread: &Thread, epoll: Fd, fd: Fd, events: u32) -> Result<()> {
    change(thread, epoll, EPOLL_CTL_ADD, fd, events)
}

/// Events and data of up to `limit`.
fn wait(thread: &Thread, epoll: Fd, limit: i32, timeout: i32) -> Result<Vec<(u32, u64)>> {
    let place = UserPtr::<EpollEvent>::new(user_pages(1));
    let count = epoll_wait(thread, epoll, place, limit, timeout)?;
    let events = place.read_array(thread, count as usize)?;
    Ok(events.iter().map(|event| (event.events, event.data)).collect())
}

fn put(thread: &Thread, fd: Fd, bytes: &[u8]) {
    thread.files().get(fd).unwrap().write(&mut Source::kernel(bytes)).unwrap();
}

fn bump(thread: &Thread, fd: Fd) {
    put(thread, fd, &1_u64.to_ne_bytes());
}

fn clear(thread: &Thread, fd: Fd) {
    thread.files().get(fd).unwrap().read(&mut Destination::kernel(&mut [0; 8])).unwrap();
}

#[test]
fn calls_refuse_what_linux_refuses() {
    let thread = test_process();
    assert_eq!(epoll_create(&thread, 0), Err(Errno::EINVAL));
    let (epoll, fd) = (new(&thread), counter(&thread, 0));
    let ctl = |epoll, operation, fd, events| change(&thread, epoll, operation, fd, events);
    assert_eq!(ctl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN), Err(Errno::ENOENT));
    assert_eq!(ctl(epoll, EPOLL_CTL_DEL, fd, 0), Err(Errno::ENOENT));
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN), Ok(()));
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN), Err(Errno::EEXIST));
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN), Err(Errno::EINVAL));
    assert_eq!(ctl(fd, EPOLL_CTL_ADD, epoll, EPOLLIN), Err(Errno::EINVAL));
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, Fd(77), EPOLLIN), Err(Errno::EBADF));
    assert_eq!(ctl(Fd(77), EPOLL_CTL_ADD, fd, EPOLLIN), Err(Errno::EBADF));
    assert_eq!(ctl(epoll, 9, fd, EPOLLIN), Err(Errno::EINVAL));
    assert_eq!(epoll_ctl(&thread, epoll, 1, fd, UserPtr::new(8)), Err(Errno::EFAULT));
    assert_eq!(epoll_ctl(&thread, epoll, 2, fd, UserPtr::new(8)), Ok(()));

    struct Plain;
    impl File for Plain {}
    let plain = OpenFile::new(Arc::new(Plain), crate::file::StatusFlags::empty());
    let plain = thread.files().install(plain, false).unwrap();
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, plain, EPOLLIN), Err(Errno::EPERM));

    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLEXCLUSIVE | EPOLLIN | EPOLLONESHOT), Err(Errno::EINVAL));
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, new(&thread), EPOLLEXCLUSIVE | EPOLLIN), Err(Errno::EINVAL));
    assert_eq!(ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLEXCLUSIVE | EPOLLIN), Ok(()));
    assert_eq!(ctl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN), Err(Errno::EINVAL));
    assert_eq!(ctl(epoll, EPOLL_CTL_MOD, fd, EPOLLEXCLUSIVE | EPOLLIN), Err(Errno::EINVAL));

    let place = UserPtr::new(user_pages(1));
    assert_eq!(epoll_wait(&thread, epoll, place, 0, 0), Err(Errno::EINVAL));
    assert_eq!(epoll_wait(&thread, epoll, place, i32::MAX / 12 + 1, 0), Err(Errno::EINVAL));
    assert_eq!(epoll_wait(&thread, fd, place, 1, 0), Err(Errno::EINVAL));
    assert_eq!(epoll_wait(&thread, Fd(77), place, 1, 0), Err(Errno::EBADF));
    assert_eq!(epoll_wait(&thread, epoll, UserPtr::new(u64::MAX - 20), 1, 0), Err(Errno::EFAULT));
}

#[test]
fn a_fault_keeps_the_event() {
    let thread = test_process();
    let epoll = new(&thread);
    let fds = [counter(&thread, 1), counter(&thread, 1)];
    fds.iter().for_each(|&fd| add(&thread, epoll, fd, EPOLLIN | EPOLLET).unwrap());
    assert_eq!(epoll_wait(&thread, epoll, UserPtr::new(16), 8, 0), Err(Errno::EFAULT));
    let end = user_pages(1) + 4096 - 12;
    assert_eq!(epoll_wait(&thread, epoll, UserPtr::new(end), 8, 0), Ok(1));
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![(EPOLLIN, fds[1].0 as u64)]));
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![]));
}

#[test]
fn busy_files_take_turns() {
    let thread = test_process();
    let epoll = new(&thread);
    let fds: Vec<_> = (0..5).map(|_| counter(&thread, 1)).collect();
    fds.iter().for_each(|&fd| add(&thread, epoll, fd, EPOLLIN).unwrap());
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.extend(wait(&thread, epoll, 2, 0).unwrap().into_iter().map(|(_, data)| data as i32));
    }
    let twice: Vec<_> = fds.iter().chain(&fds).map(|fd| fd.0).collect();
    assert_eq!(seen, twice);
    assert_eq!(wait(&thread, epoll, 9, 0).unwrap().len(), 5, "none twice in one call");
}

#[test]
fn edges_and_single_shots() {
    let thread = test_process();
    let (epoll, edge, single) = (new(&thread), counter(&thread, 0), counter(&thread, 0));
    add(&thread, epoll, edge, EPOLLIN | EPOLLET).unwrap();
    add(&thread, epoll, single, EPOLLIN | EPOLLONESHOT).unwrap();
    bump(&thread, edge);
    bump(&thread, single);
    assert_eq!(wait(&thread, epoll, 8, 0).unwrap().len(), 2);
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![]));
    bump(&thread, edge);
    bump(&thread, single);
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![(EPOLLIN, edge.0 as u64)]));
    change(&thread, epoll, EPOLL_CTL_MOD, single, EPOLLIN | EPOLLOUT | EPOLLONESHOT).unwrap();
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![(EPOLLIN | EPOLLOUT, single.0 as u64)]));
    // What is no longer so when it is asked for is not told.
    bump(&thread, edge);
    clear(&thread, edge);
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![]));
}

#[test]
fn entries_end_with_the_last_descriptor() {
    let thread = test_process();
    let (epoll, fd) = (new(&thread), counter(&thread, 1));
    add(&thread, epoll, fd, EPOLLIN).unwrap();
    let open = thread.files().get(fd).unwrap();
    let copy = thread.files().install(open, false).unwrap();
    drop(thread.files().remove(fd).unwrap());
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![(EPOLLIN, fd.0 as u64)]), "another descriptor keeps it");
    drop(thread.files().remove(copy).unwrap());
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![]));
    // Never heard of again, but swept out.
    for _ in 0..200 {
        let fd = counter(&thread, 0);
        add(&thread, epoll, fd, EPOLLIN).unwrap();
        drop(thread.files().remove(fd).unwrap());
    }
    let open = thread.files().get(epoll).unwrap();
    assert!(Epoll::of(&open).unwrap().state.lock().entries.len() <= 17);
}

#[test]
fn queues_forget_instances_that_are_gone() {
    let thread = test_process();
    let fd = counter(&thread, 0);
    let lasting = new(&thread);
    add(&thread, lasting, fd, EPOLLIN | EPOLLET).unwrap();
    for _ in 0..100 {
        let epoll = new(&thread);
        add(&thread, epoll, fd, EPOLLIN).unwrap();
        drop(thread.files().remove(epoll).unwrap());
    }
    bump(&thread, fd);
    assert_eq!(wait(&thread, lasting, 8, 0).unwrap().len(), 1);
}

#[test]
fn instances_watch_instances() {
    let thread = test_process();
    let fd = counter(&thread, 0);
    let chain: Vec<_> = (0..6).map(|_| new(&thread)).collect();
    add(&thread, chain[0], fd, EPOLLIN).unwrap();
    for pair in chain[..5].windows(2) {
        add(&thread, pair[1], pair[0], EPOLLIN).unwrap();
    }
    assert_eq!(add(&thread, chain[5], chain[4], EPOLLIN), Err(Errno::ELOOP), "too deep");
    assert_eq!(add(&thread, chain[0], chain[4], EPOLLIN), Err(Errno::ELOOP), "a circle");
    assert_eq!(add(&thread, chain[0], chain[5], EPOLLIN), Err(Errno::ELOOP), "too deep from above");
    assert_eq!(wait(&thread, chain[4], 8, 0), Ok(vec![]));
    bump(&thread, fd);
    assert_eq!(wait(&thread, chain[4], 8, 0), Ok(vec![(EPOLLIN, chain[3].0 as u64)]));
    clear(&thread, fd);
    assert_eq!(wait(&thread, chain[4], 8, 0), Ok(vec![]));
    // A wake-up goes all the way up.
    let (top, number) = (chain[4], chain[3].0 as u64);
    let waiter = spawn(&thread.process, move |thread| wait(thread, top, 8, FOREVER));
    bump(&thread, fd);
    assert_eq!(waiter.join().unwrap(), Ok(vec![(EPOLLIN, number)]));
    // Once a link is gone, so is the depth.
    change(&thread, chain[1], EPOLL_CTL_DEL, chain[0], 0).unwrap();
    assert_eq!(add(&thread, chain[5], chain[4], EPOLLIN), Ok(()));
}

#[test]
fn signals_end_a_wait_under_its_own_mask() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet::of(&[Signal::USR1]));
    send::send(send::Target::Thread(&thread), SigInfo::user(Signal::USR1, SigInfo::USER, 1, 0)).unwrap();
    let (epoll, place) = (new(&thread), UserPtr::new(user_pages(1)));
    let set = || UserPtr::new(user_bytes(&[0; 8]));
    assert_eq!(epoll_pwait(&thread, epoll, place, 1, 1, UserPtr::new(0), 0), Ok(0));
    assert_eq!(epoll_pwait(&thread, epoll, place, 1, FOREVER, set(), 7), Err(Errno::EINVAL));
    assert_eq!(epoll_pwait(&thread, epoll, place, 1, FOREVER, set(), 8), Err(Errno::EINTR));
    assert_eq!(thread.signals.blocked(), SigSet::EMPTY, "for the handler");
    let span = |nanoseconds| {
        let span = TimeSpec { seconds: 0, nanoseconds };
        UserPtr::new(user_bytes(zerocopy::IntoBytes::as_bytes(&span)))
    };
    assert_eq!(epoll_pwait2(&thread, epoll, place, 1, span(-1), UserPtr::new(0), 0), Err(Errno::EINVAL));
    mask::set_blocked(&thread, SigSet::of(&[Signal::USR1]));
    assert_eq!(epoll_pwait2(&thread, epoll, place, 1, span(1000), UserPtr::new(0), 0), Ok(0));
}

#[test]
fn threads_share_the_work_and_nothing_is_lost() {
    let thread = test_process();
    let epoll = new(&thread);
    let files: Vec<_> = (0..4).map(|_| eventfd2(&thread, 0, EventFdFlags::EFD_NONBLOCK).unwrap()).collect();
    files.iter().for_each(|&fd| add(&thread, epoll, fd, EPOLLIN | EPOLLET).unwrap());
    let stop = counter(&thread, 0);
    add(&thread, epoll, stop, EPOLLIN).unwrap();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            spawn(&thread.process, move |thread| {
                let mut sum = 0;
                loop {
                    for (_, data) in wait(thread, epoll, 2, FOREVER).unwrap() {
                        if data == stop.0 as u64 {
                            return sum;
                        }
                        let open = thread.files().get(Fd(data as i32)).unwrap();
                        let mut bytes = [0; 8];
                        if open.read(&mut Destination::kernel(&mut bytes)).is_ok() {
                            sum += u64::from_ne_bytes(bytes);
                        }
                    }
                }
            })
        })
        .collect();
    for round in 0..1000 {
        bump(&thread, files[round % 4]);
    }
    while files.iter().any(|&fd| thread.files().get(fd).unwrap().poll().contains(Events::IN)) {
        std::thread::yield_now();
    }
    bump(&thread, stop);
    assert_eq!(workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>(), 1000);
}

#[test]
fn exclusive_instances_are_woken_one_at_a_time() {
    let thread = test_process();
    let fd = counter(&thread, 0);
    let instances: Vec<_> = (0..3).map(|_| new(&thread)).collect();
    for &epoll in &instances {
        add(&thread, epoll, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET).unwrap();
    }
    // Where nobody waits all are told: none may miss it.
    bump(&thread, fd);
    for &epoll in &instances {
        assert_eq!(wait(&thread, epoll, 8, 0).unwrap().len(), 1);
    }
    let queue = |epoll| thread.files().get(epoll).unwrap();
    let open = queue(instances[0]);
    Epoll::of(&open).unwrap().queue.register(&thread);
    bump(&thread, fd);
    let told: Vec<_> = instances.iter().map(|&epoll| wait(&thread, epoll, 8, 0).unwrap().len()).collect();
    assert_eq!(told, [1, 0, 0]);
    Epoll::of(&open).unwrap().queue.unregister(&thread);
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, usize),
    Read(usize, usize),
    Add(usize, u32),
    Modify(usize, u32),
    Remove(usize),
    Close(usize),
    Wait(usize),
}

/// Ends are numbered: pipe `n` is read at `2n` and written at `2n + 1`.
const ENDS: usize = 6;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = 0..ENDS;
    let kinds = vec![EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLRDNORM, 0];
    let modes = vec![0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT];
    let events = (prop::sample::select(kinds), prop::sample::select(modes)).prop_map(|(kind, mode)| kind | mode);
    let events = events.boxed();
    let length = prop_oneof![1..5_usize, Just(4096_usize)];
    let step = prop_oneof![
        6 => (0..ENDS / 2, length.clone()).prop_map(|(pipe, length)| Step::Write(pipe, length)),
        5 => (0..ENDS / 2, length).prop_map(|(pipe, length)| Step::Read(pipe, length)),
        5 => (end.clone(), events.clone()).prop_map(|(end, events)| Step::Add(end, events)),
        3 => (end.clone(), events).prop_map(|(end, events)| Step::Modify(end, events)),
        1 => end.clone().prop_map(Step::Remove),
        1 => end.prop_map(Step::Close),
        8 => (1..7_usize).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

fn host_flags(events: u32) -> linux::EventFlags {
    linux::EventFlags::from_bits_retain(events)
}

fn from_host<T>(result: rustix::io::Result<T>) -> Result<T> {
    result.map_err(|errno| Errno::from_number(errno.raw_os_error() as u16))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// The same events in the same order as from the host's own pipes and instance.
    #[test]
    fn events_are_like_linux(steps in steps()) {
        let thread = test_process();
        let epoll = new(&thread);
        let theirs = linux::create(linux::CreateFlags::empty()).unwrap();
        let mut ends: Vec<Option<Fd>> = Vec::new();
        let mut host_ends: Vec<Option<OwnedFd>> = Vec::new();
        for _ in 0..ENDS / 2 {
            let place = user_pages(1);
            pipe2(&thread, UserPtr::new(place), PipeFlags::O_NONBLOCK).unwrap();
            let fds: [i32; 2] = UserPtr::new(place).read(&thread).unwrap();
            PipeEnd::of(&thread.files().get(Fd(fds[0])).unwrap()).unwrap().pipe().set_capacity(8192).unwrap();
            ends.extend(fds.map(|fd| Some(Fd(fd))));
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
            rustix::pipe::fcntl_setpipe_size(&read, 8192).unwrap();
            host_ends.extend([Some(read), Some(write)]);
        }
        let ctl = |operation, end: usize, fd, events| {
            let event = EpollEvent { events, data: end as u64 };
            let place = UserPtr::new(user_bytes(zerocopy::IntoBytes::as_bytes(&event)));
            epoll_ctl(&thread, epoll, operation as i32, fd, place)
        };
        for step in steps {
            match step {
                Step::Write(pipe, length) => {
                    let (Some(fd), Some(host)) = (ends[2 * pipe + 1], &host_ends[2 * pipe + 1]) else { continue };
                    // One that fails is an edge for readers on Linux, and is not here.
                    let open = thread.files().get(fd).unwrap();
                    if open.poll() != Events::OUT {
                        continue;
                    }
                    let bytes = vec![1; length];
                    let ours = open.write(&mut Source::kernel(&bytes));
                    prop_assert_eq!(ours, from_host(rustix::io::write(host, &bytes)));
                }
                Step::Read(pipe, length) => {
                    let (Some(fd), Some(host)) = (ends[2 * pipe], &host_ends[2 * pipe]) else { continue };
                    let mut bytes = vec![0; length];
                    let ours = thread.files().get(fd).unwrap().read(&mut Destination::kernel(&mut bytes));
                    prop_assert_eq!(ours, from_host(rustix::io::read(host, &mut bytes)));
                }
                Step::Add(end, events) => {
                    let (Some(fd), Some(host)) = (ends[end], &host_ends[end]) else { continue };
                    let data = linux::EventData::new_u64(end as u64);
                    let host = from_host(linux::add(&theirs, host, data, host_flags(events)));
                    prop_assert_eq!(ctl(EPOLL_CTL_ADD, end, fd, events), host);
                }
                Step::Modify(end, events) => {
                    let (Some(fd), Some(host)) = (ends[end], &host_ends[end]) else { continue };
                    let data = linux::EventData::new_u64(end as u64);
                    let host = from_host(linux::modify(&theirs, host, data, host_flags(events)));
                    prop_assert_eq!(ctl(EPOLL_CTL_MOD, end, fd, events), host);
                }
                Step::Remove(end) => {
                    let (Some(fd), Some(host)) = (ends[end], &host_ends[end]) else { continue };
                    prop_assert_eq!(ctl(EPOLL_CTL_DEL, end, fd, 0), from_host(linux::delete(&theirs, host)));
                }
                Step::Close(end) => {
                    if let Some(fd) = ends[end].take() {
                        drop(thread.files().remove(fd).unwrap());
                    }
                    host_ends[end] = None;
                }
                Step::Wait(limit) => {
                    let mut buffer = Vec::with_capacity(limit);
                    let nothing = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
                    linux::wait(&theirs, rustix::buffer::spare_capacity(&mut buffer), Some(&nothing)).unwrap();
                    let host: Vec<_> = buffer
                        .iter()
                        .map(|event| {
                            let (flags, data) = (event.flags, event.data);
                            (flags.bits(), data.u64())
                        })
                        .collect();
                    prop_assert_eq!(wait(&thread, epoll, limit as i32, 0).unwrap(), host);
                }
            }
        }
    }
}

#[test]
fn fifos_with_both_sides_hear_of_both() {
    let thread = test_process();
    let pipe = Pipe::new();
    let open = |side| {
        let end = PipeEnd::new(&pipe, side);
        let status = crate::file::StatusFlags::from_bits_retain(O_RDWR | O_NONBLOCK);
        thread.files().install(OpenFile::new(Arc::new(end), status), false).unwrap()
    };
    let (both, write) = (open(Side::Both), open(Side::Write));
    let epoll = new(&thread);
    add(&thread, epoll, both, EPOLLIN | EPOLLET).unwrap();
    put(&thread, write, b"x");
    assert_eq!(wait(&thread, epoll, 8, 0), Ok(vec![(EPOLLIN, both.0 as u64)]));
}
