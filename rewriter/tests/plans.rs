//! Plans: whatever bytes they are, reading them is safe; what a builder writes is read back.
#![cfg(feature = "analysis")]

use birgus_rewriter::analysis::{Bytes, Program, analyse};
use birgus_rewriter::{Entry, Error, Plan};
use proptest::prelude::*;

/// A plan of four sites; a fifth goes without, for its neighbour's sake.
fn plan() -> Vec<u8> {
    let code = [
        &[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3][..],
        &[0x89, 0xde, 0xbf, 1, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0x73, 0x10, 0xc3],
        &[0x0f, 0x05, 0x48, 0x8b, 0x05, 1, 2, 3, 4, 0x0f, 0x05, 0xc3],
        &[0xe8, 0, 0, 0, 0, 0x0f, 0x05, 0xe8, 0, 0, 0, 0, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3],
    ];
    let starts = [0, 8, 26, 38, 56];
    let functions = starts.map(|start| 0x1000 + start..0x1000 + start).to_vec();
    let code = code.concat();
    let program = Program { code: vec![Bytes { address: 0x1000, bytes: &code }], functions, ..Program::default() };
    analyse(&program).plan().expect("a plan")
}

/// Asks everything that can be asked of a plan.
fn use_all(plan: Plan<'_>) {
    let leaf = [0xb8, 1, 0, 0, 0];
    let entries = [
        Entry::Syscall,
        Entry::Any { slot: 0x5000 },
        Entry::Number { slot: 0x5008, any: 0x5000 },
        Entry::Leaf { code: &leaf, any: 0x5000 },
    ];
    for (index, site) in plan.sites().enumerate() {
        assert_eq!(plan.site(index).map(|site| site.address()), Some(site.address()));
        assert_eq!(plan.site_at(site.address()).map(|site| site.address()), Some(site.address()));
        assert_eq!(plan.beginning_in(site.address()..site.end()), index..index + 1);
        for entry in entries {
            for bias in [0, 0x7f00_0000_0000, u64::MAX - 0xfff] {
                let size = site.trampoline_size(&entry);
                let mut bytes = vec![0; size];
                let Some(place) = site.next_place(site.address().wrapping_add(bias), bias) else { continue };
                let _ = site.write_trampoline(&entry, place, bias, &mut bytes);
                if let Ok(writes) = site.writes(place, bias) {
                    assert!(writes.count() <= 2);
                }
                for offset in 0..=size {
                    assert_eq!(site.origin(&entry, offset, bias).is_some(), offset < size);
                }
                for address in site.address()..site.end() {
                    let twin = site.twin(&entry, address.wrapping_add(bias), bias);
                    assert!(twin.is_none_or(|twin| twin < size));
                }
            }
        }
    }
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let bytes = plan();
    let plan = Plan::parse(&bytes).expect("sound");
    assert_eq!(plan.len(), 4);
    use_all(plan);
    for end in 0..bytes.len() {
        assert!(Plan::parse(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn another_version_is_told_from_no_plan() {
    let mut bytes = plan();
    bytes[6] = 2;
    assert_eq!(Plan::parse(&bytes).map(|plan| plan.len()), Err(Error::Version(2)));
    bytes[0] = 0;
    assert_eq!(Plan::parse(&bytes).map(|plan| plan.len()), Err(Error::NoMagic));
}

proptest! {
    #[test]
    fn changed_plans_are_refused_or_sound(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = plan();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(plan) = Plan::parse(&bytes) {
            use_all(plan);
        }
    }
}
