//! From a file to those who map it: pages that a file loses go from every address space.

use super::AddressSpace;
use super::area::{Area, AreaFlags, Backing, MappedFile};
use crate::errno::{Errno, Result};
use crate::file::Pages;
use crate::frame::PAGE;
use crate::process::registry;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::from_ref;

/// Which pages of a file go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// They lie behind the new end: what private mappings have copied goes as well, as `truncate(2)` has it.
    Cut,
    /// They become a hole: private copies stay.
    Punched,
}

/// The address spaces of all processes.
fn spaces() -> Vec<Arc<AddressSpace>> {
    registry::all(|_| true).iter().map(|process| process.memory()).collect()
}

/// Takes the pages `lost` of a file off all who map it; what is touched again is asked for again. To be called after
/// the file has let go of them (a hole also before), with no lock held.
pub fn invalidate(file: &dyn Pages, lost: Range<u64>, how: Lost) {
    for space in spaces() {
        space.unmap_file(file, &lost, how);
    }
}

/// Whether somebody maps the file such that it may be written through the mapping, now or after `mprotect(2)`.
pub fn is_mapped_writable(file: &dyn Pages) -> bool {
    spaces().iter().any(|space| {
        let state = space.state.lock();
        state.areas.from(0).any(|(_, area)| {
            let writable = area.is_shared() && !area.flags.contains(AreaFlags::NEVER_WRITABLE);
            writable && file_index(area, file).is_some()
        })
    })
}

/// How many areas of all address spaces map the file.
pub fn mapping_count(file: &dyn Pages) -> usize {
    let areas = |space: &Arc<AddressSpace>| {
        let state = space.state.lock();
        state.areas.from(0).filter(|(_, area)| file_index(area, file).is_some()).count()
    };
    // Between fork and exec two processes may have one space.
    let mut all = spaces();
    all.sort_by_key(|space| Arc::as_ptr(space).addr());
    all.dedup_by_key(|space| Arc::as_ptr(space).addr());
    all.iter().map(areas).sum()
}

/// The page of `file` that the area begins with, if it maps it.
fn file_index(area: &Area, file: &dyn Pages) -> Option<u64> {
    match &area.backing {
        Backing::File { file: mapped, index } => {
            let same = from_ref(&*mapped.pages).cast::<()>() == from_ref(file).cast::<()>();
            same.then_some(*index)
        }
        Backing::Anonymous => None,
    }
}

impl AddressSpace {
    /// `shmdt(2)`: takes away all areas of the segment that was attached at `address`; gives the segment. `EINVAL`.
    pub fn detach(&self, address: u64, is_segment: impl Fn(&Arc<MappedFile>) -> bool) -> Result<Arc<MappedFile>> {
        let mut state = self.state.lock();
        // Parts of it may be gone, the first one included: what lies where the attaching put it counts.
        let belongs = |start: u64, area: &Area| match &area.backing {
            Backing::File { file, index } if is_segment(file) && start.checked_sub(index * PAGE) == Some(address) => {
                Some(file.clone())
            }
            _ => None,
        };
        let found = state.areas.from(address).find_map(|(start, area)| belongs(start, area)).ok_or(Errno::EINVAL)?;
        let parts: Vec<_> = (state.areas.from(address))
            .filter(|(start, area)| belongs(*start, area).is_some_and(|file| Arc::ptr_eq(&file, &found)))
            .map(|(start, area)| (start, area.end))
            .collect();
        for (start, end) in parts {
            self.remove(&mut state, start, end);
        }
        Ok(found)
    }

    fn unmap_file(&self, file: &dyn Pages, lost: &Range<u64>, how: Lost) {
        let state = self.state.lock();
        for (start, area) in state.areas.from(0) {
            let Some(index) = file_index(area, file) else { continue };
            let (first, behind) = (lost.start.max(index), lost.end.min(index + (area.end - start) / PAGE));
            if first >= behind {
                continue;
            }
            let (from, to) = (start + (first - index) * PAGE, start + (behind - index) * PAGE);
            if how == Lost::Cut || area.is_shared() {
                self.table.unmap(from, to);
                continue;
            }
            let mut originals = Vec::new();
            self.table.visit(from, to, &mut |page, mapped| {
                let at = index + (page - start) / PAGE;
                if file.present(at).is_some_and(|frame| frame.number() == mapped.frame) {
                    originals.push(page);
                }
            });
            originals.iter().for_each(|&page| self.table.unmap(page, page + PAGE));
        }
    }
}
