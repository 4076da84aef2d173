//! The ends of a pipe as files.

use super::{Pipe, Side};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile, OpenFlags};
use crate::filesystem::{Attributes, Kind};
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use linux_raw_sys::general::{CAP_SYS_RESOURCE, F_GETPIPE_SZ, F_SETPIPE_SZ};
use linux_raw_sys::ioctl::FIONREAD;

/// What a pipe may hold at most without a privilege, in bytes: `/proc/sys/fs/pipe-max-size`.
static UNPRIVILEGED_CAPACITY: AtomicU64 = AtomicU64::new(1 << 20);

/// What a pipe may hold at most without a privilege, in bytes.
pub fn unprivileged_capacity() -> u64 {
    UNPRIVILEGED_CAPACITY.load(Ordering::Relaxed)
}

/// Sets it, rounded up as a pipe's size is. `EINVAL`.
pub fn set_unprivileged_capacity(bytes: u64) -> Result<()> {
    let bytes = u32::try_from(bytes).ok().filter(|&bytes| bytes <= 1 << 31).ok_or(Errno::EINVAL)?;
    UNPRIVILEGED_CAPACITY.store(u64::from(bytes.max(4096).next_power_of_two()), Ordering::Relaxed);
    Ok(())
}

/// An open end of a pipe; the end closes when it is dropped.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    side: Side,
    packets: AtomicBool,
    /// While no more writers than these have ever come, a reader does not hear that there is none.
    quiet_before: Option<u64>,
}

impl PipeEnd {
    /// Opens an end.
    pub fn new(pipe: &Arc<Pipe>, side: Side) -> Self {
        Self::open(pipe, side, false)
    }

    /// With `quiet`, the lack of a first writer does not show as a hang-up.
    pub(super) fn open(pipe: &Arc<Pipe>, side: Side, quiet: bool) -> Self {
        let mut state = pipe.state.lock();
        if side.reads() {
            state.readers += 1;
            state.readers_ever += 1;
        }
        if side.writes() {
            state.writers += 1;
            state.writers_ever += 1;
        }
        let quiet_before = (quiet && state.writers == 0).then_some(state.writers_ever);
        drop(state);
        Self { pipe: pipe.clone(), side, packets: AtomicBool::new(false), quiet_before }
    }

    /// The end that an open file is, if it is one.
    pub fn of(open: &OpenFile) -> Option<&Self> {
        let file: &dyn core::any::Any = &**open.file();
        file.downcast_ref()
    }

    /// The pipe.
    pub fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }

    /// Which end it is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Sets packet mode: `O_DIRECT`, at the opening or by `F_SETFL`.
    pub fn set_packets(&self, packets: bool) {
        self.packets.store(packets, Ordering::Relaxed);
    }
}

impl File for PipeEnd {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        self.pipe.read(to)
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        self.pipe.write(from, self.packets.load(Ordering::Relaxed))
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn can_signal(&self) -> bool {
        true
    }

    /// `F_GETPIPE_SZ` and `F_SETPIPE_SZ`.
    fn control(&self, thread: &Thread, command: u32, argument: u64) -> Result<i64> {
        match command {
            F_GETPIPE_SZ => Ok(self.pipe.capacity() as i64),
            F_SETPIPE_SZ
                if argument > unprivileged_capacity() && !thread.process.credentials().has(CAP_SYS_RESOURCE) =>
            {
                Err(Errno::EPERM)
            }
            F_SETPIPE_SZ => self.pipe.set_capacity(argument).map(|capacity| capacity as i64),
            _ => Err(Errno::EINVAL),
        }
    }

    fn poll(&self) -> Events {
        let state = self.pipe.state.lock();
        let mut events = Events::empty();
        if self.side.reads() {
            events.set(Events::IN, !state.buffer.is_empty());
            events.set(Events::HUP, state.writers == 0 && self.quiet_before != Some(state.writers_ever));
        }
        if self.side.writes() {
            events.set(Events::OUT, !state.buffer.is_full());
            events.set(Events::ERR, state.readers == 0);
        }
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(match self.side {
            Side::Read => &self.pipe.readable,
            Side::Write => &self.pipe.writable,
            Side::Both => &self.pipe.either,
        })
    }

    fn writes_whole(&self) -> bool {
        true
    }

    fn wakes_one(&self) -> bool {
        true
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        match request {
            FIONREAD => UserPtr::new(argument).write(thread, &(self.pipe.length() as i32)).map(|()| 0),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn attributes(&self) -> Attributes {
        Attributes { inode: self.pipe.number, ..Attributes::nameless(Kind::Fifo, 0o600) }
    }

    fn label(&self) -> String {
        format!("pipe:[{}]", self.pipe.number)
    }

    fn reopen(self: Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let side = match (flags.reads(), flags.writes()) {
            (true, false) => Side::Read,
            (false, true) => Side::Write,
            _ => Side::Both,
        };
        // Unlike a named fifo's, this one waits for nobody.
        let end = Self::new(&self.pipe, side);
        end.set_packets(flags.contains(OpenFlags::O_DIRECT));
        Ok(Arc::new(end))
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.readers -= usize::from(self.side.reads());
        state.writers -= usize::from(self.side.writes());
        let (readers, writers) = (state.readers, state.writers);
        if readers == 0 && writers == 0 {
            // A fifo's bytes do not outlive its last end.
            state.buffer.clear();
        }
        drop(state);
        if (readers == 0) != (writers == 0) {
            self.pipe.wake_all();
        }
    }
}
