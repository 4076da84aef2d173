//! All areas of an address space: found by address, split and merged, counted, and the gaps between them.

use super::area::{Area, AreaFlags};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::machine;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// `vm.max_map_count`: so many areas an address space may have.
pub const MAXIMUM_AREAS: usize = 65_530;
/// `stack_guard_gap`: so much stays free below an area that grows down.
pub const STACK_GUARD: u64 = 256 * PAGE;

/// Pages by kind, for limits and `/proc/self/statm`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// All that are mapped.
    pub total: u64,
    /// Private and writable ones that are no stack.
    pub data: u64,
    /// Locked ones.
    pub locked: u64,
}

/// The areas by their start. No two overlap, and no two neighbours could be one.
#[derive(Default)]
pub(super) struct Areas {
    by_start: BTreeMap<u64, Area>,
    counts: Counts,
    search: Search,
}

/// What the last search for a gap has learned, so that the next one need not look at all areas again: no gap above
/// `from` is longer than `longest`.
#[derive(Default)]
struct Search {
    ceiling: u64,
    from: u64,
    longest: u64,
}

impl Areas {
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// A copy as a child has it: without what is not for it, and nothing of it locked.
    pub(super) fn duplicate(&self) -> Self {
        let mut copy = Self { by_start: self.by_start.clone(), counts: self.counts, search: Search::default() };
        copy.counts.locked = 0;
        let mut left_out = Vec::new();
        for (&start, area) in &mut copy.by_start {
            area.flags -= AreaFlags::LOCKED | AreaFlags::LOCKED_ON_FAULT;
            if area.flags.contains(AreaFlags::DONT_FORK) {
                left_out.push((start, area.end));
            }
        }
        for (start, end) in left_out {
            copy.remove(start, end);
        }
        copy
    }

