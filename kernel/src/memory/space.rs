//! Page tables of programs.
//!
//! Program pages are supervisor pages (U=0): the program runs at ring 0, and SMEP would forbid it U=1 pages. An entry
//! that is not present but not zero keeps a page that the program may not touch now (`PROT_NONE`).
//! A table's frame record counts its entries, one more than are set, so that empty tables can be freed.

use super::frames::{self, FRAME};
use super::kernel_half;
use super::layout::{self, direct};
use super::tlb::{self, invalidate};
use crate::cpu::percpu::this_cpu;
use alloc::boxed::Box;
use birgus_syscalls::frame::Frame;
use birgus_syscalls::machine::{Access, Mapped, OutOfMemory, PageTable};
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;
use x86_64::structures::paging::PageTableFlags as Flags;

const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Ignored by the hardware: the entry keeps a page although it is not present.
const KEPT: u64 = 1 << 9;
/// Ignored by the hardware: the page may be executed (needed while it is not present).
const TABLE: u64 = 0b111;

/// The page tables of one address space.
pub(crate) struct Space {
    top: Mutex<u64>,
    /// How many entries of last-level tables are set.
    pages: AtomicU64,
}

/// An entry of a table at any level.
#[derive(Clone, Copy)]
struct Slot(*mut u64);

impl Slot {
    /// The entry number `index` of the table in this frame.
    fn new(table: u64, index: usize) -> Self {
        debug_assert!(index < 512);
        Self((direct(table) as *mut u64).wrapping_add(index))
    }

    fn get(self) -> u64 {
        // SAFETY: a slot lies in a page table of a space whose lock is held. The hardware may set bits meanwhile.
        unsafe { self.0.read_volatile() }
    }

    /// Puts a value in the place of the one that is there, and gives that, as other CPUs have left it.
    fn replace(self, value: u64) -> u64 {
        // SAFETY: as in `get` and `set`.
        unsafe { AtomicU64::from_ptr(self.0) }.swap(value, Ordering::SeqCst)
    }

    fn set(self, value: u64) {
        // SAFETY: as in `get`; what the new value maps, the caller answers for.
        unsafe { self.0.write_volatile(value) };
    }
}

const fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * level)) as usize & 511
}

fn bits(access: Access) -> u64 {
    if !access.any() {
        return KEPT;
    }
    let mut flags = Flags::PRESENT;
    flags.set(Flags::WRITABLE, access.write);
    flags.set(Flags::NO_EXECUTE, !access.execute);
    flags.bits()
}

fn mapped(entry: u64) -> Mapped {
    let flags = Flags::from_bits_retain(entry);
    let present = flags.contains(Flags::PRESENT);
    Mapped {
        frame: ((entry & ADDRESS) / FRAME) as u32,
        access: Access {
            read: present,
            write: present && flags.contains(Flags::WRITABLE),
            execute: present && !flags.contains(Flags::NO_EXECUTE),
        },
        dirty: flags.contains(Flags::DIRTY),
        accessed: flags.contains(Flags::ACCESSED),
    }
}

fn frame_of(entry: u64) -> u32 {
    ((entry & ADDRESS) / FRAME) as u32
}

/// Gives back an entry's reference to its frame.
#[inline]
fn release(entry: u64) {
    let frame = frame_of(entry);
    if frames::record(frame).fetch_sub(1, Ordering::AcqRel) == 1 {
        // SAFETY: that was the last reference.
        unsafe { frames::free(frame, 1) };
    }
}

impl Space {
    /// An empty user half under the kernel's.
    pub(crate) fn new() -> Result<Box<Self>, OutOfMemory> {
        Ok(Box::new(Self { top: Mutex::new(new_top()?), pages: AtomicU64::new(0) }))
    }

