//! Two streams in memory, one for each way: what connects two sockets of `AF_UNIX`, and two of TCP on this machine.
//!
//! A write makes a segment; its bytes are copied from the program before the lock is taken. A read copies to the program
//! under the lock, as far as pages are present, so what two threads read never mixes.

use super::unix::InFlight;
use super::{Common, PeerCredentials, Shutdown};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::transfer::{Destination, Source};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use spin::Mutex;

/// What a segment costs of a buffer beside its bytes, so that no one fills memory with empty ones.
const OVERHEAD: usize = 256;
/// The longest segment of a byte stream: a page's worth of pages, in one piece of the heap.
const LONGEST: usize = 32 * 1024;

/// What goes with the first byte of a segment.
#[derive(Default)]
pub(super) struct Attachment {
    pub(super) rights: Option<InFlight>,
    pub(super) credentials: Option<PeerCredentials>,
}

struct Segment {
    bytes: Vec<u8>,
    taken: usize,
    attachment: Attachment,
}

impl Segment {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    fn cost(&self) -> usize {
        self.bytes.capacity() + OVERHEAD
    }
}

/// What flows one way.
#[derive(Default)]
struct Direction {
    segments: VecDeque<Segment>,
    /// What the segments cost together.
    used: usize,
    /// The writer sends nothing more.
    is_finished: bool,
    /// The reader wants nothing more.
    is_refused: bool,
}

impl Direction {
    fn pop(&mut self) -> Option<Segment> {
        let segment = self.segments.pop_front()?;
        self.used -= segment.cost();
        Some(segment)
    }
}

struct Both {
    /// From each end.
    ways: [Direction; 2],
    is_closed: [bool; 2],
    /// An end was closed that had not read everything, or by force.
    is_reset: bool,
}

struct Shared {
    both: Mutex<Both>,
    ends: [Arc<Common>; 2],
    /// Whether each write is a record of its own.
    has_records: bool,
}

/// One end.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    side: usize,
}

/// What is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Nothing more will be read.
    pub(super) input: bool,
    /// This end sends nothing more.
    pub(super) output: bool,
    /// The peer takes nothing more.
    pub(super) is_refused: bool,
    /// The peer is closed.
    pub(super) is_closed: bool,
    /// And had not read everything.
    pub(super) is_reset: bool,
}

/// How a read goes.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The bytes stay.
    pub(super) peeks: bool,
    /// Whether it goes by who sent what: then the bytes of different senders are not put together.
    pub(super) by_sender: bool,
}

/// What a read gave.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) count: usize,
    /// The length of the record, where there are such.
    pub(super) record: usize,
    pub(super) attachment: Attachment,
}

impl Stream {
    /// Connects two sockets.
    pub(super) fn pair(one: &Arc<Common>, other: &Arc<Common>, has_records: bool) -> (Self, Self) {
        let both = Both { ways: [Direction::default(), Direction::default()], is_closed: [false; 2], is_reset: false };
        let shared = Arc::new(Shared { both: Mutex::new(both), ends: [one.clone(), other.clone()], has_records });
        (Self { shared: shared.clone(), side: 0 }, Self { shared, side: 1 })
    }

    fn me(&self) -> &Common {
        &self.shared.ends[self.side]
    }

    /// The socket at the other end.
    pub(super) fn peer(&self) -> &Arc<Common> {
        &self.shared.ends[1 - self.side]
    }

