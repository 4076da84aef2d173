//! Open files: what a descriptor refers to.

mod anonymous;
pub mod calls;
mod descriptor;
pub mod driven;
mod flags;
pub mod lock;
mod open;

pub use descriptor::{Descriptor, FileTable};
pub use flags::{AtFlags, OpenFlags};
pub use open::{OpenFile, StatusFlags};

use crate::errno::{Errno, Result};
use crate::filesystem::{Attributes, Kind};
use crate::frame::Frame;
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::wait::WaitQueue;
use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;

bitflags::bitflags! {
    /// What `poll(2)` reports; the bits are `EPOLL*`'s and `POLL*`'s.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Events: u32 {
        /// Something to read.
        const IN = 0x1;
        /// Urgent data.
        const PRI = 0x2;
        /// Room to write.
        const OUT = 0x4;
        /// An error; always reported.
        const ERR = 0x8;
        /// The other side is gone; always reported.
        const HUP = 0x10;
        /// The peer shut its writing side.
        const RDHUP = 0x2000;
    }
}

/// Where `mmap` gets a file's pages.
pub trait Pages: Send + Sync {
    /// The page with this index (offset / 4096). With `for_write` the frame is the file's own for good, as a shared
    /// mapping needs it, be it to write or to see what others write; without, a private mapping may keep it as it is.
    /// `Ok(None)`: beyond the end of the file (`SIGBUS`). `ENOMEM`, `EIO`, `ENOSPC`.
    fn page(&self, index: u64, for_write: bool) -> Result<Option<Frame>>;

    /// How many pages it holds, where that is asked of it.
    fn held(&self) -> u64 {
        0
    }

    /// Whether `frame` is still this page: asked under the lock of the address space that is about to map it, since the
    /// file may have been cut meanwhile.
    fn holds(&self, index: u64, frame: &Frame) -> bool {
        let _ = (index, frame);
        true
    }

    /// Makes the pages `[first, end)` a hole (`MADV_REMOVE`). `EOPNOTSUPP`.
    fn remove(&self, first: u64, end: u64) -> Result<()> {
        let _ = (first, end);
        Err(Errno::EOPNOTSUPP)
    }

    /// The page with this index for a private mapping, if it is there already: called to map the neighbours of a page
    /// that was touched, so it neither waits nor allocates.
    fn present(&self, index: u64) -> Option<Frame> {
        let _ = index;
        None
    }
}