    /// The last-level slot of a page, tables made on the way. The path's tables have one entry more than before
    /// where one was made.
    fn slot(top: u64, page: u64) -> Result<(u64, Slot), OutOfMemory> {
        let mut table = top;
        for level in (1..4).rev() {
            let slot = Slot::new(table, index(page, level));
            if slot.get() == 0 {
                slot.set(new_table()? | TABLE);
                frames::record(frame_of(table)).fetch_add(1, Ordering::Relaxed);
            }
            table = slot.get() & ADDRESS;
        }
        Ok((table, Slot::new(table, index(page, 0))))
    }

    /// Calls `each` with the parts of last-level tables in `[start, end)`, in order. It may clear entries; a table that
    /// is empty afterwards is freed.
    fn walk(table: u64, level: u32, start: u64, end: u64, each: &mut dyn FnMut(&Leaf)) {
        if start >= end {
            return;
        }
        if level == 0 {
            return each(&Leaf { table, address: start, first: index(start, 0), last: index(end - 1, 0) });
        }
        let size = FRAME << (9 * level);
        let base = start & !(size * 512 - 1);
        let mut left = entries(table);
        for index in index(start, level)..=index(end - 1, level) {
            if left == 0 {
                break;
            }
            let slot = Slot::new(table, index);
            let entry = slot.get();
            if entry == 0 {
                continue;
            }
            left -= 1;
            let below = entry & ADDRESS;
            let address = base + index as u64 * size;
            Self::walk(below, level - 1, address.max(start), (address + size).min(end), each);
            if entries(below) == 0 {
                slot.set(0);
                frames::record(frame_of(table)).fetch_sub(1, Ordering::Relaxed);
                // SAFETY: the table has no entry, and nothing leads to it any more. Its address was only in
                // paging-structure caches, which the caller's invalidation drops.
                unsafe { free_table(below, &SPARE_TABLES) };
            }
        }
    }

    /// Lets the pages of `[start, end)` be mapped in another table as well, neither here nor there writable from now
    /// on. Gives how many; `*was_writable` when some were so far.
    fn share(
        from: u64,
        to: u64,
        level: u32,
        start: u64,
        end: u64,
        was_writable: &mut bool,
    ) -> Result<u64, OutOfMemory> {
        let mut pages = 0;
        if level == 0 {
            let leaf = Leaf { table: from, address: start, first: index(start, 0), last: index(end - 1, 0) };
            leaf.each(|address, slot, entry| {
                let entry = if entry & Flags::WRITABLE.bits() != 0 {
                    *was_writable = true;
                    let entry = slot.replace(0) & !Flags::WRITABLE.bits();
                    slot.set(entry);
                    entry
                } else {
                    entry
                };
                frames::record(frame_of(entry)).fetch_add(1, Ordering::Relaxed);
                Slot::new(to, index(address, 0)).set(entry & !(Flags::DIRTY | Flags::ACCESSED).bits());
                pages += 1;
            });
            frames::record(frame_of(to)).fetch_add(pages as u32, Ordering::Relaxed);
            return Ok(pages);
        }
        let size = FRAME << (9 * level);
        let base = start & !(size * 512 - 1);
        let mut left = entries(from);
        for index in index(start, level)..=index(end - 1, level) {
            if left == 0 {
                break;
            }
            let entry = Slot::new(from, index).get();
            if entry == 0 {
                continue;
            }
            left -= 1;
            let slot = Slot::new(to, index);
            if slot.get() == 0 {
                slot.set(new_table()? | TABLE);
                frames::record(frame_of(to)).fetch_add(1, Ordering::Relaxed);
            }
            let (below, address) = (slot.get() & ADDRESS, base + index as u64 * size);
            let (start, end) = (address.max(start), (address + size).min(end));
            pages += Self::share(entry & ADDRESS, below, level - 1, start, end, was_writable)?;
        }
        Ok(pages)
    }
}

/// Part of a last-level table.
struct Leaf {
    table: u64,
    /// What the first entry maps.
    address: u64,
    first: usize,
    last: usize,
}

