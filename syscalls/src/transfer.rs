//! Where the bytes of a read go and those of a write come from: a program's buffers or the kernel's own.
//!
//! A file hands over what it has piece by piece and never sees an address. Copies may fault pages in, which may wait,
//! so no lock may be held over them. Who has to copy under a lock takes the `_present` forms: these stop at a page that
//! is not there; it is faulted in without the lock, and the copy tried again.

use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE_SIZE};
use crate::machine::{Access, machine};
use crate::thread::Thread;
use crate::user;
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Linux's `MAX_RW_COUNT`: no single transfer moves more.
pub const MAXIMUM: usize = 0x7fff_f000;

/// `struct iovec`: one buffer of a vectored call.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct IoVec {
    /// Where the buffer begins.
    pub base: u64,
    /// Its length in bytes.
    pub length: u64,
}

enum Place<'a> {
    One { thread: &'a Thread, address: u64 },
    Many { thread: &'a Thread, vectors: Vec<IoVec>, index: usize, within: u64 },
    Kernel(&'a mut [u8]),
    Bytes(&'a [u8]),
}

/// Copies a piece as the machine does: the program's address, where the piece begins in the transfer at hand, its
/// length. `Err(n)`: `n` bytes were copied.
type PieceCopy<'c> = &'c mut dyn FnMut(u64, usize, usize) -> core::result::Result<(), usize>;

/// The buffers of one transfer and how far it has come.
struct Buffers<'a> {
    place: Place<'a>,
    length: usize,
    done: usize,
}

impl<'a> Buffers<'a> {
    fn one(thread: &'a Thread, address: u64, length: usize) -> Result<Self> {
        // As Linux's access_ok: the whole range must lie in the user half, whatever part is used.
        if address.checked_add(length as u64).is_none_or(|end| end > user::USER_END) {
            return Err(Errno::EFAULT);
        }
        Ok(Self { place: Place::One { thread, address }, length: length.min(MAXIMUM), done: 0 })
    }

    fn many(thread: &'a Thread, vectors: u64, count: usize) -> Result<Self> {
        if count > 1024 {
            return Err(Errno::EINVAL);
        }
        let mut vectors = user::UserPtr::<IoVec>::new(vectors).read_array(thread, count)?;
        let mut total: u64 = 0;
        for vector in &mut vectors {
            if vector.length > i64::MAX as u64 {
                return Err(Errno::EINVAL);
            }
            if vector.base.checked_add(vector.length).is_none_or(|end| end > user::USER_END) {
                return Err(Errno::EFAULT);
            }
            vector.length = vector.length.min(MAXIMUM as u64 - total);
            total += vector.length;
        }
        Ok(Self { place: Place::Many { thread, vectors, index: 0, within: 0 }, length: total as usize, done: 0 })
    }

    fn remaining(&self) -> usize {
        self.length - self.done
    }

    /// The next address in the program, and how many bytes follow each other there; `None` for the kernel's own.
    fn next(&mut self) -> Option<(&'a Thread, u64, usize)> {
        let remaining = self.remaining();
        match &mut self.place {
            Place::One { thread, address } => Some((thread, *address + self.done as u64, remaining)),
            Place::Many { thread, vectors, index, within } => loop {
                let vector = vectors.get(*index)?;
                let left = vector.length - *within;
                if left > 0 {
                    return Some((thread, vector.base + *within, left as usize));
                }
                *index += 1;
                *within = 0;
            },
            Place::Kernel(_) | Place::Bytes(_) => None,
        }
    }

    /// Goes on by so many bytes of those that [`Buffers::next`] told.
    fn step(&mut self, count: usize) {
        if let Place::Many { within, .. } = &mut self.place {
            *within += count as u64;
        }
        self.done += count;
    }

    /// Calls `copy`, one of the machine's, with consecutive user addresses for the next `length` bytes (at most what
    /// remains), and faults in what is missing. `EFAULT`: what lies before was copied, and counts as done.
    #[inline]
    fn advance(
        &mut self,
        length: usize,
        access: Access,
        mut copy: impl FnMut(u64, usize, usize) -> core::result::Result<(), usize>,
    ) -> Result<usize> {
        let length = length.min(self.remaining());
        let mut moved = 0;
        if let Place::One { address, .. } = self.place {
            moved = copy(address + self.done as u64, 0, length).err().unwrap_or(length);
            self.done += moved;
            if moved == length {
                return Ok(length);
            }
        }
        self.advance_faulting(moved, length, access, &mut copy)
    }

    fn advance_faulting(&mut self, from: usize, length: usize, access: Access, copy: PieceCopy<'_>) -> Result<usize> {
        let mut moved = from + self.advance_present(from, length, copy);
        while moved < length {
            self.fault_in(access)?;
            moved += self.advance_present(moved, length, copy);
        }
        Ok(length)
    }

    /// Copies the bytes `from..length` of the transfer at hand as far as pages are present; gives their number.
    fn advance_present(&mut self, from: usize, length: usize, copy: PieceCopy<'_>) -> usize {
        let length = length.min(from + self.remaining()) - from;
        let mut moved = 0;
        while moved < length {
            let Some((_, address, available)) = self.next() else { break };
            let piece = available.min(length - moved);
            let outcome = copy(address, from + moved, piece);
            let copied = outcome.err().unwrap_or(piece);
            self.step(copied);
            moved += copied;
            if outcome.is_err() {
                break;
            }
        }
        moved
    }

    fn fault_in(&mut self, access: Access) -> Result<()> {
        match self.next() {
            Some((thread, address, _)) => thread.process.memory().fault_in(address, access),
            None => Ok(()),
        }
    }

    fn mark(&self) -> Mark {
        let (index, within) = match self.place {
            Place::Many { index, within, .. } => (index, within),
            _ => (0, 0),
        };
        Mark { index, within, done: self.done }
    }

    fn rewind(&mut self, mark: Mark) {
        if let Place::Many { index, within, .. } = &mut self.place {
            (*index, *within) = (mark.index, mark.within);
        }
        self.done = mark.done;
    }
}

/// How far a [`Source`] or [`Destination`] had come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    index: usize,
    within: u64,
    done: usize,
}

/// Where a read's bytes go.
pub struct Destination<'a>(Buffers<'a>);

