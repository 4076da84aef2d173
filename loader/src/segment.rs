//! One `PT_LOAD` segment, in pages, and which of its pages come from the file.

use crate::page::{page_ceiling, page_offset};
use core::ops::Range;

/// What a program may do with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `PF_R`, `PROT_READ`.
    pub readable: bool,
    /// `PF_W`, `PROT_WRITE`.
    pub writable: bool,
    /// `PF_X`, `PROT_EXEC`.
    pub executable: bool,
}

/// A run of pages to be mapped. Addresses are unbiased (see [`Plan::bias_for`](crate::Plan::bias_for)).
///
/// Follows `elf_load` of Linux's `fs/binfmt_elf.c`: the pages that hold bytes of the file are mapped from it, whole
/// (so bytes of the file around the segment are seen too); the rest up to `memory_size` is anonymous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of the first page.
    pub address: u64,
    /// Place in the file of that page, a multiple of the page size. Without meaning if `file_size` is 0.
    pub file_offset: u64,
    /// Bytes, from `address` on, that come from the file. They lie within it.
    pub file_size: u64,
    /// Bytes, from `address` on, that the segment takes. Never 0, never less than `file_size`.
    pub memory_size: u64,
    /// What its pages from the file are mapped with.
    pub protection: Protection,
    /// Which program header it comes from, counted from 0 as `readelf -l` does.
    pub header: u16,
    /// The segment's first byte, somewhere in the first page.
    pub(crate) first_byte: u64,
}

impl Segment {
    /// All its pages.
    pub fn pages(&self) -> Range<u64> {
        self.address..page_ceiling(self.address.saturating_add(self.memory_size))
    }

    /// The pages to be mapped from the file, private, beginning at `file_offset`; may be empty. Where the file ends
    /// within the last one, the rest of it reads as zeros.
    pub fn file_pages(&self) -> Range<u64> {
        self.address..page_ceiling(self.file_end())
    }

    /// The bytes of the last page from the file that must be zeroed, the first ones of the bss, if there are any.
    ///
    /// Linux zeroes to the page's end, and only in a writable segment; elsewhere what stands in the file stays.
    pub fn bytes_to_clear(&self) -> Option<Range<u64>> {
        let end = self.file_end();
        (self.protection.writable && self.memory_size > self.file_size && page_offset(end) != 0)
            .then(|| end..page_ceiling(end))
    }

    /// The anonymous pages, zeros at first; may be empty.
    pub fn anonymous_pages(&self) -> Range<u64> {
        self.file_pages().end..self.pages().end
    }

    /// What the anonymous pages are mapped with. Linux makes them by `vm_brk_flags`: always readable and writable,
    /// executable if the segment is.
    pub fn anonymous_protection(&self) -> Protection {
        Protection { readable: true, writable: true, executable: self.protection.executable }
    }

    fn file_end(&self) -> u64 {
        self.address.saturating_add(self.file_size)
    }

    /// One past the segment's last byte.
    pub(crate) fn last_byte_end(&self) -> u64 {
        self.address.saturating_add(self.memory_size)
    }

    /// Gives up all pages from `address` (of a page) on. False if nothing is left.
    fn cut_end(&mut self, address: u64) -> bool {
        let size = address.saturating_sub(self.address);
        self.memory_size = self.memory_size.min(size);
        self.file_size = self.file_size.min(size);
        size > 0
    }

    /// Gives up all pages below `address` (of a page). False if nothing is left.
    fn cut_start(&mut self, address: u64) -> bool {
        let size = address.saturating_sub(self.address);
        self.address = address;
        self.file_offset = self.file_offset.saturating_add(size);
        self.file_size = self.file_size.saturating_sub(size);
        self.memory_size = self.memory_size.saturating_sub(size);
        self.memory_size > 0
    }
}

/// Two segments may meet within a page. Linux maps in the order of the program headers, each mapping replacing what
/// was there: the page goes to the later header. `segments` are sorted by address and share no byte.
pub(crate) fn settle_shared_pages(segments: &mut alloc::vec::Vec<Segment>) {
    let mut kept = 0_usize; // segments[..kept] are settled among themselves
    for next in 0..segments.len() {
        let Some(mut upper) = segments.get(next).cloned() else {
            return;
        };
        let mut upper_left = true;
        while let Some(lower) = kept.checked_sub(1).and_then(|last| segments.get_mut(last)) {
            let boundary = lower.pages().end;
            if upper.address >= boundary {
                break;
            }
            if lower.header > upper.header {
                upper_left = upper.cut_start(boundary);
                break;
            }
            if lower.cut_end(upper.address) {
                break;
            }
            kept -= 1;
        }
        if upper_left && let Some(place) = segments.get_mut(kept) {
            *place = upper;
            kept += 1;
        }
    }
    segments.truncate(kept);
}
