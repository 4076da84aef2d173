//! Segments, the task state segment with its interrupt stacks, the interrupt table.

use super::vectors::IN_USE;
use crate::memory::stacks;
use alloc::boxed::Box;
use core::ptr::addr_of;
use spin::{Mutex, Once};
use x86_64::instructions::segmentation::{CS, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::{Entry, HandlerFunc, InterruptDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PrivilegeLevel, VirtAddr};

/// The code selector of kernel and programs; `syscall` loads it and, 8 higher, the stack selector.
pub(crate) const CODE: SegmentSelector = SegmentSelector::new(1, PrivilegeLevel::Ring0);
/// The stack selector.
pub(crate) const STACK: SegmentSelector = SegmentSelector::new(2, PrivilegeLevel::Ring0);

static TSS: Once<TaskStateSegment> = Once::new();
static GDT: Once<GlobalDescriptorTable> = Once::new();
static IDT: Mutex<InterruptDescriptorTable> = Mutex::new(InterruptDescriptorTable::new());

unsafe extern "C" {
    static vectors: [[u8; 16]; 0];
}

/// Loads everything for the CPU with this number, on that CPU. `None`: no memory for the stacks.
pub(crate) fn start(cpu: usize) -> Option<()> {
    let mut tss = TaskStateSegment::new();
    let mut table = tss.interrupt_stack_table;
    for (number, stack) in (0..stacks::LANDING_COUNT).zip(&mut table) {
        stacks::map_landing(cpu, number)?;
        // `int n` leaves a word less than an exception with an error code: a stub may look 16 bytes too high.
        *stack = VirtAddr::new(stacks::landing_top(cpu, number) - 16);
    }
    tss.interrupt_stack_table = table;
    let is_boot_cpu = cpu == 0;
    let tss = if is_boot_cpu { TSS.call_once(|| tss) } else { Box::leak(Box::new(tss)) };
    let mut gdt = GlobalDescriptorTable::new();
    gdt.append(Descriptor::kernel_code_segment());
    gdt.append(Descriptor::kernel_data_segment());
    let tss_selector = gdt.append(Descriptor::tss_segment(tss));
    let gdt = if is_boot_cpu { GDT.call_once(|| gdt) } else { Box::leak(Box::new(gdt)) };
    gdt.load();
    // SAFETY: the selectors name what was just put into the table.
    unsafe {
        CS::set_reg(CODE);
        SS::set_reg(STACK);
        load_tss(tss_selector);
    }
    let mut idt = IDT.lock();
    if is_boot_cpu {
        fill(&mut idt);
    }
    // SAFETY: the table is static, and nobody changes it any more.
    unsafe { idt.load_unsafe() };
    Some(())
}

/// Vectors that nothing uses stay "not present": `int n` gives a program #NP there.
fn fill(idt: &mut InterruptDescriptorTable) {
    // SAFETY: the table is `repr(C)`, 256 entries of 16 bytes; these are `repr(C)`, too, and differ in a marker alone.
    let entries = unsafe { &mut *core::ptr::from_mut(idt).cast::<[Entry<HandlerFunc>; 256]>() };
    for &(vector, stack) in IN_USE {
        let address = VirtAddr::new(addr_of!(vectors) as u64 + u64::from(vector) * 16);
        // SAFETY: the stubs are made for exactly this; the stack index is one of those set above.
        unsafe { entries[usize::from(vector)].set_handler_addr(address).set_stack_index(stack) };
    }
}
