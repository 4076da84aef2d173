//! The content of a regular file: a size and pages.
//!
//! Reads, writes and shared mappings all use the file's own frames, so they agree without copying. A frame is taken
//! under the lock and copied without it: a copy may fault, and a fault may need this file.

use super::archived::Archived;
use super::pages::PageMap;
use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE, PAGE_SIZE};
use crate::process::size_limit;
use crate::transfer::{Destination, Source};
use linux_raw_sys::general as raw;
use spin::Mutex;

/// The largest size and offset of a file, `MAX_LFS_FILESIZE`.
pub(super) const MAXIMUM_SIZE: u64 = i64::MAX as u64;

struct State {
    size: u64,
    pages: PageMap,
    archived: Option<Archived>,
    // `F_SEAL_*`.
    seals: u32,
}

/// A regular file's content.
pub(super) struct Regular {
    state: Mutex<State>,
}

impl Regular {
    /// Nothing.
    pub(super) fn empty() -> Self {
        // A file with a name is never sealed: to say so is a seal of its own.
        let state = State { size: 0, pages: PageMap::default(), archived: None, seals: raw::F_SEAL_SEAL };
        Self { state: Mutex::new(state) }
    }

    /// `F_GET_SEALS`.
    pub(super) fn seals(&self) -> u32 {
        self.state.lock().seals
    }

    /// Makes a new one a memory file: with seals, and of any size.
    pub(super) fn become_memory(&self, seals: u32) {
        let mut state = self.state.lock();
        state.seals = seals;
        state.pages.be_unbounded();
    }

    /// `F_ADD_SEALS`. `EPERM` when no more may be added.
    pub(super) fn add_seals(&self, seals: u32) -> Result<()> {
        let mut state = self.state.lock();
        if state.seals & raw::F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        state.seals |= seals;
        Ok(())
    }

    /// The content is what lies in an archive.
    pub(super) fn set_archived(&self, archived: Archived) {
        let mut state = self.state.lock();
        *state = State { size: archived.length(), archived: Some(archived), pages: PageMap::default(), ..*state };
    }

    /// Bytes, and blocks of 512 that they occupy.
    pub(super) fn size(&self) -> (u64, u64) {
        let state = self.state.lock();
        let archived = state.archived.as_ref().map_or(0, |archived| archived.length().div_ceil(512));
        // Pages of the archive that were copied are counted once.
        (state.size, (state.pages.count() * (PAGE / 512)).max(archived))
    }

