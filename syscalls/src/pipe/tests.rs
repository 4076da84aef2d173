//! Pipes on the host's machine, and side by side with the host's own.

use super::calls::{PipeFlags, pipe2};
use super::*;
use crate::argument::Fd;
use crate::file::{File, OpenFile, StatusFlags};
use crate::frame::PAGE;
use crate::machine::host::{bytes_of_user, frames_held, spawn, test_process, user_bytes, user_pages};
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::ioctl::FIONREAD;
use proptest::prelude::*;
use rustix::event::{PollFd as HostPollFd, PollFlags as HostPollFlags};
use std::vec;
use std::vec::Vec;

const NONBLOCK: PipeFlags = PipeFlags::O_NONBLOCK;

fn ends(thread: &Thread, flags: PipeFlags) -> (Arc<OpenFile>, Arc<OpenFile>) {
    let place = user_pages(1);
    pipe2(thread, UserPtr::new(place), flags).unwrap();
    let [read, write]: [i32; 2] = UserPtr::new(place).read(thread).unwrap();
    let take = |fd| thread.files().remove(Fd(fd)).unwrap().open;
    (take(read), take(write))
}

fn put(end: &OpenFile, bytes: &[u8]) -> Result<usize> {
    end.write(&mut Source::kernel(bytes))
}

fn get(end: &OpenFile, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let count = end.read(&mut Destination::kernel(&mut bytes))?;
    bytes.truncate(count);
    Ok(bytes)
}

fn pipe_of(end: &OpenFile) -> &PipeEnd {
    PipeEnd::of(end).unwrap()
}

#[test]
fn descriptors_come_in_order_and_flags_are_kept() {
    let thread = test_process();
    let place = user_pages(1);
    pipe2(&thread, UserPtr::new(place), PipeFlags::O_CLOEXEC | NONBLOCK).unwrap();
    assert_eq!(UserPtr::new(place).read(&thread), Ok([0, 1]));
    let [read, write] = [0, 1].map(|fd| thread.files().descriptor(Fd(fd)).unwrap());
    assert!(read.close_on_exec && write.close_on_exec);
    assert_eq!((read.open.status().bits(), write.open.status().bits()), (0o4000, 0o4001));
    assert_eq!(put(&read.open, b"x"), Err(Errno::EBADF));
    assert_eq!(get(&write.open, 1), Err(Errno::EBADF));
    // A bad address leaves no descriptors behind, a full table neither.
    assert_eq!(pipe2(&thread, UserPtr::new(8), NONBLOCK), Err(Errno::EFAULT));
    assert_eq!(thread.files().snapshot().len(), 2);
    thread.files().set_limit(3);
    assert_eq!(pipe2(&thread, UserPtr::new(place), NONBLOCK), Err(Errno::EMFILE));
    assert_eq!(thread.files().snapshot().len(), 2);
}

#[test]
fn ends_that_close_are_told() {
    let thread = test_process();
    let (read, write) = ends(&thread, NONBLOCK);
    assert_eq!((read.poll(), write.poll()), (Events::empty(), Events::OUT));
    assert_eq!(get(&read, 1), Err(Errno::EAGAIN));
    put(&write, b"rest").unwrap();
    drop(write);
    assert_eq!(read.poll(), Events::IN | Events::HUP);
    assert_eq!(get(&read, 9), Ok(b"rest".to_vec()));
    assert_eq!((get(&read, 9), read.poll()), (Ok(vec![]), Events::HUP));

    let (read, write) = ends(&thread, NONBLOCK);
    drop(read);
    assert_eq!(write.poll(), Events::OUT | Events::ERR);
    assert_eq!((put(&write, b""), thread.is_interrupted()), (Ok(0), false));
    assert_eq!((put(&write, b"x"), thread.is_interrupted()), (Err(Errno::EPIPE), true));
}

#[test]
fn frames_go_back() {
    let thread = test_process();
    let before = frames_held();
    let (read, write) = ends(&thread, NONBLOCK);
    let own = frames_held();
    put(&write, &[1; 70_000]).unwrap();
    assert_eq!(frames_held() - own, 16);
    get(&read, 70_000).unwrap();
    assert_eq!(frames_held() - own, 1, "one is kept for the next write");
    drop((read, write));
    assert_eq!(frames_held(), own);
    assert!(own >= before);
}

