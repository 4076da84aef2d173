//! `madvise(2)`, `mlock(2)`, `msync(2)`, `mincore(2)`.

use super::*;

fn advise(memory: &AddressSpace, start: u64, length: u64, number: u32) -> crate::Result<()> {
    memory.advise(start, length, Advice::from_number(number as i32).ok_or(Errno::EINVAL)?)
}

#[test]
fn discarded_pages_are_new_again() {
    let (thread, memory) = space();
    let file = TestFile::new(2);
    memory.map(anonymous(BASE, 2 * PAGE, WRITE, FIXED)).unwrap();
    memory.map(file.request(BASE + 2 * PAGE, 2 * PAGE, WRITE, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
    let held = frames_held();
    (0..4).for_each(|page| assert!(poke(&thread, BASE + page * PAGE, 9)));
    assert_eq!(advise(&memory, BASE + PAGE, 2 * PAGE, raw::MADV_DONTNEED), Ok(()));
    let pages = [0, 1, 2, 3].map(|page| peek(&thread, BASE + page * PAGE));
    assert_eq!(pages, [Some(9), Some(0), Some(1), Some(9)]);
    assert_eq!(advise(&memory, BASE, 2 * PAGE, raw::MADV_FREE), Ok(()));
    assert_eq!(advise(&memory, BASE + 2 * PAGE, PAGE, raw::MADV_FREE), Err(Errno::EINVAL), "a file");
    assert_eq!(frames_held(), held + 1);
}

#[test]
fn arguments_are_checked_as_linux_does() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 4 * PAGE, WRITE, FIXED)).unwrap();
    memory.map(anonymous(BASE + 5 * PAGE, PAGE, WRITE, FIXED)).unwrap();
    for number in [raw::MADV_HWPOISON, raw::MADV_MERGEABLE, raw::MADV_COLLAPSE, 99] {
        assert_eq!(advise(&memory, BASE, PAGE, number), Err(Errno::EINVAL), "{number}");
    }
    assert_eq!(Advice::from_number(-1), None);
    assert_eq!(advise(&memory, BASE + 1, PAGE, raw::MADV_NORMAL), Err(Errno::EINVAL));
    assert_eq!(advise(&memory, BASE, u64::MAX, raw::MADV_NORMAL), Err(Errno::EINVAL));
    assert_eq!(advise(&memory, BASE, 0, raw::MADV_DONTNEED), Ok(()));
    // A gap is told of, and what is mapped is served all the same.
    memory.fault(BASE + 5 * PAGE, Access::WRITE).unwrap();
    assert_eq!(advise(&memory, BASE, 6 * PAGE, raw::MADV_DONTNEED), Err(Errno::ENOMEM));
    assert_eq!(memory.resident(BASE, BASE + 6 * PAGE).resident, 0);
    assert_eq!(advise(&memory, BASE + 6 * PAGE, PAGE, raw::MADV_DONTNEED), Err(Errno::ENOMEM));
    assert_eq!(advise(&memory, BASE, PAGE, raw::MADV_REMOVE), Err(Errno::EINVAL));
    for number in [raw::MADV_WILLNEED, raw::MADV_COLD, raw::MADV_PAGEOUT, raw::MADV_HUGEPAGE, raw::MADV_NORMAL] {
        assert_eq!(advise(&memory, BASE, PAGE, number), Ok(()), "{number}");
    }
    let shared = memory.map(anonymous(0, PAGE, WRITE, SHARED)).unwrap();
    assert_eq!(advise(&memory, shared, PAGE, raw::MADV_WIPEONFORK), Err(Errno::EINVAL));
    assert_eq!(advise(&memory, shared, PAGE, raw::MADV_REMOVE), Ok(()));
}

#[test]
fn marks_split_and_merge() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 3 * PAGE, WRITE, FIXED)).unwrap();
    advise(&memory, BASE + PAGE, PAGE, raw::MADV_DONTDUMP).unwrap();
    assert_eq!(memory.describe_at(BASE + PAGE).unwrap().flags, AreaFlags::DONT_DUMP);
    assert_eq!(memory.describe().unwrap().len(), 3);
    advise(&memory, BASE + PAGE, PAGE, raw::MADV_DODUMP).unwrap();
    assert_eq!(memory.describe().unwrap().len(), 1);
}

#[test]
fn populate_says_what_is_wrong() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 2 * PAGE, READ, FIXED)).unwrap();
    assert_eq!(advise(&memory, BASE, 2 * PAGE, raw::MADV_POPULATE_READ), Ok(()));
    assert_eq!(memory.resident(BASE, BASE + 2 * PAGE).resident, 2);
    assert_eq!(advise(&memory, BASE, 2 * PAGE, raw::MADV_POPULATE_WRITE), Err(Errno::EINVAL));
    assert_eq!(advise(&memory, BASE, 3 * PAGE, raw::MADV_POPULATE_READ), Err(Errno::ENOMEM));
    memory.map(anonymous(BASE + 4 * PAGE, PAGE, WRITE, FIXED | raw::MAP_GROWSDOWN)).unwrap();
    assert_eq!(advise(&memory, BASE + 3 * PAGE, PAGE, raw::MADV_POPULATE_WRITE), Err(Errno::ENOMEM));
}

