//! No file makes `plan` panic, and what it accepts keeps the promises of `Plan`.
#![no_main]

use birgus_loader::{PAGE_SIZE, USER_END, plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let plan = match plan(file) {
        Ok(plan) => plan,
        Err(error) => {
            assert!(error.errno() > 0 && !error.to_string().is_empty());
            return;
        }
    };
    let mut end = 0;
    for segment in &plan.segments {
        let pages = segment.pages();
        assert!(pages.start >= end && pages.end > pages.start && pages.end <= USER_END);
        assert!(pages.start % PAGE_SIZE == 0 && segment.file_offset % PAGE_SIZE == 0);
        assert!(segment.file_size <= segment.memory_size);
        assert!(
            segment.file_size == 0 || segment.file_offset + segment.file_size <= file.len() as u64
        );
        end = pages.end;
    }
    assert!(
        plan.segments
            .iter()
            .any(|segment| segment.pages().contains(&plan.entry))
    );
    assert_eq!(plan.span.end, end);
    for base in [0, 0x5555_5555_4000, USER_END] {
        let _ = plan.bias_for(base);
    }
});
