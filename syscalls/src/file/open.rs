//! Open file descriptions, `open(2)`: what `dup` and `fork` share.

use super::driven::Driven;
use super::{Events, File, anonymous, lock};
use crate::errno::{Errno, Result};
use crate::filesystem::watch::{self, Happening};
use crate::filesystem::{Attributes, Entry, Writing};
use crate::machine::machine;
use crate::transfer::{Destination, Source};
use crate::wait::{retry_in_turn, retry_until, retry_while_blocked};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use linux_raw_sys::general::{FASYNC, O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY};
use spin::Once;

bitflags::bitflags! {
    /// The flags of `open(2)` that stay with the description (`F_GETFL`), the access mode among them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct StatusFlags: u32 {
        /// Write at the end.
        const APPEND = O_APPEND;
        /// Never wait.
        const NONBLOCK = O_NONBLOCK;
        /// Signal when it becomes ready.
        const ASYNC = FASYNC;
        const _ = !0;
    }
}

/// An open file description.
pub struct OpenFile {
    file: Arc<dyn File>,
    // File::is_stream, which never changes.
    stream: bool,
    // File::waits_itself, which never changes either.
    waits_itself: bool,
    status: AtomicU32,
    position: AtomicU64,
    // How it was reached; made when it is asked for where there was no path.
    entry: Once<Arc<Entry>>,
    // Whether it may hold locks.
    locked: AtomicBool,
    // Its owner and signal, once somebody has asked for them.
    driven: Once<Arc<Driven>>,
    // Keeps the file from being run meanwhile.
    _writing: Option<Writing>,
}

impl OpenFile {
    /// A description at offset 0.
    pub fn new(file: Arc<dyn File>, status: StatusFlags) -> Arc<Self> {
        Self::build(file, status, Once::new(), None)
    }

    /// A description at offset 0 of what a path led to.
    pub fn at(entry: Arc<Entry>, file: Arc<dyn File>, status: StatusFlags) -> Arc<Self> {
        Self::with_writing(entry, file, status, None)
    }

    /// [`OpenFile::at`] for one who may write.
    pub fn with_writing(
        entry: Arc<Entry>,
        file: Arc<dyn File>,
        status: StatusFlags,
        writing: Option<Writing>,
    ) -> Arc<Self> {
        Self::build(file, status, Once::initialized(entry), writing)
    }

