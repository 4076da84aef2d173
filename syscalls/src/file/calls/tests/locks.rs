//! Locks between processes and between descriptions.

use super::*;
use crate::file::FileTable;
use crate::machine::host::{new_process, spawn};
use std::time::Duration;

const READ: i16 = 0;
const WRITE: i16 = 1;
const NONE: i16 = 2;
const GET: u32 = 5;
const SET: u32 = 6;
const SET_WAIT: u32 = 7;
const OFD_GET: u32 = 36;
const OFD_SET: u32 = 37;

fn flock(kind: i16, start: i64, length: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

fn control(thread: &Thread, fd: Fd, command: u32, lock: &[u8]) -> Result<(i16, i64, i64, i32)> {
    let at = user_bytes(lock);
    descriptor::fcntl(thread, fd, command, at)?;
    let bytes = bytes_of_user(at, 32);
    let word = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    Ok((i16::from(bytes[0]), word(8), word(16), word(24) as i32))
}

/// A second process with the same view of files, whose address space becomes the active one.
fn other_process(first: &Thread) -> Arc<Thread> {
    let other = new_process(first.process.memory());
    other.process.context.set_root(first.process.context.root());
    other.process.context.set_working_directory(first.process.context.root());
    other
}

#[test]
fn ranges_belong_to_processes() {
    let thread = thread();
    let fd = create(&thread, "f", b"");
    assert_eq!(control(&thread, fd, SET, &flock(WRITE, 10, 10)).map(drop), Ok(()));
    // The same process may change its mind, and part of the range stays.
    assert_eq!(control(&thread, fd, SET, &flock(READ, 15, 100)).map(drop), Ok(()));
    let other = other_process(&thread);
    let there = open(&other, "f", OpenFlags::O_RDWR).unwrap();
    let id = thread.process.id;
    assert_eq!(control(&other, there, GET, &flock(READ, 0, 0)), Ok((WRITE, 10, 5, id)));
    assert_eq!(control(&other, there, GET, &flock(WRITE, 15, 1)), Ok((READ, 15, 100, id)));
    assert_eq!(control(&other, there, GET, &flock(READ, 15, 1)), Ok((NONE, 15, 1, 0)));
    assert_eq!(control(&other, there, SET, &flock(WRITE, 114, 1)), Err(Errno::EAGAIN));
    assert_eq!(control(&other, there, SET, &flock(WRITE, 115, 0)).map(drop), Ok(()));
    assert_eq!(control(&thread, fd, GET, &flock(READ, 1000, 0)), Ok((WRITE, 115, 0, other.process.id)));
    // Whichever descriptor is closed, all of the process's locks on the file go.
    let again = open(&thread, "f", OpenFlags::empty()).unwrap();
    descriptor::close(&thread, again).unwrap();
    assert_eq!(control(&other, there, SET, &flock(WRITE, 0, 0)).map(drop), Ok(()));
    assert_eq!(control(&thread, fd, SET, &flock(WRITE, -1, 1)), Err(Errno::EINVAL));
    assert_eq!(control(&thread, fd, SET, &flock(3, 0, 1)), Err(Errno::EINVAL));
    let reader = open(&thread, "f", OpenFlags::empty()).unwrap();
    assert_eq!(control(&thread, reader, SET, &flock(WRITE, 0, 1)), Err(Errno::EBADF));
}

#[test]
fn descriptions_hold_locks_of_their_own() {
    let thread = thread();
    let one = create(&thread, "f", b"");
    let two = open(&thread, "f", OpenFlags::O_RDWR).unwrap();
    assert_eq!(control(&thread, one, OFD_SET, &flock(WRITE, 0, 5)).map(drop), Ok(()));
    assert_eq!(control(&thread, two, OFD_SET, &flock(READ, 4, 5)), Err(Errno::EAGAIN));
    assert_eq!(control(&thread, two, OFD_GET, &flock(READ, 0, 0)), Ok((WRITE, 0, 5, -1)));
    let double = descriptor::dup(&thread, one).unwrap();
    descriptor::close(&thread, one).unwrap();
    assert_eq!(control(&thread, two, OFD_SET, &flock(READ, 4, 5)), Err(Errno::EAGAIN));
    descriptor::close(&thread, double).unwrap();
    assert_eq!(control(&thread, two, OFD_SET, &flock(READ, 4, 5)).map(drop), Ok(()));
}

#[test]
fn whole_files_are_locked_by_description() {
    let thread = thread();
    let one = create(&thread, "f", b"");
    let two = open(&thread, "f", OpenFlags::empty()).unwrap();
    let lock = |fd, operation| locking::flock(&thread, fd, operation);
    assert_eq!((lock(one, 1), lock(two, 1)), (Ok(()), Ok(())));
    assert_eq!(lock(one, 2 | 4), Err(Errno::EAGAIN));
    assert_eq!(lock(two, 8), Ok(()));
    assert_eq!(lock(one, 2 | 4), Ok(()));
    assert_eq!(lock(two, 1 | 4), Err(Errno::EAGAIN));
    assert_eq!(lock(one, 3), Err(Errno::EINVAL));
    descriptor::close(&thread, one).unwrap();
    assert_eq!(lock(two, 2 | 4), Ok(()));
}

#[test]
fn a_lock_is_waited_for_but_not_in_a_circle() {
    let thread = thread();
    let fd = create(&thread, "f", b"");
    control(&thread, fd, SET, &flock(WRITE, 0, 1)).unwrap();
    let other = other_process(&thread);
    let there = open(&other, "f", OpenFlags::O_RDWR).unwrap();
    control(&other, there, SET, &flock(WRITE, 1, 1)).unwrap();
    let waiting = spawn(&other.process, move |other| control(other, there, SET_WAIT, &flock(WRITE, 0, 1)).map(drop));
    while !crate::file::lock::is_waiting(crate::file::lock::Owner::table(other.files())) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(control(&thread, fd, SET, &flock(WRITE, 1, 1)), Err(Errno::EAGAIN));
    let circle = control(&thread, fd, SET_WAIT, &flock(WRITE, 1, 1));
    assert_eq!(circle, Err(Errno::EDEADLK));
    control(&thread, fd, SET, &flock(NONE, 0, 1)).unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(()));
    let all = control(&thread, fd, GET, &flock(WRITE, 0, 0)).unwrap();
    assert_eq!((all.0, all.3), (WRITE, other.process.id));
}

#[test]
fn a_table_that_goes_takes_its_locks_along() {
    let thread = thread();
    let fd = create(&thread, "f", b"");
    let open = thread.files().get(fd).unwrap();
    let table = FileTable::new(10);
    let owner = crate::file::lock::Owner::table(&table);
    let range = crate::file::lock::Range { owner, process: 1, exclusive: true, start: 0, end: 9 };
    crate::file::lock::lock(&open, &range, false).unwrap();
    assert_eq!(control(&thread, fd, GET, &flock(READ, 0, 0)), Ok((WRITE, 0, 9, 1)));
    drop(table);
    assert_eq!(control(&thread, fd, GET, &flock(READ, 0, 0)).unwrap().0, NONE);
}
