//! Open file descriptions, `open(2)`: what `dup` and `fork` share.

use super::{Events, File, anonymous};
use crate::errno::{Errno, Result};
use crate::filesystem::{Attributes, Entry};
use crate::transfer::{Destination, Source};
use crate::wait::retry_while_blocked;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use linux_raw_sys::general::{O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, O_RDONLY, O_WRONLY};
use spin::Once;

bitflags::bitflags! {
    /// The flags of `open(2)` that stay with the description (`F_GETFL`), the access mode among them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct StatusFlags: u32 {
        /// Write at the end.
        const APPEND = O_APPEND;
        /// Never wait.
        const NONBLOCK = O_NONBLOCK;
        const _ = !0;
    }
}

/// An open file description.
pub struct OpenFile {
    file: Arc<dyn File>,
    status: AtomicU32,
    position: AtomicU64,
    // How it was reached; made when it is asked for where there was no path.
    entry: Once<Arc<Entry>>,
}

impl OpenFile {
    /// A description at offset 0.
    pub fn new(file: Arc<dyn File>, status: StatusFlags) -> Arc<Self> {
        let status = AtomicU32::new(status.bits());
        Arc::new(Self { file, status, position: AtomicU64::new(0), entry: Once::new() })
    }

    /// A description at offset 0 of what a path led to.
    pub fn at(entry: Arc<Entry>, file: Arc<dyn File>, status: StatusFlags) -> Arc<Self> {
        let status = AtomicU32::new(status.bits());
        Arc::new(Self { file, status, position: AtomicU64::new(0), entry: Once::initialized(entry) })
    }

    /// How it was reached; an entry without a directory when it was not opened by a path.
    pub fn entry(&self) -> Arc<Entry> {
        self.entry.call_once(|| anonymous::entry(&self.file)).clone()
    }

    /// What `fstat(2)` says.
    pub fn attributes(&self) -> Attributes {
        match self.entry.get() {
            Some(entry) => entry.inode().attributes(),
            None => self.file.attributes(),
        }
    }

    /// `EBADF` when it only stands for a place in the tree (`O_PATH`).
    pub fn check_not_path(&self) -> Result<()> {
        if self.status().bits() & O_PATH != 0 { Err(Errno::EBADF) } else { Ok(()) }
    }

    /// What is open.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The present flags.
    pub fn status(&self) -> StatusFlags {
        StatusFlags::from_bits_retain(self.status.load(Ordering::Relaxed))
    }

    /// Replaces the flags.
    pub fn set_status(&self, status: StatusFlags) {
        self.status.store(status.bits(), Ordering::Relaxed);
    }

    /// `EBADF` unless open for reading.
    pub fn check_readable(&self) -> Result<()> {
        let bits = self.status().bits();
        if bits & O_ACCMODE == O_WRONLY || bits & O_PATH != 0 { Err(Errno::EBADF) } else { Ok(()) }
    }

    /// `EBADF` unless open for writing.
    pub fn check_writable(&self) -> Result<()> {
        let bits = self.status().bits();
        if bits & O_ACCMODE == O_RDONLY || bits & O_PATH != 0 { Err(Errno::EBADF) } else { Ok(()) }
    }

    /// Runs an operation, waiting while it would block unless the description says `O_NONBLOCK`.
    pub fn wait<T>(&self, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
        match operation() {
            Err(Errno::EAGAIN) => match self.file.queue() {
                Some(queue) if !self.status().contains(StatusFlags::NONBLOCK) => {
                    retry_while_blocked(&[queue], operation)
                }
                _ => Err(Errno::EAGAIN),
            },
            outcome => outcome,
        }
    }

    /// `ESPIPE` for a file without an offset.
    pub fn check_seekable(&self) -> Result<()> {
        if self.file.is_stream() { Err(Errno::ESPIPE) } else { Ok(()) }
    }

    /// Whether writes go to the end.
    pub fn appends(&self) -> bool {
        self.status().contains(StatusFlags::APPEND)
    }

    /// `read(2)`: at the description's offset, which moves. `EBADF` unless open for reading.
    pub fn read(&self, to: &mut Destination<'_>) -> Result<usize> {
        self.check_readable()?;
        if self.file.is_stream() {
            return self.wait(|| self.file.read(to, 0));
        }
        let position = self.position();
        let count = self.wait(|| self.file.read(to, position))?;
        self.set_position(position + count as u64);
        Ok(count)
    }

    /// `pread(2)`. `EBADF` unless open for reading.
    pub fn read_at(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        self.check_readable()?;
        self.wait(|| self.file.read(to, offset))
    }

    /// `write(2)`: at the description's offset, which moves, or at the end with `O_APPEND`. `EBADF` unless open for
    /// writing.
    pub fn write(&self, from: &mut Source<'_>) -> Result<usize> {
        self.check_writable()?;
        if self.file.is_stream() {
            return self.wait(|| self.file.write(from, 0));
        }
        if self.appends() { self.append(from, true) } else { self.write_here(from) }
    }

    /// `pwrite(2)`, at the end all the same with `O_APPEND`. `EBADF` unless open for writing.
    pub fn write_at(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        self.check_writable()?;
        if self.appends() { self.append(from, false) } else { self.wait(|| self.file.write(from, offset)) }
    }

    /// Writes at the end, whatever the flags say; the offset follows with `moves`.
    pub(super) fn append(&self, from: &mut Source<'_>, moves: bool) -> Result<usize> {
        let (count, end) = self.wait(|| self.file.append(from))?;
        if moves {
            self.set_position(end);
        }
        Ok(count)
    }

    /// Writes at the offset, which moves, whatever the flags say.
    pub(super) fn write_here(&self, from: &mut Source<'_>) -> Result<usize> {
        let position = self.position();
        let count = self.wait(|| self.file.write(from, position))?;
        self.set_position(position + count as u64);
        Ok(count)
    }

    /// The offset.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Sets the offset.
    pub fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// What `poll(2)` would report.
    pub fn poll(&self) -> Events {
        self.file.poll()
    }
}
