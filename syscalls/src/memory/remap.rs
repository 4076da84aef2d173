//! `mremap(2)`.

use super::area::{Area, AreaFlags, Backing, is_same_file};
use super::limits::check_reserve;
use super::{AddressSpace, LOWEST_ADDRESS, State, is_aligned, page_of, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::user::USER_END;
use linux_raw_sys::general::{MAP_NONBLOCK, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE};

bitflags::bitflags! {
    /// `MREMAP_*`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct RemapFlags: u32 {
        /// It may move.
        const MAY_MOVE = MREMAP_MAYMOVE;
        /// It is to move to the given address.
        const FIXED = MREMAP_FIXED;
        /// The old place stays mapped, with new pages.
        const DONT_UNMAP = MREMAP_DONTUNMAP;
    }
}

impl AddressSpace {
    /// `mremap(2)`; gives the new address. `EINVAL`, `EFAULT`, `ENOMEM`, `EAGAIN`, `EPERM`. With
    /// [`RemapFlags::FIXED`], what was mapped at the new place is gone also after some errors, as on Linux.
    pub fn remap(&self, old: u64, old_length: u64, new_length: u64, flags: RemapFlags, new: u64) -> Result<u64> {
        let moves = flags.intersects(RemapFlags::FIXED | RemapFlags::DONT_UNMAP);
        if moves && !flags.contains(RemapFlags::MAY_MOVE)
            || flags.contains(RemapFlags::DONT_UNMAP) && old_length != new_length
            || !is_aligned(old)
        {
            return Err(Errno::EINVAL);
        }
        let old_length = whole_pages(old_length).ok_or(Errno::EINVAL)?;
        let new_length = whole_pages(new_length).filter(|&length| length != 0).ok_or(Errno::EINVAL)?;
        check_reserve()?;

        let mut state = self.state.lock();
        state.areas.containing(old).ok_or(Errno::EFAULT)?;
        let (start, populate) = if moves {
            self.remap_to(&mut state, old, old_length, new_length, flags, new)?
        } else if old_length >= new_length {
            self.shrink(&mut state, old, old_length, new_length)?;
            (old, None)
        } else {
            self.grow(&mut state, old, old_length, new_length, flags)?
        };
        drop(state);
        if let Some(from) = populate {
            let _ = self.populate(from, start + new_length);
        }
        Ok(start)
    }

    fn shrink(&self, state: &mut State, old: u64, old_length: u64, new_length: u64) -> Result<()> {
        if old_length > new_length {
            let end = old.checked_add(old_length).filter(|&end| end <= USER_END).ok_or(Errno::EINVAL)?;
            state.areas.check_room(old + new_length, end, true, 0)?;
            self.remove(state, old + new_length, end);
        }
        Ok(())
    }

    /// Grows in place, or elsewhere if it may move. The answer's second part: from where to populate.
    fn grow(
        &self,
        state: &mut State,
        old: u64,
        old_length: u64,
        new_length: u64,
        flags: RemapFlags,
    ) -> Result<(u64, Option<u64>)> {
        let area = self.resizable(state, old, old_length, new_length)?;
        let end = old.checked_add(new_length).filter(|&end| end <= USER_END);
        if let Some(end) = end
            && old + old_length == area.end
            && state.areas.within(area.end, end).next().is_none()
        {
            let from = area.end;
            let locked = area.flags.contains(AreaFlags::LOCKED);
            state.areas.insert(from, part(&area, old, from, end));
            return Ok((old, locked.then_some(from)));
        }
        if !flags.contains(RemapFlags::MAY_MOVE) {
            return Err(Errno::ENOMEM);
        }
        let new = self.place(state, 0, new_length, 0)?;
        self.relocate(state, &area, old, old_length, new, new_length, flags)
    }

    /// Moves to where the program wants it, or anywhere with [`RemapFlags::DONT_UNMAP`] alone.
    fn remap_to(
        &self,
        state: &mut State,
        old: u64,
        old_length: u64,
        new_length: u64,
        flags: RemapFlags,
        new: u64,
    ) -> Result<(u64, Option<u64>)> {
        if !is_aligned(new) || new_length > USER_END || new > USER_END - new_length {
            return Err(Errno::EINVAL);
        }
        let old_end = old.checked_add(old_length).ok_or(Errno::EINVAL)?;
        if old_end > new && new + new_length > old {
            return Err(Errno::EINVAL);
        }
        let fixed = flags.contains(RemapFlags::FIXED);
        if fixed && new < LOWEST_ADDRESS {
            return Err(Errno::EPERM);
        }
        // What can be refused is refused before anything goes.
        let kept = old_length.min(new_length);
        self.resizable(state, old, kept, new_length)?;
        state.areas.check_room(old, old_end, false, 3)?;
        if fixed {
            self.remove(state, new, new + new_length);
        }
        if old_length > new_length {
            self.remove(state, old + new_length, old_end.min(USER_END));
        }
        let area = self.resizable(state, old, kept, new_length)?;
        let new = if fixed { new } else { self.place(state, page_of(new), new_length, 0)? };
        self.relocate(state, &area, old, kept, new, new_length, flags)
    }

