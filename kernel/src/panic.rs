//! The end of a kernel that has a fault: what, where, a backtrace of addresses, and the machine stops.

use crate::memory::layout;
use crate::memory::stacks::Stack;
use birgus_syscalls::registers::Registers;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

/// Frames of a backtrace.
const DEPTH: usize = 16;

/// Collects a report before it goes out in one piece.
struct Report {
    text: [u8; 2048],
    length: usize,
}

impl Write for Report {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let count = part.len().min(self.text.len() - self.length);
        self.text[self.length..self.length + count].copy_from_slice(&part.as_bytes()[..count]);
        self.length += count;
        Ok(())
    }
}

static PANICKING: AtomicBool = AtomicBool::new(false);

fn die(what: fmt::Arguments<'_>, frame_pointer: u64) -> ! {
    if PANICKING.swap(true, Ordering::SeqCst) {
        crate::power::reset();
    }
    let mut report = Report { text: [0; 2048], length: 0 };
    let _ = writeln!(report, "kernel panic: {what}");
    let mut frame = frame_pointer;
    for _ in 0..DEPTH {
        let Some(return_address) = backtrace_step(&mut frame) else { break };
        let _ = writeln!(report, "  at {return_address:#x}");
    }
    crate::device::console::panic(&report.text[..report.length]);
    crate::power::end(birgus_syscalls::wire::FAILURE_EXIT_CODE)
}

/// The return address of the frame; goes on to its caller's.
fn backtrace_step(frame: &mut u64) -> Option<u64> {
    // A program's frame pointer, or what a broken chain leads to, must not make the report fault.
    let stack = Stack::at(*frame).filter(|stack| *frame & 7 == 0 && *frame >= stack.mapped.start)?;
    if stack.mapped.end - *frame < 16 {
        return None;
    }
    // SAFETY: kernel code is compiled with frame pointers, and these two words are in the mapped part of a stack.
    let [next, address] = unsafe { (*frame as *const [u64; 2]).read() };
    *frame = if next > *frame { next } else { 0 };
    layout::text().contains(&address).then_some(address)
}

fn frame_pointer() -> u64 {
    let rbp;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    rbp
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    die(format_args!("{info}"), frame_pointer())
}

/// The kernel itself caused an exception.
pub(crate) fn exception(frame: &Registers, vector: u8, error: u32) -> ! {
    let address = x86_64::registers::control::Cr2::read_raw();
    die(
        format_args!(
            "exception {vector} (error {error:#x}) at {:#x}, stack {:#x}, address {address:#x}",
            frame.rip, frame.rsp
        ),
        frame.rbp,
    )
}

/// A kernel stack has no room for another frame.
pub(crate) extern "C" fn stack_overflow(instruction: u64, stack_pointer: u64, frame_pointer: u64) -> ! {
    let address = x86_64::registers::control::Cr2::read_raw();
    match Stack::at(stack_pointer) {
        Some(stack) => die(
            format_args!(
                "{stack} ({:#x}..{:#x}) has overflowed at {instruction:#x}, stack {stack_pointer:#x}, address {address:#x}",
                stack.mapped.start, stack.mapped.end
            ),
            frame_pointer,
        ),
        None => die(
            format_args!("no stack at {instruction:#x}, stack {stack_pointer:#x}, address {address:#x}"),
            frame_pointer,
        ),
    }
}
