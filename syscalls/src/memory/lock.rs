//! `mlock(2)` and its family. Nothing is ever paged out: to lock is to bring in, and to be counted.

use super::area::AreaFlags;
use super::{AddressSpace, FaultError, page_of, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::user::USER_END;
use linux_raw_sys::general::{MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT};

const BOTH: AreaFlags = AreaFlags::LOCKED.union(AreaFlags::LOCKED_ON_FAULT);

impl AddressSpace {
    /// `mlock(2)`, and with `on_fault` `mlock2(2)`'s `MLOCK_ONFAULT`. `EPERM`, `ENOMEM`, `EINVAL`, `EAGAIN`.
    pub fn lock(&self, start: u64, length: u64, on_fault: bool) -> Result<()> {
        if self.limits.locked() == 0 {
            return Err(Errno::EPERM);
        }
        let (start, end) = page_range(start, length)?;
        {
            let state = self.state.lock();
            let more = (end - start) / PAGE - state.areas.count(start, end).locked;
            if !self.limits.may_lock(state.areas.counts(), more) {
                return Err(Errno::ENOMEM);
            }
        }
        self.mark(start, end, if on_fault { BOTH } else { AreaFlags::LOCKED })?;
        self.populate(start, end).map_err(|error| match error {
            FaultError::OutOfMemory => Errno::EAGAIN,
            FaultError::Segv(_) | FaultError::Bus => Errno::ENOMEM,
        })
    }

    /// `munlock(2)`. `ENOMEM`, `EINVAL`.
    pub fn unlock(&self, start: u64, length: u64) -> Result<()> {
        let (start, end) = page_range(start, length)?;
        self.mark(start, end, AreaFlags::empty())
    }

    /// Sets the lock flags of `[start, end)`; a gap ends it with `ENOMEM`.
    fn mark(&self, start: u64, end: u64, flags: AreaFlags) -> Result<()> {
        let mut state = self.state.lock();
        let mut at = start;
        while at < end {
            let (_, area) = state.areas.containing(at).ok_or(Errno::ENOMEM)?;
            let to = area.end.min(end);
            if area.flags & BOTH != flags {
                state.areas.check_room(at, to, false, 0)?;
                state.areas.change(at, to, |area| area.flags = area.flags.difference(BOTH) | flags);
            }
            at = to;
        }
        Ok(())
    }

    /// `mlockall(2)`. `EINVAL`, `EPERM`, `ENOMEM`.
    pub fn lock_all(&self, flags: u32) -> Result<()> {
        if flags & !(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0 || flags & (MCL_CURRENT | MCL_FUTURE) == 0 {
            return Err(Errno::EINVAL);
        }
        if self.limits.locked() == 0 {
            return Err(Errno::EPERM);
        }
        let lock = if flags & MCL_ONFAULT != 0 { BOTH } else { AreaFlags::LOCKED };
        let mut state = self.state.lock();
        let current = flags & MCL_CURRENT != 0;
        if current && state.areas.counts().total > self.limits.locked() / PAGE {
            return Err(Errno::ENOMEM);
        }
        state.future = if flags & MCL_FUTURE != 0 { lock } else { AreaFlags::empty() };
        if current {
            state.areas.change(0, USER_END, |area| area.flags = area.flags.difference(BOTH) | lock);
            drop(state);
            // As on Linux, what cannot come in now is no error.
            let _ = self.populate(0, USER_END);
        }
        Ok(())
    }

    /// `munlockall(2)`.
    pub fn unlock_all(&self) {
        let mut state = self.state.lock();
        state.future = AreaFlags::empty();
        state.areas.change(0, USER_END, |area| area.flags.remove(BOTH));
    }
}

/// The pages that a range of bytes touches. `EINVAL`.
fn page_range(start: u64, length: u64) -> Result<(u64, u64)> {
    let first = page_of(start);
    let length = length.checked_add(start - first).and_then(whole_pages).ok_or(Errno::EINVAL)?;
    Ok((first, first.checked_add(length).ok_or(Errno::EINVAL)?))
}
