//! The least memory that is enough for static hello.

use crate::Result;
use crate::in_front_of_qemu::Wishes;
use crate::programs::Programs;
use crate::report::Table;
use crate::tool::Tool;

/// Sizes are tried in these steps, in KiB.
const STEP: u64 = 64;
/// Between these, in KiB.
const LEAST: u64 = 2 * 1024;
const MOST: u64 = 16 * 1024;

/// Halves the distance between what is enough and what is not, down to one step.
pub(crate) fn measure(tool: &Tool, programs: &Programs) -> Result<Vec<Table>> {
    let runs_with = |kib: u64| -> Result<bool> {
        let (size, hello) = (format!("{kib}K"), programs.path("hello"));
        let words = ["--memory".as_ref(), size.as_ref(), hello.as_ref()];
        let (run, _) = tool.run(&words, &programs.path(""), Wishes::default())?;
        Ok(run.expect("hello", Some("hello\n")).is_ok())
    };
    if !runs_with(MOST)? {
        return Err(format!("hello does not run with {} MiB", MOST / 1024).into());
    }
    let (mut too_little, mut enough) = (LEAST / STEP - 1, MOST / STEP);
    while enough - too_little > 1 {
        let middle = too_little.midpoint(enough);
        *(if runs_with(middle * STEP)? { &mut enough } else { &mut too_little }) = middle;
    }
    let mut table = Table::new("Least memory of static hello, in KiB", &["what", "measured", "wanted"]);
    table.row(["`--memory`".into(), (enough * STEP).into(), "≤ 5,120".into()]);
    table.notes.push(format!("Tried in steps of {STEP} KiB from {} MiB on.", LEAST / 1024));
    Ok(vec![table])
}