    fn build(file: Arc<dyn File>, status: StatusFlags, entry: Once<Arc<Entry>>, writing: Option<Writing>) -> Arc<Self> {
        let (status, position) = (AtomicU32::new(status.bits()), AtomicU64::new(0));
        let (stream, waits_itself, locked) = (file.is_stream(), file.waits_itself(), AtomicBool::new(false));
        let driven = Once::new();
        Arc::new(Self { stream, waits_itself, file, status, position, entry, locked, driven, _writing: writing })
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

    /// Says that it may hold locks, which go with it.
    pub(super) fn note_lock(&self) {
        self.locked.store(true, Ordering::Relaxed);
    }

    /// What is open.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The present flags.
    #[inline]
    pub fn status(&self) -> StatusFlags {
        StatusFlags::from_bits_retain(self.status.load(Ordering::Relaxed))
    }

    /// Replaces the flags.
    pub fn set_status(&self, status: StatusFlags) {
        self.status.store(status.bits(), Ordering::Relaxed);
    }

    /// Its owner and signal.
    pub fn driven(&self) -> &Arc<Driven> {
        self.driven.call_once(Arc::default)
    }

    /// Sets the flag `O_ASYNC`, by this descriptor; the file has to be one that [can signal](File::can_signal).
    pub fn set_async(&self, fd: i32, on: bool) {
        let mut status = self.status();
        status.set(StatusFlags::ASYNC, on);
        self.set_status(status);
        self.driven().set(self, fd, on);
    }

    /// `EBADF` unless open for reading.
    #[inline]
    pub fn check_readable(&self) -> Result<()> {
        match self.status().bits() & (O_ACCMODE | O_PATH) {
            O_RDONLY | O_RDWR => Ok(()),
            _ => Err(Errno::EBADF),
        }
    }

    /// `EBADF` unless open for writing.
    #[inline]
    pub fn check_writable(&self) -> Result<()> {
        match self.status().bits() & (O_ACCMODE | O_PATH) {
            O_WRONLY | O_RDWR => Ok(()),
            _ => Err(Errno::EBADF),
        }
    }

    /// Runs an operation, waiting while it would block unless the description says `O_NONBLOCK`.
    #[inline]
    pub fn wait<T>(&self, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
        match operation() {
            Err(Errno::EAGAIN) => self.wait_on(&mut operation),
            outcome => outcome,
        }
    }

    #[cold]
    fn wait_on<T>(&self, operation: &mut impl FnMut() -> Result<T>) -> Result<T> {
        match self.file.queue() {
            Some(queue) if !self.status().contains(StatusFlags::NONBLOCK) => retry_while_blocked(&[queue], operation),
            _ => Err(Errno::EAGAIN),
        }
    }

    /// [`OpenFile::wait_on`], not longer than the file wants.
    #[cold]
    fn wait_patiently<T>(&self, events: Events, operation: &mut impl FnMut() -> Result<T>) -> Result<T> {
        let Some(patience) = self.file.patience(events) else { return self.wait_on(operation) };
        match self.file.queue() {
            Some(queue) if !self.status().contains(StatusFlags::NONBLOCK) => {
                let deadline = machine().monotonic().after(patience);
                retry_until(&[queue], deadline, operation)
            }
            _ => Err(Errno::EAGAIN),
        }
    }

    /// `ESPIPE` for a file without an offset.
    #[inline]
    pub fn check_seekable(&self) -> Result<()> {
        if self.stream { Err(Errno::ESPIPE) } else { Ok(()) }
    }

    /// Whether writes go to the end.
    #[inline]
    pub fn appends(&self) -> bool {
        self.status().contains(StatusFlags::APPEND)
    }

    /// [`OpenFile::wait`] for `events` alone, in turn where the file says that one is enough.
    fn wait_for<T>(&self, events: Events, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
        if !self.file.wakes_one() {
            return match operation() {
                Err(Errno::EAGAIN) => self.wait_patiently(events, &mut operation),
                outcome => outcome,
            };
        }
        match operation() {
            Err(Errno::EAGAIN) => match self.file.queue() {
                Some(queue) if !self.status().contains(StatusFlags::NONBLOCK) => {
                    retry_in_turn(queue, events | Events::ERR | Events::HUP, operation)
                }
                _ => Err(Errno::EAGAIN),
            },
            outcome => outcome,
        }
    }

    /// `read(2)`: at the description's offset, which moves. `EBADF` unless open for reading.
    #[inline(always)]
    pub fn read(&self, to: &mut Destination<'_>) -> Result<usize> {
        self.check_readable()?;
        if self.stream {
            if self.waits_itself {
                return self.file.read_waiting(to, !self.status().contains(StatusFlags::NONBLOCK));
            }
            return self.wait_for(Events::IN, || self.file.read(to, 0));
        }
        let position = self.position();
        let count = self.wait(|| self.file.read(to, position))?;
        self.note(count, Happening::ACCESS);
        // A stream takes no notice of it, and nobody else can ask for it.
        self.set_position(position.wrapping_add(count as u64));
        Ok(count)
    }

    /// `pread(2)`. `EBADF` unless open for reading.
    #[inline]
    pub fn read_at(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        self.check_readable()?;
        let count = self.wait(|| self.file.read(to, offset))?;
        self.note(count, Happening::ACCESS);
        Ok(count)
    }

    /// `write(2)`: at the description's offset, which moves, or at the end with `O_APPEND`. `EBADF` unless open for
    /// writing.
    #[inline(always)]
    pub fn write(&self, from: &mut Source<'_>) -> Result<usize> {
        self.check_writable()?;
        if self.stream {
            return self.write_stream(from);
        }
        if self.appends() { self.append(from, true) } else { self.write_here(from) }
    }

    /// `pwrite(2)`, at the end all the same with `O_APPEND`. `EBADF` unless open for writing.
    #[inline]
    pub fn write_at(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        self.check_writable()?;
        if self.appends() { self.append(from, false) } else { self.write_there(from, offset) }
    }

    /// Writes at an offset, whatever the flags say.
    pub(in crate::file) fn write_there(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        let count = self.wait(|| self.file.write(from, offset))?;
        self.note(count, Happening::MODIFY);
        Ok(count)
    }

    /// Writes to a stream: where the file wants that all bytes are taken, and the description does not say
    /// `O_NONBLOCK`, goes on until they are. An error behind the first bytes does not show.
    fn write_stream(&self, from: &mut Source<'_>) -> Result<usize> {
        let mut done = 0;
        loop {
            match self.wait_for(Events::OUT, || self.file.write(from, 0)) {
                Err(_) if done > 0 => return Ok(done),
                Err(errno) => return Err(errno),
                Ok(0) => return Ok(done),
                Ok(count) => done += count,
            }
            let goes_on = self.file.writes_whole() && !self.status().contains(StatusFlags::NONBLOCK);
            if !goes_on || from.remaining() == 0 {
                return Ok(done);
            }
        }
    }

    /// Writes at the end, whatever the flags say; the offset follows with `moves`.
    pub(super) fn append(&self, from: &mut Source<'_>, moves: bool) -> Result<usize> {
        let (count, end) = self.wait(|| self.file.append(from))?;
        self.note(count, Happening::MODIFY);
        if moves {
            self.set_position(end);
        }
        Ok(count)
    }

    /// Writes at the offset, which moves, whatever the flags say.
    #[inline]
    pub(super) fn write_here(&self, from: &mut Source<'_>) -> Result<usize> {
        let position = self.position();
        let count = self.write_there(from, position)?;
        self.set_position(position.wrapping_add(count as u64));
        Ok(count)
    }

    #[inline(never)]
    fn report_closing(&self) {
        let Some(entry) = self.entry.get() else { return };
        let wrote = self.check_writable().is_ok();
        watch::report(entry, if wrote { Happening::CLOSE_WRITE } else { Happening::CLOSE_OTHER });
        // Here the entry and the file itself still count.
        let as_file = usize::from(Arc::as_ptr(&self.file).cast::<()>() == Arc::as_ptr(entry.inode()).cast::<()>());
        if Arc::strong_count(entry) == 1 {
            watch::report_gone(entry.inode(), 1 + as_file);
        }
    }

    /// Tells those who watch the file that bytes were transferred.
    #[inline]
    pub(in crate::file) fn note(&self, count: usize, what: Happening) {
        if count > 0
            && watch::is_in_use()
            && let Some(entry) = self.entry.get()
        {
            watch::report(entry, what);
        }
    }

    /// The offset.
    #[inline]
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Sets the offset.
    #[inline]
    pub fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// What `poll(2)` would report.
    pub fn poll(&self) -> Events {
        self.file.poll()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if *self.locked.get_mut() {
            lock::release_description(self);
        }
        if watch::is_in_use() && self.check_not_path().is_ok() {
            self.report_closing();
        }
    }
}
