//! The kernel's half of the address space: permissions of the image, device memory.

use super::frames;
use super::layout::{self, KERNEL_BASE, direct};
use core::ops::Range;
use x86_64::instructions::tlb;
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTable, PageTableFlags};
use x86_64::{PhysAddr, VirtAddr};

unsafe extern "C" {
    static mut boot_pml4: PageTable;
    static boot_pdpt_identity: PageTable;
    static mut direct_pt: [PageTable; 2];
    static mut kernel_pt: [PageTable; 2];
    static boot_stack_guard: u8;
}

const READ_ONLY: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::GLOBAL);
const NOT_EXECUTABLE: PageTableFlags = PageTableFlags::NO_EXECUTE;

/// Narrows the boot page tables: text read and execute, read-only data read, the rest neither executable nor, outside
/// of the image, there at all. Takes the identity mapping away.
///
/// # Safety
/// Called once, at boot, by the only CPU, running in the higher half.
pub(crate) unsafe fn protect() {
    let (text, rodata, data) = (layout::text(), layout::rodata(), layout::data());
    // SAFETY: nobody else touches the tables, and what is taken away is in nobody's use.
    unsafe {
        let pages = (&raw mut kernel_pt).cast::<PageTableEntry>();
        let direct_pages = (&raw mut direct_pt).cast::<PageTableEntry>();
        for index in 0..1024 {
            let address = KERNEL_BASE + index as u64 * frames::FRAME;
            let physical = PhysAddr::new(address - KERNEL_BASE);
            let entry = &mut *pages.add(index);
            if text.contains(&address) {
                entry.set_addr(physical, READ_ONLY);
                (*direct_pages.add(index)).set_addr(physical, READ_ONLY | NOT_EXECUTABLE);
            } else if rodata.contains(&address) {
                entry.set_addr(physical, READ_ONLY | NOT_EXECUTABLE);
                (*direct_pages.add(index)).set_addr(physical, READ_ONLY | NOT_EXECUTABLE);
            } else if data.contains(&address) {
                entry.set_flags(entry.flags() | NOT_EXECUTABLE);
            } else {
                entry.set_unused();
            }
        }
        (*pages.add((((&raw const boot_stack_guard) as u64 - KERNEL_BASE) / frames::FRAME) as usize)).set_unused();
        (*(&raw mut boot_pml4).cast::<PageTableEntry>()).set_unused();
    }
    // The boot tables are global: CR4.PGE off and on again drops them from the TLB.
    flush_everything();
}