impl Leaf {
    /// Calls `each` with the entries that are set: what they map, where they stand, what they say.
    #[inline(always)]
    fn each(&self, mut each: impl FnMut(u64, Slot, u64)) {
        let mut left = entries(self.table);
        for index in self.first..=self.last {
            let slot = Slot::new(self.table, index);
            let entry = slot.get();
            if entry == 0 {
                continue;
            }
            each(self.address + (index - self.first) as u64 * FRAME, slot, entry);
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }

    /// Says that so many entries were cleared.
    fn lose(&self, count: u32) {
        frames::record(frame_of(self.table)).fetch_sub(count, Ordering::Relaxed);
    }
}

/// How many entries of a table are set.
#[inline]
fn entries(table: u64) -> u32 {
    frames::record(frame_of(table)).load(Ordering::Relaxed) - 1
}

/// Tables that nobody uses any more. An empty table holds only zeros, so that the next one need not be cleared.
static SPARE_TABLES: Mutex<Spares> = Mutex::new(Spares { tables: [0; 16], count: 0 });
/// Top-level tables that nobody uses any more: zeros, and the kernel's half.
static SPARE_TOPS: Mutex<Spares> = Mutex::new(Spares { tables: [0; 16], count: 0 });

/// A few tables, by their physical addresses, each with the record of an empty one.
struct Spares {
    tables: [u64; 16],
    count: usize,
}

impl Spares {
    fn take(&mut self) -> Option<u64> {
        self.count = self.count.checked_sub(1)?;
        self.tables.get(self.count).copied()
    }

    /// Keeps a table; `false` when there are enough.
    fn keep(&mut self, table: u64) -> bool {
        let Some(place) = self.tables.get_mut(self.count) else { return false };
        *place = table;
        self.count += 1;
        true
    }
}

fn new_table() -> Result<u64, OutOfMemory> {
    if let Some(table) = SPARE_TABLES.lock().take() {
        return Ok(table);
    }
    let frame = u64::from(frames::allocate_for_program().ok_or(OutOfMemory)?) * FRAME;
    // SAFETY: a fresh frame, in the direct map.
    unsafe { (direct(frame) as *mut u64).write_bytes(0, 512) };
    Ok(frame)
}

fn new_top() -> Result<u64, OutOfMemory> {
    if let Some(top) = SPARE_TOPS.lock().take() {
        return Ok(top);
    }
    let top = new_table()?;
    for index in 256..512 {
        Slot::new(top, index).set(Slot::new(kernel_half::top_level(), index).get());
    }
    Ok(top)
}

/// Gives a table back.
///
/// # Safety
/// It has no entry, but for a top-level one's kernel half, and nothing leads to it.
unsafe fn free_table(table: u64, spares: &Mutex<Spares>) {
    if !spares.lock().keep(table) {
        // SAFETY: the caller's promise.
        unsafe { frames::free(frame_of(table), 1) };
    }
}

impl PageTable for Space {
    fn map(&self, page: u64, frame: Frame, access: Access) -> Result<(), OutOfMemory> {
        let top = self.top.lock();
        let (table, slot) = Self::slot(*top, page)?;
        let before = slot.get();
        slot.set((u64::from(frame.into_number()) * FRAME) | bits(access));
        if before == 0 {
            frames::record(frame_of(table)).fetch_add(1, Ordering::Relaxed);
            self.pages.fetch_add(1, Ordering::Relaxed);
        } else {
            invalidate(*top, page, page + FRAME);
            release(before);
        }
        Ok(())
    }

    fn unmap(&self, start: u64, end: u64) {
        let top = self.top.lock();
        let is_active = tlb::is_active(*top);
        // Frames go back only after the TLB has forgotten them; a few at a time need no list.
        let mut gone: [u64; 32] = [0; 32];
        let mut count = 0;
        let mut from = start;
        Self::walk(*top, 3, start, end, &mut |leaf| {
            let mut lost = 0;
            leaf.each(|page, slot, _| {
                let entry = slot.replace(0);
                lost += 1;
                if !is_active {
                    return release(entry);
                }
                gone[count] = entry;
                count += 1;
                if count == gone.len() {
                    invalidate(*top, from, page + FRAME);
                    gone.iter().copied().for_each(release);
                    count = 0;
                    from = page + FRAME;
                }
            });
            leaf.lose(lost);
            self.pages.fetch_sub(lost.into(), Ordering::Relaxed);
        });
        if is_active && start < end {
            // Also for the sake of tables that are gone, when the last batch was complete.
            invalidate(*top, from.min(end - FRAME), end);
        }
        gone[..count].iter().copied().for_each(release);
    }

