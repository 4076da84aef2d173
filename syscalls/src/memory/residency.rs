//! `mincore(2)` and `msync(2)`: which pages are there, and which must reach their file.

use super::area::AreaFlags;
use super::{AddressSpace, is_aligned, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::user::USER_END;
use linux_raw_sys::general::{MS_ASYNC, MS_INVALIDATE, MS_SYNC};

impl AddressSpace {
    /// Says for the pages from `start` on, which is aligned, whether they are there: 1 or 0. `ENOMEM` for a gap.
    pub fn residency(&self, start: u64, pages: &mut [u8]) -> Result<()> {
        let length = pages.len() as u64 * PAGE;
        let end = start.checked_add(length).filter(|&end| end <= USER_END).ok_or(Errno::ENOMEM)?;
        let state = self.state.lock();
        if !state.areas.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        pages.fill(0);
        self.table.visit(start, end, &mut |page, _| {
            if let Some(byte) = pages.get_mut(((page - start) / PAGE) as usize) {
                *byte = 1;
            }
        });
        Ok(())
    }

    /// `msync(2)`. A shared page is the file's own page, so there is nothing to carry over. `EINVAL`, `ENOMEM` for a
    /// gap, `EBUSY` for `MS_INVALIDATE` of locked pages.
    pub fn synchronise(&self, start: u64, length: u64, flags: u32) -> Result<()> {
        if flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0
            || !is_aligned(start)
            || flags & (MS_ASYNC | MS_SYNC) == MS_ASYNC | MS_SYNC
        {
            return Err(Errno::EINVAL);
        }
        let end = whole_pages(length).and_then(|length| start.checked_add(length)).ok_or(Errno::ENOMEM)?;
        let state = self.state.lock();
        let mut areas = state.areas.within(start, end);
        if flags & MS_INVALIDATE != 0 && areas.any(|(_, area)| area.flags.contains(AreaFlags::LOCKED)) {
            return Err(Errno::EBUSY);
        }
        if end > start && !state.areas.covers(start, end) { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}