/// Does something while the first GiB is mapped at its physical addresses, executable, in the kernel's own table:
/// other CPUs come up there.
pub(crate) fn with_identity<T>(run: impl FnOnce() -> T) -> T {
    let table = PhysAddr::new((&raw const boot_pdpt_identity) as u64 - KERNEL_BASE);
    // SAFETY: the lower half of the kernel's own table is in nobody's use; no program runs.
    let first = unsafe { &mut *(&raw mut boot_pml4).cast::<PageTableEntry>() };
    first.set_addr(table, PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
    let result = run();
    first.set_unused();
    tlb::flush_all();
    result
}

/// Makes the kernel's own table this CPU's address space: no program's memory is there.
pub(crate) fn activate() {
    use x86_64::registers::control::{Cr3, Cr3Flags};
    use x86_64::structures::paging::PhysFrame;
    // SAFETY: the upper half is that of every space.
    unsafe { Cr3::write(PhysFrame::containing_address(PhysAddr::new(top_level())), Cr3Flags::empty()) };
}

fn flush_everything() {
    use x86_64::registers::control::{Cr4, Cr4Flags};
    // SAFETY: page-global enable only governs what the TLB keeps.
    unsafe {
        Cr4::update(|flags| flags.remove(Cr4Flags::PAGE_GLOBAL));
        Cr4::update(|flags| flags.insert(Cr4Flags::PAGE_GLOBAL));
    }
}

/// The kernel's top-level table: the upper half of every address space begins with its entries.
pub(crate) fn top_level() -> u64 {
    (&raw const boot_pml4) as u64 - KERNEL_BASE
}

/// The table that an entry leads to, made if there is none. Kernel tables are never freed.
fn next_table(entry: &mut PageTableEntry) -> Option<&'static mut PageTable> {
    if entry.is_unused() {
        let frame = u64::from(frames::allocate(1)?) * frames::FRAME;
        // SAFETY: a fresh frame, mapped by the direct map.
        unsafe { (direct(frame) as *mut PageTable).write(PageTable::new()) };
        entry.set_addr(PhysAddr::new(frame), PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
    }
    // SAFETY: present entries above the last level lead to tables, which are in the direct map.
    Some(unsafe { &mut *(direct(entry.addr().as_u64()) as *mut PageTable) })
}

/// Makes the tables below the top level: address spaces copy the top level's entries once, so none may come later.
pub(crate) fn settle_top_level() -> Option<()> {
    let _guard = MAPPING.lock();
    // SAFETY: the lock makes us the only one here; the table is always mapped.
    let top = unsafe { &mut *(direct(top_level()) as *mut PageTable) };
    for region in [layout::STACKS, layout::LANDING_STACKS] {
        next_table(&mut top[VirtAddr::new(region).p4_index()])?;
    }
    Some(())
}

static MAPPING: spin::Mutex<()> = spin::Mutex::new(());

/// Sets the entry of one page (or, with HUGE_PAGE, of 2 MiB) in the kernel's half.
///
/// # Safety
/// The mapping breaks nothing that is in use.
unsafe fn set(address: u64, physical: u64, flags: PageTableFlags) -> Option<()> {
    let _guard = MAPPING.lock();
    let address = VirtAddr::new(address);
    // SAFETY: the lock makes us the only one here; the table is always mapped.
    let top = unsafe { &mut *(direct(top_level()) as *mut PageTable) };
    let third = next_table(&mut top[address.p4_index()])?;
    let second = next_table(&mut third[address.p3_index()])?;
    let entry = if flags.contains(PageTableFlags::HUGE_PAGE) {
        &mut second[address.p2_index()]
    } else {
        &mut next_table(&mut second[address.p2_index()])?[address.p1_index()]
    };
    entry.set_addr(PhysAddr::new(physical), flags);
    tlb::flush(address);
    Some(())
}

const LARGE: u64 = 2 << 20;

/// Puts memory beyond the first GiB into the direct map. `None`: no frame left for tables.
pub(crate) fn map_memory(range: Range<u64>) -> Option<()> {
    let flags = PageTableFlags::PRESENT
        | PageTableFlags::WRITABLE
        | PageTableFlags::GLOBAL
        | PageTableFlags::HUGE_PAGE
        | NOT_EXECUTABLE;
    let mut physical = (range.start / LARGE * LARGE).max(1 << 30);
    while physical < range.end {
        // SAFETY: the place in the direct map belongs to exactly this memory.
        unsafe { set(direct(physical), physical, flags)? };
        physical += LARGE;
    }
    Some(())
}

/// Maps a device's registers uncached and gives their address.
pub(crate) fn map_device(physical: u64, length: u64) -> Option<u64> {
    let flags = PageTableFlags::PRESENT
        | PageTableFlags::WRITABLE
        | PageTableFlags::NO_CACHE
        | PageTableFlags::WRITE_THROUGH
        | PageTableFlags::HUGE_PAGE
        | NOT_EXECUTABLE;
    let mut large = physical / LARGE * LARGE;
    // Below 1 GiB everything is mapped already; no device of this platform lies there.
    while large < physical + length && large >= 1 << 30 {
        // SAFETY: the place in the direct map belongs to exactly these registers.
        unsafe { set(direct(large), large, flags)? };
        large += LARGE;
    }
    Some(direct(physical))
}

/// Maps a frame at a page of the kernel's half that nothing uses yet: data, read and write. `None`: no frame left for
/// tables.
pub(super) fn map_page(address: u64, physical: u64) -> Option<()> {
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::GLOBAL | NOT_EXECUTABLE;
    // SAFETY: the page is new.
    unsafe { set(address, physical, flags) }
}