    /// Writes what has room; a record as a whole. Gives the bytes taken. `EAGAIN`, `EPIPE`, `EMSGSIZE`, `EFAULT`.
    pub(super) fn write(&self, from: &mut Source<'_>, mut attachment: Attachment) -> Result<usize> {
        let limit = self.me().settings().send_buffer as usize;
        let mut done = 0;
        if from.remaining() == 0 && !self.shared.has_records {
            // No bytes carry nothing.
            return self.room(limit, 0);
        }
        loop {
            let length = match self.room(limit, from.remaining()) {
                Ok(length) => length,
                Err(_) if done > 0 => return Ok(done),
                Err(errno) => return Err(errno),
            };
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(length).map_err(|_| Errno::ENOBUFS)?;
            bytes.resize(length, 0);
            if let Err(errno) = from.take(&mut bytes) {
                return if done > 0 { Ok(done) } else { Err(errno) };
            }
            let segment = Segment { bytes, taken: 0, attachment: core::mem::take(&mut attachment) };
            let mut both = self.shared.both.lock();
            let way = &mut both.ways[self.side];
            if way.is_refused || way.is_finished {
                return if done > 0 { Ok(done) } else { Err(Errno::EPIPE) };
            }
            if way.segments.try_reserve(1).is_err() {
                return if done > 0 { Ok(done) } else { Err(Errno::ENOBUFS) };
            }
            way.used += segment.cost();
            way.segments.push_back(segment);
            drop(both);
            self.peer().queue.wake(Events::IN);
            done += length;
            if self.shared.has_records || from.remaining() == 0 {
                return Ok(done);
            }
        }
    }

    /// How long the next segment may be.
    fn room(&self, limit: usize, wanted: usize) -> Result<usize> {
        let both = self.shared.both.lock();
        let way = &both.ways[self.side];
        if way.is_refused || way.is_finished {
            return Err(Errno::EPIPE);
        }
        let room = limit.saturating_sub(way.used);
        if self.shared.has_records {
            if wanted + OVERHEAD > limit {
                return Err(Errno::EMSGSIZE);
            }
            return if room >= wanted + OVERHEAD || way.used == 0 { Ok(wanted) } else { Err(Errno::EAGAIN) };
        }
        match room.saturating_sub(OVERHEAD) {
            0 if wanted > 0 => Err(Errno::EAGAIN),
            room => Ok(wanted.min(room).min(LONGEST)),
        }
    }

    /// Reads what is there: bytes up to the next ones that carry files, or a record. `None`: the end. `EAGAIN`,
    /// `EFAULT`, `ECONNRESET` by way of the socket's error.
    pub(super) fn read(&self, to: &mut Destination<'_>, how: Reading) -> Result<Option<Reader>> {
        let mut reader = Reader::default();
        loop {
            let mut both = self.shared.both.lock();
            let way = &mut both.ways[1 - self.side];
            if way.segments.is_empty() {
                if reader.count > 0 {
                    return Ok(Some(reader));
                }
                return if way.is_finished || way.is_refused { Ok(None) } else { Err(Errno::EAGAIN) };
            }
            let before = way.used;
            let is_done = if self.shared.has_records {
                way.read_record(to, how, &mut reader)
            } else {
                way.read_bytes(to, how, &mut reader)
            };
            let has_room = way.used < before;
            drop(both);
            if has_room {
                self.peer().queue.wake(Events::OUT);
            }
            if is_done {
                return Ok(Some(reader));
            }
            if let Err(errno) = to.fault_in() {
                return if reader.count > 0 { Ok(Some(reader)) } else { Err(errno) };
            }
        }
    }

    /// Bytes that can be read at once.
    pub(super) fn readable(&self) -> usize {
        let both = self.shared.both.lock();
        let way = &both.ways[1 - self.side];
        match self.shared.has_records {
            true => way.segments.front().map_or(0, |segment| segment.rest().len()),
            false => way.segments.iter().map(|segment| segment.rest().len()).sum(),
        }
    }

    /// Bytes that the peer has not read.
    pub(super) fn unread_by_peer(&self) -> usize {
        self.shared.both.lock().ways[self.side].used
    }

    /// Ends one way or both.
    pub(super) fn shutdown(&self, how: Shutdown) {
        let mut both = self.shared.both.lock();
        both.ways[self.side].is_finished |= how.write;
        both.ways[1 - self.side].is_refused |= how.read;
        drop(both);
        self.wake_both();
    }

