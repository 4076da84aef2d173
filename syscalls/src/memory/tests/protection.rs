//! `mprotect(2)` and what faults say.

use super::*;

const NOT_ALLOWED: Result<(), FaultError> = Err(FaultError::Segv(SegvCode::NotAllowed));

#[test]
fn rights_are_enforced_page_by_page() {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, 3 * PAGE, WRITE, FIXED)).unwrap();
    (0..3).for_each(|page| assert!(poke(&thread, BASE + page * PAGE, page as u8 + 1)));
    memory.protect(BASE + PAGE, PAGE, READ).unwrap();
    assert_eq!(areas(&memory), ["0-1 rw-p", "1-2 r--p", "2-3 rw-p"]);
    assert!(!poke(&thread, BASE + PAGE, 9));
    assert_eq!(memory.fault(BASE + PAGE, Access::WRITE), NOT_ALLOWED);
    assert_eq!(peek(&thread, BASE + PAGE), Some(2));
    memory.protect(BASE + PAGE, PAGE, 0).unwrap();
    assert_eq!(peek(&thread, BASE + PAGE), None);
    assert_eq!(memory.fault(BASE + PAGE, Access::READ), NOT_ALLOWED);
    memory.protect(BASE, 3 * PAGE, WRITE).unwrap();
    assert_eq!(areas(&memory), ["0-3 rw-p"]);
    assert_eq!(peek(&thread, BASE + PAGE), Some(2), "the page was kept");
    assert!(poke(&thread, BASE + PAGE, 3));
}

#[test]
fn execution_is_a_right_of_its_own() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, PAGE, WRITE, FIXED)).unwrap();
    let execute = Access { execute: true, ..Access::NONE };
    assert_eq!(memory.fault(BASE, execute), NOT_ALLOWED);
    memory.protect(BASE, PAGE, u64::from(raw::PROT_EXEC)).unwrap();
    assert_eq!(memory.fault(BASE, execute), Ok(()));
    assert_eq!(memory.fault(BASE, Access::READ), Ok(()), "as on Linux without protection keys");
    // The kernel asks for writing alone.
    let write = Access { write: true, ..Access::NONE };
    assert_eq!(memory.fault(BASE, write), NOT_ALLOWED);
}

#[test]
fn a_gap_ends_it_after_the_part_before() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 2 * PAGE, READ, FIXED)).unwrap();
    memory.map(anonymous(BASE + 3 * PAGE, PAGE, READ, FIXED)).unwrap();
    assert_eq!(memory.protect(BASE + PAGE, 3 * PAGE, WRITE), Err(Errno::ENOMEM));
    assert_eq!(areas(&memory), ["0-1 r--p", "1-2 rw-p", "3-4 r--p"]);
    assert_eq!(memory.protect(BASE + 2 * PAGE, 2 * PAGE, WRITE), Err(Errno::ENOMEM));
    assert_eq!(areas(&memory), ["0-1 r--p", "1-2 rw-p", "3-4 r--p"]);
}

#[test]
fn bad_arguments_are_refused() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, PAGE, READ, FIXED)).unwrap();
    let (down, up) = (u64::from(raw::PROT_GROWSDOWN), u64::from(raw::PROT_GROWSUP));
    assert_eq!(memory.protect(BASE + 1, PAGE, READ), Err(Errno::EINVAL));
    assert_eq!(memory.protect(BASE, PAGE, 0x10), Err(Errno::EINVAL));
    assert_eq!(memory.protect(BASE, PAGE, READ | down | up), Err(Errno::EINVAL));
    assert_eq!(memory.protect(BASE, PAGE, READ | down), Err(Errno::EINVAL), "it does not grow");
    assert_eq!(memory.protect(BASE, PAGE, READ | up), Err(Errno::EINVAL));
    assert_eq!(memory.protect(BASE, u64::MAX, READ), Err(Errno::ENOMEM));
    assert_eq!(memory.protect(BASE, 0, 0x10), Ok(()), "length 0 comes first");
    assert_eq!(memory.protect(BASE, PAGE, READ | u64::from(raw::PROT_SEM)), Ok(()));
}

#[test]
fn growsdown_reaches_the_start_of_the_stack() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE, 4 * PAGE, WRITE, FIXED | raw::MAP_GROWSDOWN)).unwrap();
    memory.protect(BASE + 2 * PAGE, PAGE, EXECUTE | u64::from(raw::PROT_GROWSDOWN)).unwrap();
    assert_eq!(areas(&memory), ["0-3 r-xp", "3-4 rw-p"]);
}
