//! Sizes, holes, offsets, copies.

use super::*;
use crate::machine::host::fail_allocations_after;

const PAGE: u64 = 4096;

fn seek(thread: &Thread, fd: Fd, offset: i64, whence: u32) -> Result<i64> {
    position::lseek(thread, fd, offset, whence)
}

fn pread(thread: &Thread, fd: Fd, count: usize, offset: i64) -> Result<Vec<u8>> {
    let at = user_pages(count as u64 / PAGE + 1);
    let count = transfer::pread64(thread, fd, Address(at), count, offset)?;
    Ok(bytes_of_user(at, count))
}

fn pwrite(thread: &Thread, fd: Fd, bytes: &[u8], offset: i64) -> Result<usize> {
    transfer::pwrite64(thread, fd, Address(user_bytes(bytes)), bytes.len(), offset)
}

#[test]
fn holes_read_as_zeros_and_are_found() {
    let thread = thread();
    let fd = create(&thread, "f", b"");
    assert_eq!(pwrite(&thread, fd, b"data", 10 * PAGE as i64), Ok(4));
    assert_eq!(stat(&thread, "f").unwrap().blocks, 8);
    assert_eq!(pread(&thread, fd, 6, 10 * PAGE as i64 - 2).unwrap(), b"\0\0data");
    assert_eq!(seek(&thread, fd, 0, 3), Ok(10 * PAGE as i64));
    assert_eq!(seek(&thread, fd, 0, 4), Ok(0));
    assert_eq!(seek(&thread, fd, 10 * PAGE as i64, 4), Ok(10 * PAGE as i64 + 4));
    assert_eq!(seek(&thread, fd, 11 * PAGE as i64, 3), Err(Errno::ENXIO));
    size::ftruncate(&thread, fd, 100 * PAGE as i64).unwrap();
    assert_eq!(seek(&thread, fd, 11 * PAGE as i64, 3), Err(Errno::ENXIO));
    assert_eq!(seek(&thread, fd, 11 * PAGE as i64, 4), Ok(11 * PAGE as i64));
}

#[test]
fn a_cut_file_grows_with_zeros() {
    let thread = thread();
    let fd = create(&thread, "f", &[7; 3 * PAGE as usize]);
    assert_eq!(size::ftruncate(&thread, fd, 100), Ok(()));
    assert_eq!(stat(&thread, "f").unwrap().blocks, 8);
    assert_eq!(size::truncate(&thread, string("f"), PAGE as i64 + 1), Ok(()));
    let content = pread(&thread, fd, 9000, 0).unwrap();
    assert_eq!(content.len(), 4097);
    assert!(content[..100].iter().all(|&byte| byte == 7) && content[100..].iter().all(|&byte| byte == 0));
    assert_eq!(size::ftruncate(&thread, fd, -1), Err(Errno::EINVAL));
    let reader = open(&thread, "f", OpenFlags::empty()).unwrap();
    assert_eq!(size::ftruncate(&thread, reader, 0), Err(Errno::EINVAL));
    assert_eq!(size::truncate(&thread, string("/"), 0), Err(Errno::EISDIR));
}

#[test]
fn memory_is_given_and_taken_in_ranges() {
    let thread = thread();
    let fd = create(&thread, "f", b"x");
    const KEEP: u32 = 1;
    const PUNCH: u32 = 2;
    assert_eq!(size::fallocate(&thread, fd, KEEP, 0, 2 * PAGE as i64), Ok(()));
    let status = stat(&thread, "f").unwrap();
    assert_eq!((status.size, status.blocks), (1, 16));
    assert_eq!(size::fallocate(&thread, fd, 0, 0, 3 * PAGE as i64), Ok(()));
    assert_eq!(stat(&thread, "f").unwrap().size, 3 * PAGE);
    pwrite(&thread, fd, &[9; 3 * PAGE as usize], 0).unwrap();
    assert_eq!(size::fallocate(&thread, fd, PUNCH | KEEP, 100, 2 * PAGE as i64), Ok(()));
    assert_eq!(stat(&thread, "f").unwrap().blocks, 16);
    let content = pread(&thread, fd, 3 * PAGE as usize, 0).unwrap();
    let (begin, end) = (100, 100 + 2 * PAGE as usize);
    assert!(content[..begin].iter().chain(&content[end..]).all(|&byte| byte == 9));
    assert!(content[begin..end].iter().all(|&byte| byte == 0));
    assert_eq!(size::fallocate(&thread, fd, PUNCH, 0, 1), Err(Errno::EOPNOTSUPP));
    assert_eq!(size::fallocate(&thread, fd, 0x10, 0, 1), Err(Errno::EOPNOTSUPP));
    assert_eq!(size::fallocate(&thread, fd, 0, 0, 0), Err(Errno::EINVAL));
    assert_eq!(size::fallocate(&thread, fd, 0, i64::MAX, 1), Err(Errno::EFBIG));
}

#[test]
fn a_full_machine_is_enospc() {
    let thread = thread();
    let fd = create(&thread, "f", b"");
    let source = user_bytes(&[1; 3 * PAGE as usize]);
    let write = || transfer::write(&thread, fd, Address(source), 3 * PAGE as usize);
    fail_allocations_after(Some(2));
    let (short, none) = (write(), write());
    let sized = size::fallocate(&thread, fd, 0, 0, 100 * PAGE as i64);
    fail_allocations_after(None);
    assert_eq!((short, none, sized), (Ok(2 * PAGE as usize), Err(Errno::ENOSPC), Err(Errno::ENOSPC)));
    assert_eq!(stat(&thread, "f").unwrap().size, 2 * PAGE);
}

