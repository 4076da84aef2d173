//! Accesses to devices from the kernel's entry to the first output.

use crate::Result;
use crate::programs::Programs;
use crate::qemu_log;
use crate::report::Table;
use crate::tool::Tool;

/// Counts them in QEMU's log.
pub(crate) fn measure(tool: &Tool, programs: &Programs) -> Result<Vec<Table>> {
    let story = qemu_log::record(tool, programs)?;
    let columns = ["device, as QEMU names it", "reads", "writes"];
    let mut table = Table::new("Accesses to devices, the kernel's entry to the first output", &columns);
    let (mut reads, mut writes) = (0, 0);
    for (name, accesses) in story.accesses {
        reads += accesses.reads;
        writes += accesses.writes;
        table.row([name.into(), accesses.reads.into(), accesses.writes.into()]);
    }
    table.row(["all".into(), reads.into(), writes.into()]);
    let repetition = story.longest_repetition;
    table
        .notes
        .push(format!("Reads of one register in a row, with no access to another between: at most {repetition}."));
    Ok(vec![table])
}