impl<'a> Destination<'a> {
    /// One buffer of a program. `EFAULT` when it leaves the user half.
    pub fn user(thread: &'a Thread, address: u64, length: usize) -> Result<Self> {
        Buffers::one(thread, address, length).map(Self)
    }

    /// An array of `struct iovec` in a program. `EINVAL`, `EFAULT`.
    pub fn vectors(thread: &'a Thread, vectors: u64, count: usize) -> Result<Self> {
        Buffers::many(thread, vectors, count).map(Self)
    }

    /// The kernel's own buffer.
    pub fn kernel(buffer: &'a mut [u8]) -> Self {
        let length = buffer.len();
        Self(Buffers { place: Place::Kernel(buffer), length, done: 0 })
    }

    /// Bytes that still have room.
    pub fn remaining(&self) -> usize {
        self.0.remaining()
    }

    /// Bytes put so far.
    pub fn done(&self) -> usize {
        self.0.done
    }

    /// Puts the next bytes, as many as have room; gives their number. `EFAULT`: none or some of them were put.
    pub fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let Buffers { place, length, done } = &mut self.0;
        if let Place::Kernel(buffer) = place {
            let count = bytes.len().min(*length - *done);
            buffer[*done..*done + count].copy_from_slice(&bytes[..count]);
            *done += count;
            return Ok(count);
        }
        let machine = machine();
        self.0.advance(bytes.len(), Access::WRITE, |to, at, count| machine.copy_to_user(to, &bytes[at..at + count]))
    }

    /// Puts bytes of a frame.
    pub fn put_frame(&mut self, frame: &Frame, offset: usize, length: usize) -> Result<usize> {
        let Buffers { place, length: whole, done } = &mut self.0;
        if let Place::Kernel(buffer) = place {
            let count = length.min(*whole - *done);
            frame.read(offset, &mut buffer[*done..*done + count]);
            *done += count;
            return Ok(count);
        }
        assert!(offset + length <= PAGE_SIZE);
        let machine = machine();
        self.0.advance(length, Access::WRITE, |to, at, count| {
            machine.copy_frame_to_user(to, frame.number(), offset + at, count)
        })
    }

    /// Puts bytes of a frame as far as the program's pages are present, and gives their number. When these are fewer
    /// than there was room for, [`Destination::fault_in`] is to be called before the next try.
    pub fn put_frame_present(&mut self, frame: &Frame, offset: usize, length: usize) -> usize {
        let Buffers { place, length: whole, done } = &mut self.0;
        if let Place::Kernel(buffer) = place {
            let count = length.min(*whole - *done);
            frame.read(offset, &mut buffer[*done..*done + count]);
            *done += count;
            return count;
        }
        assert!(offset + length <= PAGE_SIZE);
        let machine = machine();
        self.0.advance_present(0, length, &mut |to, at, count| {
            machine.copy_frame_to_user(to, frame.number(), offset + at, count)
        })
    }

    /// [`Destination::put_frame_present`] for the kernel's bytes.
    pub fn put_present(&mut self, bytes: &[u8]) -> usize {
        let Buffers { place, length, done } = &mut self.0;
        if let Place::Kernel(buffer) = place {
            let count = bytes.len().min(*length - *done);
            buffer[*done..*done + count].copy_from_slice(&bytes[..count]);
            *done += count;
            return count;
        }
        let machine = machine();
        self.0.advance_present(0, bytes.len(), &mut |to, at, count| machine.copy_to_user(to, &bytes[at..at + count]))
    }

    /// Faults in the page that the next byte goes to. `EFAULT`.
    pub fn fault_in(&mut self) -> Result<()> {
        self.0.fault_in(Access::WRITE)
    }

    /// Puts zeros.
    pub fn put_zeros(&mut self, length: usize) -> Result<usize> {
        let Buffers { place, length: whole, done } = &mut self.0;
        if let Place::Kernel(buffer) = place {
            let count = length.min(*whole - *done);
            buffer[*done..*done + count].fill(0);
            *done += count;
            return Ok(count);
        }
        let machine = machine();
        self.0.advance(length, Access::WRITE, |to, _, count| machine.zero_user(to, count))
    }

    /// How far it has come.
    pub fn mark(&self) -> Mark {
        self.0.mark()
    }

    /// Goes back to where it was: what was put since is put again.
    pub fn rewind(&mut self, mark: Mark) {
        self.0.rewind(mark);
    }
}

