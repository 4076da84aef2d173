//! The calls as a program makes them, on a tmpfs of the test's own.

mod contents;
mod locks;
mod naming;
mod ownership;
mod restricted;

use super::*;
use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::{AtFlags, OpenFlags};
use crate::filesystem::tmpfs::Tmpfs;
use crate::machine::host::{bytes_of_user, test_process, user_bytes, user_pages};
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use std::sync::Arc;
use std::vec::Vec;

pub(super) const HERE: Fd = Fd::WORKING_DIRECTORY;

/// A thread whose root is empty.
pub(super) fn thread() -> Arc<Thread> {
    let thread = test_process();
    let root = Tmpfs::new("tmpfs").root();
    thread.process.context.set_root(root.clone());
    thread.process.context.set_working_directory(root);
    thread
}

/// A string in the program.
pub(super) fn string(text: &str) -> UserString {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    UserString(user_bytes(&bytes))
}

pub(super) fn open(thread: &Thread, path: &str, flags: OpenFlags) -> Result<Fd> {
    opening::open(thread, string(path), flags, 0o644)
}

pub(super) fn create(thread: &Thread, path: &str, content: &[u8]) -> Fd {
    let fd = open(thread, path, OpenFlags::O_CREAT | OpenFlags::O_RDWR | OpenFlags::O_TRUNC).unwrap();
    assert_eq!(write(thread, fd, content), Ok(content.len()));
    fd
}

pub(super) fn write(thread: &Thread, fd: Fd, content: &[u8]) -> Result<usize> {
    transfer::write(thread, fd, Address(user_bytes(content)), content.len())
}

pub(super) fn read(thread: &Thread, fd: Fd, count: usize) -> Result<Vec<u8>> {
    let buffer = user_pages(count as u64 / 4096 + 1);
    let count = transfer::read(thread, fd, Address(buffer), count)?;
    Ok(bytes_of_user(buffer, count))
}

/// The words of `struct stat`.
pub(super) fn stat(thread: &Thread, path: &str) -> Result<Stat> {
    let at = user_pages(1);
    status::lstat(thread, string(path), UserPtr::new(at))?;
    Ok(decode(at))
}

#[derive(Debug)]
pub(super) struct Stat {
    pub(super) inode: u64,
    pub(super) links: u64,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) blocks: u64,
}

fn decode(at: u64) -> Stat {
    let bytes = bytes_of_user(at, 144);
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    Stat { inode: word(8), links: word(16), mode: word(24) as u32, size: word(48), blocks: word(64) }
}

#[test]
fn what_was_written_is_read() {
    let thread = thread();
    let fd = create(&thread, "/f", b"hello, world");
    assert_eq!(read(&thread, fd, 10), Ok(Vec::new()));
    assert_eq!(position::lseek(&thread, fd, 7, 0), Ok(7));
    assert_eq!(read(&thread, fd, 100).unwrap(), b"world");
    assert_eq!(position::lseek(&thread, fd, -3, 2), Ok(9));
    assert_eq!(write(&thread, fd, b"king!"), Ok(5));
    assert_eq!(position::lseek(&thread, fd, 0, 0), Ok(0));
    assert_eq!(read(&thread, fd, 100).unwrap(), b"hello, woking!");
    assert_eq!(position::lseek(&thread, fd, -1, 0), Err(Errno::EINVAL));
    assert_eq!(descriptor::close(&thread, fd), Ok(()));
    assert_eq!(read(&thread, fd, 1), Err(Errno::EBADF));
}

#[test]
fn stat_and_fstat_agree() {
    let thread = thread();
    let fd = create(&thread, "f", &[1; 5000]);
    let by_path = stat(&thread, "f").unwrap();
    assert_eq!((by_path.mode, by_path.size, by_path.links, by_path.blocks), (0o100644, 5000, 1, 16));
    let at = user_pages(1);
    status::newfstatat(&thread, fd, string(""), UserPtr::new(at), AtFlags::AT_EMPTY_PATH).unwrap();
    assert_eq!(decode(at).inode, by_path.inode);
    let nowhere = status::newfstatat(&thread, fd, string(""), UserPtr::new(at), AtFlags::empty());
    assert_eq!(nowhere, Err(Errno::ENOENT));
}

#[test]
fn a_directory_lists_what_is_in_it() {
    let thread = thread();
    for name in ["one", "two", "three"] {
        create(&thread, name, b"");
    }
    let fd = open(&thread, "/", OpenFlags::O_DIRECTORY).unwrap();
    let buffer = user_pages(1);
    let mut names = Vec::new();
    loop {
        // Room for one entry a time, and for less than one.
        match listing::getdents64(&thread, fd, Address(buffer), 24) {
            Ok(0) => break,
            Ok(length) => {
                let bytes = bytes_of_user(buffer, length);
                let end = bytes[19..].iter().position(|&byte| byte == 0).unwrap();
                names.push((bytes[19..19 + end].to_vec(), bytes[18]));
            }
            Err(errno) => {
                assert_eq!(errno, Errno::EINVAL);
                let length = listing::getdents64(&thread, fd, Address(buffer), 32).unwrap();
                assert_eq!(length, 32);
                names.push((b"three".to_vec(), bytes_of_user(buffer, length)[18]));
            }
        }
    }
    let expected: [(&[u8], u8); 5] = [(b".", 4), (b"..", 4), (b"one", 8), (b"two", 8), (b"three", 8)];
    assert!(names.iter().map(|(name, kind)| (&name[..], *kind)).eq(expected));
    assert_eq!(position::lseek(&thread, fd, 0, 0), Ok(0));
    assert_eq!(listing::getdents64(&thread, fd, Address(buffer), 4096), Ok(5 * 24 + 8));
}

#[test]
fn opening_answers_as_linux() {
    let thread = thread();
    create(&thread, "file", b"x");
    let created = OpenFlags::O_CREAT | OpenFlags::O_EXCL;
    assert_eq!(open(&thread, "file", created), Err(Errno::EEXIST));
    assert_eq!(open(&thread, "file/", OpenFlags::empty()), Err(Errno::ENOTDIR));
    assert_eq!(open(&thread, "file/x", OpenFlags::empty()), Err(Errno::ENOTDIR));
    assert_eq!(open(&thread, "missing", OpenFlags::empty()), Err(Errno::ENOENT));
    assert_eq!(open(&thread, "missing/x", OpenFlags::O_CREAT), Err(Errno::ENOENT));
    assert_eq!(open(&thread, "", OpenFlags::empty()), Err(Errno::ENOENT));
    assert_eq!(open(&thread, "/", OpenFlags::O_WRONLY), Err(Errno::EISDIR));
    assert_eq!(open(&thread, "new/", OpenFlags::O_CREAT), Err(Errno::EISDIR));
    assert_eq!(open(&thread, "file", OpenFlags::O_DIRECTORY), Err(Errno::ENOTDIR));
    let long = "n".repeat(256);
    assert_eq!(open(&thread, &long, OpenFlags::empty()), Err(Errno::ENAMETOOLONG));
    assert_eq!(open(&thread, &"n/".repeat(2048), OpenFlags::empty()), Err(Errno::ENAMETOOLONG));
    let place = open(&thread, "file", OpenFlags::O_PATH).unwrap();
    assert_eq!(read(&thread, place, 1), Err(Errno::EBADF));
    let writer = open(&thread, "file", OpenFlags::O_WRONLY).unwrap();
    assert_eq!(read(&thread, writer, 1), Err(Errno::EBADF));
    assert_eq!(opening::open(&thread, UserString(8), OpenFlags::empty(), 0), Err(Errno::EFAULT));
}
