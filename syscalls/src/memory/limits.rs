//! Resource limits on memory, `getrlimit(2)`, and what the machine itself cannot promise.

use super::area::{AreaFlags, Protection, is_data};
use super::areas::Counts;
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::machine;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general::CAP_IPC_LOCK;

/// Soft limits in bytes; `u64::MAX` is none.
pub struct Limits {
    address_space: AtomicU64,
    data: AtomicU64,
    stack: AtomicU64,
    locked: AtomicU64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_space: AtomicU64::new(u64::MAX),
            data: AtomicU64::new(u64::MAX),
            stack: AtomicU64::new(Self::STACK),
            locked: AtomicU64::new(Self::LOCKED),
        }
    }
}

impl Limits {
    /// The stack limit that a first program has: 8 MiB.
    pub const STACK: u64 = 8 << 20;

    /// What a first program may lock without `CAP_IPC_LOCK`: 8 MiB.
    const LOCKED: u64 = 8 << 20;

    /// `RLIMIT_AS`.
    pub fn set_address_space(&self, bytes: u64) {
        self.address_space.store(bytes, Ordering::Relaxed);
    }

    /// `RLIMIT_DATA`.
    pub fn set_data(&self, bytes: u64) {
        self.data.store(bytes, Ordering::Relaxed);
    }

    /// `RLIMIT_STACK`.
    pub fn set_stack(&self, bytes: u64) {
        self.stack.store(bytes, Ordering::Relaxed);
    }

    /// `RLIMIT_MEMLOCK`, which `CAP_IPC_LOCK` lifts.
    pub fn set_locked(&self, bytes: u64) {
        self.locked.store(bytes, Ordering::Relaxed);
    }

    /// `RLIMIT_DATA`.
    pub(super) fn data(&self) -> u64 {
        self.data.load(Ordering::Relaxed)
    }

    /// `RLIMIT_STACK`.
    pub(super) fn stack(&self) -> u64 {
        self.stack.load(Ordering::Relaxed)
    }

    /// What the current thread may lock.
    pub(super) fn locked(&self) -> u64 {
        let lifted = machine().current().process.credentials().has(CAP_IPC_LOCK);
        if lifted { u64::MAX } else { self.locked.load(Ordering::Relaxed) }
    }

    /// Copies the limits, as a new address space of the same process has them.
    pub fn copy_from(&self, other: &Self) {
        self.set_address_space(other.address_space.load(Ordering::Relaxed));
        self.set_data(other.data());
        self.set_stack(other.stack());
        self.set_locked(other.locked.load(Ordering::Relaxed));
    }

    /// `ENOMEM` when `pages` more that are mapped like this exceed a limit. `counts` is what there is already.
    pub(super) fn check_growth(
        &self,
        counts: Counts,
        pages: u64,
        protection: Protection,
        flags: AreaFlags,
    ) -> Result<()> {
        let fits = |used: u64, limit: u64| used.saturating_add(pages) <= limit / PAGE;
        if !fits(counts.total, self.address_space.load(Ordering::Relaxed)) {
            return Err(Errno::ENOMEM);
        }
        if is_data(protection, flags) && !fits(counts.data, self.data()) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Whether `pages` more may be locked.
    pub(super) fn may_lock(&self, counts: Counts, pages: u64) -> bool {
        counts.locked.saturating_add(pages) <= self.locked() / PAGE
    }
}

/// `ENOMEM` for what is an "obvious overcommit" to Linux (`vm.overcommit_memory` 0): one private, writable mapping
/// that is larger than all memory. What is below 64 MiB is never obvious: on a machine of 5 MiB the ordinary stack of
/// a thread would be.
pub(super) fn check_commitment(pages: u64, protection: Protection, flags: AreaFlags) -> Result<()> {
    const NEVER_OBVIOUS: u64 = (64 << 20) / PAGE;
    let counted =
        protection.contains(Protection::WRITE) && !flags.intersects(AreaFlags::SHARED | AreaFlags::NO_RESERVE);
    if counted && pages > NEVER_OBVIOUS && pages > machine().frames().0 { Err(Errno::ENOMEM) } else { Ok(()) }
}

/// `ENOMEM` when memory is down to the kernel's reserve: the kernel's own records of a mapping come from it, and they
/// are not to take the last.
pub(super) fn check_reserve() -> Result<()> {
    if machine().frames().1 == 0 { Err(Errno::ENOMEM) } else { Ok(()) }
}
