//! What holds for every file, however it was made.

#[expect(dead_code, reason = "shared with the other tests")]
mod forge;

use birgus_loader::{Kind, PAGE_SIZE, Plan, USER_END, plan};
use forge::{Forge, Header};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// An address or an offset, mostly near others like it.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..0x4000_u64,
        4 => 0x40_0000..0x40_8000_u64,
        1 => USER_END - 0x4000..USER_END + 0x4000,
        1 => any::<u64>(),
    ]
}

/// Headers of segments one above the other, as a linker might write them, but in any order and with any gaps.
fn linked(base: u64) -> impl Strategy<Value = Vec<Header>> {
    let part = (0..0x1800_u64, 1..0x1800_u64, 0..0x1800_u64, 0..3_u64, 0..8_u32, 0..22_u32);
    prop::collection::vec(part, 1..8).prop_flat_map(move |parts| {
        let mut address = base;
        let mut headers = Vec::new();
        for (gap, memory_size, file_size, page, flags, shift) in parts {
            address += gap;
            let offset = page * 0x1000 + address % 0x1000;
            let file_size = file_size.min(memory_size);
            headers.push(Header { memory_size, ..forge::load(flags, offset, address, file_size).aligned(1 << shift) });
            address += memory_size;
        }
        Just(headers).prop_shuffle()
    })
}

/// Sets one field of one header, or spoils nothing.
fn spoilt(headers: Vec<Header>) -> impl Strategy<Value = Vec<Header>> {
    (0..headers.len(), 0..12_u8, number()).prop_map(move |(index, field, value)| {
        let mut headers = headers.clone();
        let header = &mut headers[index];
        match field {
            0 => header.kind = value as u32,
            1 => header.offset = value,
            2 => header.address = value,
            3 => header.file_size = value,
            4 => header.memory_size = value,
            5 => header.alignment = value,
            6 => header.kind = forge::INTERP,
            7 => header.kind = forge::GNU_STACK,
            _ => {}
        }
        headers
    })
}

fn file() -> impl Strategy<Value = Forge> {
    let headers = any::<bool>().prop_flat_map(|fixed| {
        let headers = linked(if fixed { 0x40_0000 } else { 0 }).prop_flat_map(spoilt);
        (Just(fixed), headers)
    });
    let table_offset = prop_oneof![4 => Just(64), 1 => number()];
    (headers, table_offset, 0x5000..0x5010_usize).prop_map(|((fixed, headers), table_offset, size)| {
        let executable = headers.iter().find(|h| h.kind == forge::LOAD && h.flags & 1 != 0);
        let entry = executable.map_or(0x1000, |h| h.address);
        let kind = if fixed { 2 } else { 3 };
        Forge { kind, entry, table_offset, size, ..forge::fixed(&headers) }
    })
}

/// What is promised of every plan.
fn check(plan: &Plan, file_size: u64) {
    let first = plan.segments.first().expect("a segment");
    let mut end = if plan.kind == Kind::Fixed { 0x1_0000 } else { 0 };
    for segment in &plan.segments {
        let pages = segment.pages();
        assert_eq!(segment.address % PAGE_SIZE, 0);
        assert_eq!(segment.file_offset % PAGE_SIZE, 0);
        assert!(segment.memory_size > 0 && segment.file_size <= segment.memory_size);
        assert!(pages.start >= end && pages.end > pages.start, "sorted, apart");
        assert!(pages.end <= USER_END);
        if segment.file_size > 0 {
            assert!(segment.file_offset + segment.file_size <= file_size);
        }
        assert_eq!(segment.file_pages().start, pages.start);
        assert_eq!(segment.file_pages().end, segment.anonymous_pages().start);
        assert_eq!(segment.anonymous_pages().end, pages.end);
        if let Some(bytes) = segment.bytes_to_clear() {
            assert!(bytes.start < bytes.end && bytes.end == segment.file_pages().end);
            assert!(bytes.end - bytes.start < PAGE_SIZE);
        }
        end = pages.end;
    }
    assert_eq!(plan.span, first.address..end);
    assert_eq!(plan.break_start, end);
    assert!(plan.alignment.is_power_of_two() && plan.alignment >= PAGE_SIZE);
    let holds_entry = |s: &birgus_loader::Segment| s.protection.executable && s.pages().contains(&plan.entry);
    assert!(plan.segments.iter().any(holds_entry));
    assert!(plan.interpreter.as_ref().is_none_or(|path| !path.is_empty() && !path.contains(&0)));
}

fn check_bias(plan: &Plan, base: u64) {
    let size = plan.span.end - plan.span.start;
    match plan.bias_for(base) {
        Some(bias) if plan.kind == Kind::Fixed => assert_eq!(bias, 0),
        Some(bias) => {
            let start = plan.span.start.wrapping_add(bias);
            assert_eq!(bias % plan.alignment, 0);
            assert!(start >= base && start - base < plan.alignment && start + size <= USER_END);
        }
        None => {
            let room = base.checked_add(size).and_then(|end| end.checked_add(plan.alignment));
            assert!(room.is_none_or(|end| end > USER_END), "refused {base:#x} without need");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(plan) = plan(bytes.as_slice()) {
            check(&plan, bytes.len() as u64);
        }
    }

    #[test]
    fn any_bytes_behind_a_right_beginning(bytes in prop::collection::vec(any::<u8>(), 64..600), count in 0..9_u16) {
        let mut bytes = bytes;
        let right = Forge { entry: 0, ..forge::pie(&[]) }.bytes();
        bytes[..20].copy_from_slice(&right[..20]);
        bytes[32..64].copy_from_slice(&right[32..64]);
        bytes[56..58].copy_from_slice(&count.to_le_bytes());
        if let Ok(plan) = plan(bytes.as_slice()) {
            check(&plan, bytes.len() as u64);
        }
    }

    #[test]
    fn any_headers(forge in file(), base in number()) {
        let bytes = forge.bytes();
        match plan(bytes.as_slice()) {
            Ok(plan) => {
                check(&plan, bytes.len() as u64);
                check_bias(&plan, base);
            }
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                prop_assert!(error.errno() > 0);
            }
        }
    }
}

/// The strategy is worth something: it makes files that are accepted, and shared pages among them.
#[test]
fn forged_files_are_often_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = file();
    let (mut accepted, mut several) = (0, 0);
    for _ in 0..1024 {
        let bytes = strategy.new_tree(&mut runner).unwrap().current().bytes();
        if let Ok(plan) = plan(bytes.as_slice()) {
            accepted += 1;
            several += usize::from(plan.segments.len() > 1);
        }
    }
    assert!(accepted > 300 && several > 200, "{accepted} accepted, {several} with several segments");
}
