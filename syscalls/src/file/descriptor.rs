//! File descriptors: a process's table of open files.

use super::{OpenFile, lock};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use spin::Mutex;

/// One entry of the table.
#[derive(Clone)]
pub struct Descriptor {
    /// What it refers to.
    pub open: Arc<OpenFile>,
    /// `FD_CLOEXEC`.
    pub close_on_exec: bool,
}

type Slots = Vec<Option<Descriptor>>;

/// Where the entries are.
enum Holder {
    /// The ordinary case: one process has them.
    Own(Slots),
    /// Several processes have them together.
    Shared(Arc<Mutex<Slots>>),
}

impl Holder {
    #[inline]
    fn with<T>(&mut self, act: impl FnOnce(&mut Slots) -> T) -> T {
        match self {
            Self::Own(slots) => act(slots),
            Self::Shared(slots) => act(&mut slots.lock()),
        }
    }
}

/// The descriptors of a process; with `CLONE_FILES` their entries are those of several.
pub struct FileTable {
    holder: Mutex<Holder>,
    // Names the entries, whoever shares them: POSIX locks belong to them.
    identity: AtomicUsize,
    // RLIMIT_NOFILE's soft limit: no descriptor at or above it is given out.
    limit: AtomicU64,
}

impl FileTable {
    /// An empty table.
    pub fn new(limit: u64) -> Arc<Self> {
        Self::with_holder(Holder::Own(Vec::new()), new_identity(), limit)
    }

    fn with_holder(holder: Holder, identity: usize, limit: u64) -> Arc<Self> {
        let (holder, identity) = (Mutex::new(holder), AtomicUsize::new(identity));
        Arc::new(Self { holder, identity, limit: AtomicU64::new(limit) })
    }

    /// A table with the same descriptors, as `fork(2)` makes it.
    pub fn duplicate(&self) -> Arc<Self> {
        let slots = self.with(|slots| slots.clone());
        Self::with_holder(Holder::Own(slots), new_identity(), self.limit())
    }

    /// Another process's table with the same entries from now on: `CLONE_FILES`.
    pub fn share(&self) -> Arc<Self> {
        let mut holder = self.holder.lock();
        let slots = match &mut *holder {
            Holder::Own(slots) => Arc::new(Mutex::new(core::mem::take(slots))),
            Holder::Shared(slots) => slots.clone(),
        };
        *holder = Holder::Shared(slots.clone());
        Self::with_holder(Holder::Shared(slots), self.identity(), self.limit())
    }

    /// Ends the sharing: the table has the same descriptors for itself, as `execve(2)` wants it.
    pub fn unshare(&self) {
        let mut holder = self.holder.lock();
        if let Holder::Shared(shared) = &mut *holder {
            let alone = Arc::get_mut(shared).map(|slots| core::mem::take(slots.get_mut()));
            if alone.is_none() {
                self.identity.store(new_identity(), Ordering::Relaxed);
            }
            let slots = alone.unwrap_or_else(|| shared.lock().clone());
            *holder = Holder::Own(slots);
        }
    }

    /// Gives all descriptors up at a process's end: they are closed unless others share them.
    pub fn leave(&self) {
        let mut holder = self.holder.lock();
        if let Holder::Shared(shared) = &mut *holder
            && Arc::get_mut(shared).is_none()
        {
            self.identity.store(new_identity(), Ordering::Relaxed);
            *holder = Holder::Own(Vec::new());
            return;
        }
        drop(holder);
        drop(self.remove_where(|_, _| true));
    }

    /// What names the entries.
    pub(super) fn identity(&self) -> usize {
        self.identity.load(Ordering::Relaxed)
    }

    #[inline]
    fn with<T>(&self, act: impl FnOnce(&mut Slots) -> T) -> T {
        self.holder.lock().with(act)
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
        self.with(|slots| slots.len())
    }

    /// The open file of a descriptor. `EBADF`.
    #[inline]
    pub fn get(&self, fd: Fd) -> Result<Arc<OpenFile>> {
        self.with(|slots| match slots.get(fd.0 as u32 as usize) {
            Some(Some(descriptor)) => Ok(descriptor.open.clone()),
            _ => Err(Errno::EBADF),
        })
    }

