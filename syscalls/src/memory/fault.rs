//! Page faults: pages come in when they are touched, and are copied when they are written and somebody else has them.
//!
//! A private anonymous page gets a frame of its own also when it is only read at first. Linux maps one shared frame
//! of zeros there; but nearly all such pages (heap, bss, stacks) are written soon after, and that would be a second
//! fault, which costs more than zeroing a frame.

use super::area::{Area, AreaFlags, Backing, MappedFile, is_same_file};
use super::areas::STACK_GUARD;
use super::rewriting::has_sites;
use super::{AddressSpace, LOWEST_ADDRESS, State, page_of};
use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE};
use crate::machine::{Access, Mapped, OutOfMemory, machine};
use crate::signal::{SigInfo, Signal};
use crate::user::USER_END;
use alloc::sync::Arc;

/// Pages that come in together where they are there already: Linux's `fault_around_bytes`, 64 KiB.
const AROUND: u64 = 16;

/// `si_code` of a `SIGSEGV`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegvCode {
    /// `SEGV_MAPERR`: nothing is mapped there.
    NotMapped = 1,
    /// `SEGV_ACCERR`: the mapping does not allow it.
    NotAllowed = 2,
}

/// Why a touched page cannot come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultError {
    /// `SIGSEGV`.
    Segv(SegvCode),
    /// `SIGBUS`, `BUS_ADRERR`: beyond the end of a file, or its page cannot be read.
    Bus,
    /// No frame is left.
    OutOfMemory,
}

impl FaultError {
    /// The signal that the program gets for touching `address`; `None` without memory: then it is killed, as by
    /// Linux's OOM killer.
    pub fn signal(self, address: u64) -> Option<SigInfo> {
        /// `BUS_ADRERR` of `<asm-generic/siginfo.h>`.
        const BUS_ADRERR: i32 = 2;
        match self {
            Self::Segv(code) => Some(SigInfo::fault(Signal::SEGV, code as i32, address)),
            Self::Bus => Some(SigInfo::fault(Signal::BUS, BUS_ADRERR, address)),
            Self::OutOfMemory => None,
        }
    }
}

impl From<OutOfMemory> for FaultError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// A page of a file that is to be mapped, and how.
struct FilePage {
    file: Arc<MappedFile>,
    index: u64,
    access: Access,
    shared: bool,
}

impl FilePage {
    /// Whether calls in it may be rewritten.
    fn is_text(&self) -> bool {
        self.access.execute && !self.access.write && !self.shared
    }

    fn is(&self, other: &Self) -> bool {
        is_same_file(&self.file, &other.file)
            && (self.index, self.access, self.shared) == (other.index, other.access, other.shared)
    }
}

/// What the lock's holder can say about a fault.
enum Step {
    Done,
    Ask(FilePage),
}

impl AddressSpace {
    /// Makes the page at `address` present for `access`, as far as a mapping allows it.
    pub fn fault(&self, address: u64, access: Access) -> core::result::Result<(), FaultError> {
        let page = page_of(address);
        loop {
            let wanted = match self.step(&mut self.state.lock(), page, access)? {
                Step::Done => return Ok(()),
                Step::Ask(wanted) => wanted,
            };
            let frame = Self::file_frame(&wanted, access)?;
            // Others ran meanwhile: what was asked for may be there already, or be no more.
            let mut state = self.state.lock();
            if (wanted.shared || !access.write) && !wanted.file.pages.holds(wanted.index, &frame) {
                continue;
            }
            match self.step(&mut state, page, access)? {
                Step::Done => return Ok(()),
                Step::Ask(now) if now.is(&wanted) => {
                    // What a private mapping has not copied is the file's.
                    let write = wanted.access.write && (wanted.shared || access.write);
                    let frame = self.for_mapping(&mut state, page, &wanted, frame);
                    self.table.map(page, frame, Access { write, ..wanted.access })?;
                    if !wanted.shared && !access.write {
                        self.map_around(&mut state, page, &wanted);
                    }
                    return Ok(());
                }
                Step::Ask(_) => {}
            }
        }
    }

    /// [`AddressSpace::fault`] for the kernel's own copies: `EFAULT`, or `ENOMEM`.
    pub fn fault_in(&self, address: u64, access: Access) -> Result<()> {
        self.fault(address, access).map_err(|_| Errno::EFAULT)
    }

    /// Brings the pages of `[start, end)` in, for writing where they are private and may be written. Pages whose
    /// areas only lock on fault are left out, and gaps.
    pub(super) fn populate(&self, start: u64, end: u64) -> core::result::Result<(), FaultError> {
        let mut page = start;
        while page < end {
            let (from, to, access) = {
                let state = self.state.lock();
                match state.areas.at_or_above(page) {
                    Some((from, area)) if from < end => {
                        let skip = area.flags.contains(AreaFlags::LOCKED_ON_FAULT);
                        let access = area.protection.access();
                        let access = Access { write: access.write && !area.is_shared(), ..access };
                        (from.max(page), area.end.min(end), (!skip).then_some(access))
                    }
                    _ => return Ok(()),
                }
            };
            if let Some(access) = access {
                let access = if access.any() { access } else { Access::READ };
                for page in (from..to).step_by(PAGE as usize) {
                    self.fault(page, access)?;
                }
            }
            page = to;
        }
        Ok(())
    }

