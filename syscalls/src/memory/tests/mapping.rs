//! `mmap(2)`, `munmap(2)`: placement, edges, splitting and merging.

use super::*;

#[test]
fn pages_are_zeros_and_keep_what_is_written() {
    let (thread, memory) = space();
    let held = frames_held();
    let start = memory.map(anonymous(0, 3 * PAGE, WRITE, PRIVATE)).unwrap();
    assert_eq!(frames_held(), held, "nothing comes in before it is touched");
    assert_eq!(peek(&thread, start), Some(0));
    assert!(poke(&thread, start + 2 * PAGE, 7));
    assert_eq!(peek(&thread, start + 2 * PAGE), Some(7));
    assert_eq!(frames_held(), held + 2);
    memory.unmap(start, 3 * PAGE).unwrap();
    assert_eq!(frames_held(), held);
    assert_eq!(memory.fault(start, Access::READ), Err(FaultError::Segv(SegvCode::NotMapped)));
    assert_eq!(memory.counts(), Counts::default());
}

#[test]
fn the_highest_gap_that_is_long_enough_is_taken() {
    let (_thread, memory) = space();
    let top = memory.layout().mapping_base;
    let map = |pages| memory.map(anonymous(0, pages * PAGE, READ, PRIVATE)).unwrap();
    assert_eq!(map(2), top - 2 * PAGE);
    assert_eq!(map(4), top - 6 * PAGE);
    assert_eq!(map(1), top - 7 * PAGE);
    memory.unmap(top - 5 * PAGE, 2 * PAGE).unwrap();
    assert_eq!(map(3), top - 10 * PAGE, "too long for the gap");
    assert_eq!(map(1), top - 4 * PAGE, "the gap's upper end");
    assert_eq!(map(1), top - 5 * PAGE, "the rest of the gap");
    assert_eq!(map(1), top - 11 * PAGE);
}

#[test]
fn hints_are_taken_where_there_is_room() {
    let (_thread, memory) = space();
    let map = |address, flags| memory.map(anonymous(address, PAGE, READ, PRIVATE | flags));
    assert_eq!(map(BASE + 5, 0), Ok(BASE), "rounded down");
    let top = memory.layout().mapping_base;
    assert_eq!(map(BASE, 0), Ok(top - PAGE), "taken already");
    assert_eq!(map(PAGE, 0), Ok(LOWEST_ADDRESS), "Linux's round_hint_to_min");
    assert_eq!(map(!0, 0), Ok(top - 2 * PAGE));
    assert_eq!(map(0, raw::MAP_32BIT), Ok(0x4000_0000));
    assert_eq!(map(0, raw::MAP_32BIT), Ok(0x4000_1000));
    assert_eq!(map(0x5000_0000, raw::MAP_32BIT), Ok(0x5000_0000));
    assert_eq!(map(0x9_0000_0000, raw::MAP_32BIT), Ok(0x4000_2000), "a hint above is none");
}

