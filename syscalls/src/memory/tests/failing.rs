//! Every allocation fails once: what was begun is finished, or nothing has changed and the answer is `ENOMEM`.

use super::*;
use crate::machine::host::{allocations_left, fail_allocations_after};

/// What a program can see of a space, and what it holds.
fn picture(memory: &AddressSpace) -> (Vec<Description>, Counts, Residency, (u64, u64)) {
    // FORKED is nothing that a program sees.
    let mut all = memory.describe().unwrap();
    all.iter_mut().for_each(|area| area.flags.remove(AreaFlags::FORKED));
    (all, memory.counts(), memory.resident(0, u64::MAX), memory.heap())
}

/// Runs `operation` on new spaces, with 0, 1, 2, … allocations to succeed, until none fails.
fn for_every_failure(operation: impl Fn(&AddressSpace) -> bool) {
    for count in 0.. {
        // The space before goes with its thread.
        test_process();
        let held = frames_held();
        {
            let (thread, memory) = space();
            let file = TestFile::new(4);
            memory.map(anonymous(BASE, 8 * PAGE, WRITE, FIXED)).unwrap();
            memory.map(file.request(BASE + 8 * PAGE, 4 * PAGE, WRITE, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
            for page in [0, 3, 8, 9] {
                assert!(poke(&thread, BASE + page * PAGE, 7));
            }
            memory.set_break(BASE + 0x100_0000);
            let before = picture(&memory);
            fail_allocations_after(Some(count));
            let done = operation(&memory);
            let exhausted = allocations_left() == Some(0);
            fail_allocations_after(None);
            if !done {
                assert!(exhausted, "it failed without cause");
                assert_eq!(picture(&memory), before);
                for page in [0, 3, 8, 9] {
                    assert_eq!(peek(&thread, BASE + page * PAGE), Some(7));
                }
            }
            if done && !exhausted {
                break;
            }
        }
        test_process();
        assert_eq!(frames_held(), held, "frames leak");
        assert!(count < 1000, "it never ends");
    }
}

/// `true` when it was done, `false` when it was refused for lack of memory.
fn done<T>(outcome: crate::Result<T>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(Errno::ENOMEM) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn faults() {
    for (page, access) in [(1, Access::READ), (1, Access::WRITE), (10, Access::READ), (10, Access::WRITE)] {
        for_every_failure(|memory| match memory.fault(BASE + page * PAGE, access) {
            Ok(()) => true,
            Err(FaultError::OutOfMemory) => false,
            Err(other) => panic!("{other:?}"),
        });
    }
}

#[test]
fn mapping_and_unmapping() {
    for_every_failure(|memory| done(memory.map(anonymous(0, 4 * PAGE, WRITE, PRIVATE))));
    for_every_failure(|memory| done(memory.map(anonymous(BASE + PAGE, 4 * PAGE, WRITE, FIXED))));
    for_every_failure(|memory| done(memory.unmap(BASE + PAGE, 4 * PAGE)));
    for_every_failure(|memory| done(memory.protect(BASE + PAGE, 4 * PAGE, READ)));
    // Populating is a favour: without memory the mapping is there all the same.
    for_every_failure(|memory| done(memory.map(anonymous(0, 4 * PAGE, WRITE, PRIVATE | raw::MAP_POPULATE))));
}

#[test]
fn moving() {
    let far = BASE + 0x4000_0000;
    for_every_failure(|memory| done(memory.remap(BASE, 8 * PAGE, 16 * PAGE, RemapFlags::MAY_MOVE, 0)));
    let flags = RemapFlags::MAY_MOVE | RemapFlags::FIXED;
    for_every_failure(|memory| done(memory.remap(BASE, 8 * PAGE, 8 * PAGE, flags, far)));
    let flags = RemapFlags::MAY_MOVE | RemapFlags::DONT_UNMAP;
    for_every_failure(|memory| done(memory.remap(BASE, 8 * PAGE, 8 * PAGE, flags, 0)));
}

#[test]
fn forking() {
    for_every_failure(|memory| done(memory.duplicate()));
}

#[test]
fn the_heap() {
    for_every_failure(|memory| {
        let (start, _) = memory.heap();
        memory.set_break_end(start + PAGE) == start + PAGE
    });
}