#[test]
fn appending_writes_at_the_end_wherever_the_offset_is() {
    let thread = thread();
    create(&thread, "f", b"start");
    let fd = open(&thread, "f", OpenFlags::O_APPEND | OpenFlags::O_RDWR).unwrap();
    assert_eq!(write(&thread, fd, b"+1"), Ok(2));
    assert_eq!(seek(&thread, fd, 0, 1), Ok(7));
    assert_eq!(seek(&thread, fd, 0, 0), Ok(0));
    assert_eq!(write(&thread, fd, b"+2"), Ok(2));
    // With O_APPEND the offset of pwrite is not used, as Linux has it.
    assert_eq!(pwrite(&thread, fd, b"+3", 0), Ok(2));
    assert_eq!(pread(&thread, fd, 99, 0).unwrap(), b"start+1+2+3");
}

#[test]
fn a_bad_buffer_is_efault_and_what_was_moved_counts() {
    let thread = thread();
    let fd = create(&thread, "f", &[5; 100]);
    assert_eq!(transfer::pread64(&thread, fd, Address(0x10), 10, 0), Err(Errno::EFAULT));
    assert_eq!(transfer::pwrite64(&thread, fd, Address(u64::MAX), 10, 0), Err(Errno::EFAULT));
    let good = user_pages(1);
    let vectors: Vec<u8> = [good, 10, 0x10, 10].iter().flat_map(|word| word.to_le_bytes()).collect();
    let vectors = UserPtr::new(user_bytes(&vectors));
    assert_eq!(transfer::preadv(&thread, fd, vectors, 2, 0, 0), Ok(10));
    assert_eq!(transfer::pwritev(&thread, fd, vectors, 2, 0, 0), Ok(10));
    assert_eq!(transfer::pread64(&thread, fd, Address(good), 10, -1), Err(Errno::EINVAL));
}

#[test]
fn files_are_copied_into_each_other() {
    let thread = thread();
    let content: Vec<u8> = (0..50_000u32).map(|index| (index % 253) as u8).collect();
    let from = create(&thread, "from", &content);
    let to = create(&thread, "to", b"");
    let offset = UserPtr::new(user_bytes(&100i64.to_le_bytes()));
    assert_eq!(copying::sendfile(&thread, to, from, offset, 1 << 20), Ok(49_900));
    assert_eq!(offset.read(&thread), Ok(50_000));
    assert!(pread(&thread, to, 50_000, 0).unwrap() == content[100..]);
    let none = UserPtr::new(0);
    seek(&thread, from, 0, 0).unwrap();
    assert_eq!(copying::copy_file_range(&thread, from, none, to, none, 10, 0), Ok(10));
    assert_eq!(stat(&thread, "to").unwrap().size, 49_910);
    assert_eq!(copying::copy_file_range(&thread, to, none, to, offset, 10, 1), Err(Errno::EINVAL));
    seek(&thread, to, 49_995, 0).unwrap();
    assert_eq!(copying::copy_file_range(&thread, to, none, to, offset, 10, 0), Err(Errno::EINVAL));
}

#[test]
fn descriptors_are_doubled() {
    let thread = thread();
    let fd = create(&thread, "f", b"abc");
    let other = descriptor::dup(&thread, fd).unwrap();
    assert_eq!(seek(&thread, other, 1, 0), Ok(1));
    assert_eq!(seek(&thread, fd, 0, 1), Ok(1));
    assert_eq!(descriptor::dup2(&thread, fd, Fd(20)), Ok(Fd(20)));
    assert_eq!(descriptor::dup2(&thread, fd, Fd(1024)), Err(Errno::EBADF));
    assert_eq!(descriptor::dup3(&thread, fd, fd, OpenFlags::empty()), Err(Errno::EINVAL));
    assert_eq!(descriptor::dup3(&thread, fd, Fd(21), OpenFlags::O_CLOEXEC), Ok(Fd(21)));
    let fcntl = |fd, command, argument| descriptor::fcntl(&thread, fd, command, argument);
    assert_eq!((fcntl(Fd(21), 1, 0), fcntl(Fd(20), 1, 0)), (Ok(1), Ok(0)));
    assert_eq!(fcntl(fd, 0, 30), Ok(30));
    assert_eq!(fcntl(fd, 0, 2000), Err(Errno::EINVAL));
    assert_eq!(fcntl(fd, 3, 0), Ok(0o10_0002));
    assert_eq!(fcntl(fd, 4, 0o2000 | 0o100), Ok(0));
    assert_eq!(fcntl(fd, 3, 0), Ok(0o10_2002));
    assert_eq!(fcntl(fd, 99, 0), Err(Errno::EINVAL));
    let all = descriptor::CloseRangeFlags::empty();
    assert_eq!(descriptor::close_range(&thread, 20, u32::MAX, all), Ok(()));
    assert_eq!(fcntl(Fd(30), 1, 0), Err(Errno::EBADF));
    assert_eq!(fcntl(other, 1, 0), Ok(0));
}
