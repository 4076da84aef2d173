//! What is in a pipe: pieces of page frames, in order.

use super::ATOMIC;
use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE_SIZE};
use crate::transfer::{Destination, Source};
use alloc::collections::VecDeque;

/// Bytes `start..end` of a frame.
struct Piece {
    frame: Frame,
    start: usize,
    end: usize,
    /// One write, which a read takes alone and whole: what it has no room for is lost.
    is_packet: bool,
}

impl Piece {
    /// Bytes that more writing can put behind.
    fn room(&self) -> usize {
        if self.is_packet { 0 } else { PAGE_SIZE - self.end }
    }
}

/// Why a transfer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// As wanted, or there is no more to read.
    Done,
    /// No room is left.
    Full,
    /// No frame was left for more.
    NoMemory,
    /// A page of the program is to be faulted in.
    MissingPage,
}

/// The pieces of one pipe.
pub(super) struct Buffer {
    pieces: VecDeque<Piece>,
    /// How many there can be.
    pages: usize,
    /// The frame of a piece that was read, for the next one to be written.
    spare: Option<Frame>,
}

impl Buffer {
    pub(super) const fn new(pages: usize) -> Self {
        Self { pieces: VecDeque::new(), pages, spare: None }
    }

    pub(super) const fn pages(&self) -> usize {
        self.pages
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether no whole page has room: what `poll(2)` goes by.
    pub(super) fn is_full(&self) -> bool {
        self.pieces.len() >= self.pages
    }

    pub(super) fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.end - piece.start).sum()
    }

    /// Whether a write of up to [`ATOMIC`] bytes has room.
    pub(super) fn fits(&self, length: usize, as_packet: bool) -> bool {
        debug_assert!(length <= ATOMIC);
        !self.is_full() || !as_packet && self.last_has_room(length)
    }

    /// Sets the number of pages. `EBUSY` when more are in use.
    pub(super) fn resize(&mut self, pages: usize) -> Result<()> {
        if self.pieces.len() > pages {
            return Err(Errno::EBUSY);
        }
        self.pages = pages;
        Ok(())
    }

    /// Reads, as far as the program's pages are present; gives the number of bytes and why it ended.
    pub(super) fn read(&mut self, to: &mut Destination<'_>) -> (usize, Stop) {
        let mut bytes = 0;
        while to.remaining() > 0 {
            let Some(first) = self.pieces.front_mut() else { break };
            let wanted = (first.end - first.start).min(to.remaining());
            let put = to.put_frame_present(&first.frame, first.start, wanted);
            first.start += put;
            bytes += put;
            if put < wanted {
                return (bytes, Stop::MissingPage);
            }
            let is_packet = first.is_packet;
            if first.start == first.end || is_packet {
                self.drop_first();
            }
            if is_packet {
                break;
            }
        }
        (bytes, Stop::Done)
    }

    fn drop_first(&mut self) {
        if let Some(piece) = self.pieces.pop_front() {
            self.spare.get_or_insert(piece.frame);
        }
    }

    /// Writes up to `length` bytes, as far as there is room and the program's pages are present; gives their number and
    /// why it ended.
    pub(super) fn write(&mut self, from: &mut Source<'_>, length: usize, as_packet: bool) -> (usize, Stop) {
        let mut written = 0;
        // As on Linux: what is beyond whole pages goes to the last piece where it fits there undivided.
        let odd = length % PAGE_SIZE;
        if odd > 0 && !as_packet && self.last_has_room(odd) {
            written = self.fill_last(from, odd);
            if written < odd {
                return (written, Stop::MissingPage);
            }
        }
        while written < length {
            if let Err(stop) = self.add_piece(as_packet) {
                return (written, stop);
            }
            let wanted = (length - written).min(PAGE_SIZE);
            let taken = self.fill_last(from, wanted);
            written += taken;
            if taken < wanted {
                self.drop_empty_last();
                return (written, Stop::MissingPage);
            }
        }
        (written, Stop::Done)
    }

    fn last_has_room(&self, length: usize) -> bool {
        self.pieces.back().is_some_and(|last| last.room() >= length)
    }

    fn fill_last(&mut self, from: &mut Source<'_>, length: usize) -> usize {
        let Some(last) = self.pieces.back_mut() else { return 0 };
        let taken = from.take_frame_present(&last.frame, last.end, length);
        last.end += taken;
        taken
    }

    fn add_piece(&mut self, is_packet: bool) -> core::result::Result<(), Stop> {
        if self.is_full() {
            return Err(Stop::Full);
        }
        self.pieces.try_reserve(1).map_err(|_| Stop::NoMemory)?;
        let frame = self.spare.take().or_else(Frame::uninitialised).ok_or(Stop::NoMemory)?;
        self.pieces.push_back(Piece { frame, start: 0, end: 0, is_packet });
        Ok(())
    }

    fn drop_empty_last(&mut self) {
        if self.pieces.back().is_some_and(|last| last.start == last.end)
            && let Some(piece) = self.pieces.pop_back()
        {
            self.spare.get_or_insert(piece.frame);
        }
    }

    /// Takes back the last `count` bytes that were written.
    pub(super) fn retract(&mut self, mut count: usize) {
        while count > 0
            && let Some(last) = self.pieces.back_mut()
        {
            let part = count.min(last.end - last.start);
            last.end -= part;
            count -= part;
            self.drop_empty_last();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.spare = None;
    }
}
