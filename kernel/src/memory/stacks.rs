//! The kernel's stacks, each with a hole below it: the boot stack, one a thread, and those on which exceptions land.

use super::kernel_half::map_page;
use super::{frames, layout};
use crate::cpu::percpu;
use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

unsafe extern "C" {
    static boot_stack_guard: u8;
}

/// The boot stack's pages; the page below is its hole.
const BOOT_PAGES: u64 = 4;

/// Bytes of a thread's kernel stack.
const SIZE: u64 = 16 << 10;
/// From one thread's stack to the next: the other half stays unmapped, so that an overflow faults.
const STRIDE: u64 = 2 * SIZE;

/// Bytes of a landing stack.
const LANDING_SIZE: u64 = 2 * frames::FRAME;
const LANDING_STRIDE: u64 = 2 * LANDING_SIZE;
/// Landing stacks a CPU has.
pub(crate) const LANDING_COUNT: u64 = 5;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Which stack.
#[derive(Clone, Copy)]
enum Name {
    Boot,
    Thread(u64),
    Landing(u64),
}

/// A stack of the kernel.
pub(crate) struct Stack {
    name: Name,
    /// What is mapped of it.
    pub(crate) mapped: Range<u64>,
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Name::Boot => f.write_str("the boot stack"),
            Name::Thread(number) => write!(f, "thread stack {number}"),
            Name::Landing(number) => write!(f, "landing stack {number}"),
        }
    }
}

/// The top of the boot stack.
pub(crate) fn boot_top() -> u64 {
    (&raw const boot_stack_guard) as u64 + (1 + BOOT_PAGES) * frames::FRAME
}

impl Stack {
    /// The stack that an address belongs to, in its mapped part or in the hole below. `None`: no stack is there.
    pub(crate) fn at(address: u64) -> Option<Self> {
        let guard = (&raw const boot_stack_guard) as u64;
        let boot = guard + frames::FRAME..guard + (1 + BOOT_PAGES) * frames::FRAME;
        if (guard..boot.end).contains(&address) {
            return Some(Self { name: Name::Boot, mapped: boot });
        }
        let of_landing = address >= layout::LANDING_STACKS;
        let (first, stride, size, count) = if of_landing {
            (layout::LANDING_STACKS, LANDING_STRIDE, LANDING_SIZE, LANDING_COUNT * percpu::count() as u64)
        } else {
            (layout::STACKS, STRIDE, SIZE, NEXT.load(Ordering::Relaxed))
        };
        let number = address.checked_sub(first)? / stride;
        if number >= count {
            return None;
        }
        let top = first + (number + 1) * stride;
        let name = if of_landing { Name::Landing(number) } else { Name::Thread(number) };
        Some(Self { name, mapped: top - size..top })
    }

    /// Whether the address lies in the mapped part of a stack of kernel code with at least `room` bytes below it.
    pub(crate) fn has_room(address: u64, room: u64) -> bool {
        let stack = Self::at(address).filter(|stack| !matches!(stack.name, Name::Landing(_)));
        stack.is_some_and(|stack| address >= stack.mapped.start + room)
    }
}

fn map(mapped: Range<u64>) -> Option<()> {
    for page in mapped.step_by(frames::FRAME as usize) {
        map_page(page, u64::from(frames::allocate(1)?) * frames::FRAME)?;
    }
    Some(())
}

/// A new stack for a thread; gives its top. `None`: out of memory (what was mapped so far stays).
pub(crate) fn new() -> Option<u64> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let top = layout::STACKS + (number + 1) * STRIDE;
    map(top - SIZE..top)?;
    Some(top)
}

/// The top of a CPU's landing stack.
pub(crate) fn landing_top(cpu: usize, number: u64) -> u64 {
    layout::LANDING_STACKS + (cpu as u64 * LANDING_COUNT + number + 1) * LANDING_STRIDE
}

/// The CPU of which this is an address on a landing stack.
pub(crate) fn cpu_of_landing(address: u64) -> usize {
    (address.wrapping_sub(layout::LANDING_STACKS) / (LANDING_COUNT * LANDING_STRIDE)) as usize
}

/// Maps a CPU's landing stack. `None`: out of memory.
pub(crate) fn map_landing(cpu: usize, number: u64) -> Option<()> {
    let top = landing_top(cpu, number);
    map(top - LANDING_SIZE..top)
}