/// Where a write's bytes come from.
pub struct Source<'a>(Buffers<'a>);

impl<'a> Source<'a> {
    /// One buffer of a program. `EFAULT` when it leaves the user half.
    pub fn user(thread: &'a Thread, address: u64, length: usize) -> Result<Self> {
        Buffers::one(thread, address, length).map(Self)
    }

    /// An array of `struct iovec` in a program. `EINVAL`, `EFAULT`.
    pub fn vectors(thread: &'a Thread, vectors: u64, count: usize) -> Result<Self> {
        Buffers::many(thread, vectors, count).map(Self)
    }

    /// The kernel's own bytes.
    pub fn kernel(bytes: &'a [u8]) -> Self {
        Self(Buffers { place: Place::Bytes(bytes), length: bytes.len(), done: 0 })
    }

    /// Bytes still to take.
    pub fn remaining(&self) -> usize {
        self.0.remaining()
    }

    /// Bytes taken so far.
    pub fn done(&self) -> usize {
        self.0.done
    }

    /// Takes the next bytes, as many as there are; gives their number. `EFAULT`: none or some of them were taken.
    pub fn take(&mut self, to: &mut [u8]) -> Result<usize> {
        let Buffers { place, length, done } = &mut self.0;
        if let Place::Bytes(bytes) = place {
            let count = to.len().min(*length - *done);
            to[..count].copy_from_slice(&bytes[*done..*done + count]);
            *done += count;
            return Ok(count);
        }
        let machine = machine();
        self.0.advance(to.len(), Access::READ, |from, at, count| machine.copy_from_user(from, &mut to[at..at + count]))
    }

    /// Takes bytes into a frame.
    pub fn take_frame(&mut self, frame: &Frame, offset: usize, length: usize) -> Result<usize> {
        let Buffers { place, length: whole, done } = &mut self.0;
        if let Place::Bytes(bytes) = place {
            let count = length.min(*whole - *done);
            frame.write(offset, &bytes[*done..*done + count]);
            *done += count;
            return Ok(count);
        }
        assert!(offset + length <= PAGE_SIZE);
        let machine = machine();
        self.0.advance(length, Access::READ, |from, at, count| {
            machine.copy_user_to_frame(from, frame.number(), offset + at, count)
        })
    }

    /// Takes bytes into a frame as far as the program's pages are present, and gives their number. When these are fewer
    /// than there are, [`Source::fault_in`] is to be called before the next try.
    pub fn take_frame_present(&mut self, frame: &Frame, offset: usize, length: usize) -> usize {
        let Buffers { place, length: whole, done } = &mut self.0;
        if let Place::Bytes(bytes) = place {
            let count = length.min(*whole - *done);
            frame.write(offset, &bytes[*done..*done + count]);
            *done += count;
            return count;
        }
        assert!(offset + length <= PAGE_SIZE);
        let machine = machine();
        self.0.advance_present(0, length, &mut |from, at, count| {
            machine.copy_user_to_frame(from, frame.number(), offset + at, count)
        })
    }

    /// [`Source::take_frame_present`] for the kernel's bytes.
    pub fn take_present(&mut self, to: &mut [u8]) -> usize {
        let Buffers { place, length, done } = &mut self.0;
        if let Place::Bytes(bytes) = place {
            let count = to.len().min(*length - *done);
            to[..count].copy_from_slice(&bytes[*done..*done + count]);
            *done += count;
            return count;
        }
        let machine = machine();
        self.0
            .advance_present(0, to.len(), &mut |from, at, count| machine.copy_from_user(from, &mut to[at..at + count]))
    }

    /// Faults in the page that the next byte comes from. `EFAULT`.
    pub fn fault_in(&mut self) -> Result<()> {
        self.0.fault_in(Access::READ)
    }

    /// How far it has come.
    pub fn mark(&self) -> Mark {
        self.0.mark()
    }

    /// Goes back to where it was: what was taken since is taken again.
    pub fn rewind(&mut self, mark: Mark) {
        self.0.rewind(mark);
    }

    /// Passes over bytes without looking at them, as `/dev/null` does.
    pub fn skip(&mut self, length: usize) -> usize {
        let length = length.min(self.0.remaining());
        if let Place::Many { .. } = self.0.place {
            // Cannot fail: nothing is copied.
            let _ = self.0.advance(length, Access::NONE, |_, _, _| Ok(()));
        } else {
            self.0.done += length;
        }
        length
    }
}