#[test]
fn locked_pages_come_in_and_stay() {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, 4 * PAGE, WRITE, FIXED)).unwrap();
    memory.lock(BASE + PAGE + 5, PAGE, false).unwrap();
    assert_eq!(memory.counts().locked, 2);
    let mut present = [9; 4];
    memory.residency(BASE, &mut present).unwrap();
    assert_eq!(present, [0, 1, 1, 0]);
    assert_eq!(advise(&memory, BASE, 4 * PAGE, raw::MADV_DONTNEED), Err(Errno::EINVAL));
    assert_eq!(advise(&memory, BASE + PAGE, PAGE, raw::MADV_COLD), Err(Errno::EINVAL));
    assert_eq!(advise(&memory, BASE + PAGE, PAGE, raw::MADV_DONTNEED_LOCKED), Ok(()));
    assert_eq!(memory.synchronise(BASE, 4 * PAGE, raw::MS_INVALIDATE), Err(Errno::EBUSY));
    memory.unlock(BASE, 4 * PAGE).unwrap();
    assert_eq!(memory.counts().locked, 0);
    assert_eq!(memory.describe().unwrap().len(), 1);
    memory.lock(BASE, PAGE, true).unwrap();
    assert_eq!(memory.resident(BASE, BASE + PAGE).resident, 0, "on fault");
    assert_eq!(memory.lock(BASE, 5 * PAGE, false), Err(Errno::ENOMEM));
    assert_eq!(memory.lock(BASE, u64::MAX, false), Err(Errno::EINVAL));
    assert_eq!(memory.unlock(BASE + 4 * PAGE, PAGE), Err(Errno::ENOMEM));
    assert_eq!(memory.lock(BASE + 4 * PAGE, 0, false), Ok(()));
    drop_capabilities(&thread);
    memory.limits.set_locked(5 * PAGE);
    memory.map(anonymous(BASE, 6 * PAGE, WRITE, FIXED)).unwrap();
    assert_eq!(memory.lock(BASE, 6 * PAGE, false), Err(Errno::ENOMEM));
    assert_eq!(memory.lock(BASE, 5 * PAGE, false), Ok(()));
    assert_eq!(memory.lock(BASE, 5 * PAGE, false), Ok(()), "pages count once");
    memory.limits.set_locked(0);
    assert_eq!(memory.lock(BASE, PAGE, false), Err(Errno::EPERM));
}

#[test]
fn all_can_be_locked_now_and_later() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 2 * PAGE, WRITE, FIXED)).unwrap();
    assert_eq!(memory.lock_all(0), Err(Errno::EINVAL));
    assert_eq!(memory.lock_all(raw::MCL_ONFAULT), Err(Errno::EINVAL));
    assert_eq!(memory.lock_all(8 | raw::MCL_CURRENT), Err(Errno::EINVAL));
    memory.lock_all(raw::MCL_CURRENT | raw::MCL_FUTURE).unwrap();
    assert_eq!(memory.resident(0, u64::MAX).resident, 2);
    let later = memory.map(anonymous(0, PAGE, WRITE, PRIVATE)).unwrap();
    assert_eq!(memory.resident(later, later + PAGE).resident, 1);
    memory.set_break(BASE + 0x100_0000);
    let (start, _) = memory.heap();
    assert_eq!(memory.set_break_end(start + PAGE), start + PAGE);
    assert_eq!(memory.counts().locked, 4);
    assert_eq!(memory.resident(0, u64::MAX).resident, 4);
    memory.unlock_all();
    assert_eq!(memory.counts().locked, 0);
    memory.map(anonymous(0, PAGE, WRITE, PRIVATE)).unwrap();
    assert_eq!(memory.counts().locked, 0);
}

#[test]
fn msync_looks_for_gaps() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, PAGE, WRITE, FIXED)).unwrap();
    assert_eq!(memory.synchronise(BASE, PAGE, raw::MS_SYNC), Ok(()));
    assert_eq!(memory.synchronise(BASE, 2 * PAGE, raw::MS_ASYNC), Err(Errno::ENOMEM));
    assert_eq!(memory.synchronise(BASE, PAGE, raw::MS_SYNC | raw::MS_ASYNC), Err(Errno::EINVAL));
    assert_eq!(memory.synchronise(BASE, PAGE, 8), Err(Errno::EINVAL));
    assert_eq!(memory.synchronise(BASE + 1, PAGE, raw::MS_SYNC), Err(Errno::EINVAL));
    assert_eq!(memory.synchronise(BASE, u64::MAX, raw::MS_SYNC), Err(Errno::ENOMEM));
    assert_eq!(memory.synchronise(BASE + 8 * PAGE, 0, raw::MS_SYNC), Ok(()));
}