    /// Closes this end. The peer hears of an error (`ECONNRESET`) when it had sent something that nobody will read, or
    /// with `by_force`.
    pub(super) fn close(&self, by_force: bool) {
        let mut both = self.shared.both.lock();
        both.is_closed[self.side] = true;
        both.ways[self.side].is_finished = true;
        let incoming = &mut both.ways[1 - self.side];
        incoming.is_refused = true;
        let lost = core::mem::take(&mut incoming.segments);
        incoming.used = 0;
        drop(both);
        // What was attached may close further sockets, so not under the lock.
        let resets = by_force || !lost.is_empty();
        drop(lost);
        if resets {
            self.shared.both.lock().is_reset = true;
            self.peer().set_error(Errno::ECONNRESET);
        }
        self.wake_both();
    }

    /// What is over.
    pub(super) fn ended(&self) -> Ended {
        let both = self.shared.both.lock();
        let (out, incoming) = (&both.ways[self.side], &both.ways[1 - self.side]);
        Ended {
            input: incoming.is_finished || incoming.is_refused,
            output: out.is_finished,
            is_refused: out.is_refused,
            is_closed: both.is_closed[1 - self.side],
            is_reset: both.is_reset,
        }
    }

    /// Whether there is something to read, and room for something to write: `poll(2)` tells the latter when a third is
    /// free, as Linux's streams do.
    pub(super) fn ready(&self) -> (bool, bool) {
        let settings = self.me().settings();
        let both = self.shared.both.lock();
        let is_writable = both.ways[self.side].used * 4 <= settings.send_buffer as usize * 3;
        (!both.ways[1 - self.side].segments.is_empty(), is_writable)
    }

    fn wake_both(&self) {
        self.shared.ends.iter().for_each(|end| end.queue.wake_all());
    }
}

impl Direction {
    /// Reads bytes, up to and with the first ones that carry files; gives whether that was all, or a page is to be faulted in first.
    fn read_bytes(&mut self, to: &mut Destination<'_>, how: Reading, reader: &mut Reader) -> bool {
        let mut index = 0;
        let mut passed = if how.peeks { reader.count } else { 0 };
        while let Some(segment) = self.segments.get_mut(index) {
            // What was peeked at before a page was faulted in.
            if passed > 0 && passed >= segment.rest().len() {
                passed -= segment.rest().len();
                index += 1;
                continue;
            }
            let is_first = reader.count == 0;
            let carries = segment.attachment.rights.is_some();
            let other_sender = how.by_sender && segment.attachment.credentials != reader.attachment.credentials;
            if !is_first && passed == 0 && other_sender {
                return true;
            }
            if is_first {
                reader.attachment.credentials = segment.attachment.credentials;
            }
            let wanted = segment.rest().get(passed..).unwrap_or_default();
            let length = wanted.len().min(to.remaining());
            let put = to.put_present(&wanted[..length]);
            passed = 0;
            reader.count += put;
            if put < length {
                if !how.peeks {
                    segment.taken += put;
                }
                return false;
            }
            if carries {
                reader.attachment.rights = match how.peeks {
                    true => segment.attachment.rights.clone(),
                    false => segment.attachment.rights.take(),
                };
            }
            if how.peeks {
                index += 1;
            } else {
                segment.taken += put;
                if segment.rest().is_empty() {
                    self.pop();
                }
            }
            if to.remaining() == 0 || carries {
                return true;
            }
        }
        true
    }

    /// Reads a record; gives whether that was all, or a page is to be faulted in first.
    fn read_record(&mut self, to: &mut Destination<'_>, how: Reading, reader: &mut Reader) -> bool {
        let Some(segment) = self.segments.front_mut() else { return true };
        let rest = segment.bytes.get(reader.count..).unwrap_or_default();
        let length = rest.len().min(to.remaining());
        let put = to.put_present(&rest[..length]);
        reader.count += put;
        if put < length {
            return false;
        }
        reader.record = segment.bytes.len();
        reader.attachment.credentials = segment.attachment.credentials;
        reader.attachment.rights = match how.peeks {
            true => segment.attachment.rights.clone(),
            false => segment.attachment.rights.take(),
        };
        if !how.peeks {
            self.pop();
        }
        true
    }
}
