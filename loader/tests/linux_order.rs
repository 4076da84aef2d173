//! The plan against a page-by-page rehearsal of what Linux's `elf_load` does, header after header.

#[expect(dead_code, reason = "shared with the other tests")]
mod forge;

use birgus_loader::{Plan, plan};
use forge::{Forge, Header, R, RW, RX, load};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// This place of the file, mapped with these `PF_` flags, zeroed from this byte of the page on.
    File { offset: u64, flags: u32, zero_from: Option<u64> },
    /// Zeros, by `vm_brk_flags`.
    Anonymous { executable: bool },
}

fn floor(address: u64) -> u64 {
    address & !0xfff
}

fn ceiling(address: u64) -> u64 {
    floor(address + 0xfff)
}

/// `mmap(MAP_FIXED)`, `padzero` and `vm_brk_flags` for each header in turn.
fn rehearse(headers: &[Header]) -> BTreeMap<u64, Page> {
    let mut pages = BTreeMap::new();
    for header in headers {
        let Header { flags, offset, address, file_size, memory_size, .. } = *header;
        let mut anonymous_start = floor(address);
        if file_size > 0 {
            let file_end = address + file_size;
            anonymous_start = ceiling(file_end);
            for page in (floor(address)..anonymous_start).step_by(4096) {
                let offset = floor(offset) + (page - floor(address));
                pages.insert(page, Page::File { offset, flags, zero_from: None });
            }
            let clears = memory_size > file_size && flags & 2 != 0 && file_end % 4096 != 0;
            if let Some(Page::File { zero_from, .. }) = pages.get_mut(&floor(file_end))
                && clears
            {
                *zero_from = Some(file_end % 4096);
            }
        }
        if memory_size > file_size {
            for page in (anonymous_start..ceiling(address + memory_size)).step_by(4096) {
                pages.insert(page, Page::Anonymous { executable: flags & 1 != 0 });
            }
        }
    }
    pages
}

fn carried_out(plan: &Plan) -> BTreeMap<u64, Page> {
    let mut pages = BTreeMap::new();
    for segment in &plan.segments {
        let protection = segment.protection;
        let flags = u32::from(protection.readable) << 2
            | u32::from(protection.writable) << 1
            | u32::from(protection.executable);
        for page in segment.file_pages().step_by(4096) {
            let offset = segment.file_offset + (page - segment.address);
            let clear = segment.bytes_to_clear().filter(|bytes| floor(bytes.start) == page);
            let zero_from = clear.map(|bytes| bytes.start % 4096);
            assert!(pages.insert(page, Page::File { offset, flags, zero_from }).is_none());
        }
        for page in segment.anonymous_pages().step_by(4096) {
            let executable = segment.anonymous_protection().executable;
            assert!(pages.insert(page, Page::Anonymous { executable }).is_none());
        }
    }
    pages
}

/// Segments close to each other, so that most share pages.
fn crowded() -> impl Strategy<Value = Vec<Header>> {
    let flags = prop_oneof![Just(R), Just(RX), Just(RW), Just(7)];
    let part = (0..0x600_u64, 1..0xc00_u64, 0..0xc00_u64, flags);
    prop::collection::vec(part, 1..9).prop_flat_map(|parts| {
        let mut address = 0x40_0000;
        let mut headers = Vec::new();
        for (gap, memory_size, file_size, flags) in parts {
            address += gap;
            let file_size = file_size.min(memory_size);
            headers.push(load(flags, address - 0x40_0000, address, file_size).memory(memory_size));
            address += memory_size;
        }
        Just(headers).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_page_holds_what_linux_would_put_there(headers in crowded(), extra in 0..4_u64) {
        // One more segment, far from the others, for the entry point to lie in.
        let entry = 0x80_0000;
        let mut headers = headers;
        headers.push(load(RX, 0, entry, 0x10 + extra));
        let forge = Forge { entry, size: 0xa000, table_offset: 0x9000, ..forge::fixed(&headers) };
        let plan = plan(forge.bytes().as_slice()).unwrap();
        prop_assert_eq!(carried_out(&plan), rehearse(&headers));
    }
}
