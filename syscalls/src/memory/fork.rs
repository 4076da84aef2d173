//! `fork(2)`'s part: a copy of an address space whose private pages are copied when one side writes.

use super::area::{Area, AreaFlags};
use super::areas::Areas;
use super::layout::Layout;
use super::limits::{Limits, check_reserve};
use super::{AddressSpace, State};
use crate::errno::{Errno, Result};
use crate::frame::Frame;
use crate::machine::{Access, machine};
use alloc::sync::Arc;
use spin::{Mutex, Once};

static NOTHING: Once<Arc<AddressSpace>> = Once::new();

impl AddressSpace {
    /// The space in which nothing is mapped, for processes that have ended. `None` before the first
    /// [`AddressSpace::prepare_nothing`].
    pub fn nothing() -> Option<Arc<Self>> {
        NOTHING.get().cloned()
    }

    /// Has [`AddressSpace::nothing`] there before a process can end that leaves others behind. `ENOMEM`.
    pub fn prepare_nothing() -> Result<()> {
        if NOTHING.get().is_none() {
            let table = machine().new_page_table().map_err(|_| Errno::ENOMEM)?;
            NOTHING.call_once(|| Self::with_layout(table, Layout::fixed(Limits::STACK)));
        }
        Ok(())
    }

    /// A copy as `fork(2)` makes it. `ENOMEM`: nothing has changed that a program could tell.
    pub fn duplicate(&self) -> Result<Arc<Self>> {
        check_reserve()?;
        let table = machine().new_page_table().map_err(|_| Errno::ENOMEM)?;
        let mut state = self.state.lock();
        let copy = State { areas: Areas::default(), future: AreaFlags::empty(), ..*state };
        let copy = Self { table, limits: Limits::default(), layout: self.layout, state: Mutex::new(copy) };
        copy.limits.copy_from(&self.limits);
        for (start, area) in state.areas.from(0) {
            if area.flags.contains(AreaFlags::DONT_FORK) {
                continue;
            }
            // Locks are not inherited.
            let flags = area.flags.difference(AreaFlags::LOCKED | AreaFlags::LOCKED_ON_FAULT) | AreaFlags::FORKED;
            copy.state.lock().areas.insert(start, Area { flags, ..area.clone() });
            // Shared pages come in again from their file.
            if !area.is_shared() && !area.flags.contains(AreaFlags::WIPE_ON_FORK) {
                self.share_frames(&copy, start, area)?;
            }
        }
        state.areas.change(0, crate::user::USER_END, |area| area.flags |= AreaFlags::FORKED);
        Ok(Arc::new(copy))
    }

    /// Maps the frames of a private area in the copy as well; neither side may write to them from now on.
    fn share_frames(&self, copy: &Self, start: u64, area: &Area) -> Result<()> {
        let readonly = |access: Access| Access { write: false, ..access };
        let mut outcome = Ok(());
        self.table.visit(start, area.end, &mut |page, mapped| {
            if outcome.is_ok() {
                machine().retain_frame(mapped.frame);
                outcome = copy.table.map(page, Frame::from_number(mapped.frame), readonly(mapped.access));
            }
        });
        // Also after a failure: the first write to such a page makes it writable again.
        self.table.protect(start, area.end, readonly(area.protection.access()), false);
        outcome.map_err(|_| Errno::ENOMEM)
    }
}
