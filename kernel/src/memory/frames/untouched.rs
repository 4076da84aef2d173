//! Memory that nobody has touched since the machine began.
//!
//! The buddy keeps its lists in the free blocks themselves. If it had all memory at once, it would write to blocks all
//! over the machine before the first program runs, and the host would have to find (and clear) its pages for each. So
//! it gets memory a piece at a time, from the lowest address up.

use core::ops::Range;

/// Bytes of a piece: the host's large pages.
const PIECE: u64 = 2 << 20;

/// Regions of memory, the first used first.
pub(super) struct Untouched {
    regions: [Range<u64>; 64],
    /// The first that is not used up yet, and the one behind the last.
    first: usize,
    end: usize,
}

impl Untouched {
    pub(super) const fn new() -> Self {
        Self { regions: [const { 0..0 }; 64], first: 0, end: 0 }
    }

    /// Adds a region. `false`: there are too many already.
    pub(super) fn add(&mut self, region: Range<u64>) -> bool {
        let Some(place) = self.regions.get_mut(self.end) else { return false };
        *place = region;
        self.end += 1;
        true
    }

    /// The next piece. One for a block of more than a piece has room for it behind the next address that it may begin
    /// at, if its region goes on that far.
    pub(super) fn take(&mut self, block: u64) -> Option<Range<u64>> {
        let region = self.regions[..self.end].get_mut(self.first)?;
        let end = if block <= PIECE {
            (region.start + 1).next_multiple_of(PIECE)
        } else {
            region.start.next_multiple_of(block) + block
        };
        let piece = region.start..end.min(region.end);
        region.start = piece.end;
        if region.is_empty() {
            self.first += 1;
        }
        Some(piece)
    }
}
