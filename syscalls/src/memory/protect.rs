//! `mprotect(2)`.

use super::area::{Area, AreaFlags, Protection};
use super::{AddressSpace, State, is_aligned, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use linux_raw_sys::general::{PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, PROT_SEM, PROT_WRITE};

impl AddressSpace {
    /// `mprotect(2)`; `protection` is `PROT_*` as the program gave it. `EINVAL`, `ENOMEM`, `EACCES`; what lies before
    /// the page that an error is about has changed by then.
    pub fn protect(&self, start: u64, length: u64, protection: u64) -> Result<()> {
        let grows = protection & u64::from(PROT_GROWSDOWN | PROT_GROWSUP);
        let protection = protection & !grows;
        if grows == u64::from(PROT_GROWSDOWN | PROT_GROWSUP) || !is_aligned(start) {
            return Err(Errno::EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        let mut start = start;
        let end = whole_pages(length).and_then(|length| start.checked_add(length)).ok_or(Errno::ENOMEM)?;
        if end <= start {
            return Err(Errno::ENOMEM);
        }
        if protection & !u64::from(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM) != 0 {
            return Err(Errno::EINVAL);
        }
        let protection = Protection::from_bits_truncate(protection as u32);

        let mut state = self.state.lock();
        let (first, area) = state.areas.at_or_above(start).ok_or(Errno::ENOMEM)?;
        if grows == u64::from(PROT_GROWSDOWN) {
            if first >= end {
                return Err(Errno::ENOMEM);
            }
            if !area.flags.contains(AreaFlags::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            start = first;
        } else if first > start {
            return Err(Errno::ENOMEM);
        } else if grows != 0 {
            // Nothing grows upwards on this architecture.
            return Err(Errno::EINVAL);
        }
        loop {
            let (_, area) = state.areas.containing(start).ok_or(Errno::ENOMEM)?;
            let upto = area.end.min(end);
            if area.protection != protection {
                let area = area.clone();
                self.protect_part(&mut state, start, upto, &area, protection)?;
            }
            if upto == end {
                return Ok(());
            }
            start = upto;
        }
    }

    /// Changes `[start, end)`, which lies in one area.
    fn protect_part(&self, state: &mut State, start: u64, end: u64, area: &Area, protection: Protection) -> Result<()> {
        if protection.contains(Protection::WRITE) && area.flags.contains(AreaFlags::NEVER_WRITABLE) {
            return Err(Errno::EACCES);
        }
        if protection.contains(Protection::WRITE) && !area.is_data() {
            // Without a total: no page is added.
            let counts = super::Counts { total: 0, ..state.areas.counts() };
            self.limits.check_growth(counts, (end - start) / PAGE, protection, area.flags)?;
        }
        state.areas.check_room(start, end, false, 0)?;
        if !protection.contains(Protection::EXECUTE) || protection.contains(Protection::WRITE) {
            self.restore(state, start, end);
        }
        state.areas.change(start, end, |area| area.protection = protection);
        self.table.protect(start, end, protection.access(), area.has_foreign_frames());
        Ok(())
    }
}
