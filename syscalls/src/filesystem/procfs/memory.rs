//! `/proc/PID/mem` and `pagemap`: a process's memory by address.

use super::subject::Subject;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::frame::{PAGE, PAGE_SIZE};
use crate::machine::machine;
use crate::memory::AddressSpace;
use crate::transfer::{Destination, Source};
use crate::user::USER_END;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use linux_raw_sys::general::CAP_SYS_ADMIN;

/// Opens `mem`.
pub(super) fn memory(subject: &Subject) -> Result<Arc<dyn File>> {
    Ok(Arc::new(Memory(Arc::downgrade(&subject.process()?.memory()))))
}

/// Opens `pagemap`.
pub(super) fn page_map(subject: &Subject) -> Result<Arc<dyn File>> {
    Ok(Arc::new(PageMap(Arc::downgrade(&subject.process()?.memory()))))
}

/// A page's worth of zeros to copy through. `ENOMEM`.
fn buffer(length: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(length, 0);
    Ok(buffer)
}

/// The memory that a process had when this was opened; nothing can be read once it is gone.
struct Memory(Weak<AddressSpace>);

impl File for Memory {
    fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let Some(memory) = self.0.upgrade() else { return Ok(0) };
        let before = to.done();
        let mut piece = buffer(PAGE_SIZE)?;
        while to.remaining() > 0 {
            let done = to.done() - before;
            // Up to the end of a page at a time, so that what is mapped comes whole.
            let at = offset.checked_add(done as u64).filter(|&at| at < USER_END).ok_or(Errno::EIO);
            let count = at.map(|at| {
                let length = to.remaining().min((PAGE - at % PAGE) as usize);
                memory.peek(at, piece.get_mut(..length).unwrap_or_default())
            });
            match count {
                Ok(count @ 1..) => match to.put(piece.get(..count).unwrap_or_default()) {
                    Err(errno) if to.done() == before => return Err(errno),
                    Err(_) => break,
                    Ok(_) => {}
                },
                _ if done > 0 => break,
                _ => return Err(Errno::EIO),
            }
        }
        Ok(to.done() - before)
    }

    fn write(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        let Some(memory) = self.0.upgrade() else { return Ok(0) };
        let mut written = 0;
        let mut piece = buffer(PAGE_SIZE)?;
        while from.remaining() > 0 {
            let at = offset.checked_add(written as u64).filter(|&at| at < USER_END);
            let Some(at) = at else { return if written > 0 { Ok(written) } else { Err(Errno::EIO) } };
            let length = from.remaining().min((PAGE - at % PAGE) as usize);
            let taken = match from.take(piece.get_mut(..length).unwrap_or_default()) {
                Err(errno) if written == 0 => return Err(errno),
                Err(_) => return Ok(written),
                Ok(taken) => taken,
            };
            let count = memory.poke(at, piece.get(..taken).unwrap_or_default());
            written += count;
            if count < taken {
                return if written > 0 { Ok(written) } else { Err(Errno::EIO) };
            }
        }
        Ok(written)
    }
}

/// Eight bytes about each page of the address space: `Documentation/admin-guide/mm/pagemap.rst` of Linux.
struct PageMap(Weak<AddressSpace>);

const PRESENT: u64 = 1 << 63;
const OF_FILE: u64 = 1 << 61;
const EXCLUSIVE: u64 = 1 << 56;

impl File for PageMap {
    fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let Some(memory) = self.0.upgrade() else { return Ok(0) };
        if !offset.is_multiple_of(8) || !to.remaining().is_multiple_of(8) {
            return Err(Errno::EINVAL);
        }
        let sees_frames = machine().current().process.credentials().has(CAP_SYS_ADMIN);
        let pages = (USER_END / PAGE).saturating_sub(offset / 8).min(to.remaining() as u64 / 8);
        let mut done = 0;
        let mut entries = vec![];
        while done < pages {
            entries.clear();
            for page in done..pages.min(done + PAGE / 8) {
                let entry = memory.page((offset / 8 + page) * PAGE).map_or(0, |(mapped, of_file)| {
                    let exclusive = machine().frame_references(mapped.frame) == 1;
                    PRESENT
                        | if of_file { OF_FILE } else { 0 }
                        | if exclusive { EXCLUSIVE } else { 0 }
                        | if sees_frames { u64::from(mapped.frame) } else { 0 }
                });
                entries.extend_from_slice(&entry.to_le_bytes());
            }
            to.put(&entries)?;
            done += entries.len() as u64 / 8;
        }
        Ok(done as usize * 8)
    }
}