    fn protect(&self, start: u64, end: u64, access: Access, keep_readonly: bool) {
        let top = self.top.lock();
        Self::walk(*top, 3, start, end, &mut |leaf| {
            leaf.each(|_, slot, _| {
                let entry = slot.replace(0);
                let may_write = !keep_readonly || entry & Flags::WRITABLE.bits() != 0;
                let access = Access { write: access.write && may_write, ..access };
                let history = entry & (Flags::DIRTY | Flags::ACCESSED).bits();
                slot.set(entry & ADDRESS | bits(access) | history);
            });
        });
        invalidate(*top, start, end);
    }

    fn relocate(&self, from: u64, to: u64, length: u64) -> Result<(), OutOfMemory> {
        let top = self.top.lock();
        // The tables first: after that nothing can fail. Empty ones stay until the next unmap there.
        for page in (to..to + length).step_by(512 * FRAME as usize).chain([to + length - FRAME]) {
            Self::slot(*top, page)?;
        }
        Self::walk(*top, 3, from, from + length, &mut |leaf| {
            let mut lost = 0;
            leaf.each(|page, slot, _| {
                if let Ok((table, target)) = Self::slot(*top, to + (page - from)) {
                    target.set(slot.replace(0));
                    frames::record(frame_of(table)).fetch_add(1, Ordering::Relaxed);
                    lost += 1;
                }
            });
            leaf.lose(lost);
        });
        invalidate(*top, from, from + length);
        Ok(())
    }

    fn duplicate(&self, ranges: &mut dyn Iterator<Item = (u64, u64)>) -> Result<Box<dyn PageTable>, OutOfMemory> {
        let copy = Self::new()?;
        let top = self.top.lock();
        let (mut was_writable, mut outcome) = (false, Ok(()));
        {
            let to = copy.top.lock();
            for (start, end) in ranges {
                match Self::share(*top, *to, 3, start, end, &mut was_writable) {
                    Ok(pages) => copy.pages.fetch_add(pages, Ordering::Relaxed),
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                };
            }
        }
        if was_writable {
            invalidate(*top, 0, layout::USER_END);
        }
        outcome.map(|()| copy as Box<dyn PageTable>)
    }

    fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    fn lookup(&self, page: u64) -> Option<Mapped> {
        let mut table = *self.top.lock();
        for level in (1..4).rev() {
            match Slot::new(table, index(page, level)).get() {
                0 => return None,
                entry => table = entry & ADDRESS,
            }
        }
        match Slot::new(table, index(page, 0)).get() {
            0 => None,
            entry => Some(mapped(entry)),
        }
    }

    fn visit(&self, start: u64, end: u64, visitor: &mut dyn FnMut(u64, Mapped)) {
        let top = self.top.lock();
        Self::walk(*top, 3, start, end, &mut |leaf| leaf.each(|page, _, entry| visitor(page, mapped(entry))));
    }

    fn activate(&self) {
        use x86_64::registers::control::{Cr3, Cr3Flags};
        use x86_64::structures::paging::PhysFrame;
        let top = *self.top.lock();
        if this_cpu().top_level.replace(top) == top {
            return;
        }
        let frame = PhysFrame::containing_address(x86_64::PhysAddr::new(top));
        // SAFETY: the upper half is the kernel's as in every space, so this code and its data stay mapped.
        unsafe { Cr3::write(frame, Cr3Flags::empty()) };
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.unmap(0, layout::USER_END);
        // SAFETY: the user half is empty, and whoever dropped the space runs in another one.
        unsafe { free_table(*self.top.lock(), &SPARE_TOPS) };
    }
}
