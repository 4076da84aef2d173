//! `mremap(2)`.

use super::*;

const MOVE: RemapFlags = RemapFlags::MAY_MOVE;
const STAY: RemapFlags = RemapFlags::empty();

/// Four pages at `BASE` that hold 1, 2, 3, 4, the page behind them taken.
fn four() -> (Arc<Thread>, Arc<AddressSpace>) {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, 4 * PAGE, WRITE, FIXED)).unwrap();
    memory.map(anonymous(BASE + 4 * PAGE, PAGE, READ, FIXED)).unwrap();
    (0..4).for_each(|page| assert!(poke(&thread, BASE + page * PAGE, page as u8 + 1)));
    (thread, memory)
}

#[test]
fn it_shrinks_and_grows_in_place() {
    let (thread, memory) = four();
    assert_eq!(memory.remap(BASE, 4 * PAGE, 2 * PAGE, STAY, 0), Ok(BASE));
    assert_eq!(areas(&memory), ["0-2 rw-p", "4-5 r--p"]);
    assert_eq!(memory.remap(BASE, 2 * PAGE, 4 * PAGE, STAY, 0), Ok(BASE));
    assert_eq!(areas(&memory), ["0-4 rw-p", "4-5 r--p"]);
    let pages = [0, 1, 2, 3].map(|page| peek(&thread, BASE + page * PAGE));
    assert_eq!(pages, [Some(1), Some(2), Some(0), Some(0)]);
    assert_eq!(memory.remap(BASE, 4 * PAGE, 4 * PAGE, STAY, 0), Ok(BASE));
    assert_eq!(memory.remap(BASE, 4 * PAGE, 5 * PAGE, STAY, 0), Err(Errno::ENOMEM));
    assert_eq!(memory.remap(BASE, 2 * PAGE, 3 * PAGE, STAY, 0), Err(Errno::ENOMEM), "its own rest is in the way");
}

#[test]
fn it_moves_with_its_pages() {
    let (thread, memory) = four();
    let held = frames_held();
    let new = memory.remap(BASE + PAGE, 3 * PAGE, 8 * PAGE, MOVE, 0).unwrap();
    assert_eq!(new, memory.layout().mapping_base - 8 * PAGE);
    assert_eq!([0, 1, 2, 3].map(|page| peek(&thread, new + page * PAGE)), [Some(2), Some(3), Some(4), Some(0)]);
    assert_eq!(frames_held(), held + 1);
    assert_eq!(areas(&memory)[..2], ["0-1 rw-p", "4-5 r--p"]);
    assert_eq!(memory.counts().total, 10);
    // A part of it to a fixed place, over what is there.
    assert_eq!(memory.remap(new, 2 * PAGE, PAGE, MOVE | RemapFlags::FIXED, BASE), Ok(BASE));
    assert_eq!([BASE, new, new + PAGE, new + 2 * PAGE].map(|at| peek(&thread, at)), [Some(2), None, None, Some(4)]);
}

#[test]
fn the_old_place_may_stay() {
    let (thread, memory) = four();
    let flags = MOVE | RemapFlags::DONT_UNMAP;
    let new = memory.remap(BASE, 4 * PAGE, 4 * PAGE, flags, 0).unwrap();
    assert_eq!((peek(&thread, new), peek(&thread, BASE)), (Some(1), Some(0)));
    assert_eq!(memory.remap(BASE, 4 * PAGE, 5 * PAGE, flags, 0), Err(Errno::EINVAL));
    let to = BASE + 100 * PAGE;
    assert_eq!(memory.remap(new, 4 * PAGE, 4 * PAGE, flags | RemapFlags::FIXED, to), Ok(to));
    assert_eq!((peek(&thread, new), peek(&thread, to)), (Some(0), Some(1)));
}

#[test]
fn length_0_shows_shared_pages_twice() {
    let (thread, memory) = space();
    let start = memory.map(anonymous(BASE, 2 * PAGE, WRITE, SHARED | raw::MAP_FIXED)).unwrap();
    assert!(poke(&thread, start + PAGE, 5));
    let other = memory.remap(start + PAGE, 0, PAGE, MOVE, 0).unwrap();
    assert_eq!(peek(&thread, other), Some(5));
    assert!(poke(&thread, other, 6));
    assert_eq!(peek(&thread, start + PAGE), Some(6));
    // Beyond the end of the memory that the mapping made.
    let longer = memory.remap(other, PAGE, 2 * PAGE, MOVE, 0).unwrap();
    assert_eq!(memory.fault(longer + PAGE, Access::READ), Err(FaultError::Bus));
    let private = memory.map(anonymous(0, PAGE, WRITE, PRIVATE)).unwrap();
    assert_eq!(memory.remap(private, 0, PAGE, MOVE, 0), Err(Errno::EINVAL));
}

#[test]
fn what_cannot_be_is_refused() {
    let (_thread, memory) = four();
    let fixed = MOVE | RemapFlags::FIXED;
    let remap = |old, old_length, new_length, flags, new| memory.remap(old, old_length, new_length, flags, new);
    let far = BASE + 64 * PAGE;
    assert_eq!(remap(BASE, PAGE, PAGE, RemapFlags::FIXED, far), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, PAGE, PAGE, RemapFlags::DONT_UNMAP, far), Err(Errno::EINVAL));
    assert_eq!(remap(BASE + 1, PAGE, PAGE, MOVE, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, PAGE, 0, MOVE, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, PAGE, u64::MAX, MOVE, 0), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, PAGE, PAGE, fixed, far + 1), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, PAGE, PAGE, fixed, 0), Err(Errno::EPERM));
    assert_eq!(remap(BASE, PAGE, PAGE, fixed, 0x7fff_ffff_f000), Err(Errno::EINVAL));
    assert_eq!(remap(BASE, 2 * PAGE, 2 * PAGE, fixed, BASE + PAGE), Err(Errno::EINVAL));
    assert_eq!(remap(far, PAGE, PAGE, MOVE, 0), Err(Errno::EFAULT));
    assert_eq!(remap(BASE, 5 * PAGE, 6 * PAGE, MOVE, 0), Err(Errno::EFAULT), "two areas");
    assert_eq!(remap(BASE, PAGE, 1 << 47, MOVE, 0), Err(Errno::ENOMEM));
    memory.limits.set_address_space(5 * PAGE);
    assert_eq!(remap(BASE, 4 * PAGE, 5 * PAGE, MOVE, 0), Err(Errno::ENOMEM));
    assert_eq!(areas(&memory), ["0-4 rw-p", "4-5 r--p"]);
}

#[test]
fn a_file_keeps_its_place() {
    let (thread, memory) = space();
    let file = TestFile::new(4);
    memory.map(file.request(BASE, 3 * PAGE, WRITE, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
    assert!(poke(&thread, BASE + PAGE, 9));
    let new = memory.remap(BASE + PAGE, 2 * PAGE, 3 * PAGE, MOVE, 0).unwrap();
    assert_eq!(new, BASE + PAGE, "in place");
    let fixed = MOVE | RemapFlags::FIXED;
    let new = memory.remap(BASE + PAGE, 3 * PAGE, 3 * PAGE, fixed, BASE + 100 * PAGE).unwrap();
    assert_eq!([0, 1, 2].map(|page| peek(&thread, new + page * PAGE)), [Some(9), Some(3), Some(4)]);
}
