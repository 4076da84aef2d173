//! How large a process is: the sums behind `statm`, `stat` and `status`.

use crate::errno::Result;
use crate::frame::PAGE;
use crate::memory::{AddressSpace, AreaFlags, Protection, Residency};
use crate::process::program::ProgramImage;

/// Sizes in pages.
#[derive(Default)]
pub(super) struct Extent {
    /// All that is mapped.
    pub(super) total: u64,
    /// Private and writable, no stack.
    pub(super) data: u64,
    /// Areas that grow down.
    pub(super) stack: u64,
    /// Locked.
    pub(super) locked: u64,
    /// Executable and not writable.
    pub(super) executable: u64,
    /// The program's own code.
    pub(super) code: u64,
    /// What is there.
    pub(super) resident: Residency,
}

impl Extent {
    /// Measures. `ENOMEM`.
    pub(super) fn of(memory: &AddressSpace, program: Option<&ProgramImage>) -> Result<Self> {
        let counts = memory.counts();
        let mut extent = Self {
            total: counts.total,
            data: counts.data,
            locked: counts.locked,
            resident: memory.resident(0, u64::MAX),
            code: program.map_or(0, |program| {
                let end = program.code.end.next_multiple_of(PAGE);
                end.saturating_sub(program.code.start & !(PAGE - 1)) / PAGE
            }),
            ..Self::default()
        };
        for area in memory.describe()? {
            let pages = (area.end - area.start) / PAGE;
            if area.flags.contains(AreaFlags::GROWS_DOWN) {
                extent.stack += pages;
            } else if area.protection.contains(Protection::EXECUTE) && !area.protection.contains(Protection::WRITE) {
                extent.executable += pages;
            }
        }
        Ok(extent)
    }
}
