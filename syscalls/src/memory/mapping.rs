//! `mmap(2)` and `munmap(2)`.

use super::area::{Area, AreaFlags, Backing, MappedFile, Protection};
use super::limits::{check_commitment, check_reserve};
use super::shared::SharedMemory;
use super::{AddressSpace, LOWEST_ADDRESS, State, is_aligned, page_of, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::user::USER_END;
use alloc::sync::Arc;
use linux_raw_sys::general::{
    MAP_32BIT, MAP_ABOVE4G, MAP_ANONYMOUS, MAP_DENYWRITE, MAP_EXECUTABLE, MAP_FIXED, MAP_FIXED_NOREPLACE,
    MAP_GROWSDOWN, MAP_HUGE_1GB, MAP_HUGE_2MB, MAP_HUGE_MASK, MAP_HUGE_SHIFT, MAP_HUGETLB, MAP_LOCKED, MAP_NONBLOCK,
    MAP_NORESERVE, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_STACK, MAP_TYPE, MAP_UNINITIALIZED,
};

/// `LEGACY_MAP_MASK`: what `MAP_SHARED_VALIDATE` knows. `MAP_FIXED_NOREPLACE` is not among it on Linux, either.
const KNOWN: u32 = MAP_SHARED
    | MAP_PRIVATE
    | MAP_FIXED
    | MAP_ANONYMOUS
    | MAP_DENYWRITE
    | MAP_EXECUTABLE
    | MAP_UNINITIALIZED
    | MAP_GROWSDOWN
    | MAP_LOCKED
    | MAP_NORESERVE
    | MAP_POPULATE
    | MAP_NONBLOCK
    | MAP_STACK
    | MAP_HUGETLB
    | MAP_32BIT
    | MAP_ABOVE4G
    | MAP_HUGE_2MB
    | MAP_HUGE_1GB;

/// A file to be mapped, and how its descriptor is open.
pub struct OpenForMapping {
    /// The file; `None` for `/dev/zero`, whose mappings are fresh memory.
    pub file: Option<Arc<MappedFile>>,
    /// Whether it is open for reading.
    pub readable: bool,
    /// Whether it is open for writing.
    pub writable: bool,
    /// Whether seals let a shared mapping be written.
    pub unsealed: bool,
}

/// What `mmap(2)` is asked for. Numbers are as the program gave them.
pub struct MapRequest {
    /// The address, or a hint.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// `PROT_*`; other bits are ignored, as on Linux.
    pub protection: u64,
    /// `MAP_*`.
    pub flags: u32,
    /// The file, unless `MAP_ANONYMOUS`.
    pub file: Option<OpenForMapping>,
    /// The offset in the file, in bytes.
    pub offset: u64,
}

impl AddressSpace {
    /// `mmap(2)`; gives the address. `EINVAL`, `ENOMEM`, `EEXIST`, `EPERM`, `EACCES`, `EOPNOTSUPP`, `EOVERFLOW`,
    /// `EAGAIN`.
    pub fn map(&self, request: MapRequest) -> Result<u64> {
        if !is_aligned(request.offset) {
            return Err(Errno::EINVAL);
        }
        check_huge_pages(request.flags, request.file.is_some())?;
        if request.length == 0 {
            return Err(Errno::EINVAL);
        }
        let length = whole_pages(request.length).ok_or(Errno::ENOMEM)?;
        let pages = length / PAGE;
        if (request.offset / PAGE).checked_add(pages).is_none_or(|end| end > u64::MAX / PAGE) {
            return Err(Errno::EOVERFLOW);
        }
        check_reserve()?;
        let flags = request.flags;

        let mut state = self.state.lock();
        let start = self.place(&mut state, request.address, length, flags)?;
        let end = start + length;
        let replaces = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0;
        if flags & MAP_FIXED_NOREPLACE != 0 && state.areas.within(start, end).next().is_some() {
            return Err(Errno::EEXIST);
        }
        let mut area = describe(&request, start, end)?;
        area.flags |= state.future;
        if flags & MAP_LOCKED != 0 {
            area.flags |= AreaFlags::LOCKED;
            if self.limits.locked() == 0 {
                return Err(Errno::EPERM);
            }
        }
        let mut counts = state.areas.counts();
        if area.flags.contains(AreaFlags::LOCKED) && !self.limits.may_lock(counts, pages) {
            return Err(Errno::EAGAIN);
        }
        counts.total -= if replaces { state.areas.count(start, end).total } else { 0 };
        self.limits.check_growth(counts, pages, area.protection, area.flags)?;
        check_commitment(pages, area.protection, area.flags)?;
        state.areas.check_room(start, end, true, 1)?;

        let locked = area.flags.contains(AreaFlags::LOCKED);
        if replaces {
            self.remove(&mut state, start, end);
        }
        state.areas.insert(start, area);
        drop(state);
        if locked || flags & (MAP_POPULATE | MAP_NONBLOCK) == MAP_POPULATE {
            // As on Linux, that pages cannot come in now is no error of mmap.
            let _ = self.populate(start, end);
        }
        Ok(start)
    }

    /// `munmap(2)`. `EINVAL`; `ENOMEM` when a hole would make too many areas.
    pub fn unmap(&self, start: u64, length: u64) -> Result<()> {
        if !is_aligned(start) || start > USER_END || length > USER_END - start || length == 0 {
            return Err(Errno::EINVAL);
        }
        let end = start + whole_pages(length).ok_or(Errno::EINVAL)?;
        let mut state = self.state.lock();
        state.areas.check_room(start, end, true, 0)?;
        self.remove(&mut state, start, end);
        Ok(())
    }

    /// Takes away what is mapped in `[start, end)`.
    pub(super) fn remove(&self, state: &mut State, start: u64, end: u64) {
        if state.areas.within(start, end).next().is_some() {
            state.areas.remove(start, end);
            self.table.unmap(start, end);
        }
    }

    /// `get_unmapped_area`: where a mapping goes.
    pub(super) fn place(&self, state: &mut State, hint: u64, length: u64, flags: u32) -> Result<u64> {
        if length > USER_END {
            return Err(Errno::ENOMEM);
        }
        if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0 {
            return match hint {
                start if start > USER_END - length => Err(Errno::ENOMEM),
                start if !is_aligned(start) => Err(Errno::EINVAL),
                start if start < LOWEST_ADDRESS => Err(Errno::EPERM),
                start => Ok(start),
            };
        }
        // Linux keeps a hint within MAP_32BIT's range only if it happens to lie there.
        let low = flags & MAP_32BIT != 0;
        let ceiling = if low { 0x8000_0000 } else { USER_END };
        let hint = match page_of(hint) {
            0 => None,
            start => Some(start.max(LOWEST_ADDRESS)),
        };
        if let Some(start) = hint
            && start.checked_add(length).is_some_and(|end| end <= ceiling && state.areas.is_free(start, end))
        {
            return Ok(start);
        }
        if low {
            return state.areas.lowest_gap(self.layout.low_base, ceiling, length).ok_or(Errno::ENOMEM);
        }
        let floor = if flags & MAP_ABOVE4G != 0 { 1 << 32 } else { LOWEST_ADDRESS };
        let downwards = state.areas.highest_gap(floor, self.layout.mapping_base, length);
        let upwards = || state.areas.lowest_gap(self.layout.mapping_base_upwards, USER_END, length);
        downwards.or_else(upwards).ok_or(Errno::ENOMEM)
    }
}

/// There are no huge pages set aside: `ENOMEM` as Linux answers then, `EINVAL` for sizes the CPU does not have.
fn check_huge_pages(flags: u32, is_file: bool) -> Result<()> {
    if flags & MAP_HUGETLB == 0 {
        return Ok(());
    }
    match flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK {
        _ if is_file => Err(Errno::EINVAL),
        0 | 21 | 30 => Err(Errno::ENOMEM),
        _ => Err(Errno::EINVAL),
    }
}

/// The area that a request makes at its place.
fn describe(request: &MapRequest, start: u64, end: u64) -> Result<Area> {
    let protection = Protection::from_bits_truncate(request.protection as u32);
    let kind = request.flags & MAP_TYPE;
    let mut flags = AreaFlags::empty();
    flags.set(AreaFlags::GROWS_DOWN, request.flags & MAP_GROWSDOWN != 0);
    flags.set(AreaFlags::NO_RESERVE, request.flags & MAP_NORESERVE != 0);
    flags.set(AreaFlags::NO_HUGE_PAGE, request.flags & MAP_STACK != 0);
    let shared = matches!(kind, MAP_SHARED | MAP_SHARED_VALIDATE);
    flags.set(AreaFlags::SHARED, shared);
    let Some(open) = &request.file else {
        return match kind {
            MAP_PRIVATE => Ok(Area { end, protection, flags, backing: Backing::Anonymous }),
            MAP_SHARED if !flags.contains(AreaFlags::GROWS_DOWN) => {
                let file = SharedMemory::new_file((end - start) / PAGE);
                Ok(Area { end, protection, flags, backing: Backing::File { file, index: 0 } })
            }
            _ => Err(Errno::EINVAL),
        };
    };
    if kind == MAP_SHARED_VALIDATE && request.flags & !KNOWN & !MAP_TYPE != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if !shared && kind != MAP_PRIVATE {
        return Err(Errno::EINVAL);
    }
    if shared && protection.contains(Protection::WRITE) && !open.writable || !open.readable {
        return Err(Errno::EACCES);
    }
    if flags.contains(AreaFlags::GROWS_DOWN) {
        return Err(Errno::EINVAL);
    }
    flags.set(AreaFlags::NEVER_WRITABLE, shared && !(open.writable && open.unsealed));
    let backing = match &open.file {
        Some(file) => Backing::File { file: file.clone(), index: request.offset / PAGE },
        None if shared => Backing::File { file: SharedMemory::new_file((end - start) / PAGE), index: 0 },
        None => Backing::Anonymous,
    };
    Ok(Area { end, protection, flags, backing })
}