/// What stands behind an open file description. Default bodies answer what the man pages say of a file that lacks
/// the operation.
///
/// No method but [`File::read_waiting`] blocks: where an operation would, it answers `EAGAIN`, and the caller waits on [`File::queue`] and tries
/// again. Locks are not held over copies to or from a program.
pub trait File: Any + Send + Sync {
    /// Reads at `offset` (streams ignore it). 0 is the end of the file.
    fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let _ = (to, offset);
        Err(Errno::EINVAL)
    }

    /// Writes at `offset` (streams ignore it).
    fn write(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        let _ = (from, offset);
        Err(Errno::EINVAL)
    }

    /// Writes at the end, atomically; also gives the offset behind what was written.
    fn append(&self, from: &mut Source<'_>) -> Result<(usize, u64)> {
        self.write(from, 0).map(|count| (count, 0))
    }

    /// Whether it has no offset: pipes, sockets, terminals. Never changes. `lseek` and `pread` answer `ESPIPE`.
    fn is_stream(&self) -> bool {
        false
    }

    /// Whether `lseek(2)` says 0 and moves nothing: devices of memory, and most streams that were made without a path.
    fn ignores_seeks(&self) -> bool {
        false
    }

    /// Whether a write that may wait goes on until all is written: pipes, terminals, stream sockets. Only asked of
    /// streams.
    fn writes_whole(&self) -> bool {
        false
    }

    /// What is possible right now. Plain files are always ready.
    fn poll(&self) -> Events {
        Events::IN | Events::OUT
    }

    /// Woken whenever [`File::poll`] may answer something new; `None` for a file that is always ready.
    fn queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Whether it can be waited on at all: `epoll_ctl(2)` answers `EPERM` to what cannot, such as plain files.
    fn can_poll(&self) -> bool {
        self.queue().is_some()
    }

    /// How long, in nanoseconds, a read ([`Events::IN`]) or write waits at most: `SO_RCVTIMEO`, `SO_SNDTIMEO`. When that
    /// is over it answers `EAGAIN`, and a signal ends it for good.
    fn patience(&self, events: Events) -> Option<u64> {
        let _ = events;
        None
    }

    /// Whether a change is for one blocked reader or writer alone: see [`wait_in_turn`](crate::wait::wait_in_turn).
    fn wakes_one(&self) -> bool {
        false
    }

    /// Whether reads wait by rules of their own, by [`File::read_waiting`]: terminals. Never changes; only asked of
    /// streams.
    fn waits_itself(&self) -> bool {
        false
    }

    /// A read that waits as the file sees fit, or with `may_wait` false not at all. Only asked for where
    /// [`File::waits_itself`].
    fn read_waiting(&self, to: &mut Destination<'_>, may_wait: bool) -> Result<usize> {
        let _ = may_wait;
        self.read(to, 0)
    }

    /// Whether it can signal that it is ready (`O_ASYNC`).
    fn can_signal(&self) -> bool {
        false
    }

    /// `ioctl(2)`. `ENOTTY`.
    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        let _ = (thread, request, argument);
        Err(Errno::ENOTTY)
    }

    /// The commands of `fcntl(2)` that are the file's own: a pipe's size, a memory file's seals. `EINVAL`.
    fn control(&self, thread: &Thread, command: u32, argument: u64) -> Result<i64> {
        let _ = (thread, command, argument);
        Err(Errno::EINVAL)
    }

    /// The pages for `mmap`. `ENODEV`.
    fn pages(&self) -> Result<Arc<dyn Pages>> {
        Err(Errno::ENODEV)
    }

    /// Whether a mapping of it is fresh memory, as without a file: `/dev/zero`.
    fn maps_zeros(&self) -> bool {
        false
    }

    /// Whether seals let a shared mapping be written, now (`writable`) or after `mprotect(2)`. `EPERM` when it is to be
    /// and may not.
    fn may_write_shared(&self, writable: bool) -> Result<bool> {
        let _ = writable;
        Ok(true)
    }

    /// The first offset from `offset` on with data (`SEEK_DATA`). `ENXIO`, `EINVAL`.
    fn seek_data(&self, offset: u64) -> Result<u64> {
        let _ = offset;
        Err(Errno::EINVAL)
    }

    /// The first offset from `offset` on without data (`SEEK_HOLE`). `ENXIO`, `EINVAL`.
    fn seek_hole(&self, offset: u64) -> Result<u64> {
        let _ = offset;
        Err(Errno::EINVAL)
    }

    /// Gives `[start, end)` memory (`fallocate(2)`); the file grows as far with `grow`. `ENODEV`.
    fn allocate(&self, start: u64, end: u64, grow: bool) -> Result<()> {
        let _ = (start, end, grow);
        Err(Errno::ENODEV)
    }

    /// Makes `[start, end)` a hole (`FALLOC_FL_PUNCH_HOLE`). `ENODEV`.
    fn punch(&self, start: u64, end: u64) -> Result<()> {
        let _ = (start, end);
        Err(Errno::ENODEV)
    }

    /// `fsync(2)`. `EINVAL`: nothing that could be stored.
    fn sync(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// What `fstat(2)` says of a file that was not opened by a path.
    fn attributes(&self) -> Attributes {
        Attributes::nameless(Kind::Anonymous, 0o600)
    }

    /// How `/proc/self/fd` shows a file that was not opened by a path.
    fn label(&self) -> String {
        String::from("anon_inode:[file]")
    }

    /// A new description of a file that was not opened by a path, through `/proc/self/fd`. `ENXIO`.
    fn reopen(self: Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let _ = flags;
        Err(Errno::ENXIO)
    }
}
