//! Open file descriptions, `open(2)`: what `dup` and `fork` share.

use super::{Events, File};
use crate::errno::{Errno, Result};
use crate::transfer::{Destination, Source};
use crate::wait::retry_while_blocked;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use linux_raw_sys::general::{O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, O_RDONLY, O_WRONLY};
use spin::Mutex;

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
    position: Mutex<u64>,
}

impl OpenFile {
    /// A description at offset 0.
    pub fn new(file: Arc<dyn File>, status: StatusFlags) -> Arc<Self> {
        Arc::new(Self { file, status: AtomicU32::new(status.bits()), position: Mutex::new(0) })
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

    /// `read(2)`: at the description's offset, which moves.
    pub fn read(&self, to: &mut Destination<'_>) -> Result<usize> {
        self.check_readable()?;
        if self.file.is_stream() {
            return self.wait(|| self.file.read(to, 0));
        }
        let position = *self.position.lock();
        let count = self.wait(|| self.file.read(to, position))?;
        *self.position.lock() = position + count as u64;
        Ok(count)
    }

    /// `write(2)`: at the description's offset, which moves, or at the end with `O_APPEND`.
    pub fn write(&self, from: &mut Source<'_>) -> Result<usize> {
        self.check_writable()?;
        if self.file.is_stream() {
            return self.wait(|| self.file.write(from, 0));
        }
        if self.status().contains(StatusFlags::APPEND) {
            let (count, end) = self.wait(|| self.file.append(from))?;
            *self.position.lock() = end;
            return Ok(count);
        }
        let position = *self.position.lock();
        let count = self.wait(|| self.file.write(from, position))?;
        *self.position.lock() = position + count as u64;
        Ok(count)
    }

    /// The offset.
    pub fn position(&self) -> u64 {
        *self.position.lock()
    }

    /// Sets the offset.
    pub fn set_position(&self, position: u64) {
        *self.position.lock() = position;
    }

    /// What `poll(2)` would report.
    pub fn poll(&self) -> Events {
        self.file.poll()
    }
}