#[test]
fn what_cannot_be_is_refused() {
    let (_thread, memory) = space();
    let map = |address, length, flags| memory.map(anonymous(address, length, READ, flags));
    assert_eq!(map(0, 0, PRIVATE), Err(Errno::EINVAL));
    assert_eq!(map(0, u64::MAX, PRIVATE), Err(Errno::ENOMEM));
    assert_eq!(map(0, 1 << 47, PRIVATE), Err(Errno::ENOMEM));
    assert_eq!(map(0, PAGE, raw::MAP_ANONYMOUS), Err(Errno::EINVAL));
    assert_eq!(map(0, PAGE, raw::MAP_ANONYMOUS | raw::MAP_SHARED_VALIDATE), Err(Errno::EINVAL));
    assert_eq!(map(BASE + 1, PAGE, FIXED), Err(Errno::EINVAL));
    assert_eq!(map(0, PAGE, FIXED), Err(Errno::EPERM));
    assert_eq!(map(LOWEST_ADDRESS - PAGE, PAGE, FIXED), Err(Errno::EPERM));
    assert_eq!(map(0x7fff_ffff_f000, PAGE, FIXED), Err(Errno::ENOMEM));
    assert_eq!(map(0x7fff_ffff_e000, PAGE, FIXED), Ok(0x7fff_ffff_e000));
    assert_eq!(map(u64::MAX - PAGE + 1, PAGE, FIXED), Err(Errno::ENOMEM));
    assert_eq!(map(0, PAGE, SHARED | raw::MAP_GROWSDOWN), Err(Errno::EINVAL));
    assert_eq!(map(0, PAGE, PRIVATE | raw::MAP_HUGETLB), Err(Errno::ENOMEM));
    assert_eq!(map(0, PAGE, PRIVATE | raw::MAP_HUGETLB | 22 << 26), Err(Errno::EINVAL));
    assert_eq!(memory.map(MapRequest { offset: 1, ..anonymous(0, PAGE, READ, PRIVATE) }), Err(Errno::EINVAL));
    let offset = u64::MAX - PAGE + 1;
    assert_eq!(memory.map(MapRequest { offset, ..anonymous(0, 2 * PAGE, READ, PRIVATE) }), Err(Errno::EOVERFLOW));
    assert_eq!(memory.unmap(BASE + 1, PAGE), Err(Errno::EINVAL));
    assert_eq!(memory.unmap(BASE, 0), Err(Errno::EINVAL));
    assert_eq!(memory.unmap(0x7fff_ffff_f000, PAGE), Err(Errno::EINVAL));
    assert_eq!(memory.unmap(BASE, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(memory.unmap(BASE, PAGE), Ok(()), "nothing there is no error");
}

#[test]
fn fixed_replaces_and_noreplace_does_not() {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, 3 * PAGE, WRITE, FIXED)).unwrap();
    assert!(poke(&thread, BASE + PAGE, 9));
    let noreplace = PRIVATE | raw::MAP_FIXED_NOREPLACE;
    assert_eq!(memory.map(anonymous(BASE + 2 * PAGE, 2 * PAGE, READ, noreplace)), Err(Errno::EEXIST));
    assert_eq!(memory.map(anonymous(BASE + 3 * PAGE, PAGE, READ, noreplace)), Ok(BASE + 3 * PAGE));
    memory.map(anonymous(BASE + PAGE, PAGE, READ, FIXED)).unwrap();
    assert_eq!(peek(&thread, BASE + PAGE), Some(0));
    assert_eq!(areas(&memory), ["0-1 rw-p", "1-2 r--p", "2-3 rw-p", "3-4 r--p"]);
}

#[test]
fn neighbours_that_are_alike_are_one() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, PAGE, READ, FIXED)).unwrap();
    memory.map(anonymous(BASE + 2 * PAGE, PAGE, READ, FIXED)).unwrap();
    memory.map(anonymous(BASE + PAGE, PAGE, READ, FIXED)).unwrap();
    assert_eq!(areas(&memory), ["0-3 r--p"]);
    memory.unmap(BASE + PAGE, PAGE).unwrap();
    assert_eq!(areas(&memory), ["0-1 r--p", "2-3 r--p"]);
    memory.map(anonymous(BASE + PAGE, PAGE, READ, FIXED | raw::MAP_NORESERVE)).unwrap();
    assert_eq!(memory.describe().unwrap().len(), 3);
    assert_eq!(memory.counts().total, 3);
}

#[test]
fn populate_and_lock_bring_pages_in() {
    let (thread, memory) = space();
    let start = memory.map(anonymous(0, 4 * PAGE, WRITE, PRIVATE | raw::MAP_POPULATE)).unwrap();
    assert_eq!(memory.resident(start, start + 4 * PAGE).resident, 4);
    let start = memory.map(anonymous(0, 4 * PAGE, WRITE, PRIVATE | raw::MAP_LOCKED)).unwrap();
    assert_eq!(memory.resident(start, start + 4 * PAGE).resident, 4);
    assert_eq!(memory.counts().locked, 4);
    let flags = PRIVATE | raw::MAP_POPULATE | raw::MAP_NONBLOCK;
    let start = memory.map(anonymous(0, 4 * PAGE, READ, flags)).unwrap();
    assert_eq!(memory.resident(start, start + 4 * PAGE).resident, 0);
    drop_capabilities(&thread);
    memory.limits.set_locked(5 * PAGE);
    assert_eq!(memory.map(anonymous(0, 2 * PAGE, READ, PRIVATE | raw::MAP_LOCKED)), Err(Errno::EAGAIN));
    memory.limits.set_locked(0);
    assert_eq!(memory.map(anonymous(0, PAGE, READ, PRIVATE | raw::MAP_LOCKED)), Err(Errno::EPERM));
}

