//! No boot module makes `Handover::parse` panic, and what it accepts can be written again.
#![no_main]

use birgus_loader::handover::{Builder, Handover};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let handover = match Handover::parse(bytes) {
        Ok(handover) => handover,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut builder = Builder::new();
    let strings = || handover.arguments().chain(handover.environment());
    for argument in handover.arguments() {
        builder.argument(argument);
    }
    for setting in handover.environment() {
        builder.environment(setting);
    }
    for limit in handover.resource_limits() {
        builder.resource_limit(limit);
    }
    if strings().any(|string| string.contains(&0)) {
        return; // the builder is stricter
    }
    let again = builder.finish().expect("what was read can be written");
    let again = Handover::parse(&again).expect("what was written can be read");
    assert!(again.arguments().eq(handover.arguments()));
    assert!(again.environment().eq(handover.environment()));
    assert!(again.resource_limits().eq(handover.resource_limits()));
});