#[test]
fn capacity_follows_fcntl() {
    let thread = test_process();
    let (_read, write) = ends(&thread, NONBLOCK);
    let pipe = pipe_of(&write).pipe().clone();
    assert_eq!(pipe.capacity(), 65_536);
    assert_eq!(pipe.set_capacity(5000), Ok(8192));
    assert_eq!(put(&write, &[7; 10_000]), Ok(8192));
    assert_eq!(write.poll(), Events::empty());
    assert_eq!(pipe.set_capacity(0), Err(Errno::EBUSY));
    assert_eq!(pipe.set_capacity(LARGEST + 1), Err(Errno::EINVAL));
    assert_eq!(pipe.set_capacity(8193), Ok(16_384));
    assert_eq!(write.poll(), Events::OUT);
    let place = user_pages(1);
    assert_eq!(write.file().ioctl(&thread, FIONREAD, place), Ok(0));
    assert_eq!(UserPtr::<i32>::new(place).read(&thread), Ok(8192));
    assert_eq!(write.file().ioctl(&thread, 0x1234, place), Err(Errno::ENOTTY));
}

#[test]
fn user_memory_that_ends_cuts_transfers_as_on_linux() {
    let thread = test_process();
    let (read, write) = ends(&thread, NONBLOCK);
    let pages = user_bytes(&[5; 8191]);
    let from = |start, length| Source::user(&thread, start, length).unwrap();
    // Up to 4096 bytes: nothing goes in. More: what could be read.
    assert_eq!(write.write(&mut from(pages + 2 * PAGE - 10, 20)), Err(Errno::EFAULT));
    assert_eq!(pipe_of(&read).pipe().length(), 0);
    put(&write, b"abc").unwrap();
    assert_eq!(write.write(&mut from(pages + 2 * PAGE - 10, 20)), Err(Errno::EFAULT));
    assert_eq!(pipe_of(&read).pipe().length(), 3);
    // What is over joins the last page, then whole pages follow: the last of them cannot be read.
    assert_eq!(write.write(&mut from(pages, 2 * PAGE as usize + 1)), Ok(4097));
    // A read that cannot be put anywhere leaves the bytes.
    assert_eq!(read.read(&mut Destination::user(&thread, 16, 3).unwrap()), Err(Errno::EFAULT));
    let place = pages + 2 * PAGE - 2;
    assert_eq!(read.read(&mut Destination::user(&thread, place, 5).unwrap()), Err(Errno::EFAULT));
    assert_eq!(bytes_of_user(place, 2), b"ab");
    assert_eq!(get(&read, 2), Ok(b"ab".to_vec()));
}

#[test]
fn blocking_writes_put_everything() {
    let thread = test_process();
    let (read, write) = ends(&thread, PipeFlags::empty());
    let bytes: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    let sent = bytes.clone();
    let writer = spawn(&thread.process, move |_| put(&write, &sent));
    let mut got = Vec::new();
    loop {
        let piece = get(&read, 1 + got.len() % 9000).unwrap();
        if piece.is_empty() {
            break;
        }
        got.extend(piece);
    }
    assert_eq!(writer.join().unwrap(), Ok(300_000));
    assert!(got == bytes);
}

#[test]
fn atomic_writes_do_not_mix() {
    let thread = test_process();
    let (read, write) = ends(&thread, PipeFlags::empty());
    let writers: Vec<_> = (0..4_u8)
        .map(|number| {
            let write = write.clone();
            spawn(&thread.process, move |_| (0..60).for_each(|_| assert_eq!(put(&write, &[number; 3000]), Ok(3000))))
        })
        .collect();
    drop(write);
    let mut all = Vec::new();
    while let piece = get(&read, 3001).unwrap()
        && !piece.is_empty()
    {
        all.extend(piece);
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(all.len(), 4 * 60 * 3000);
    assert!(all.chunks(3000).all(|record| record.iter().all(|&byte| byte == record[0])));
}

#[test]
fn every_blocked_reader_gets_its_token() {
    // As make's job server: many readers of one byte each, woken one by one.
    let thread = test_process();
    let (read, write) = ends(&thread, PipeFlags::empty());
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let read = read.clone();
            spawn(&thread.process, move |_| (0..200).map(|_| get(&read, 1).unwrap().len()).sum::<usize>())
        })
        .collect();
    let mut left = 800;
    while left > 0 {
        let count = (left % 5 + 1).min(left);
        put(&write, &vec![1; count]).unwrap();
        left -= count;
    }
    for reader in readers {
        assert_eq!(reader.join().unwrap(), 200);
    }
}

