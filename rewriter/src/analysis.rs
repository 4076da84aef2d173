//! Finds the sites in a program's code and chooses a patch for each.
//!
//! Instructions are decoded forward from proven boundaries (`explore`): functions that symbols, unwinding tables and
//! direct calls tell of, then what their control flow reaches, then what pointers and jump tables lead to, then gaps
//! that fit in between without a rest. Bytes are never searched for `0f 05`, and nothing is decoded backward. On the
//! way everything is collected that something may jump to; a patch covers none of it but by its first byte. Where two
//! readings of the same bytes contradict each other, none is believed.

mod choice;
mod explore;
mod flow;
mod map;
mod movable;
mod number;

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::plan::{Builder, Draft};
use explore::Explorer;

/// Bytes at an address.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    /// The address of the first one, as linked.
    pub address: u64,
    /// They.
    pub bytes: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// The bytes from an address on.
    pub(crate) fn from(&self, address: u64) -> Option<&'a [u8]> {
        self.bytes.get(usize::try_from(address.checked_sub(self.address)?).ok()?..)
    }
}

/// What is known of a program. All of it but the code may be incomplete: the less is known, the more sites are left.
#[derive(Clone, Debug, Default)]
pub struct Program<'a> {
    /// Executable bytes. None overlap.
    pub code: Vec<Bytes<'a>>,
    /// Initialised data, where jump tables may be.
    pub data: Vec<Bytes<'a>>,
    /// Functions: an instruction begins at the start of each, surely, and control leaves before the end. An empty
    /// range is a function whose end is not known.
    pub functions: Vec<Range<u64>>,
    /// Addresses that something may jump to, or that are data: labels.
    pub targets: Vec<u64>,
    /// Addresses that data holds, by relocations or by their looks. Each may be jumped to, and is likely to be the
    /// start of a function.
    pub pointers: Vec<u64>,
    /// Whether the program's addresses are fixed, so that an immediate may be one.
    pub is_fixed: bool,
}

/// What the analysis says about a program.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// Each site, sorted by address.
    pub sites: Vec<Finding>,
    /// How often the bytes `0f 05` stand in the code, sites or not.
    pub byte_pairs: usize,
    /// How many of them stand where nothing proves what is code and what is not: they may be sites or not.
    pub unproven: usize,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Address of the `syscall`.
    pub address: u64,
    /// The number that the code before it loads, as far as it can be seen; for people. A patch has a number only where
    /// it is certain.
    pub number: Option<u32>,
    /// Whether the program knows the address behind the `syscall`. C libraries compare it with where a signal has
    /// interrupted, to cancel a thread that waits in this very call (musl's `__cp_end`, glibc's
    /// `__syscall_cancel_arch_end`). In the guest they never see a trampoline; on plain Linux they would.
    pub is_watched: bool,
    /// How it becomes a jump, or why it does not.
    pub verdict: Result<Draft, Reason>,
}

/// Why a site keeps its trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// `rt_sigreturn`: unwinders and debuggers recognise a signal frame by the bytes of this very site, and it needs
    /// all registers anyway.
    SignalReturn,
    /// Two readings of the bytes around it contradict each other.
    Contradiction,
    /// The `syscall` has prefixes.
    Prefixed,
    /// The instructions around it cannot be moved or may be jumped to, and no padding is near.
    NoRoom,
    /// There are ways, but none goes together with those of neighbouring sites.
    Neighbours,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::SignalReturn => "rt_sigreturn: unwinders look for these bytes",
            Reason::Contradiction => "it is not certain where instructions begin",
            Reason::Prefixed => "the instruction has prefixes",
            Reason::NoRoom => "no neighbour can be moved, and no padding is near",
            Reason::Neighbours => "the bytes are needed for a neighbouring site",
        })
    }
}

/// Finds all sites and chooses patches that go together.
pub fn analyse(program: &Program<'_>) -> Analysis {
    let mut explorer = Explorer::new(program);
    explorer.explore();
    choice::choose(&mut explorer)
}

impl Analysis {
    /// The plan of all patches.
    pub fn plan(&self) -> Option<Vec<u8>> {
        let mut builder = Builder::new();
        self.drafts().for_each(|draft| {
            builder.site(draft.clone());
        });
        builder.finish()
    }

    /// All patches.
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.sites.iter().filter_map(|site| site.verdict.as_ref().ok())
    }
}
