//! `fork(2)`'s part: a copy of an address space whose private pages are copied when one side writes.

use super::area::AreaFlags;
use super::layout::Layout;
use super::limits::{Limits, check_reserve};
use super::{AddressSpace, State};
use crate::errno::{Errno, Result};
use crate::machine::machine;
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
        let mut state = self.state.lock();
        state.areas.check_memory()?;
        // Shared pages come in again from their file. After a failure, too, the first write to a page that was made
        // read-only makes it writable again, since its area has been through a fork.
        let is_copied = AreaFlags::SHARED | AreaFlags::WIPE_ON_FORK | AreaFlags::DONT_FORK;
        state.areas.mark_forked();
        let private = state.areas.from(0).filter(|(_, area)| !area.flags.intersects(is_copied));
        let mut ranges = private.map(|(start, area)| (start, area.end));
        let table = self.table.duplicate(&mut ranges).map_err(|_| Errno::ENOMEM)?;
        let rewriting = state.rewriting.clone();
        let copy = State { areas: state.areas.duplicate(), future: AreaFlags::empty(), rewriting, ..*state };
        let copy = Self { table, limits: Limits::default(), layout: self.layout, state: Mutex::new(copy) };
        copy.limits.copy_from(&self.limits);
        Ok(Arc::new(copy))
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        for (start, area) in self.state.get_mut().areas.from(0) {
            self.table.unmap(start, area.end);
        }
    }
}