    /// Does what can be done with the lock held.
    fn step(&self, state: &mut State, page: u64, wanted: Access) -> core::result::Result<Step, FaultError> {
        let found = match state.areas.containing(page) {
            Some(found) => Some(found),
            None => self.grow_stack(state, page).and_then(|()| state.areas.containing(page)),
        };
        let (start, area) = found.ok_or(FaultError::Segv(SegvCode::NotMapped))?;
        let access = area.protection.access();
        if !access.any() || !access.grants(wanted) {
            return Err(FaultError::Segv(SegvCode::NotAllowed));
        }
        let present = self.table.lookup(page);
        if present.is_some_and(|mapped| mapped.access.grants(wanted)) {
            // Another thread was faster, or the TLB was behind.
            return Ok(Step::Done);
        }
        match (&area.backing, present) {
            (Backing::Anonymous, None) => {
                let frame = Frame::zeroed().ok_or(FaultError::OutOfMemory)?;
                self.table.map(page, frame, access)?;
                Ok(Step::Done)
            }
            (Backing::File { file, index }, None) => Ok(Step::Ask(FilePage::new(start, area, page, file, *index))),
            (Backing::File { file, index }, Some(_)) if area.is_shared() => {
                Ok(Step::Ask(FilePage::new(start, area, page, file, *index)))
            }
            (_, Some(mapped)) => self.own(page, mapped, access).map(|()| Step::Done),
        }
    }

    /// Gives a private page that is present a frame of its own, unless it has one.
    pub(super) fn own(&self, page: u64, mapped: Mapped, access: Access) -> core::result::Result<(), FaultError> {
        let machine = machine();
        if machine.frame_references(mapped.frame) == 1 {
            self.table.protect(page, page + PAGE, access, false);
            return Ok(());
        }
        let copy = Frame::uninitialised().ok_or(FaultError::OutOfMemory)?;
        machine.copy_frame(copy.number(), mapped.frame);
        self.table.map(page, copy, access)?;
        Ok(())
    }

    /// Asks a file for a page, without the lock; a private page that is to be written is copied at once.
    fn file_frame(wanted: &FilePage, access: Access) -> core::result::Result<Frame, FaultError> {
        let frame = match wanted.file.pages.page(wanted.index, wanted.shared) {
            Ok(Some(frame)) => frame,
            Err(Errno::ENOMEM) => return Err(FaultError::OutOfMemory),
            Ok(None) | Err(_) => return Err(FaultError::Bus),
        };
        if !wanted.shared && access.write {
            return frame.duplicate().ok_or(FaultError::OutOfMemory);
        }
        Ok(frame)
    }

    /// Maps the neighbours of a file's page that are there already, as Linux's fault-around does: a program that
    /// runs or reads one page mostly goes on to the next, and a fault costs more than some mappings.
    fn map_around(&self, state: &mut State, page: u64, wanted: &FilePage) {
        let Some((start, area)) = state.areas.containing(page) else { return };
        let end = area.end;
        if area.flags.contains(AreaFlags::RANDOM) {
            return;
        }
        let window = page & !(AROUND * PAGE - 1);
        let (start, end) = (window.max(start), (window + AROUND * PAGE).min(end));
        let mut present = 0_u32;
        self.table.visit(start, end, &mut |at, _| present |= 1 << ((at - window) / PAGE));
        let access = Access { write: false, ..wanted.access };
        for at in (start..end).step_by(PAGE as usize) {
            if present & 1 << ((at - window) / PAGE) != 0 {
                continue;
            }
            // Wraps as the addresses do: a neighbour below has a smaller index.
            let index = wanted.index.wrapping_add((at / PAGE).wrapping_sub(page / PAGE));
            // Without memory for a page table it stays at the page that was asked for.
            let Some(frame) = wanted.file.pages.present(index) else { continue };
            // To rewrite calls costs more than the fault that may never come.
            if wanted.is_text() && has_sites(state, at, &wanted.file) {
                continue;
            }
            if self.table.map(at, frame, access).is_err() {
                return;
            }
        }
    }

    /// What is mapped for a page of a file: text may have rewritten calls.
    fn for_mapping(&self, state: &mut State, page: u64, wanted: &FilePage, frame: Frame) -> Frame {
        if wanted.is_text() { self.rewritten(state, page, &wanted.file, frame) } else { frame }
    }

    /// Extends the area above `page` down to it, if that is a stack and may grow so far.
    fn grow_stack(&self, state: &mut State, page: u64) -> Option<()> {
        if !(LOWEST_ADDRESS..USER_END).contains(&page) {
            return None;
        }
        let (start, area) = state.areas.from(page).next()?;
        if !area.flags.contains(AreaFlags::GROWS_DOWN) || area.end - page > self.limits.stack() {
            return None;
        }
        if let Some((_, below)) = state.areas.below(page) {
            let harmless = below.flags.contains(AreaFlags::GROWS_DOWN) || below.protection.is_empty();
            if !harmless && page - below.end < STACK_GUARD {
                return None;
            }
        }
        let pages = (start - page) / PAGE;
        let counts = state.areas.counts();
        self.limits.check_growth(counts, pages, area.protection, area.flags).ok()?;
        if area.flags.contains(AreaFlags::LOCKED) && !self.limits.may_lock(counts, pages) {
            return None;
        }
        state.areas.extend_down(start, page);
        Some(())
    }
}

impl FilePage {
    fn new(start: u64, area: &Area, page: u64, file: &Arc<MappedFile>, index: u64) -> Self {
        Self {
            file: file.clone(),
            index: index + (page - start) / PAGE,
            access: area.protection.access(),
            shared: area.is_shared(),
        }
    }
}