#[test]
fn limits_hold() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 4 * PAGE, WRITE, FIXED)).unwrap();
    memory.limits.set_address_space(6 * PAGE);
    assert_eq!(memory.map(anonymous(0, 3 * PAGE, READ, PRIVATE)), Err(Errno::ENOMEM));
    assert_eq!(memory.map(anonymous(BASE, 6 * PAGE, WRITE, FIXED)), Ok(BASE), "what is replaced does not count");
    memory.limits.set_address_space(u64::MAX);
    memory.limits.set_data(7 * PAGE);
    assert_eq!(memory.map(anonymous(0, 2 * PAGE, WRITE, PRIVATE)), Err(Errno::ENOMEM));
    let start = memory.map(anonymous(0, 2 * PAGE, READ, PRIVATE)).unwrap();
    assert_eq!(memory.protect(start, 2 * PAGE, WRITE), Err(Errno::ENOMEM));
    assert_eq!(memory.protect(start, PAGE, WRITE), Ok(()));
    assert_eq!(memory.map(anonymous(0, 1 << 40, WRITE, PRIVATE)), Err(Errno::ENOMEM), "an obvious overcommit");
}

#[test]
fn there_are_only_so_many_areas() {
    let (_thread, memory) = space();
    for index in 0..MAXIMUM_AREAS as u64 {
        memory.map(anonymous(BASE + index * 4 * PAGE, 3 * PAGE, READ, FIXED)).unwrap();
    }
    assert_eq!(memory.map(anonymous(0, PAGE, READ, PRIVATE)), Err(Errno::ENOMEM));
    assert_eq!(memory.unmap(BASE + PAGE, PAGE), Err(Errno::ENOMEM), "a hole makes one more");
    assert_eq!(memory.protect(BASE, PAGE, WRITE), Err(Errno::ENOMEM));
    assert_eq!(memory.unmap(BASE, PAGE), Ok(()), "an end makes none");
    assert_eq!(memory.unmap(BASE + PAGE, 2 * PAGE), Ok(()));
    assert!(memory.map(anonymous(0, PAGE, READ, PRIVATE)).is_ok());
}

#[test]
fn calls_go_through_the_table() {
    let thread = test_process();
    let call = |number: usize, arguments: [u64; 6]| {
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        let mut registers = crate::registers::Registers { rdi, rsi, rdx, r10, r8, r9, ..Default::default() };
        crate::table::HANDLERS[number](&thread, &mut registers)
    };
    let start = call(9, [0, 2 * PAGE, WRITE, u64::from(PRIVATE), u64::MAX, 0]) as u64;
    assert!(start.is_multiple_of(PAGE));
    assert!(poke(&thread, start, 1));
    assert_eq!(call(10, [start, PAGE, READ, 0, 0, 0]), 0);
    assert_eq!(call(11, [start, 1, 0, 0, 0, 0]), 0);
    assert_eq!(call(9, [0, PAGE, READ, u64::from(raw::MAP_PRIVATE), 99, 0]), Errno::EBADF.to_register());
    assert_eq!(call(25, [start + PAGE, PAGE, PAGE, 8, 0, 0]), Errno::EINVAL.to_register());
    assert_eq!(call(28, [start, PAGE, 12, 0, 0, 0]), Errno::EINVAL.to_register());
    assert_eq!(call(329, [start, PAGE, READ, 1, 0, 0]), Errno::EINVAL.to_register());
    assert_eq!(call(330, [0, 0, 0, 0, 0, 0]), Errno::ENOSPC.to_register());
    assert_eq!(call(331, [0, 0, 0, 0, 0, 0]), Errno::EINVAL.to_register());
    // mincore of the page that is left, which has not been touched, into itself, which touches it.
    assert_eq!(call(27, [start + PAGE, PAGE, start + PAGE, 0, 0, 0]), 0);
    assert_eq!(call(27, [start + PAGE, PAGE, start + PAGE + 1, 0, 0, 0]), 0);
    assert_eq!((peek(&thread, start + PAGE), peek(&thread, start + PAGE + 1)), (Some(0), Some(1)));
    assert_eq!(call(27, [start, PAGE, start + PAGE, 0, 0, 0]), Errno::ENOMEM.to_register());
    assert_eq!(call(27, [start + PAGE, PAGE, 8, 0, 0, 0]), Errno::EFAULT.to_register());
}
