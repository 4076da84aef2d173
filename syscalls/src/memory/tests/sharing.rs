//! Forks, shared memory, and faults of several threads at once.

use super::*;
use crate::machine::host::{new_process, spawn};

/// A forked child; its thread is current afterwards.
fn fork(memory: &AddressSpace) -> (Arc<Thread>, Arc<AddressSpace>) {
    let child = memory.duplicate().unwrap();
    (new_process(child.clone()), child)
}

#[test]
fn a_child_has_copies() {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, 3 * PAGE, WRITE, FIXED)).unwrap();
    (0..2).for_each(|page| assert!(poke(&thread, BASE + page * PAGE, page as u8 + 1)));
    memory.protect(BASE + PAGE, PAGE, 0).unwrap();
    let held = frames_held();
    let (theirs, child) = fork(&memory);
    assert_eq!(frames_held(), held, "nothing is copied yet");
    assert_eq!(areas(&child), areas(&memory));
    assert!(poke(&theirs, BASE, 8));
    assert!(poke(&theirs, BASE + 2 * PAGE, 8));
    assert_eq!(peek(&theirs, BASE + PAGE), None);
    child.protect(BASE + PAGE, PAGE, WRITE).unwrap();
    assert_eq!(peek(&theirs, BASE + PAGE), Some(2), "kept through PROT_NONE");
    assert!(poke(&theirs, BASE + PAGE, 8));
    memory.table.activate();
    memory.protect(BASE + PAGE, PAGE, WRITE).unwrap();
    let pages = [0, 1, 2].map(|page| peek(&thread, BASE + page * PAGE));
    assert_eq!(pages, [Some(1), Some(2), Some(0)]);
    // The last one to have a frame writes to it in place.
    let held = frames_held();
    assert!(poke(&thread, BASE, 3));
    assert_eq!(frames_held(), held);
    assert_eq!(memory.counts(), child.counts());
}

#[test]
fn the_parent_writes_to_copies_too() {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, PAGE, WRITE, FIXED)).unwrap();
    assert!(poke(&thread, BASE, 1));
    let child = memory.duplicate().unwrap();
    assert!(poke(&thread, BASE, 2));
    let theirs = new_process(child);
    assert_eq!(peek(&theirs, BASE), Some(1));
}

#[test]
fn advice_for_forks_is_heard() {
    let (thread, memory) = space();
    memory.map(anonymous(BASE, 3 * PAGE, WRITE, FIXED)).unwrap();
    (0..3).for_each(|page| assert!(poke(&thread, BASE + page * PAGE, 7)));
    let advise = |page: u64, number: u32| {
        memory.advise(BASE + page * PAGE, PAGE, Advice::from_number(number as i32).unwrap()).unwrap();
    };
    advise(0, raw::MADV_DONTFORK);
    advise(1, raw::MADV_WIPEONFORK);
    memory.lock(BASE + 2 * PAGE, PAGE, false).unwrap();
    let (theirs, child) = fork(&memory);
    assert_eq!([0, 1, 2].map(|page| peek(&theirs, BASE + page * PAGE)), [None, Some(0), Some(7)]);
    assert_eq!(child.counts().locked, 0);
    assert_eq!(memory.counts().locked, 1);
}

#[test]
fn shared_memory_stays_shared() {
    let (thread, memory) = space();
    let start = memory.map(anonymous(0, 2 * PAGE, WRITE, SHARED)).unwrap();
    assert!(poke(&thread, start, 1));
    let (theirs, _child) = fork(&memory);
    assert_eq!(peek(&theirs, start), Some(1));
    assert!(poke(&theirs, start + PAGE, 2));
    memory.table.activate();
    assert_eq!(peek(&thread, start + PAGE), Some(2));
}

#[test]
fn threads_fault_on_the_same_pages() {
    let (thread, memory) = space();
    let file = TestFile::new(16);
    memory.map(anonymous(BASE, 16 * PAGE, WRITE, FIXED)).unwrap();
    memory.map(file.request(BASE + 16 * PAGE, 16 * PAGE, WRITE, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
    let threads: Vec<_> = (0..4_u8)
        .map(|number| {
            spawn(&thread.process, move |thread| {
                for page in 0..32 {
                    assert!(poke(thread, BASE + page * PAGE + u64::from(number), number + 100));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for page in 0..32 {
        for number in 0..4 {
            assert_eq!(peek(&thread, BASE + page * PAGE + number), Some(number as u8 + 100));
        }
    }
}

#[test]
fn a_file_may_take_its_time() {
    // While a page is asked for, the mapping is replaced: what comes then is not mapped in the wrong place.
    struct Slow(std::sync::Weak<AddressSpace>);
    impl Pages for Slow {
        fn page(&self, _: u64, _: bool) -> crate::Result<Option<Frame>> {
            let memory = self.0.upgrade().unwrap();
            memory.map(anonymous(BASE, PAGE, READ, FIXED)).unwrap();
            let frame = Frame::zeroed().unwrap();
            frame.write(0, &[1]);
            Ok(Some(frame))
        }
    }
    let (thread, memory) = space();
    let pages = Arc::new(Slow(Arc::downgrade(&memory)));
    let file = Arc::new(MappedFile { pages, name: MappedName::Fixed(Vec::new()), device: 0, inode: 1 });
    memory.map_file(BASE, PAGE, &file, 0, Protection::READ, None).unwrap();
    assert_eq!(peek(&thread, BASE), Some(0));
}
