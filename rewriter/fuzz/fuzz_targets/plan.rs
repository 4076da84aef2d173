//! No boot module makes `Plan::parse` panic, and what it accepts can be applied anywhere without one.
#![no_main]

use birgus_rewriter::{Entry, Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let plan = match Plan::parse(bytes) {
        Ok(plan) => plan,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let leaf = [0xb8, 1, 0, 0, 0];
    let entries = [
        Entry::Syscall,
        Entry::Any { slot: 0x5000 },
        Entry::Number { slot: 0x5008, any: 0x5000 },
        Entry::Leaf { code: &leaf, any: 0x5000 },
    ];
    let mut end = 0;
    for site in plan.sites() {
        assert!(site.address() >= end && site.end() > site.address());
        end = site.end();
        for entry in entries {
            let size = site.trampoline_size(&entry);
            let mut trampoline = vec![0; size];
            for bias in [0, 0x7f00_0000_0000, u64::MAX - 0xfff] {
                let Some(place) = site.next_place(site.address().wrapping_add(bias), bias) else { continue };
                let _ = site.write_trampoline(&entry, place, bias, &mut trampoline);
                let _ = site.writes(place, bias).map(Iterator::count);
                for offset in 0..size {
                    assert!(site.origin(&entry, offset, bias).is_some());
                }
                for address in site.address()..site.end() {
                    let twin = site.twin(&entry, address.wrapping_add(bias), bias);
                    assert!(twin.is_none_or(|twin| twin < size));
                }
            }
        }
    }
});