    /// The area at `old`, if it can be `new_length` long.
    fn resizable(&self, state: &State, old: u64, old_length: u64, new_length: u64) -> Result<Area> {
        let (start, area) = state.areas.containing(old).ok_or(Errno::EFAULT)?;
        if old_length == 0 && !area.is_shared() {
            return Err(Errno::EINVAL);
        }
        if old_length > area.end - old {
            return Err(Errno::EFAULT);
        }
        if new_length > old_length {
            let more = (new_length - old_length) / PAGE;
            if let Backing::File { index, .. } = &area.backing {
                let at = index + (old - start) / PAGE;
                at.checked_add(new_length / PAGE).filter(|&end| end <= u64::MAX / PAGE).ok_or(Errno::EINVAL)?;
            }
            if area.flags.contains(AreaFlags::FIXED_SIZE) {
                return Err(Errno::EFAULT);
            }
            let counts = state.areas.counts();
            if area.flags.contains(AreaFlags::LOCKED) && !self.limits.may_lock(counts, more) {
                return Err(Errno::EAGAIN);
            }
            self.limits.check_growth(counts, more, area.protection, area.flags)?;
        }
        let mut area = area.clone();
        if let Backing::File { index, .. } = &mut area.backing {
            *index += (old - start) / PAGE;
        }
        Ok(area)
    }

    /// Moves `old_length` bytes of `area`, whose backing is that of `old`, to the free place `new`.
    #[expect(clippy::too_many_arguments, reason = "two ranges, their area and how")]
    fn relocate(
        &self,
        state: &mut State,
        area: &Area,
        old: u64,
        old_length: u64,
        new: u64,
        new_length: u64,
        flags: RemapFlags,
    ) -> Result<(u64, Option<u64>)> {
        let stays = flags.contains(RemapFlags::DONT_UNMAP);
        if stays {
            self.limits.check_growth(state.areas.counts(), new_length / PAGE, area.protection, area.flags)?;
        }
        state.areas.check_room(old, old + old_length, !stays, 1)?;
        if old_length != 0 {
            self.restore(state, old, old + old_length);
            self.table.relocate(old, new, old_length).map_err(|_| Errno::ENOMEM)?;
            if stays {
                let locked = AreaFlags::LOCKED | AreaFlags::LOCKED_ON_FAULT;
                state.areas.change(old, old + old_length, |area| area.flags.remove(locked));
            } else {
                state.areas.remove(old, old + old_length);
            }
        }
        state.areas.insert(new, Area { end: new + new_length, ..area.clone() });
        Ok((new, area.flags.contains(AreaFlags::LOCKED).then_some(new)))
    }
}

impl AddressSpace {
    /// `remap_file_pages(2)`: shows other pages of the shared file that is mapped there. `page` counts pages of the
    /// file. As on Linux since 4.0, it is a new mapping at the old place. `EINVAL`, `ENOMEM`.
    pub fn remap_file_pages(&self, start: u64, size: u64, protection: u64, page: u64, flags: u32) -> Result<()> {
        let (start, size) = (page_of(start), page_of(size));
        let end = start.checked_add(size).filter(|&end| end > start).ok_or(Errno::EINVAL)?;
        let in_file = page.checked_add(size / PAGE).is_some_and(|end| end <= u64::MAX / PAGE);
        if protection != 0 || !in_file {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        let (first, area) = state.areas.containing(start).filter(|(_, area)| area.is_shared()).ok_or(Errno::EINVAL)?;
        let Backing::File { file, .. } = &area.backing else { return Err(Errno::EINVAL) };
        // The range may lie in several areas, of the same file and mapped alike.
        let alike = |other: &Area| {
            (other.flags, other.protection) == (area.flags, area.protection)
                && matches!(&other.backing, Backing::File { file: theirs, .. } if is_same_file(theirs, file))
        };
        if !state.areas.covers(start, end) || !state.areas.within(first, end).all(|(_, area)| alike(area)) {
            return Err(Errno::EINVAL);
        }
        let shown = Area { end, backing: Backing::File { file: file.clone(), index: page }, ..area.clone() };
        state.areas.check_room(start, end, true, 1)?;
        self.remove(&mut state, start, end);
        state.areas.insert(start, shown);
        drop(state);
        if flags & MAP_NONBLOCK == 0 {
            let _ = self.populate(start, end);
        }
        Ok(())
    }
}

/// `[from, end)` of an area whose backing is that of `start`.
fn part(area: &Area, start: u64, from: u64, end: u64) -> Area {
    let mut part = Area { end, ..area.clone() };
    if let Backing::File { index, .. } = &mut part.backing {
        *index += (from - start) / PAGE;
    }
    part
}
