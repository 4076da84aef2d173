//! No file makes analysis or rewriting panic; a plan that comes out is sound, and so is a rewritten file.
#![no_main]

use birgus_rewriter::Plan;
use birgus_rewriter::analysis::analyse;
use birgus_rewriter::elf::{File, rewrite};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = File::parse(bytes) else { return };
    let Ok(program) = file.program() else { return };
    let analysis = analyse(&program);
    let plan = analysis.plan();
    if let Some(plan) = &plan {
        assert!(Plan::parse(plan).is_ok());
    }
    if let Ok(rewritten) = rewrite(&file, &analysis) {
        assert!(rewritten.rewritten > 0);
        assert!(File::parse(&rewritten.bytes).is_ok());
        let end = &bytes[bytes.len() - rewritten.appended..];
        assert!(rewritten.bytes.ends_with(end));
    }
});
