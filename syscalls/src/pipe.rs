//! Pipes, `pipe(7)`: bytes in page frames between those who write and those who read.
//!
//! A [`Pipe`] is the buffer with its two wait queues; a [`PipeEnd`] is what is open of it, and its drop closes that
//! end. Named fifos open further ends of the same pipe.
//!
//! Bytes are copied between the program and the frames under the pipe's lock, by copies that stop where a page is
//! missing (`_present` in [`transfer`](crate::transfer)). So a write of up to 4096 bytes goes in as a whole or not at
//! all, a read takes bytes that follow each other, and no byte is copied twice.

mod buffer;
pub mod calls;
mod end;
mod fifo;
mod splicing;
#[cfg(test)]
mod tests;

pub use end::{PipeEnd, set_unprivileged_capacity, unprivileged_capacity};
pub use splicing::Parcel;

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::frame::PAGE_SIZE;
use crate::machine::machine;
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use crate::transfer::{Destination, Source};
use crate::wait::WaitQueue;
use alloc::sync::Arc;
use buffer::{Buffer, Stop};
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;

/// `PIPE_BUF`: writes up to this length are atomic. Also the longest packet.
pub const ATOMIC: usize = PAGE_SIZE;
/// Pages that a new pipe has room for.
const DEFAULT_PAGES: usize = 16;
/// The largest size that `F_SETPIPE_SZ` takes.
const LARGEST: u64 = 1 << 31;

/// What is open of a pipe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The end that is read.
    Read,
    /// The end that is written.
    Write,
    /// Both, as a fifo can be opened.
    Both,
}

impl Side {
    const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

struct State {
    buffer: Buffer,
    readers: usize,
    writers: usize,
    /// Ends that were ever opened to read, and to write: who opens a fifo waits for the other count to move.
    readers_ever: u64,
    writers_ever: u64,
}

/// A pipe.
pub struct Pipe {
    /// The inode number that Linux's internal file system would give it.
    number: u64,
    state: Mutex<State>,
    readable: WaitQueue,
    writable: WaitQueue,
    /// For ends that are both.
    either: WaitQueue,
}

impl Pipe {
    /// A pipe with no end open.
    pub fn new() -> Arc<Self> {
        let buffer = Buffer::new(DEFAULT_PAGES);
        let state = State { buffer, readers: 0, writers: 0, readers_ever: 0, writers_ever: 0 };
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            state: Mutex::new(state),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            either: WaitQueue::new(),
        })
    }

    /// Reads: what is there, at most one packet. 0 when nothing is there and nobody writes. `EAGAIN`, `EFAULT`.
    pub fn read(&self, to: &mut Destination<'_>) -> Result<usize> {
        let mut count = 0;
        while to.remaining() > 0 {
            let mut state = self.state.lock();
            if state.buffer.is_empty() {
                let would_block = count == 0 && state.writers > 0;
                return if would_block { Err(Errno::EAGAIN) } else { Ok(count) };
            }
            let was_full = state.buffer.is_full();
            let (taken, stop) = state.buffer.read(to);
            let has_room = was_full && !state.buffer.is_full();
            let has_more = !state.buffer.is_empty();
            drop(state);
            count += taken;
            if has_room {
                self.wake_writers();
            }
            if has_more {
                self.readable.hand_on(Events::IN);
                self.either.hand_on(Events::IN);
            }
            let Stop::MissingPage(mark) = stop else { break };
            let faulted = to.fault_in();
            to.rewind(mark);
            if let Err(errno) = faulted {
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
        }
        Ok(count)
    }

    /// Writes as much as has room; up to 4096 bytes all or nothing. With `packets` each up to 4096 bytes are one packet.
    /// `EAGAIN`, `EFAULT`, `ENOMEM`; `EPIPE` and `SIGPIPE` when nobody reads.
    pub fn write(&self, from: &mut Source<'_>, packets: bool) -> Result<usize> {
        let mut count = 0;
        while from.remaining() > 0 {
            let (written, stop) = match self.write_some(from, packets) {
                Ok(outcome) => outcome,
                Err(_) if count > 0 => return Ok(count),
                Err(errno) => return Err(errno),
            };
            count += written;
            let ended = match stop {
                Stop::Done => Ok(()),
                Stop::Full => Err(Errno::EAGAIN),
                Stop::NoMemory => Err(Errno::ENOMEM),
                Stop::MissingPage(mark) => {
                    let faulted = from.fault_in();
                    from.rewind(mark);
                    faulted
                }
            };
            if let Err(errno) = ended {
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
        }
        Ok(count)
    }

    /// One step of a write under the lock. Up to 4096 bytes are one piece, which goes in as a whole.
    fn write_some(&self, from: &mut Source<'_>, packets: bool) -> Result<(usize, Stop)> {
        let length = if packets { from.remaining().min(ATOMIC) } else { from.remaining() };
        let mut state = self.state.lock();
        if state.readers == 0 {
            drop(state);
            send_sigpipe();
            return Err(Errno::EPIPE);
        }
        let (written, stop) = state.buffer.write(from, length, packets);
        let has_room = !state.buffer.is_full();
        drop(state);
        if written > 0 {
            self.wake_readers();
            if has_room {
                self.writable.hand_on(Events::OUT);
                self.either.hand_on(Events::OUT);
            }
        }
        Ok((written, stop))
    }

    /// Bytes that can be read.
    pub fn length(&self) -> usize {
        self.state.lock().buffer.length()
    }

    /// `F_GETPIPE_SZ`: bytes that fit.
    pub fn capacity(&self) -> usize {
        self.state.lock().buffer.pages() * PAGE_SIZE
    }

    /// `F_SETPIPE_SZ`: takes a number of pages that is a power of two and gives the new capacity. `EINVAL` beyond 2 GiB,
    /// `EBUSY` when more than that is in the pipe.
    pub fn set_capacity(&self, bytes: u64) -> Result<usize> {
        if bytes > LARGEST {
            return Err(Errno::EINVAL);
        }
        let pages = (bytes as usize).div_ceil(PAGE_SIZE).max(1).next_power_of_two();
        let mut state = self.state.lock();
        let was_full = state.buffer.is_full();
        state.buffer.resize(pages)?;
        let has_room = was_full && !state.buffer.is_full();
        drop(state);
        if has_room {
            self.wake_writers();
        }
        Ok(pages * PAGE_SIZE)
    }

    fn wake_readers(&self) {
        self.readable.wake(Events::IN);
        self.either.wake(Events::IN);
    }

    fn wake_writers(&self) {
        self.writable.wake(Events::OUT);
        self.either.wake(Events::OUT);
    }

    fn wake_all(&self) {
        self.readable.wake_all();
        self.writable.wake_all();
        self.either.wake_all();
    }
}

/// What Linux sends a thread that writes where nobody reads.
pub(crate) fn send_sigpipe() {
    let thread = machine().current();
    // Cannot fail: a standard signal needs no room.
    let _ = send(Target::Thread(&thread), SigInfo::user(Signal::PIPE, SigInfo::USER, thread.process.id, 0));
}
