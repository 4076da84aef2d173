//! Instructions from reset to `main`, and how many different ones of the kernel there are among them.

use crate::Result;
use crate::in_front_of_qemu::Wishes;
use crate::programs::Programs;
use crate::qemu_log::{self, Part};
use crate::report::{Cell, Table, in_thousands};
use crate::tool::Tool;

/// The most from reset to `main`.
const WANTED_TO_MAIN: u64 = 1_500_000;
/// The most distinct instructions of the kernel up to the first output.
const WANTED_DISTINCT: u64 = 15_000;

/// Reads the machine's own count in `main`, then counts part by part in QEMU's log.
pub(crate) fn measure(tool: &Tool, programs: &Programs) -> Result<Vec<Table>> {
    let ticks = programs.path("ticks");
    let (run, _) = tool.run(&["--icount".as_ref(), ticks.as_ref()], &programs.path(""), Wishes::default())?;
    let to_main: u64 = run.expect("ticks", None)?.output.trim().parse()?;
    let story = qemu_log::record(tool, programs)?;

    let mut table = Table::new("Instructions up to the first output", &["part", "all", "the kernel's", "wanted"]);
    let wanted = |most| Cell::from(format!("≤ {}", in_thousands(most)));
    table.row([
        "reset to `main`, by the machine's clock".into(),
        to_main.into(),
        Cell::Missing,
        wanted(WANTED_TO_MAIN),
    ]);
    for (part, steps) in Part::ALL.into_iter().zip(story.parts) {
        table.row([part.name().into(), steps.all.into(), steps.of_the_kernel.into(), Cell::Missing]);
    }
    let distinct = story.distinct_kernel_instructions;
    let name = "distinct instructions of the kernel up to the first output";
    table.row([name.into(), Cell::Missing, distinct.into(), wanted(WANTED_DISTINCT)]);
    Ok(vec![table])
}