#[test]
fn fifos_open_in_pairs() {
    let thread = test_process();
    let pipe = Pipe::new();
    assert_eq!(pipe.open_fifo(Side::Write, true).err(), Some(Errno::ENXIO));
    // No hang-up before the first writer, one after it.
    let early = pipe.open_fifo(Side::Read, true).unwrap();
    assert_eq!(early.poll(), Events::empty());
    drop(pipe.open_fifo(Side::Write, true).unwrap());
    assert_eq!(early.poll(), Events::HUP);
    drop(early);

    let theirs = pipe.clone();
    let reader = spawn(&thread.process, move |_| {
        let end = OpenFile::new(Arc::new(theirs.open_fifo(Side::Read, false).unwrap()), StatusFlags::empty());
        get(&end, 9)
    });
    let both = pipe.open_fifo(Side::Write, false).unwrap();
    assert_eq!(both.write(&mut Source::kernel(b"hello"), 0), Ok(5));
    assert_eq!(reader.join().unwrap(), Ok(b"hello".to_vec()));
    drop(both);

    let both = pipe.open_fifo(Side::Both, false).unwrap();
    both.write(&mut Source::kernel(b"old"), 0).unwrap();
    assert_eq!(both.poll(), Events::IN | Events::OUT);
    drop(both);
    assert_eq!(pipe.length(), 0, "bytes do not outlive the last end");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    Resize(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![1..40_usize, 4000..4200_usize, 1..9000_usize, Just(4096_usize), 60_000..70_000_usize];
    let step = prop_oneof![
        6 => length.clone().prop_map(Step::Write),
        4 => length.prop_map(Step::Read),
        1 => (0..70_000_usize).prop_map(Step::Resize),
    ];
    prop::collection::vec(step, 1..60)
}

fn host_polls(end: &std::os::fd::OwnedFd) -> Events {
    let mut fds = [HostPollFd::new(end, HostPollFlags::IN | HostPollFlags::OUT)];
    rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
    Events::from_bits_truncate(fds[0].revents().bits().into())
}

fn from_host<T>(result: rustix::io::Result<T>) -> Result<T> {
    result.map_err(|errno| Errno::from_number(errno.raw_os_error() as u16))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// What is written, read, polled and counted is what the host's own pipe says.
    #[test]
    fn pipes_are_like_linux(steps in steps(), packets in any::<bool>()) {
        let thread = test_process();
        let mode = if packets { PipeFlags::O_DIRECT } else { PipeFlags::empty() };
        let (read, write) = ends(&thread, NONBLOCK | mode);
        let host_mode = if packets { rustix::pipe::PipeFlags::DIRECT } else { rustix::pipe::PipeFlags::empty() };
        let (host_read, host_write) = rustix::pipe::pipe_with(host_mode | rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let mut next = 0_u8;
        for step in steps {
            match step {
                Step::Write(length) => {
                    let bytes: Vec<u8> = (0..length).map(|index| next.wrapping_add(index as u8)).collect();
                    next = next.wrapping_add(13);
                    prop_assert_eq!(put(&write, &bytes), from_host(rustix::io::write(&host_write, &bytes)));
                }
                Step::Read(length) => {
                    let mut bytes = vec![0; length];
                    let host = from_host(rustix::io::read(&host_read, &mut bytes)).map(|count| bytes[..count].to_vec());
                    prop_assert!(get(&read, length) == host);
                }
                Step::Resize(size) => {
                    let host = from_host(rustix::pipe::fcntl_setpipe_size(&host_write, size));
                    prop_assert_eq!(pipe_of(&write).pipe().set_capacity(size as u64), host);
                }
            }
            prop_assert_eq!(read.poll(), host_polls(&host_read));
            prop_assert_eq!(write.poll(), host_polls(&host_write));
            prop_assert_eq!(pipe_of(&read).pipe().length() as u64, rustix::io::ioctl_fionread(&host_read).unwrap());
        }
    }
}
