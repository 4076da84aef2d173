//! Moving pieces of pipes without reading them: what `splice(2)` and `tee(2)` are made of.

use super::buffer::Piece;
use super::{Pipe, send_sigpipe};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::frame::Frame;

/// Bytes `start..end` of a frame, on the way into a pipe or out of it.
pub struct Parcel {
    pub(super) frame: Frame,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_packet: bool,
}

impl Parcel {
    /// The first `length` bytes of a frame.
    pub fn new(frame: Frame, length: usize) -> Self {
        Self { frame, start: 0, end: length, is_packet: false }
    }

    /// Bytes.
    pub fn length(&self) -> usize {
        self.end - self.start
    }

    /// Copies what it holds.
    pub fn read(&self, to: &mut [u8]) {
        let length = self.length().min(to.len());
        self.frame.read(self.start, &mut to[..length]);
    }

    /// Takes the first bytes off.
    pub fn skip(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

impl Pipe {
    /// Takes the first piece out, or as much of it as is wanted; `None` at the end, when nobody writes. `EAGAIN`.
    pub fn take(&self, length: usize) -> Result<Option<Parcel>> {
        let mut state = self.state.lock();
        let was_full = state.buffer.is_full();
        let Some(parcel) = state.buffer.take_first(length) else {
            return if state.writers > 0 { Err(Errno::EAGAIN) } else { Ok(None) };
        };
        let has_room = was_full && !state.buffer.is_full();
        let has_more = !state.buffer.is_empty();
        drop(state);
        if has_room {
            self.wake_writers();
        }
        if has_more {
            self.readable.hand_on(Events::IN);
            self.either.hand_on(Events::IN);
        }
        Ok(Some(parcel))
    }

    /// Puts back what [`Pipe::take`] gave and could not be used.
    pub fn put_back(&self, parcel: Parcel) {
        if parcel.length() > 0 {
            self.state.lock().buffer.put_back(Piece::shared(parcel));
            self.wake_readers();
        }
    }

    /// The piece with this index, or as much of it as is wanted, which stays where it is; `None` behind the last one.
    /// `EAGAIN` when there is none at all and somebody writes.
    pub fn look(&self, index: usize, length: usize) -> Result<Option<Parcel>> {
        let state = self.state.lock();
        match state.buffer.copy(index, length) {
            None if index == 0 && state.writers > 0 => Err(Errno::EAGAIN),
            found => Ok(found),
        }
    }

    /// Bytes in whole pages that have room. `EAGAIN` when none has; `EPIPE` and `SIGPIPE` when nobody reads.
    pub fn room(&self) -> Result<usize> {
        let state = self.state.lock();
        if state.readers == 0 {
            drop(state);
            send_sigpipe();
            return Err(Errno::EPIPE);
        }
        match state.buffer.free_pages() {
            0 => Err(Errno::EAGAIN),
            pages => Ok(pages * crate::frame::PAGE_SIZE),
        }
    }

    /// Adds a piece that nobody writes on to. Gives it back when the pipe is full or nobody reads any more.
    pub fn push(&self, parcel: Parcel) -> core::result::Result<(), Parcel> {
        let mut state = self.state.lock();
        if state.readers == 0 || state.buffer.is_full() {
            return Err(parcel);
        }
        state.buffer.push(Piece::shared(parcel));
        let has_room = !state.buffer.is_full();
        drop(state);
        self.wake_readers();
        if has_room {
            self.writable.hand_on(Events::OUT);
            self.either.hand_on(Events::OUT);
        }
        Ok(())
    }

    /// The queue of those who wait for bytes, and that of those who wait for room.
    pub fn queues(&self) -> (&crate::wait::WaitQueue, &crate::wait::WaitQueue) {
        (&self.readable, &self.writable)
    }
}