    /// The whole entry. `EBADF`.
    pub fn descriptor(&self, fd: Fd) -> Result<Descriptor> {
        self.with(|slots| slots.get(fd.0 as u32 as usize).cloned().flatten()).ok_or(Errno::EBADF)
    }

    /// Gives the lowest free descriptor. `EMFILE`, `ENOMEM`.
    pub fn install(&self, open: Arc<OpenFile>, close_on_exec: bool) -> Result<Fd> {
        self.install_from(0, open, close_on_exec)
    }

    /// Gives the lowest free descriptor that is not below `lowest` (`F_DUPFD`). `EMFILE`, `ENOMEM`.
    pub fn install_from(&self, lowest: u64, open: Arc<OpenFile>, close_on_exec: bool) -> Result<Fd> {
        let lowest = usize::try_from(lowest).map_err(|_| Errno::EMFILE)?;
        self.with(|slots| {
            let free = slots.iter().skip(lowest).position(Option::is_none);
            let number = free.map_or(slots.len().max(lowest), |index| index + lowest);
            if number as u64 >= self.limit() {
                return Err(Errno::EMFILE);
            }
            Self::place(slots, number, Descriptor { open, close_on_exec })?;
            Ok(Fd(number as i32))
        })
    }

    /// Sets one descriptor (`dup2`); gives what was there. `EBADF` at or above the limit, `ENOMEM`.
    pub fn replace(&self, fd: Fd, open: Arc<OpenFile>, close_on_exec: bool) -> Result<Option<Descriptor>> {
        let number = u64::try_from(fd.0).map_err(|_| Errno::EBADF)?;
        if number >= self.limit() {
            return Err(Errno::EBADF);
        }
        let descriptor = Descriptor { open, close_on_exec };
        let before = self.with(|slots| Self::place(slots, number as usize, descriptor))?;
        if let Some(before) = &before {
            lock::release_on_close(self, &before.open);
        }
        Ok(before)
    }

    fn place(slots: &mut Slots, number: usize, descriptor: Descriptor) -> Result<Option<Descriptor>> {
        if number >= slots.len() {
            slots.try_reserve(number + 1 - slots.len()).map_err(|_| Errno::ENOMEM)?;
            slots.resize_with(number + 1, || None);
        }
        Ok(slots[number].replace(descriptor))
    }

    /// Takes a descriptor off the table. `EBADF`.
    pub fn remove(&self, fd: Fd) -> Result<Descriptor> {
        let removed = self.with(|slots| slots.get_mut(fd.0 as u32 as usize).and_then(Option::take));
        let removed = removed.ok_or(Errno::EBADF)?;
        lock::release_on_close(self, &removed.open);
        Ok(removed)
    }

    /// Sets `FD_CLOEXEC`. `EBADF`.
    pub fn set_close_on_exec(&self, fd: Fd, close_on_exec: bool) -> Result<()> {
        self.with(|slots| match slots.get_mut(fd.0 as u32 as usize) {
            Some(Some(descriptor)) => {
                descriptor.close_on_exec = close_on_exec;
                Ok(())
            }
            _ => Err(Errno::EBADF),
        })
    }

    /// The descriptors in use, in order, with their open files.
    pub fn snapshot(&self) -> Vec<(Fd, Descriptor)> {
        self.with(|slots| {
            let used = slots.iter().enumerate();
            used.filter_map(|(number, slot)| slot.clone().map(|descriptor| (Fd(number as i32), descriptor))).collect()
        })
    }

    /// Takes all descriptors off that `is_due` names: `execve`'s close-on-exec, `close_range`, a process's end.
    pub fn remove_where(&self, mut is_due: impl FnMut(Fd, &Descriptor) -> bool) -> Vec<Descriptor> {
        let mut removed = Vec::new();
        self.with(|slots| {
            for (number, slot) in slots.iter_mut().enumerate() {
                if slot.as_ref().is_some_and(|descriptor| is_due(Fd(number as i32), descriptor)) {
                    removed.extend(slot.take());
                }
            }
        });
        removed.iter().for_each(|descriptor| lock::release_on_close(self, &descriptor.open));
        removed
    }
}

impl Drop for FileTable {
    fn drop(&mut self) {
        self.leave();
        lock::release_table(self);
    }
}

/// A name that no table's entries have had so far.
fn new_identity() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