    /// Reads from `offset` on, up to the end.
    pub(super) fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let before = to.done();
        let mut offset = offset;
        while to.remaining() > 0 {
            let within = (offset % PAGE) as usize;
            let (frame, length) = {
                let mut state = self.state.lock();
                let Some(left) = state.size.checked_sub(offset).filter(|&left| left > 0) else { break };
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                (state.page(offset / PAGE)?, left.min(PAGE_SIZE - within).min(to.remaining()))
            };
            let piece = to.done();
            let copied = match frame {
                Some(frame) => to.put_frame(&frame, within, length),
                None => to.put_zeros(length),
            };
            offset += (to.done() - piece) as u64;
            match copied {
                Err(errno) if to.done() == before => return Err(errno),
                Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok(to.done() - before)
    }

    /// Writes at `offset`, or at the end when there is none; gives the count and the offset behind. `EFBIG`, `ENOSPC`,
    /// `EPERM` by a seal.
    pub(super) fn write(&self, from: &mut Source<'_>, offset: Option<u64>) -> Result<(usize, u64)> {
        let before = from.done();
        let mut offset = offset.unwrap_or_else(|| self.state.lock().size);
        if from.remaining() == 0 {
            return Ok((0, offset));
        }
        let limit = size_limit::check_write(offset)?.min(MAXIMUM_SIZE);
        if offset >= limit {
            return Err(Errno::EFBIG);
        }
        while from.remaining() > 0 && offset < limit {
            let within = (offset % PAGE) as usize;
            let length = (PAGE_SIZE - within).min(from.remaining()).min((limit - offset) as usize);
            let piece = from.done();
            let frame = {
                let mut state = self.state.lock();
                state.check_write_seals(offset + length as u64).and_then(|()| state.page_for_write(offset / PAGE))
            };
            let copied = frame.and_then(|frame| from.take_frame(&frame, within, length));
            offset += (from.done() - piece) as u64;
            if from.done() > piece {
                // Only now: nobody shall read what is not written yet.
                let mut state = self.state.lock();
                state.size = state.size.max(offset);
            }
            match copied {
                Err(errno) if from.done() == before => return Err(errno),
                Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok((from.done() - before, offset))
    }

    /// Sets the size; what was cut off reads as zeros should the file grow again. `EFBIG`.
    pub(super) fn resize(&self, size: u64) -> Result<()> {
        if size > MAXIMUM_SIZE {
            return Err(Errno::EFBIG);
        }
        size_limit::check_size(self.size().0, size)?;
        let mut state = self.state.lock();
        let forbidden = if size < state.size { raw::F_SEAL_SHRINK } else { raw::F_SEAL_GROW };
        if size != state.size && state.seals & forbidden != 0 {
            return Err(Errno::EPERM);
        }
        if size < state.size {
            state.zero_tail(size)?;
            state.pages.remove(size.div_ceil(PAGE), u64::MAX);
            if let Some(archived) = &mut state.archived {
                archived.truncate(size);
            }
        }
        state.size = size;
        Ok(())
    }

    /// `fallocate(2)`: gives `[start, end)` pages; grows the file with `grow`. `ENOSPC`, `EFBIG`.
    pub(super) fn allocate(&self, start: u64, end: u64, grow: bool) -> Result<()> {
        if end > MAXIMUM_SIZE {
            return Err(Errno::EFBIG);
        }
        {
            let state = self.state.lock();
            if end > state.size && state.seals & raw::F_SEAL_GROW != 0 {
                return Err(Errno::EPERM);
            }
        }
        if grow {
            size_limit::check_size(self.size().0, end)?;
        }
        for index in start / PAGE..end.div_ceil(PAGE) {
            let mut state = self.state.lock();
            if state.pages.get(index).is_none() && !state.archived.as_ref().is_some_and(|archived| archived.has(index))
            {
                let frame = if state.pages.has_room() { Frame::zeroed() } else { None };
                state.pages.insert(index, frame.ok_or(Errno::ENOSPC)?);
            }
        }
        let mut state = self.state.lock();
        if grow {
            state.size = state.size.max(end);
        }
        Ok(())
    }

    /// Makes `[start, end)` read as zeros and releases whole pages. `ENOSPC`.
    pub(super) fn punch(&self, start: u64, end: u64) -> Result<()> {
        let mut state = self.state.lock();
        if state.seals & (raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE) != 0 {
            return Err(Errno::EPERM);
        }
        let end = end.min(state.size.div_ceil(PAGE) * PAGE);
        if start >= end {
            return Ok(());
        }
        let (first, last) = (start.div_ceil(PAGE), end / PAGE);
        if first > last {
            return state.zero(start / PAGE, (start % PAGE) as usize, (end % PAGE) as usize);
        }
        if !start.is_multiple_of(PAGE) {
            state.zero(start / PAGE, (start % PAGE) as usize, PAGE_SIZE)?;
        }
        if !end.is_multiple_of(PAGE) {
            state.zero(last, 0, (end % PAGE) as usize)?;
        }
        state.leave_archive(first, last)?;
        state.pages.remove(first, last);
        Ok(())
    }

    /// The first offset from `offset` on that holds data; `None` when only a hole follows. `ENXIO` behind the end.
    pub(super) fn seek_data(&self, offset: u64) -> Result<u64> {
        let state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        let index = offset / PAGE;
        let archived = state.archived.as_ref().filter(|archived| archived.has(index)).map(|_| index);
        let found = archived.or_else(|| state.pages.next_present(index)).ok_or(Errno::ENXIO)?;
        let found = (found * PAGE).max(offset);
        if found < state.size { Ok(found) } else { Err(Errno::ENXIO) }
    }

    /// The first offset from `offset` on that holds no data; the end of the file counts. `ENXIO` behind the end.
    pub(super) fn seek_hole(&self, offset: u64) -> Result<u64> {
        let state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        let archived = state.archived.as_ref().map_or(0, |archived| archived.length().div_ceil(PAGE));
        let index = state.pages.next_absent((offset / PAGE).max(archived));
        Ok((index.saturating_mul(PAGE)).max(offset).min(state.size))
    }

    /// A page for `mmap`.
    pub(super) fn mapped_page(&self, index: u64, for_write: bool) -> Result<Option<Frame>> {
        let mut state = self.state.lock();
        if index >= state.size.div_ceil(PAGE) {
            return Ok(None);
        }
        if !for_write && let Some(frame) = state.page(index)? {
            return Ok(Some(frame));
        }
        state.page_for_write(index).map(Some)
    }

    /// Whether a page is still the file's, and this one.
    pub(super) fn holds_page(&self, index: u64, frame: &Frame) -> bool {
        self.present_page(index).is_some_and(|held| held == *frame)
    }

    /// A page for `mmap` that costs nothing: the file's own, or the archive's in place.
    pub(super) fn present_page(&self, index: u64) -> Option<Frame> {
        let state = self.state.lock();
        if index >= state.size.div_ceil(PAGE) {
            return None;
        }
        state.pages.get(index).cloned().or_else(|| state.archived.as_ref()?.page_in_place(index))
    }
}

impl State {
    /// `EPERM` when seals forbid to write up to `end`.
    fn check_write_seals(&self, end: u64) -> Result<()> {
        let sealed = self.seals & (raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE) != 0;
        let grows = self.seals & raw::F_SEAL_GROW != 0 && end > self.size;
        if sealed || grows { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// A page to read; `None` for a hole. `ENOMEM`.
    fn page(&mut self, index: u64) -> Result<Option<Frame>> {
        if let Some(frame) = self.pages.get(index) {
            return Ok(Some(frame.clone()));
        }
        let Some(archived) = &self.archived else { return Ok(None) };
        let Some((frame, in_place)) = archived.page(index)? else { return Ok(None) };
        if !in_place {
            self.pages.insert(index, frame.clone());
        }
        Ok(Some(frame))
    }

    /// A page to write. `ENOSPC`.
    fn page_for_write(&mut self, index: u64) -> Result<Frame> {
        if let Some(frame) = self.pages.get(index) {
            return Ok(frame.clone());
        }
        let archived = match &self.archived {
            Some(archived) => archived.page(index).map_err(|_| Errno::ENOSPC)?,
            None => None,
        };
        let frame = match archived {
            Some((frame, false)) => Some(frame),
            _ if !self.pages.has_room() => None,
            Some((frame, true)) => frame.duplicate(),
            None => Frame::zeroed(),
        };
        let frame = frame.ok_or(Errno::ENOSPC)?;
        self.pages.insert(index, frame.clone());
        Ok(frame)
    }

    /// Zeroes part of a page unless it is a hole.
    fn zero(&mut self, index: u64, from: usize, to: usize) -> Result<()> {
        if self.page(index)?.is_some() {
            self.page_for_write(index)?.zero(from, to.saturating_sub(from));
        }
        Ok(())
    }

    /// Zeroes what lies behind a new end in its page.
    fn zero_tail(&mut self, size: u64) -> Result<()> {
        match (size % PAGE) as usize {
            0 => Ok(()),
            within => self.zero(size / PAGE, within, PAGE_SIZE),
        }
    }

    /// Lets go of the archive's pages from `first` on; those from `last` on become the file's own. `ENOSPC`.
    fn leave_archive(&mut self, first: u64, last: u64) -> Result<()> {
        let Some(archived) = &self.archived else { return Ok(()) };
        for index in last..archived.length().div_ceil(PAGE) {
            self.page_for_write(index)?;
        }
        if let Some(archived) = &mut self.archived {
            archived.truncate(first * PAGE);
        }
        Ok(())
    }
}
