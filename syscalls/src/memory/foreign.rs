//! Reading and writing a space that need not be the current one: `/proc/PID/mem`, and what `/proc` shows of a program.

use super::area::Backing;
use super::{AddressSpace, page_of};
use crate::frame::{Frame, PAGE};
use crate::machine::{Access, Mapped};

impl AddressSpace {
    /// Reads from `address` on, whatever the protection, up to what is not mapped; gives how much was read.
    pub fn peek(&self, address: u64, to: &mut [u8]) -> usize {
        let mut done = 0;
        while let Some(rest) = to.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let Some(at) = address.checked_add(done as u64) else { break };
            let within = (at % PAGE) as usize;
            let length = rest.len().min(PAGE as usize - within);
            let Some(frame) = self.readable_frame(at) else { break };
            frame.read(within, &mut rest[..length]);
            done += length;
        }
        done
    }

    /// Writes from `address` on up to what cannot be written; gives how much was. A private mapping that is read-only
    /// gets pages of its own, as for a debugger (`FOLL_FORCE`).
    pub fn poke(&self, address: u64, from: &[u8]) -> usize {
        let mut done = 0;
        while let Some(rest) = from.get(done..).filter(|rest| !rest.is_empty()) {
            let Some(at) = address.checked_add(done as u64) else { break };
            let within = (at % PAGE) as usize;
            let length = rest.len().min(PAGE as usize - within);
            let Some(frame) = self.writable_frame(at) else { break };
            frame.write(within, &rest[..length]);
            done += length;
        }
        done
    }

    /// What is mapped at a page, with a word on whether it is a file's or shared; for `/proc/PID/pagemap`.
    pub fn page(&self, address: u64) -> Option<(Mapped, bool)> {
        let state = self.state.lock();
        let (_, area) = state.areas.containing(address)?;
        let of_file = !area.is_anonymous() || area.is_shared();
        self.table.lookup(page_of(address)).map(|mapped| (mapped, of_file))
    }

    fn readable_frame(&self, address: u64) -> Option<Frame> {
        let page = page_of(address);
        let refused = self.fault(page, Access::READ).is_err();
        let state = self.state.lock();
        if let Some(mapped) = self.table.lookup(page) {
            let frame = reference(mapped);
            return Some(self.original(&state, page, &frame).unwrap_or(frame));
        }
        // The page could be there, but for the protection: `PROT_NONE`.
        let (start, area) = state.areas.containing(page).filter(|(_, area)| refused && area.protection.is_empty())?;
        match &area.backing {
            Backing::Anonymous => Frame::zeroed(),
            Backing::File { file, index } => {
                let (file, index) = (file.clone(), index + (page - start) / PAGE);
                // A file may wait for the page.
                drop(state);
                file.pages.page(index, false).ok().flatten()
            }
        }
    }

    fn writable_frame(&self, address: u64) -> Option<Frame> {
        let page = page_of(address);
        self.restore(&mut self.state.lock(), page, page + PAGE);
        if self.fault(address, Access::WRITE).is_err() {
            let _ = self.fault(address, Access::READ);
        }
        let state = self.state.lock();
        let (_, area) = state.areas.containing(page)?;
        let present = self.table.lookup(page);
        if present.is_none() && area.is_anonymous() && area.protection.is_empty() {
            self.table.map(page, Frame::zeroed()?, Access::NONE).ok()?;
        }
        let mapped = self.table.lookup(page)?;
        if mapped.access.write {
            return Some(reference(mapped));
        }
        if area.is_shared() {
            return None;
        }
        self.own(page, mapped, area.protection.access()).ok()?;
        self.table.lookup(page).map(reference)
    }
}

/// A reference of our own: the page may go while its bytes are copied. The space's lock is held.
fn reference(mapped: Mapped) -> Frame {
    crate::machine::machine().retain_frame(mapped.frame);
    Frame::from_number(mapped.frame)
}
