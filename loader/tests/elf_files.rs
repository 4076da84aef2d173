//! Plans of hand-made ELF files: what is accepted, and how it is laid out.

mod forge;

use birgus_loader::{Error, Kind, Plan, Protection, Segment, plan};
use forge::{Forge, GNU_STACK, INTERP, R, RW, RX, fixed, load, pie};

fn text() -> forge::Header {
    load(RX, 0x1000, 0x40_1000, 0x800)
}

fn planned(forge: &Forge) -> Plan {
    plan(forge.bytes().as_slice()).unwrap()
}

fn refused(forge: &Forge) -> Error {
    plan(forge.bytes().as_slice()).unwrap_err()
}

/// (first page, end, place in the file, number of its header) of each segment.
fn outline(plan: &Plan) -> Vec<(u64, u64, u64, u16)> {
    let line = |s: &Segment| (s.address, s.pages().end, s.file_offset, s.header);
    plan.segments.iter().map(line).collect()
}

#[test]
fn a_segment_is_cut_into_file_bss_and_anonymous_pages() {
    let data = load(RW, 0x1810, 0x40_3810, 0x400).memory(0x3000);
    let plan = planned(&fixed(&[text(), data]));
    let [_, data] = plan.segments.as_slice() else { panic!("{plan:?}") };
    assert_eq!(data.file_offset, 0x1000);
    assert_eq!((data.file_size, data.memory_size), (0xc10, 0x3810));
    assert_eq!(data.pages(), 0x40_3000..0x40_7000);
    assert_eq!(data.file_pages(), 0x40_3000..0x40_4000);
    assert_eq!(data.bytes_to_clear(), Some(0x40_3c10..0x40_4000));
    assert_eq!(data.anonymous_pages(), 0x40_4000..0x40_7000);
    assert_eq!(plan.span, 0x40_1000..0x40_7000);
    assert_eq!(plan.break_start, 0x40_7000);
}

#[test]
fn only_a_writable_segment_with_bss_has_its_last_page_cleared() {
    let whole = planned(&fixed(&[text(), load(RW, 0x2000, 0x40_4000, 0x123)]));
    assert_eq!(whole.segments[1].bytes_to_clear(), None);
    assert!(whole.segments[1].anonymous_pages().is_empty());
    let read_only = planned(&fixed(&[text(), load(R, 0x2000, 0x40_4000, 0x123).memory(0x2000)]));
    assert_eq!(read_only.segments[1].bytes_to_clear(), None);
    assert_eq!(read_only.segments[1].anonymous_pages(), 0x40_5000..0x40_6000);
    let protection = Protection { readable: true, writable: true, executable: false };
    assert_eq!(read_only.segments[1].anonymous_protection(), protection);
    let full_page = planned(&fixed(&[text(), load(RW, 0x2000, 0x40_4000, 0x1000).memory(0x1001)]));
    assert_eq!(full_page.segments[1].bytes_to_clear(), None);
    assert_eq!(full_page.segments[1].anonymous_pages(), 0x40_5000..0x40_6000);
}

#[test]
fn a_segment_without_file_bytes_is_anonymous_whatever_its_offset() {
    let plan = planned(&fixed(&[text(), load(RW, u64::MAX, 0x40_4010, 0).memory(0x1000)]));
    assert!(plan.segments[1].file_pages().is_empty());
    assert_eq!(plan.segments[1].anonymous_pages(), 0x40_4000..0x40_6000);
    assert_eq!(plan.segments[1].bytes_to_clear(), None);
}

#[test]
fn an_empty_segment_is_passed_over() {
    assert_eq!(planned(&fixed(&[text(), load(RW, 0, 0, 0)])).segments.len(), 1);
}

#[test]
fn a_shared_page_goes_to_the_later_header() {
    // The second segment begins in the first one's last page.
    let (low, high) = (load(RX, 0, 0x40_0000, 0x1800), load(RW, 0x1800, 0x40_1800, 0x1000));
    let upward = fixed(&[low, high]);
    let plan = planned(&Forge { entry: 0x40_0000, ..upward });
    let expected = [(0x40_0000, 0x40_1000, 0, 0), (0x40_1000, 0x40_3000, 0x1000, 1)];
    assert_eq!(outline(&plan), expected);
    assert_eq!(plan.segments[0].file_size, 0x1000);

    let plan = planned(&fixed(&[high, low]));
    let expected = [(0x40_0000, 0x40_2000, 0, 1), (0x40_2000, 0x40_3000, 0x2000, 0)];
    assert_eq!(outline(&plan), expected);
    assert_eq!(plan.segments[1].file_size, 0x800);
}

