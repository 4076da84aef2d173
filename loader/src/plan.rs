//! The load plan: all that must be known of a program to map and start it.

use crate::page::USER_END;
use crate::segment::Segment;
use alloc::vec::Vec;
use core::ops::Range;

/// Whether a program chooses its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ET_EXEC`: mapped where it is linked.
    Fixed,
    /// `ET_DYN`: a PIE (or a program interpreter), mapped anywhere its alignment allows.
    PositionIndependent,
}

/// The program headers as the program will find them by its auxiliary vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramHeaders {
    /// `AT_PHDR`: their unbiased address, if a segment brings them into memory.
    pub address: Option<u64>,
    /// `AT_PHENT`: bytes of each.
    pub entry_size: u16,
    /// `AT_PHNUM`: how many.
    pub count: u16,
}

/// What to map and where to start. All addresses are unbiased: for a position-independent program, add the bias
/// ([`Plan::bias_for`]) to each, wrapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether it must be mapped at the plan's own addresses.
    pub kind: Kind,
    /// The first instruction (`AT_ENTRY`); lies in an executable segment.
    pub entry: u64,
    /// What to map: sorted by address, at least one, no page in two of them.
    pub segments: Vec<Segment>,
    /// From the lowest page to the end of the highest.
    pub span: Range<u64>,
    /// What the bias must be a multiple of: the largest `p_align` of a segment, a power of two, at least a page.
    pub alignment: u64,
    /// Where the program finds its program headers.
    pub program_headers: ProgramHeaders,
    /// `PT_INTERP`: the path of the dynamic linker, without its final NUL. A program with one cannot run alone.
    pub interpreter: Option<Vec<u8>>,
    /// Whether `PT_GNU_STACK` asks for an executable stack. A file without that header gets none, as on Linux 5.8
    /// and later (the table at `elf_read_implies_exec` in `arch/x86/include/asm/elf.h`: x86-64, exec-none).
    pub stack_executable: bool,
    /// The page boundary after the highest segment, where the heap of `brk(2)` begins unless it is randomised
    /// (Linux moves it away from a static PIE's own pages).
    pub break_start: u64,
}

impl Plan {
    /// The bias that puts the lowest page at `base` or, for its alignment, as little as possible above it. Added
    /// wrapping, since a program may be linked above `base`. A fixed program's is 0, whatever `base`.
    ///
    /// None if the program would then reach beyond [`USER_END`]. `span.end - span.start + alignment` bytes from
    /// `base` on always hold it.
    pub fn bias_for(&self, base: u64) -> Option<u64> {
        if self.kind == Kind::Fixed {
            return Some(0);
        }
        let mask = self.alignment.wrapping_sub(1);
        let bias = match base.checked_sub(self.span.start) {
            Some(up) => up.checked_add(mask)? & !mask,
            None => ((self.span.start - base) & !mask).wrapping_neg(),
        };
        let start = self.span.start.wrapping_add(bias);
        let size = self.span.end.checked_sub(self.span.start)?;
        (start >= base && start.checked_add(size)? <= USER_END).then_some(bias)
    }

    /// How many bytes its pages take together, without the gaps between segments.
    pub fn memory_size(&self) -> u64 {
        self.segments.iter().map(Segment::pages).map(|pages| pages.end - pages.start).sum()
    }
}
