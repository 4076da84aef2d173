//! Whatever the code is: patches hold no known branch target, overlap nowhere, and what they replace is there.
#![no_main]

use birgus_rewriter::Plan;
use birgus_rewriter::analysis::{Bytes, Program, analyse};
use libfuzzer_sys::fuzz_target;

const AT: u64 = 0x40_0000;

fuzz_target!(|input: (Vec<u16>, Vec<u16>, Vec<u8>)| {
    let (functions, targets, code) = input;
    let address = |place: &u16| AT + u64::from(*place);
    let program = Program {
        code: vec![Bytes { address: AT, bytes: &code }],
        data: Vec::new(),
        functions: functions.iter().map(|place| address(place)..address(place)).collect(),
        targets: targets.iter().map(address).collect(),
        pointers: Vec::new(),
        is_fixed: true,
    };
    let analysis = analyse(&program);
    for draft in analysis.drafts() {
        let inside = draft.address + 1..draft.end();
        assert!(!program.targets.iter().any(|target| inside.contains(target)));
        assert!(!program.functions.iter().any(|function| inside.contains(&function.start)));
        let place = (draft.address - AT) as usize;
        assert_eq!(code[place..place + draft.original.len()], draft.original);
    }
    let plan = analysis.plan().expect("patches go together");
    assert_eq!(Plan::parse(&plan).expect("sound").len(), analysis.drafts().count());
});
