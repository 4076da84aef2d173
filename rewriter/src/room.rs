//! Where trampolines may stand, and what is still free of it.

use alloc::vec::Vec;
use core::ops::Range;

/// Free addresses. Who takes the particular sites first and those without a [`Constraint`](crate::Constraint) last
/// gets the fullest pages.
#[derive(Clone, Debug, Default)]
pub struct Room {
    /// Sorted, none empty, none overlap.
    free: Vec<Range<u64>>,
}

impl Room {
    /// These addresses, in any order.
    pub fn new(ranges: impl IntoIterator<Item = Range<u64>>) -> Room {
        let mut room = Room::default();
        ranges.into_iter().for_each(|range| room.add(range));
        room
    }

    /// More addresses, or some that are free again. What is free already stays it.
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.free.partition_point(|free| free.end < range.start);
        let end = self.free.partition_point(|free| free.start <= range.end);
        let touched = self.free.drain(first..end.max(first));
        let joined = touched.fold(range, |all, free| all.start.min(free.start)..all.end.max(free.end));
        self.free.insert(first, joined);
    }

    /// Takes `size` bytes at the lowest place that fits. `next` gives the first good place at or above an address, as
    /// [`Site::next_place`](crate::Site::next_place) does.
    pub fn take(&mut self, size: u64, next: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut from = 0;
        for index in 0..self.free.len() {
            let free = self.free.get(index)?.clone();
            let place = next(free.start.max(from))?;
            // All ranges up to there are of no use.
            from = place;
            let Some(end) = place.checked_add(size).filter(|&end| place >= free.start && end <= free.end) else {
                continue;
            };
            self.free.splice(index..=index, [free.start..place, end..free.end].into_iter().filter(|r| !r.is_empty()));
            return Some(place);
        }
        None
    }

    /// What is free, sorted.
    pub fn free(&self) -> &[Range<u64>] {
        &self.free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_fitting_place_is_taken() {
        let mut room = Room::new([100..110, 0..4, 200..300]);
        assert_eq!(room.take(8, Some), Some(100));
        assert_eq!(room.take(8, Some), Some(200));
        assert_eq!(room.take(2, Some), Some(0));
        assert_eq!(room.take(4, |from| Some(from.max(250))), Some(250));
        assert_eq!(room.free(), [2..4, 108..110, 208..250, 254..300]);
        assert_eq!(room.take(100, Some), None);
        assert_eq!(room.take(1, |_| None), None);
    }

    #[test]
    fn what_comes_back_joins_its_neighbours() {
        let mut room = Room::new([0..10, 20..30, 40..50]);
        room.add(10..20);
        room.add(45..60);
        room.add(7..7);
        assert_eq!(room.free(), [0..30, 40..60]);
        room.add(0..100);
        assert_eq!(room.take(100, Some), Some(0));
        assert!(room.free().is_empty());
    }
}