#[test]
fn segments_that_lose_all_their_pages_vanish() {
    let low = load(RX, 0x100, 0x40_1100, 0x100);
    let middle = load(RW, 0x200, 0x40_1200, 0x100);
    let high = load(RX, 0x300, 0x40_1300, 0x1000);
    assert_eq!(outline(&planned(&fixed(&[low, middle, high]))), [(0x40_1000, 0x40_3000, 0, 2)]);
    let plan = planned(&fixed(&[high, middle, low]));
    assert_eq!(outline(&plan), [(0x40_1000, 0x40_2000, 0, 2), (0x40_2000, 0x40_3000, 0x1000, 0)]);
    let forge = fixed(&[high, low, middle]);
    let plan = planned(&Forge { entry: 0x40_2000, ..forge });
    assert_eq!(outline(&plan), [(0x40_1000, 0x40_2000, 0, 2), (0x40_2000, 0x40_3000, 0x1000, 0)]);
    assert!(matches!(refused(&fixed(&[middle])), Error::EntryOutside(0x40_1000)));
}

#[test]
fn unsorted_segments_are_sorted() {
    let plan = planned(&fixed(&[load(RW, 0, 0x60_0000, 16), text(), load(R, 0, 0x50_0000, 16)]));
    assert_eq!(plan.segments.iter().map(|s| s.header).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(plan.span, 0x40_1000..0x60_1000);
}

#[test]
fn the_program_headers_are_found_in_memory() {
    let plan = planned(&fixed(&[load(R, 0, 0x40_0000, 0x200), text()]));
    assert_eq!(plan.program_headers.address, Some(0x40_0040));
    assert_eq!((plan.program_headers.entry_size, plan.program_headers.count), (56, 2));
    assert_eq!(planned(&fixed(&[text()])).program_headers.address, None);
}

#[test]
fn the_table_may_stand_anywhere_and_be_long() {
    let mut headers = vec![load(R, 0, 0, 0).kind(4); 40];
    headers.push(text());
    for table_offset in [64, 65, 0x2001, 0x2ff0] {
        let plan = planned(&Forge { table_offset, ..fixed(&headers) });
        assert_eq!(outline(&plan), [(0x40_1000, 0x40_2000, 0x1000, 40)]);
    }
}

#[test]
fn the_stack_is_executable_only_if_asked_for() {
    let stack = |flags| load(flags, 0, 0, 0).kind(GNU_STACK);
    assert!(!planned(&fixed(&[text()])).stack_executable);
    assert!(!planned(&fixed(&[text(), stack(RW)])).stack_executable);
    assert!(planned(&fixed(&[text(), stack(7)])).stack_executable);
    assert!(!planned(&fixed(&[text(), stack(7), stack(RW)])).stack_executable);
}

#[test]
fn the_interpreter_is_told() {
    let path = b"/lib64/ld-linux-x86-64.so.2\0";
    let with = |size: u64, path: &[u8]| {
        let interpreter = load(R, 0x2000, 0, size).kind(INTERP);
        let mut bytes = fixed(&[interpreter, text()]).bytes();
        bytes[0x2000..0x2000 + path.len()].copy_from_slice(path);
        plan(bytes.as_slice()).map(|plan| plan.interpreter)
    };
    assert_eq!(with(28, path), Ok(Some(path[..27].to_vec())));
    assert_eq!(with(27, path), Err(Error::BadInterpreter)); // no NUL
    assert_eq!(with(1, b"\0"), Err(Error::BadInterpreter));
    assert_eq!(with(2, b"\0\0"), Err(Error::BadInterpreter));
    assert_eq!(with(4097, path), Err(Error::BadInterpreter));
    assert_eq!(with(4096, path), Ok(Some(path[..27].to_vec()))); // up to the file's very end
    assert_eq!(with(u64::MAX, path), Err(Error::BadInterpreter));
}

#[test]
fn a_pie_goes_where_its_alignment_allows() {
    let forge = pie(&[
        load(R, 0, 0, 0x200).aligned(0x20_0000),
        load(RX, 0x1000, 0x1000, 0x200),
        load(RW, 0x1000, 0x20_0000, 0x200).aligned(3 << 40),
    ]);
    let plan = planned(&forge);
    assert_eq!(plan.kind, Kind::PositionIndependent);
    assert_eq!(plan.alignment, 0x20_0000);
    assert_eq!(plan.bias_for(0x5555_5555_4000), Some(0x5555_5560_0000));
    assert_eq!(plan.bias_for(0x5555_5560_0000), Some(0x5555_5560_0000));
    assert_eq!(plan.bias_for(0x7fff_ffc0_0000), Some(0x7fff_ffc0_0000));
    assert_eq!(plan.bias_for(birgus_loader::USER_END - 0x1000), None);
    assert_eq!(plan.bias_for(u64::MAX), None);
    assert_eq!(planned(&fixed(&[text()])).bias_for(0x1234), Some(0));
}

#[test]
fn a_pie_linked_high_moves_down() {
    let forge = pie(&[load(RX, 0x1000, 0x30_0000_1000, 0x200).aligned(0x20_0000)]);
    let plan = planned(&Forge { entry: 0x30_0000_1000, ..forge });
    let bias = plan.bias_for(0x10_0000).unwrap();
    let lowest = plan.span.start.wrapping_add(bias);
    assert_eq!(lowest, 0x20_1000);
    assert_eq!(bias % 0x20_0000, 0);
}
