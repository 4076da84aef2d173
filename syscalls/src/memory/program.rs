//! What a program starts with: its segments, stack and vDSO.

use super::area::{Area, AreaFlags, Backing, MappedFile, Protection};
use super::{AddressSpace, LOWEST_ADDRESS, is_aligned, whole_pages};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::{Access, machine};
use crate::user::USER_END;
use alloc::sync::Arc;

impl AddressSpace {
    /// Maps pages of a file, private, at exactly this place, over what was there. From `zero_from` on, if it is given
    /// and lies in the last page, that page is zeroed: where bss begins. Numbers are bytes; all but `zero_from` are
    /// whole pages. `EINVAL`, `ENOMEM`; `EFAULT` when the page to be zeroed lies beyond the end of the file.
    pub fn map_file(
        &self,
        start: u64,
        length: u64,
        file: &Arc<MappedFile>,
        offset: u64,
        protection: Protection,
        zero_from: Option<u64>,
    ) -> Result<()> {
        if !is_aligned(offset) {
            return Err(Errno::EINVAL);
        }
        let backing = Backing::File { file: file.clone(), index: offset / PAGE };
        self.put(start, length, protection, AreaFlags::empty(), backing)?;
        match zero_from {
            Some(from) if !is_aligned(from) && (start..start + length).contains(&from) => self.zero_to_page_end(from),
            _ => Ok(()),
        }
    }

    /// Maps zeros, private, at exactly this place, over what was there. `EINVAL`, `ENOMEM`.
    pub fn map_anonymous(&self, start: u64, length: u64, protection: Protection) -> Result<()> {
        self.put(start, length, protection, AreaFlags::empty(), Backing::Anonymous)
    }

    /// Where `length` bytes, in whole pages, have room. `ENOMEM`.
    pub fn find_room(&self, length: u64) -> Result<u64> {
        let length = whole_pages(length).ok_or(Errno::ENOMEM)?;
        self.place(&mut self.state.lock(), 0, length, 0)
    }

    /// Maps the stack: `length` bytes below the layout's top at first, growing. Gives the address behind it, where
    /// the initial stack's image ends, the layout's offset already taken off. `EINVAL`, `ENOMEM`.
    pub fn map_stack(&self, length: u64, executable: bool) -> Result<u64> {
        let top = self.layout.stack_top;
        let mut protection = Protection::READ | Protection::WRITE;
        protection.set(Protection::EXECUTE, executable);
        let length = whole_pages(length).ok_or(Errno::EINVAL)?;
        let start = top.checked_sub(length).ok_or(Errno::ENOMEM)?;
        self.put(start, length, protection, AreaFlags::GROWS_DOWN, Backing::Anonymous)?;
        Ok(top - self.layout.stack_offset)
    }

    /// Maps the vDSO's data and behind it its object, a page each, wherever there is room, and brings them in: every
    /// program looks there when it starts. The files' names show in `/proc/self/maps`. Gives the object's address.
    /// `ENOMEM`.
    pub fn map_vdso(&self, data: &Arc<MappedFile>, image: &Arc<MappedFile>) -> Result<u64> {
        let start = self.place(&mut self.state.lock(), 0, 2 * PAGE, 0)?;
        let only_data = AreaFlags::FIXED_SIZE | AreaFlags::NEVER_WRITABLE | AreaFlags::DONT_DUMP;
        let code = Protection::READ | Protection::EXECUTE;
        let backing = |file: &Arc<MappedFile>| Backing::File { file: file.clone(), index: 0 };
        self.put(start, PAGE, Protection::READ, only_data, backing(data))?;
        self.put(start + PAGE, PAGE, code, AreaFlags::FIXED_SIZE, backing(image))?;
        // What is not there now comes in with a fault.
        let _ = self.populate(start, start + 2 * PAGE);
        Ok(start + PAGE)
    }

    fn put(&self, start: u64, length: u64, protection: Protection, flags: AreaFlags, backing: Backing) -> Result<()> {
        let end = start.checked_add(length).filter(|&end| end <= USER_END).ok_or(Errno::ENOMEM)?;
        if !is_aligned(start) || !is_aligned(end) || start == end || start < LOWEST_ADDRESS {
            return Err(Errno::EINVAL);
        }
        let mut state = self.state.lock();
        self.limits.check_growth(state.areas.counts(), length / PAGE, protection, flags)?;
        state.areas.check_room(start, end, true, 1)?;
        self.remove(&mut state, start, end);
        state.areas.insert(start, Area { end, protection, flags, backing });
        Ok(())
    }

    /// Zeroes from `address` to the end of its page, through the frame: the space need not be the current one.
    fn zero_to_page_end(&self, address: u64) -> Result<()> {
        let within = (address % PAGE) as usize;
        self.fault_in(address, Access::WRITE)?;
        let mapped = self.table.lookup(address - within as u64).ok_or(Errno::EFAULT)?;
        machine().zero_frame(mapped.frame, within, PAGE as usize - within);
        Ok(())
    }

    /// Writes to a space that need not be the current one, before its program runs: the initial stack's image.
    /// `EFAULT`.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        let mut at = address;
        let mut rest = bytes;
        while !rest.is_empty() {
            let within = (at % PAGE) as usize;
            let (piece, more) = rest.split_at(rest.len().min(PAGE as usize - within));
            self.fault_in(at, Access::WRITE)?;
            let mapped = self.table.lookup(at - within as u64).ok_or(Errno::EFAULT)?;
            machine().write_frame(mapped.frame, within, piece);
            at = at.checked_add(piece.len() as u64).ok_or(Errno::EFAULT)?;
            rest = more;
        }
        Ok(())
    }
}
