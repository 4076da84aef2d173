//! Writes a plan.

use super::{HEADER, INDEX_ENTRY, MAGIC, Moved, Site, Springboard, Tactic};
use alloc::vec::Vec;

/// A site and how it is to become a jump; addresses as linked. [`Site`] is the same, read from a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Which way.
    pub tactic: Tactic,
    /// Address of the patch.
    pub address: u64,
    /// The bytes that it replaces.
    pub original: Vec<u8>,
    /// From the patch to the `syscall`.
    pub offset: u8,
    /// The number that one of the instructions before loads.
    pub number: Option<u32>,
    /// The moved instructions before the `syscall`.
    pub before: Vec<Moved>,
    /// And after it.
    pub after: Vec<Moved>,
    /// The springboard.
    pub springboard: Option<Springboard>,
}

impl Draft {
    /// Address behind the patch.
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.original.len() as u64)
    }
}

/// Writes a plan of drafts in any order.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    drafts: Vec<Draft>,
}

impl Builder {
    /// One without sites.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a site.
    pub fn site(&mut self, draft: Draft) -> &mut Builder {
        self.drafts.push(draft);
        self
    }

    /// The plan. None where the drafts do not fit together or reach over more than 4 GiB.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        self.drafts.sort_by_key(|draft| draft.address);
        let base = self.drafts.first().map_or(0, |draft| draft.address);
        let mut records = Vec::new();
        let mut index = Vec::new();
        let start = HEADER + INDEX_ENTRY * self.drafts.len();
        let mut end = base;
        for draft in &self.drafts {
            if draft.address < end {
                return None;
            }
            end = draft.end();
            let record = records.len();
            index.extend(u32::try_from(draft.address - base).ok()?.to_le_bytes());
            index.extend(u32::try_from(start + record).ok()?.to_le_bytes());
            draft.write(&mut records)?;
            Site::read(draft.address, records.get(record..)?)?;
        }
        let mut plan = MAGIC.to_vec();
        plan.extend(base.to_le_bytes());
        plan.extend(u32::try_from(self.drafts.len()).ok()?.to_le_bytes());
        plan.extend([0; 4]);
        plan.extend(index);
        plan.extend(records);
        Some(plan)
    }
}