    /// `ENOMEM` when there is no memory for a copy of all areas.
    pub(super) fn check_memory(&self) -> Result<()> {
        // A node of the tree is filled to a half at least.
        let pages = (self.len() * 2 * size_of::<(u64, Area)>()) as u64 / PAGE;
        if pages > machine().frames().1 { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// All areas go through a fork.
    pub(super) fn mark_forked(&mut self) {
        self.by_start.values_mut().for_each(|area| area.flags |= AreaFlags::FORKED);
    }

    pub(super) fn len(&self) -> usize {
        self.by_start.len()
    }

    /// The area that `address` lies in, with its start.
    #[inline]
    pub(super) fn containing(&self, address: u64) -> Option<(u64, &Area)> {
        let (&start, area) = self.by_start.range(..=address).next_back()?;
        (address < area.end).then_some((start, area))
    }

    /// The first area that ends above `address`.
    pub(super) fn at_or_above(&self, address: u64) -> Option<(u64, &Area)> {
        self.containing(address).or_else(|| self.from(address).next())
    }

    /// The last area that begins below `address`.
    pub(super) fn below(&self, address: u64) -> Option<(u64, &Area)> {
        self.by_start.range(..address).next_back().map(|(&start, area)| (start, area))
    }

    /// The areas that begin at `address` or above.
    pub(super) fn from(&self, address: u64) -> impl Iterator<Item = (u64, &Area)> {
        self.by_start.range(address..).map(|(&start, area)| (start, area))
    }

    /// The areas that have a page in `[start, end)`.
    pub(super) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, &Area)> {
        let first = self.containing(start).map_or(start, |(first, _)| first);
        self.by_start.range(first..end.max(first)).map(|(&start, area)| (start, area))
    }

    /// Whether every page of `[start, end)` is mapped.
    pub(super) fn covers(&self, start: u64, end: u64) -> bool {
        let mut reached = start;
        for (start, area) in self.within(start, end) {
            if start > reached {
                return false;
            }
            reached = area.end;
        }
        reached >= end
    }

    /// Mapped pages in `[start, end)`, by kind.
    pub(super) fn count(&self, start: u64, end: u64) -> Counts {
        let mut counts = Counts::default();
        for (from, area) in self.within(start, end) {
            let pages = (area.end.min(end) - from.max(start)) / PAGE;
            counts.total += pages;
            counts.data += if area.is_data() { pages } else { 0 };
            counts.locked += if area.flags.contains(AreaFlags::LOCKED) { pages } else { 0 };
        }
        counts
    }

    /// `ENOMEM` when splitting at the ends of `[start, end)` and then adding `more` areas would make too many.
    /// With `emptied`, what lies in between goes first.
    pub(super) fn check_room(&self, start: u64, end: u64, emptied: bool, more: usize) -> Result<()> {
        if self.len() + more + 2 <= MAXIMUM_AREAS {
            return Ok(());
        }
        let splits = |at| usize::from(self.containing(at).is_some_and(|(start, _)| start < at));
        let gone = if emptied { self.within(start, end).count() } else { 0 };
        let after = self.len() + splits(start) + splits(end) - gone + more;
        if after > MAXIMUM_AREAS { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Makes `address` a border.
    fn split(&mut self, address: u64) {
        let Some((&start, area)) = self.by_start.range_mut(..address).next_back() else { return };
        if address < area.end {
            let upper = area.split_off(start, address);
            self.by_start.insert(address, upper);
        }
    }

    /// Lets the areas on both sides of `address` be one where they can.
    fn merge(&mut self, address: u64) {
        let Some((start, lower)) = self.below(address) else { return };
        if lower.end != address {
            return;
        }
        let Some(upper) = self.by_start.get(&address).filter(|upper| lower.continues_as(start, upper)) else { return };
        let (end, flags) = (upper.end, upper.flags);
        self.by_start.remove(&address);
        if let Some(lower) = self.by_start.get_mut(&start) {
            lower.end = end;
            lower.flags |= flags;
        }
    }

    /// Adds an area where nothing is.
    pub(super) fn insert(&mut self, start: u64, area: Area) {
        debug_assert!(start < area.end && self.within(start, area.end).next().is_none());
        let end = area.end;
        self.by_start.insert(start, area);
        self.add_counts(start, end);
        self.merge(end);
        self.merge(start);
    }

    fn add_counts(&mut self, start: u64, end: u64) {
        let part = self.count(start, end);
        self.counts.total += part.total;
        self.counts.data += part.data;
        self.counts.locked += part.locked;
    }

    fn subtract_counts(&mut self, start: u64, end: u64) {
        let part = self.count(start, end);
        self.counts.total -= part.total;
        self.counts.data -= part.data;
        self.counts.locked -= part.locked;
    }

    /// Takes all areas off `[start, end)`.
    pub(super) fn remove(&mut self, start: u64, end: u64) {
        self.subtract_counts(start, end);
        self.split(start);
        self.split(end);
        while let Some((&first, _)) = self.by_start.range(start..end).next() {
            self.by_start.remove(&first);
        }
        self.note_gap(start, end);
    }

    /// Changes every area of `[start, end)`, which is split at both ends first and merged again afterwards.
    pub(super) fn change(&mut self, start: u64, end: u64, mut change: impl FnMut(&mut Area)) {
        self.subtract_counts(start, end);
        self.split(start);
        self.split(end);
        for (_, area) in self.by_start.range_mut(start..end) {
            change(area);
        }
        self.add_counts(start, end);
        // From above, so that each border's lower neighbour is still there.
        let mut border = end;
        loop {
            self.merge(border);
            match self.below(border) {
                Some((below, _)) if below >= start => border = below,
                _ => break,
            }
        }
    }

    /// Lets the area that begins at `start` begin at `lower` instead, where nothing is.
    pub(super) fn extend_down(&mut self, start: u64, lower: u64) {
        if let Some(area) = self.by_start.remove(&start) {
            self.by_start.insert(lower, area);
            self.add_counts(lower, start);
            self.merge(lower);
        }
    }

    /// Where the gap below an area that begins at `start` ends for a new mapping.
    fn guarded(start: u64, area: &Area) -> u64 {
        if area.flags.contains(AreaFlags::GROWS_DOWN) { start.saturating_sub(STACK_GUARD) } else { start }
    }

    fn note_gap(&mut self, start: u64, end: u64) {
        let low = self.below(start).map_or(0, |(_, area)| area.end);
        let high = self.from(end).next().map_or(u64::MAX, |(start, area)| Self::guarded(start, area));
        let high = high.min(self.search.ceiling);
        if low < self.search.from {
            self.search.from = self.search.from.max(high);
        } else {
            self.search.longest = self.search.longest.max(high.saturating_sub(low));
        }
    }

    /// The highest place for `length` bytes in `[floor, ceiling)`.
    pub(super) fn highest_gap(&mut self, floor: u64, ceiling: u64, length: u64) -> Option<u64> {
        if self.search.ceiling != ceiling {
            self.search = Search { ceiling, from: ceiling, longest: 0 };
        }
        let resumed = length > self.search.longest;
        let mut high = if resumed { self.search.from } else { ceiling };
        let mut longest = if resumed { self.search.longest } else { 0 };
        let found = loop {
            // Here `high` is the end of a gap, or lies in the area below.
            let below = self.below(high);
            let low = below.map_or(0, |(_, area)| area.end).max(floor);
            if high.checked_sub(low).is_some_and(|gap| gap >= length) {
                break Some(high - length);
            }
            longest = longest.max(high.saturating_sub(low));
            match below {
                Some((start, area)) if start > floor => high = high.min(Self::guarded(start, area)),
                _ => break None,
            }
        };
        if found.is_some() && high < self.search.from {
            // The gap found stays below `from`: whether it is taken or not, what is said of those above holds.
            self.search.from = high;
            self.search.longest = longest;
        }
        found
    }

    /// The lowest place for `length` bytes in `[floor, ceiling)`.
    pub(super) fn lowest_gap(&self, floor: u64, ceiling: u64, length: u64) -> Option<u64> {
        let mut low = floor;
        for (start, area) in self.within(floor, ceiling) {
            if Self::guarded(start, area).checked_sub(low).is_some_and(|gap| gap >= length) {
                return Some(low);
            }
            low = low.max(area.end);
        }
        ceiling.checked_sub(low).is_some_and(|gap| gap >= length).then_some(low)
    }

    /// Whether `[start, start + length)` is free, the guard below a stack counted as taken.
    pub(super) fn is_free(&self, start: u64, end: u64) -> bool {
        self.at_or_above(start).is_none_or(|(next, area)| end <= Self::guarded(next, area))
    }
}
