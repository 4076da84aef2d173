//! Signals that have been sent and not yet taken.

use super::{SigInfo, SigSet, Signal};
use crate::errno::{Errno, Result};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Who sent a signal and wants to hear when it is taken: a POSIX timer counts its overruns until then.
pub trait Origin: Send + Sync {
    /// The signal leaves the queue, handled or dropped; `info` can still be changed.
    fn taken(&self, info: &mut SigInfo);
}

// What all processes have queued together; they all belong to one user.
static QUEUED: AtomicUsize = AtomicUsize::new(0);

/// A right to one entry in a queue, counted against `RLIMIT_SIGPENDING`.
pub struct Slot(());

impl Slot {
    /// One more, unless `limit` are in use.
    pub fn take(limit: usize) -> Option<Self> {
        let more = |count: usize| (count < limit).then_some(count + 1);
        QUEUED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(()))
    }

    /// How many are in use.
    pub fn in_use() -> usize {
        QUEUED.load(Ordering::Relaxed)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        QUEUED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One signal in a queue.
pub(super) struct Entry {
    info: SigInfo,
    origin: Option<Arc<dyn Origin>>,
    // A timer brings its own.
    _slot: Option<Slot>,
}

impl Entry {
    /// Tells the sender; gives what the program sees. No lock of signals may be held.
    pub(super) fn take(mut self) -> SigInfo {
        if let Some(origin) = self.origin.take() {
            origin.taken(&mut self.info);
        }
        self.info
    }
}

/// The signals pending for a thread or a process.
#[derive(Default)]
pub(super) struct Pending {
    set: SigSet,
    queue: VecDeque<Entry>,
}

impl Pending {
    /// The signals that are pending.
    pub(super) fn set(&self) -> SigSet {
        self.set
    }

    /// Adds a signal and gives whether it did: a standard one that is pending already is not queued twice, unless a
    /// timer sends it, which sees to that itself. `EAGAIN` where a real-time signal of `sigqueue(3)` finds no room;
    /// others lose what they tell and arrive nevertheless.
    pub(super) fn add(&mut self, info: SigInfo, origin: Option<Arc<dyn Origin>>, limit: usize) -> Result<bool> {
        let signal = info.signal()?;
        if origin.is_none() && !signal.is_realtime() && self.set.contains(signal) {
            return Ok(false);
        }
        if signal != Signal::KILL {
            // As Linux's override_rlimit: what the kernel or kill(2) sends as a standard signal is let through.
            let limit = if !signal.is_realtime() && info.code >= 0 { usize::MAX } else { limit };
            let slot = if origin.is_some() { None } else { Slot::take(limit) };
            let room = (slot.is_some() || origin.is_some()) && self.queue.try_reserve(1).is_ok();
            if room {
                self.queue.push_back(Entry { info, origin, _slot: slot });
            } else if signal.is_realtime() && info.code != SigInfo::USER {
                return Err(Errno::EAGAIN);
            }
        }
        self.set.add(signal);
        Ok(true)
    }

    /// Takes the next signal that is not in `blocked`.
    pub(super) fn next(&mut self, blocked: SigSet) -> Option<Entry> {
        let signal = self.set.without(blocked).first()?;
        Some(self.take(signal))
    }

    /// Takes the signal that an instruction of the program raised, the earliest first.
    pub(super) fn next_synchronous(&mut self, blocked: SigSet) -> Option<Entry> {
        let wanted = self.set.and(SigSet::SYNCHRONOUS).without(blocked);
        if wanted.is_empty() {
            return None;
        }
        let raised = |entry: &&Entry| {
            entry.info.is_synchronous() && entry.info.signal().is_ok_and(|signal| wanted.contains(signal))
        };
        let signal = self.queue.iter().find(raised)?.info.signal().ok()?;
        Some(self.take(signal))
    }

    fn take(&mut self, signal: Signal) -> Entry {
        let number = i32::from(signal.number());
        let is_it = |entry: &Entry| entry.info.number == number;
        let entry = self.queue.iter().position(is_it).and_then(|index| self.queue.remove(index));
        if !self.queue.iter().any(is_it) {
            self.set.remove(signal);
        }
        // Without an entry there was no room for one: Linux then tells of a sender 0.
        let unknown = || Entry { info: SigInfo::user(signal, SigInfo::USER, 0, 0), origin: None, _slot: None };
        entry.unwrap_or_else(unknown)
    }

    /// Drops all signals of a set; the caller [tells](Entry::take) the senders once no lock is held.
    pub(super) fn remove(&mut self, set: SigSet) -> Vec<Entry> {
        if self.set.and(set).is_empty() {
            return Vec::new();
        }
        self.set = self.set.without(set);
        let (removed, kept) = core::mem::take(&mut self.queue)
            .into_iter()
            .partition::<Vec<_>, _>(|entry| entry.info.signal().is_ok_and(|signal| set.contains(signal)));
        self.queue = kept.into();
        removed
    }
}
