//! `madvise(2)`.

use super::area::Backing;
use super::area::{Area, AreaFlags};
use super::{AddressSpace, FaultError, State, is_aligned, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::Access;
use linux_raw_sys::general as raw;

/// What a program says of its pages. What Linux can be built without (merging, poisoning) is unknown here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    /// Flags of the area are set and others cleared.
    Mark {
        /// Those that are set.
        set: AreaFlags,
        /// Those that are cleared.
        clear: AreaFlags,
    },
    /// `MADV_WILLNEED`: files need no reading ahead here.
    WillNeed,
    /// `MADV_DONTNEED`, `MADV_FREE` (which may free at once), and with `locked` `MADV_DONTNEED_LOCKED`.
    Discard {
        /// Locked pages go, too.
        locked: bool,
        /// Only private anonymous ones.
        anonymous: bool,
    },
    /// `MADV_COLD`, `MADV_PAGEOUT`: there is nowhere to page out to.
    Cool,
    /// `MADV_REMOVE`: a hole in the file.
    Remove,
    /// `MADV_POPULATE_READ`, `MADV_POPULATE_WRITE`.
    Populate {
        /// To be written.
        write: bool,
    },
}

impl Advice {
    /// From the number; `None` for one that is unknown.
    pub fn from_number(number: i32) -> Option<Self> {
        let (set, clear) = (
            |set| Self::Mark { set, clear: AreaFlags::empty() },
            |clear| Self::Mark { set: AreaFlags::empty(), clear },
        );
        Some(match u32::try_from(number).ok()? {
            raw::MADV_NORMAL => clear(AreaFlags::RANDOM | AreaFlags::SEQUENTIAL),
            raw::MADV_RANDOM => Self::Mark { set: AreaFlags::RANDOM, clear: AreaFlags::SEQUENTIAL },
            raw::MADV_SEQUENTIAL => Self::Mark { set: AreaFlags::SEQUENTIAL, clear: AreaFlags::RANDOM },
            raw::MADV_DONTFORK => set(AreaFlags::DONT_FORK),
            raw::MADV_DOFORK => clear(AreaFlags::DONT_FORK),
            raw::MADV_DONTDUMP => set(AreaFlags::DONT_DUMP),
            raw::MADV_DODUMP => clear(AreaFlags::DONT_DUMP),
            raw::MADV_WIPEONFORK => set(AreaFlags::WIPE_ON_FORK),
            raw::MADV_KEEPONFORK => clear(AreaFlags::WIPE_ON_FORK),
            raw::MADV_HUGEPAGE => Self::Mark { set: AreaFlags::HUGE_PAGE, clear: AreaFlags::NO_HUGE_PAGE },
            raw::MADV_NOHUGEPAGE => Self::Mark { set: AreaFlags::NO_HUGE_PAGE, clear: AreaFlags::HUGE_PAGE },
            raw::MADV_WILLNEED => Self::WillNeed,
            raw::MADV_DONTNEED => Self::Discard { locked: false, anonymous: false },
            raw::MADV_DONTNEED_LOCKED => Self::Discard { locked: true, anonymous: false },
            raw::MADV_FREE => Self::Discard { locked: false, anonymous: true },
            raw::MADV_COLD | raw::MADV_PAGEOUT => Self::Cool,
            raw::MADV_REMOVE => Self::Remove,
            raw::MADV_POPULATE_READ => Self::Populate { write: false },
            raw::MADV_POPULATE_WRITE => Self::Populate { write: true },
            _ => return None,
        })
    }
}

impl AddressSpace {
    /// `madvise(2)`. `EINVAL`, `ENOMEM` (a gap; the mapped parts were served), `EAGAIN` (too many areas), and others
    /// by advice.
    pub fn advise(&self, start: u64, length: u64, advice: Advice) -> Result<()> {
        if !is_aligned(start) {
            return Err(Errno::EINVAL);
        }
        let end = whole_pages(length).and_then(|length| start.checked_add(length)).ok_or(Errno::EINVAL)?;
        if end == start {
            return Ok(());
        }
        if let Advice::Populate { write } = advice {
            return self.populate_range(start, end, write);
        }
        let mut state = self.state.lock();
        let mut outcome = Ok(());
        let mut at = start;
        while at < end {
            let Some((from, area)) = state.areas.at_or_above(at).filter(|&(from, _)| from < end) else {
                return Err(Errno::ENOMEM);
            };
            if from > at {
                outcome = Err(Errno::ENOMEM);
            }
            let (from, to) = (from.max(at), area.end.min(end));
            let area = area.clone();
            if advice == Advice::Remove {
                drop(state);
                self.remove_from_file(from, to)?;
                state = self.state.lock();
            } else {
                self.advise_part(&mut state, from, to, &area, advice)?;
            }
            at = to;
        }
        outcome
    }

    /// `MADV_REMOVE` of `[start, end)`, which lies in one area: a hole in its file. Not under the lock: the file takes
    /// the pages off all who map it.
    fn remove_from_file(&self, at: u64, end: u64) -> Result<()> {
        let (file, first, last) = {
            let state = self.state.lock();
            let (start, area) = state.areas.containing(at).ok_or(Errno::ENOMEM)?;
            let Backing::File { file, index } = &area.backing else { return Err(Errno::EINVAL) };
            if area.flags.contains(AreaFlags::LOCKED) {
                return Err(Errno::EINVAL);
            }
            if !area.is_shared() || area.flags.contains(AreaFlags::NEVER_WRITABLE) {
                return Err(Errno::EACCES);
            }
            (file.clone(), index + (at - start) / PAGE, index + (end.min(area.end) - start) / PAGE)
        };
        file.pages.remove(first, last)
    }

    /// Serves `[start, end)`, which lies in one area.
    fn advise_part(&self, state: &mut State, start: u64, end: u64, area: &Area, advice: Advice) -> Result<()> {
        let locked = area.flags.contains(AreaFlags::LOCKED);
        match advice {
            Advice::Mark { set, clear } => {
                if set.contains(AreaFlags::WIPE_ON_FORK) && !area.is_anonymous() {
                    return Err(Errno::EINVAL);
                }
                if area.flags.difference(clear).union(set) != area.flags {
                    state.areas.check_room(start, end, false, 0).map_err(|_| Errno::EAGAIN)?;
                    state.areas.change(start, end, |area| area.flags = area.flags.difference(clear).union(set));
                }
                Ok(())
            }
            Advice::WillNeed => Ok(()),
            Advice::Discard { locked: also_locked, anonymous } => {
                if locked && !also_locked || anonymous && !area.is_anonymous() {
                    return Err(Errno::EINVAL);
                }
                self.table.unmap(start, end);
                Ok(())
            }
            Advice::Cool if locked => Err(Errno::EINVAL),
            Advice::Cool => Ok(()),
            // Served without the lock.
            Advice::Remove | Advice::Populate { .. } => Ok(()),
        }
    }

    /// `ENOMEM` for a gap or without memory, `EINVAL` where the access is not allowed, `EFAULT` beyond a file's end.
    fn populate_range(&self, start: u64, end: u64, write: bool) -> Result<()> {
        let access = if write { Access::WRITE } else { Access::READ };
        for page in (start..end).step_by(PAGE as usize) {
            // A fault below a stack would make it grow: not here.
            self.state.lock().areas.containing(page).ok_or(Errno::ENOMEM)?;
            self.fault(page, access).map_err(|error| match error {
                FaultError::Segv(_) => Errno::EINVAL,
                FaultError::Bus => Errno::EFAULT,
                FaultError::OutOfMemory => Errno::ENOMEM,
            })?;
        }
        Ok(())
    }
}
