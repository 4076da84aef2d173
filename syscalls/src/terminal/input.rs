//! The queue between the keys and the reader: a ring of bytes in which ends of lines are marked.

use alloc::boxed::Box;

use super::characters::DISABLED;

/// How many bytes wait for a reader at most, and the longest line, its newline included (`termios(3)`: 4096).
pub const CAPACITY: usize = 4096;

const MASK: usize = CAPACITY - 1;

/// Bytes that came in and were not read. In canonical mode the ones before `edited` belong to finished lines, the ones from
/// there on to the line that is still being typed. Positions only grow and are taken modulo the capacity.
pub(super) struct InputQueue {
    bytes: Box<[u8; CAPACITY]>,
    ends: [u64; CAPACITY / 64],
    tail: usize,
    edited: usize,
    head: usize,
}

impl InputQueue {
    pub(super) fn new() -> Self {
        Self { bytes: Box::new([0; CAPACITY]), ends: [0; CAPACITY / 64], tail: 0, edited: 0, head: 0 }
    }

    /// Bytes in the queue, the unfinished line included.
    pub(super) fn len(&self) -> usize {
        self.head.wrapping_sub(self.tail)
    }

    /// Bytes of the unfinished line.
    pub(super) fn line_len(&self) -> usize {
        self.head.wrapping_sub(self.edited)
    }

    /// Bytes of finished lines, markers of ends of file included.
    pub(super) fn finished_len(&self) -> usize {
        self.edited.wrapping_sub(self.tail)
    }

    fn at(&self, position: usize) -> u8 {
        self.bytes[position & MASK]
    }

    fn is_end(&self, position: usize) -> bool {
        let index = position & MASK;
        self.ends[index / 64] & (1 << (index % 64)) != 0
    }

    fn set_end(&mut self, position: usize, on: bool) {
        let index = position & MASK;
        let bit = 1 << (index % 64);
        if on {
            self.ends[index / 64] |= bit;
        } else {
            self.ends[index / 64] &= !bit;
        }
    }

    /// Adds a byte; one too many is lost.
    pub(super) fn push(&mut self, byte: u8) {
        if self.len() < CAPACITY {
            self.bytes[self.head & MASK] = byte;
            self.head = self.head.wrapping_add(1);
        }
    }

    /// Adds as many of the bytes as there is room for.
    pub(super) fn push_all(&mut self, bytes: &[u8]) {
        let start = self.head & MASK;
        let bytes = bytes.get(..CAPACITY - self.len()).unwrap_or(bytes);
        let (upper, lower) = bytes.split_at(bytes.len().min(CAPACITY - start));
        self.bytes[start..][..upper.len()].copy_from_slice(upper);
        self.bytes[..lower.len()].copy_from_slice(lower);
        self.head = self.head.wrapping_add(bytes.len());
    }

    /// Adds the last byte of a line ([`DISABLED`] for an end of file) and hands the line to the reader.
    pub(super) fn push_end(&mut self, byte: u8) {
        if self.len() < CAPACITY {
            self.set_end(self.head, true);
            self.push(byte);
            self.edited = self.head;
        }
    }

    /// The unfinished line's bytes, last one first.
    pub(super) fn line_backwards(&self) -> impl Iterator<Item = u8> {
        (1..=self.line_len()).map(|back| self.at(self.head.wrapping_sub(back)))
    }

    /// The byte at this distance from the start of the unfinished line.
    pub(super) fn line_byte(&self, index: usize) -> Option<u8> {
        (index < self.line_len()).then(|| self.at(self.edited.wrapping_add(index)))
    }

    /// Takes the last bytes of the unfinished line back.
    pub(super) fn erase(&mut self, count: usize) {
        self.head = self.head.wrapping_sub(count.min(self.line_len()));
    }

    pub(super) fn clear(&mut self) {
        self.ends = [0; CAPACITY / 64];
        self.tail = 0;
        self.edited = 0;
        self.head = 0;
    }

    /// The mode was switched with bytes waiting: in canonical mode all of them now are one finished line (the last byte its
    /// end), in raw mode there are no lines.
    pub(super) fn reframe(&mut self, canonical: bool) {
        self.ends = [0; CAPACITY / 64];
        if canonical && self.len() > 0 {
            self.set_end(self.head.wrapping_sub(1), true);
            self.edited = self.head;
        } else {
            self.edited = self.tail;
        }
    }

    /// What FIONREAD counts in canonical mode: finished lines without the markers of ends of file.
    pub(super) fn finished_bytes(&self) -> usize {
        let markers = (0..self.finished_len())
            .map(|index| self.tail.wrapping_add(index))
            .filter(|position| self.is_end(*position) && self.at(*position) == DISABLED);
        self.finished_len() - markers.count()
    }

    fn copy_out(&self, buffer: &mut [u8]) {
        let start = self.tail & MASK;
        let upper = buffer.len().min(CAPACITY - start);
        let (first, second) = buffer.split_at_mut(upper);
        first.copy_from_slice(&self.bytes[start..][..upper]);
        second.copy_from_slice(&self.bytes[..second.len()]);
    }

    /// Raw mode: moves what is there and fits into `buffer`; returns how much.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.len());
        if let Some(buffer) = buffer.get_mut(..count) {
            self.copy_out(buffer);
        }
        self.tail = self.tail.wrapping_add(count);
        // Keeps the (then meaningless) edge from falling behind the tail.
        self.edited = self.tail;
        count
    }

    /// Canonical mode: moves one finished line, or as much of it as fits, into `buffer`; returns how much. An end of file
    /// gives nothing of its own: alone it is an empty line, after bytes it goes with them, even if they just fit.
    pub(super) fn take_line(&mut self, buffer: &mut [u8]) -> usize {
        let limit = buffer.len().min(self.finished_len());
        let end = (0..limit).find(|index| self.is_end(self.tail.wrapping_add(*index)));
        let through = end.map_or(limit, |index| index + 1);
        let is_marker = |position: usize| self.is_end(position) && self.at(position) == DISABLED;
        let count = match end {
            Some(index) if is_marker(self.tail.wrapping_add(index)) => index,
            _ => through,
        };
        if let Some(buffer) = buffer.get_mut(..count) {
            self.copy_out(buffer);
        }
        let next = self.tail.wrapping_add(through);
        let swallow = end.is_none() && through < self.finished_len() && is_marker(next);
        if let Some(index) = end {
            self.set_end(self.tail.wrapping_add(index), false);
        }
        if swallow {
            self.set_end(next, false);
        }
        self.tail = next.wrapping_add(usize::from(swallow));
        count
    }
}
