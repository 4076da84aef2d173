//! Mappings of files.

use super::*;

#[test]
fn private_pages_are_the_files_until_they_are_written() {
    let (thread, memory) = space();
    let file = TestFile::new(2);
    let held = frames_held();
    memory.map(file.request(BASE, 2 * PAGE, WRITE, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
    assert_eq!(peek(&thread, BASE + PAGE), Some(2));
    assert_eq!(frames_held(), held, "no copy for reading");
    assert!(poke(&thread, BASE + PAGE, 9));
    assert_eq!(frames_held(), held + 1);
    assert_eq!((peek(&thread, BASE + PAGE), peek(&thread, BASE + PAGE + 1)), (Some(9), Some(2)));
    assert_eq!(file.byte(PAGE), 2);
    // The first touch is a write.
    assert!(poke(&thread, BASE, 8));
    assert_eq!((file.byte(0), peek(&thread, BASE + 1)), (1, Some(1)));
    assert_eq!(*file.asked.lock().unwrap(), [(1, false), (0, false)]);
}

#[test]
fn mprotect_does_not_open_the_files_pages() {
    let (thread, memory) = space();
    let file = TestFile::new(1);
    memory.map(file.request(BASE, PAGE, READ, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
    assert_eq!(peek(&thread, BASE), Some(1));
    memory.protect(BASE, PAGE, WRITE).unwrap();
    assert!(poke(&thread, BASE, 5));
    assert_eq!((file.byte(0), peek(&thread, BASE)), (1, Some(5)));
}

#[test]
fn shared_pages_are_written_in_place() {
    let (thread, memory) = space();
    let file = TestFile::new(2);
    let flags = raw::MAP_SHARED | raw::MAP_FIXED;
    memory.map(file.request(BASE, 2 * PAGE, WRITE, flags, "rw")).unwrap();
    memory.map(file.request(BASE + 4 * PAGE, 2 * PAGE, READ, flags, "r")).unwrap();
    assert_eq!(peek(&thread, BASE + 4 * PAGE), Some(1));
    assert!(poke(&thread, BASE, 7));
    assert_eq!((file.byte(0), peek(&thread, BASE + 4 * PAGE)), (7, Some(7)));
    assert!(matches!(memory.shared_frame(BASE), Some(Some(_))));
    assert_eq!(memory.shared_frame(BASE), memory.shared_frame(BASE + 4 * PAGE));
    assert_eq!(memory.shared_frame(BASE + PAGE), None);
    assert_eq!(areas(&memory), ["0-2 rw-s", "4-6 r--s"]);
}

#[test]
fn beyond_the_end_is_a_bus_error() {
    let (thread, memory) = space();
    let file = TestFile::new(1);
    memory.map(file.request(BASE, 2 * PAGE, READ, raw::MAP_PRIVATE | raw::MAP_FIXED, "r")).unwrap();
    assert_eq!(memory.fault(BASE + PAGE, Access::READ), Err(FaultError::Bus));
    assert_eq!(peek(&thread, BASE + PAGE), None);
    let info = FaultError::Bus.signal(BASE + PAGE).unwrap();
    assert_eq!(info.address(), BASE + PAGE);
    assert_eq!(memory.advise(BASE, 2 * PAGE, Advice::Populate { write: false }), Err(Errno::EFAULT));
}

#[test]
fn how_it_is_open_decides() {
    let (_thread, memory) = space();
    let file = TestFile::new(1);
    let map = |protection, flags, mode| memory.map(file.request(BASE, PAGE, protection, flags, mode)).map(|_| ());
    assert_eq!(map(READ, raw::MAP_PRIVATE, "w"), Err(Errno::EACCES));
    assert_eq!(map(READ, raw::MAP_SHARED, "w"), Err(Errno::EACCES));
    assert_eq!(map(WRITE, raw::MAP_SHARED, "r"), Err(Errno::EACCES));
    assert_eq!(map(WRITE, raw::MAP_PRIVATE, "r"), Ok(()));
    assert_eq!(map(READ, raw::MAP_PRIVATE | raw::MAP_GROWSDOWN, "r"), Err(Errno::EINVAL));
    assert_eq!(map(READ, 0, "r"), Err(Errno::EINVAL));
    assert_eq!(map(READ, 4, "r"), Err(Errno::EINVAL));
    assert_eq!(map(READ, raw::MAP_SHARED_VALIDATE, "r"), Ok(()));
    assert_eq!(map(READ, raw::MAP_SHARED_VALIDATE | raw::MAP_SYNC, "r"), Err(Errno::EOPNOTSUPP));
    assert_eq!(map(READ, raw::MAP_SHARED | raw::MAP_SYNC, "r"), Ok(()), "MAP_SHARED ignores what it does not know");
    assert_eq!(map(READ, raw::MAP_PRIVATE | raw::MAP_HUGETLB, "r"), Err(Errno::EINVAL));
    let start = memory.map(file.request(0, PAGE, READ, raw::MAP_SHARED, "r")).unwrap();
    assert_eq!(memory.protect(start, PAGE, WRITE), Err(Errno::EACCES));
}

#[test]
fn parts_of_a_file_that_go_on_are_one_area() {
    let (thread, memory) = space();
    let file = TestFile::new(4);
    let map = |page: u64, from: u64| {
        let flags = raw::MAP_PRIVATE | raw::MAP_FIXED;
        let request = file.request(BASE + page * PAGE, PAGE, READ, flags, "r");
        memory.map(MapRequest { offset: from * PAGE, ..request }).unwrap();
    };
    map(0, 1);
    map(1, 2);
    map(2, 2);
    assert_eq!(areas(&memory), ["0-2 r--p", "2-3 r--p"]);
    assert_eq!([0, 1, 2].map(|page| peek(&thread, BASE + page * PAGE)), [Some(2), Some(3), Some(3)]);
    // A part that was split keeps its place in the file.
    memory.unmap(BASE, PAGE).unwrap();
    memory.advise(BASE + PAGE, PAGE, Advice::Discard { locked: false, anonymous: false }).unwrap();
    assert_eq!(peek(&thread, BASE + PAGE), Some(3));
    let line = std::string::ToString::to_string(&memory.describe_at(BASE + PAGE).unwrap());
    let expected = "10001000-10002000 r--p 00002000 08:02 77                                 /bin/test";
    assert_eq!(line, expected);
    assert_eq!(line.find("/bin"), Some(73));
}

#[test]
fn remap_file_pages_shows_another_part() {
    let (thread, memory) = space();
    let file = TestFile::new(4);
    let start = memory.map(file.request(BASE, 4 * PAGE, WRITE, raw::MAP_SHARED | raw::MAP_FIXED, "rw")).unwrap();
    memory.remap_file_pages(start, PAGE, 0, 3, 0).unwrap();
    assert_eq!([0, 1].map(|page| peek(&thread, start + page * PAGE)), [Some(4), Some(2)]);
    assert_eq!(memory.remap_file_pages(start, PAGE, 1, 0, 0), Err(Errno::EINVAL));
    assert_eq!(memory.remap_file_pages(start + 4 * PAGE, PAGE, 0, 0, 0), Err(Errno::EINVAL));
    assert_eq!(memory.remap_file_pages(start, 5 * PAGE, 0, 0, 0), Err(Errno::EINVAL));
    let private = memory.map(file.request(0, PAGE, WRITE, raw::MAP_PRIVATE, "rw")).unwrap();
    assert_eq!(memory.remap_file_pages(private, PAGE, 0, 0, 0), Err(Errno::EINVAL));
}

#[test]
fn a_programs_segments() {
    let (thread, memory) = space();
    let file = TestFile::new(3);
    let mapped = file.mapped();
    let text = Protection::READ | Protection::EXECUTE;
    let data = Protection::READ | Protection::WRITE;
    memory.map_file(BASE, 2 * PAGE, &mapped, 0, text, None).unwrap();
    memory.map_file(BASE + 2 * PAGE, PAGE, &mapped, 2 * PAGE, data, Some(BASE + 2 * PAGE + 100)).unwrap();
    memory.map_anonymous(BASE + 3 * PAGE, PAGE, data).unwrap();
    memory.set_break(BASE + 4 * PAGE);
    assert_eq!(peek(&thread, BASE + 2 * PAGE + 99), Some(3));
    assert_eq!(peek(&thread, BASE + 2 * PAGE + 100), Some(0), "bss begins");
    assert_eq!(file.byte(2 * PAGE + 100), 3, "in a copy");
    let top = memory.map_stack(32 * PAGE, false).unwrap();
    assert_eq!(top, memory.layout().stack_top);
    memory.write(top - 8, &5_u64.to_ne_bytes()).unwrap();
    assert_eq!(peek(&thread, top - 8), Some(5));
    memory.write(top - PAGE - 4, &[6; 8]).unwrap();
    assert_eq!((peek(&thread, top - PAGE - 4), peek(&thread, top - PAGE + 3)), (Some(6), Some(6)));
    let names: Vec<_> = memory.describe().unwrap().into_iter().map(|area| area.name).collect();
    assert_eq!(names, [&b"/bin/test"[..], b"/bin/test", b"", b"[stack]"]);
    assert_eq!(memory.map_file(BASE, PAGE, &mapped, 5, text, None), Err(Errno::EINVAL));
    assert_eq!(memory.map_anonymous(0, PAGE, data), Err(Errno::EINVAL));
    assert_eq!(memory.map_file(BASE, 4 * PAGE, &mapped, 0, data, Some(BASE + 3 * PAGE + 1)), Err(Errno::EFAULT));
}

#[test]
fn the_vdso() {
    let (thread, memory) = space();
    let file = |name: &[u8]| {
        Arc::new(MappedFile { pages: TestFile::new(1), name: MappedName::Fixed(name.to_vec()), device: 0, inode: 0 })
    };
    let at = memory.map_vdso(&file(b"[vvar]"), &file(b"[vdso]")).unwrap();
    assert_eq!(memory.resident(0, u64::MAX).resident, 2);
    let all = memory.describe().unwrap();
    let lines: Vec<_> = all.iter().map(std::string::ToString::to_string).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(" r--p 00000000 00:00 0 ") && lines[0].ends_with(" [vvar]"), "{lines:?}");
    assert!(lines[1].contains(" r-xp 00000000 00:00 0 ") && lines[1].ends_with(" [vdso]"), "{lines:?}");
    assert_eq!((all[0].start, all[1].start), (at - PAGE, at));
    assert_eq!(memory.protect(at - PAGE, PAGE, WRITE), Err(Errno::EACCES));
    assert_eq!(memory.remap(at, PAGE, 2 * PAGE, RemapFlags::MAY_MOVE, 0), Err(Errno::EFAULT));
    // A debugger's breakpoint is this program's alone.
    memory.protect(at, PAGE, WRITE).unwrap();
    assert!(poke(&thread, at, 0xcc));
    assert_eq!(peek(&thread, at), Some(0xcc));
    let move_it = RemapFlags::MAY_MOVE | RemapFlags::FIXED;
    assert_eq!(memory.remap(at - PAGE, PAGE, PAGE, move_it, BASE), Ok(BASE));
    assert_eq!(peek(&thread, BASE), Some(1));
    memory.unmap(at, PAGE).unwrap();
    memory.unmap(BASE, PAGE).unwrap();
    assert_eq!(memory.describe().unwrap().len(), 0);
}

#[test]
fn neighbours_that_are_there_come_along() {
    let (thread, memory) = space();
    let file = TestFile::filled(40, true);
    let flags = raw::MAP_PRIVATE | raw::MAP_FIXED;
    let request = file.request(BASE + 3 * PAGE, 30 * PAGE, WRITE, flags, "r");
    memory.map(MapRequest { offset: 2 * PAGE, ..request }).unwrap();
    let held = frames_held();
    assert!(poke(&thread, BASE + 6 * PAGE, 99));
    assert_eq!(memory.resident(0, u64::MAX).resident, 1, "a write brings its page alone");
    assert_eq!(peek(&thread, BASE + 5 * PAGE), Some(5));
    // From the area's start to the end of the aligned 64 KiB.
    assert_eq!(memory.resident(0, u64::MAX).resident, 13);
    assert_eq!(frames_held(), held + 1);
    let pages = [3, 4, 6, 15].map(|page| peek(&thread, BASE + page * PAGE));
    assert_eq!(pages, [Some(3), Some(4), Some(99), Some(15)]);
    assert!(poke(&thread, BASE + 15 * PAGE, 98));
    assert_eq!((file.byte(14 * PAGE), peek(&thread, BASE + 15 * PAGE)), (15, Some(98)));
    assert_eq!(peek(&thread, BASE + 16 * PAGE), Some(16));
    assert_eq!(memory.resident(0, u64::MAX).resident, 29);
    assert_eq!(file.asked.lock().unwrap().len(), 3);
}
