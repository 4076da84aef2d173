//! What grows: stacks and the heap.

use super::*;

const NOT_MAPPED: Result<(), FaultError> = Err(FaultError::Segv(SegvCode::NotMapped));

#[test]
fn a_stack_grows_to_its_limit() {
    let (thread, memory) = space();
    let top = memory.map_stack(2 * PAGE, false).unwrap();
    assert!(poke(&thread, top - 100 * PAGE, 1));
    assert_eq!(memory.counts().total, 100);
    assert_eq!(peek(&thread, top - 50 * PAGE), Some(0));
    memory.limits.set_stack(200 * PAGE);
    assert_eq!(memory.fault(top - 200 * PAGE - 1, Access::WRITE), NOT_MAPPED);
    assert_eq!(memory.fault(top - 200 * PAGE, Access::WRITE), Ok(()));
    memory.limits.set_stack(u64::MAX);
    memory.limits.set_address_space(300 * PAGE);
    assert_eq!(memory.fault(top - 301 * PAGE, Access::WRITE), NOT_MAPPED);
    assert_eq!(memory.fault(0x7fff_ffff_f000, Access::READ), NOT_MAPPED);
    assert_eq!(memory.fault(u64::MAX, Access::READ), NOT_MAPPED);
}

#[test]
fn a_stack_keeps_its_distance() {
    let (_thread, memory) = space();
    let top = memory.map_stack(PAGE, false).unwrap();
    let below = top - 1000 * PAGE;
    memory.map(anonymous(below, PAGE, WRITE, FIXED)).unwrap();
    let guarded = below + PAGE + STACK_GUARD;
    assert_eq!(memory.fault(guarded - 1, Access::WRITE), NOT_MAPPED);
    assert_eq!(memory.fault(guarded, Access::WRITE), Ok(()));
    // A mapping that cannot be touched is no danger.
    memory.protect(below, PAGE, 0).unwrap();
    assert_eq!(memory.fault(guarded - PAGE, Access::WRITE), Ok(()));
    assert_eq!(memory.fault(below + PAGE, Access::WRITE), Ok(()));
    assert_eq!(memory.fault(below, Access::WRITE), Err(FaultError::Segv(SegvCode::NotAllowed)));
}

#[test]
fn new_mappings_stay_out_of_the_guard() {
    let (_thread, memory) = space();
    memory.map(anonymous(BASE + 300 * PAGE, PAGE, WRITE, FIXED | raw::MAP_GROWSDOWN)).unwrap();
    let map = |page: u64| memory.map(anonymous(BASE + page * PAGE, PAGE, READ, PRIVATE)).unwrap();
    assert_ne!(map(299), BASE + 299 * PAGE, "a hint in the guard");
    assert_ne!(map(44), BASE + 44 * PAGE, "just in the guard");
    assert_eq!(map(43), BASE + 43 * PAGE);
    assert!(memory.map(anonymous(BASE + 299 * PAGE, PAGE, READ, FIXED)).is_ok(), "fixed is fixed");
}

#[test]
fn the_heap_moves_both_ways() {
    let (thread, memory) = space();
    assert_eq!(memory.set_break_end(0), 0, "no program yet");
    memory.map_anonymous(BASE, PAGE, Protection::READ).unwrap();
    memory.set_break(BASE + 100);
    let start = BASE + PAGE;
    assert_eq!(memory.set_break_end(0), start);
    assert_eq!(memory.set_break_end(start - 1), start);
    assert_eq!(memory.set_break_end(start + 10), start + 10);
    assert!(poke(&thread, start + PAGE - 1, 7));
    assert_eq!(memory.fault(start + PAGE, Access::READ), NOT_MAPPED);
    assert_eq!(memory.set_break_end(start + 3 * PAGE), start + 3 * PAGE);
    assert_eq!(areas(&memory), ["0-1 r--p", "1-4 rw-p"]);
    assert_eq!(memory.describe_at(start).unwrap().name, b"[heap]");
    assert_eq!(memory.set_break_end(start + 1), start + 1);
    assert_eq!(peek(&thread, start + PAGE - 1), Some(7), "the rest of the page is kept");
    assert_eq!(areas(&memory), ["0-1 r--p", "1-2 rw-p"]);
    assert_eq!(memory.set_break_end(start), start);
    assert_eq!(memory.heap(), (start, start));
    assert_eq!(areas(&memory), ["0-1 r--p"]);
}

#[test]
fn the_heap_stops_at_others_and_at_limits() {
    let (_thread, memory) = space();
    memory.set_break(BASE);
    memory.map(anonymous(BASE + 4 * PAGE, PAGE, READ, FIXED)).unwrap();
    assert_eq!(memory.set_break_end(BASE + 4 * PAGE), BASE, "a page stays free");
    assert_eq!(memory.set_break_end(BASE + 3 * PAGE), BASE + 3 * PAGE);
    memory.limits.set_data(2 * PAGE);
    assert_eq!(memory.set_break_end(BASE + 3 * PAGE + 1), BASE + 3 * PAGE);
    assert_eq!(memory.set_break_end(BASE + 2 * PAGE), BASE + 2 * PAGE);
    assert_eq!(memory.set_break_end(u64::MAX), BASE + 2 * PAGE);
}
