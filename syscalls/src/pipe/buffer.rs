//! What is in a pipe: pieces of page frames, in order.

use super::splicing::Parcel;
use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE_SIZE};
use crate::transfer::{Destination, Mark, Source};
use alloc::collections::VecDeque;

/// Bytes `start..end` of a frame.
pub(super) struct Piece {
    frame: Frame,
    start: usize,
    end: usize,
    /// One write, which a read takes alone and whole: what it has no room for is lost.
    is_packet: bool,
    /// Whether more writing may put bytes behind: not where others have the frame, too.
    grows: bool,
}

impl Piece {
    /// Bytes that more writing can put behind.
    fn room(&self) -> usize {
        if self.is_packet || !self.grows { 0 } else { PAGE_SIZE - self.end }
    }

    /// A piece of a frame that others may have, too.
    pub(super) fn shared(parcel: Parcel) -> Self {
        let Parcel { frame, start, end, is_packet } = parcel;
        Self { frame, start, end, is_packet, grows: false }
    }

    /// Its first bytes.
    fn first(&self, length: usize) -> Parcel {
        let end = self.end.min(self.start.saturating_add(length));
        Parcel { frame: self.frame.clone(), start: self.start, end, is_packet: self.is_packet }
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
    /// A page of the program is to be faulted in where the transfer stands; then the piece is to be copied again from
    /// where it began.
    MissingPage(Mark),
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

    /// Sets the number of pages. `EBUSY` when more are in use.
    pub(super) fn resize(&mut self, pages: usize) -> Result<()> {
        if self.pieces.len() > pages {
            return Err(Errno::EBUSY);
        }
        self.pages = pages;
        Ok(())
    }

    /// Reads whole pieces, or what is wanted of one, as far as the program's pages are present; gives the number of
    /// bytes and why it ended. As on Linux, a piece that cannot be copied whole stays as it is.
    pub(super) fn read(&mut self, to: &mut Destination<'_>) -> (usize, Stop) {
        let mut bytes = 0;
        while to.remaining() > 0 {
            let Some(first) = self.pieces.front_mut() else { break };
            let wanted = (first.end - first.start).min(to.remaining());
            let mark = to.mark();
            if to.put_frame_present(&first.frame, first.start, wanted) < wanted {
                return (bytes, Stop::MissingPage(mark));
            }
            first.start += wanted;
            bytes += wanted;
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
            self.keep(piece.frame);
        }
    }

    /// Keeps a frame for the next piece, unless others have it, too.
    fn keep(&mut self, frame: Frame) {
        if frame.is_exclusive() {
            self.spare.get_or_insert(frame);
        }
    }

    /// Takes the first piece out, or as much of it as is wanted.
    pub(super) fn take_first(&mut self, length: usize) -> Option<Parcel> {
        let first = self.pieces.front_mut()?;
        let parcel = first.first(length);
        first.start = parcel.end;
        if first.start == first.end || first.is_packet {
            self.pieces.pop_front();
        }
        Some(parcel)
    }

    /// Puts a piece before all others.
    pub(super) fn put_back(&mut self, piece: Piece) {
        self.pieces.push_front(piece);
    }

    /// As much as is wanted of the piece with this index.
    pub(super) fn copy(&self, index: usize, length: usize) -> Option<Parcel> {
        self.pieces.get(index).map(|piece| piece.first(length))
    }

    /// Adds a piece behind all others; there is room.
    pub(super) fn push(&mut self, piece: Piece) {
        self.pieces.push_back(piece);
    }

    /// Pieces that have room.
    pub(super) fn free_pages(&self) -> usize {
        self.pages.saturating_sub(self.pieces.len())
    }

    /// Writes up to `length` bytes, as far as there is room and the program's pages are present; gives their number and
    /// why it ended. Each piece goes in as a whole.
    pub(super) fn write(&mut self, from: &mut Source<'_>, length: usize, as_packet: bool) -> (usize, Stop) {
        let mut written = 0;
        // As on Linux: what is beyond whole pages goes to the last piece where it fits there undivided.
        let odd = length % PAGE_SIZE;
        if odd > 0 && !as_packet && self.pieces.back().is_some_and(|last| last.room() >= odd) {
            if let Err(stop) = self.fill_last(from, odd) {
                return (0, stop);
            }
            written = odd;
        }
        while written < length {
            let wanted = (length - written).min(PAGE_SIZE);
            if let Err(stop) = self.add_piece(as_packet).and_then(|()| self.fill_last(from, wanted)) {
                self.drop_empty_last();
                return (written, stop);
            }
            written += wanted;
        }
        (written, Stop::Done)
    }

    fn fill_last(&mut self, from: &mut Source<'_>, length: usize) -> core::result::Result<(), Stop> {
        let Some(last) = self.pieces.back_mut() else { return Err(Stop::Full) };
        let mark = from.mark();
        if from.take_frame_present(&last.frame, last.end, length) < length {
            return Err(Stop::MissingPage(mark));
        }
        last.end += length;
        Ok(())
    }

    fn add_piece(&mut self, is_packet: bool) -> core::result::Result<(), Stop> {
        if self.is_full() {
            return Err(Stop::Full);
        }
        self.pieces.try_reserve(1).map_err(|_| Stop::NoMemory)?;
        let frame = self.spare.take().or_else(Frame::uninitialised).ok_or(Stop::NoMemory)?;
        self.pieces.push_back(Piece { frame, start: 0, end: 0, is_packet, grows: true });
        Ok(())
    }

    fn drop_empty_last(&mut self) {
        if self.pieces.back().is_some_and(|last| last.start == last.end)
            && let Some(piece) = self.pieces.pop_back()
        {
            self.keep(piece.frame);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.spare = None;
    }
}
