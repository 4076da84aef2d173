//! File descriptors: a process's table of open files.

use super::{OpenFile, lock};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;

/// One entry of the table.
#[derive(Clone)]
pub struct Descriptor {
    /// What it refers to.
    pub open: Arc<OpenFile>,
    /// `FD_CLOEXEC`.
    pub close_on_exec: bool,
}

/// The descriptors of a process (or of several, with `CLONE_FILES`).
pub struct FileTable {
    slots: Mutex<Vec<Option<Descriptor>>>,
    // RLIMIT_NOFILE's soft limit: no descriptor at or above it is given out.
    limit: AtomicU64,
}

impl FileTable {
    /// An empty table.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { slots: Mutex::new(Vec::new()), limit: AtomicU64::new(limit) })
    }

    /// A table with the same descriptors, as `fork(2)` makes it.
    pub fn duplicate(&self) -> Arc<Self> {
        let slots = self.slots.lock().clone();
        Arc::new(Self { slots: Mutex::new(slots), limit: AtomicU64::new(self.limit.load(Ordering::Relaxed)) })
    }

    /// `RLIMIT_NOFILE`'s soft limit.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Sets the limit.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// How many descriptors the table has had room for so far.
    pub fn size(&self) -> usize {
        self.slots.lock().len()
    }

    /// The open file of a descriptor. `EBADF`.
    #[inline]
    pub fn get(&self, fd: Fd) -> Result<Arc<OpenFile>> {
        match self.slots.lock().get(fd.0 as u32 as usize) {
            Some(Some(descriptor)) => Ok(descriptor.open.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// The whole entry. `EBADF`.
    pub fn descriptor(&self, fd: Fd) -> Result<Descriptor> {
        self.slots.lock().get(fd.0 as u32 as usize).cloned().flatten().ok_or(Errno::EBADF)
    }

    /// Gives the lowest free descriptor. `EMFILE`, `ENOMEM`.
    pub fn install(&self, open: Arc<OpenFile>, close_on_exec: bool) -> Result<Fd> {
        self.install_from(0, open, close_on_exec)
    }

    /// Gives the lowest free descriptor that is not below `lowest` (`F_DUPFD`). `EMFILE`, `ENOMEM`.
    pub fn install_from(&self, lowest: u64, open: Arc<OpenFile>, close_on_exec: bool) -> Result<Fd> {
        let mut slots = self.slots.lock();
        let lowest = usize::try_from(lowest).map_err(|_| Errno::EMFILE)?;
        let free = slots.iter().skip(lowest).position(Option::is_none);
        let number = free.map_or(slots.len().max(lowest), |index| index + lowest);
        if number as u64 >= self.limit() {
            return Err(Errno::EMFILE);
        }
        Self::place(&mut slots, number, Descriptor { open, close_on_exec })?;
        Ok(Fd(number as i32))
    }

    /// Sets one descriptor (`dup2`); gives what was there. `EBADF` at or above the limit, `ENOMEM`.
    pub fn replace(&self, fd: Fd, open: Arc<OpenFile>, close_on_exec: bool) -> Result<Option<Descriptor>> {
        let number = u64::try_from(fd.0).map_err(|_| Errno::EBADF)?;
        if number >= self.limit() {
            return Err(Errno::EBADF);
        }
        let before = Self::place(&mut self.slots.lock(), number as usize, Descriptor { open, close_on_exec })?;
        if let Some(before) = &before {
            lock::release_on_close(self, &before.open);
        }
        Ok(before)
    }

    fn place(slots: &mut Vec<Option<Descriptor>>, number: usize, descriptor: Descriptor) -> Result<Option<Descriptor>> {
        if number >= slots.len() {
            slots.try_reserve(number + 1 - slots.len()).map_err(|_| Errno::ENOMEM)?;
            slots.resize_with(number + 1, || None);
        }
        Ok(slots[number].replace(descriptor))
    }

    /// Takes a descriptor off the table. `EBADF`.
    pub fn remove(&self, fd: Fd) -> Result<Descriptor> {
        let removed = self.slots.lock().get_mut(fd.0 as u32 as usize).and_then(Option::take);
        let removed = removed.ok_or(Errno::EBADF)?;
        lock::release_on_close(self, &removed.open);
        Ok(removed)
    }

    /// Sets `FD_CLOEXEC`. `EBADF`.
    pub fn set_close_on_exec(&self, fd: Fd, close_on_exec: bool) -> Result<()> {
        match self.slots.lock().get_mut(fd.0 as u32 as usize) {
            Some(Some(descriptor)) => {
                descriptor.close_on_exec = close_on_exec;
                Ok(())
            }
            _ => Err(Errno::EBADF),
        }
    }

    /// The descriptors in use, in order, with their open files.
    pub fn snapshot(&self) -> Vec<(Fd, Descriptor)> {
        let slots = self.slots.lock();
        let used = slots.iter().enumerate();
        used.filter_map(|(number, slot)| slot.clone().map(|descriptor| (Fd(number as i32), descriptor))).collect()
    }

    /// Takes all descriptors off that `is_due` names: `execve`'s close-on-exec, `close_range`, a process's end.
    pub fn remove_where(&self, mut is_due: impl FnMut(Fd, &Descriptor) -> bool) -> Vec<Descriptor> {
        let mut slots = self.slots.lock();
        let mut removed = Vec::new();
        for (number, slot) in slots.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|descriptor| is_due(Fd(number as i32), descriptor)) {
                removed.extend(slot.take());
            }
        }
        drop(slots);
        removed.iter().for_each(|descriptor| lock::release_on_close(self, &descriptor.open));
        removed
    }
}

impl Drop for FileTable {
    fn drop(&mut self) {
        lock::release_table(self);
    }
}
