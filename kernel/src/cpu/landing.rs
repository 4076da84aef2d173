//! Where an exception or interrupt lands, and where it goes on.
//!
//! Program and kernel run at the same privilege level, so neither CS nor RSP tells who was interrupted. The
//! instruction pointer does: the lower half is the program's; in the kernel's text there are two windows where the
//! program's state is only half changed over.

use super::gs;
use super::percpu::this_cpu;
use super::syscall;
use super::vectors::{DOUBLE_FAULT_STACK, Vector};
use crate::memory::stacks::{self, Stack};
use crate::memory::{copy, layout};
use birgus_syscalls::registers::Registers;

/// What a stub leaves on the landing stack.
#[repr(C)]
pub(crate) struct Landed {
    rbx: u64,
    rbp: u64,
    r12: u64,
    r13: u64,
    r14: u64,
    r15: u64,
    rcx: u64,
    r11: u64,
    rax: u64,
    r9: u64,
    r8: u64,
    r10: u64,
    rdx: u64,
    rsi: u64,
    rdi: u64,
    error: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

/// Who was interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// Program code, or a wild address that a program jumped to.
    Program,
    /// The kernel's text.
    Kernel,
}

/// What `land` hands to `handle` beside the frame.
#[repr(C)]
pub(crate) struct Landing {
    frame: *mut Registers,
    cause: u64,
}

/// A vector with its error code, as one register.
#[derive(Clone, Copy)]
pub(crate) struct Cause(u64);

impl Cause {
    fn new(vector: u8, error: u64, origin: Origin, software: bool) -> Self {
        Self(u64::from(vector) | u64::from(origin == Origin::Program) << 8 | u64::from(software) << 9 | error << 32)
    }

    pub(crate) fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    pub(crate) fn vector(self) -> u8 {
        self.0 as u8
    }

    pub(crate) fn error(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn with_own_gs(self, found: bool) -> Self {
        Self(self.0 | u64::from(found) << 10)
    }

    /// Whether GS was a program's when this came.
    pub(crate) fn found_own_gs(self) -> bool {
        self.0 & 0x400 != 0
    }

    /// Whether `int n` led here, to a vector that has an error code.
    pub(crate) fn is_software(self) -> bool {
        self.0 & 0x200 != 0
    }

    pub(crate) fn origin(self) -> Origin {
        if self.0 & 0x100 != 0 { Origin::Program } else { Origin::Kernel }
    }
}

unsafe extern "C" {
    /// The last two instructions of each fast way back.
    static exit_windows: [[u64; 2]; 6];
}

impl Landed {
    /// `int n` with the number of an exception that has an error code pushes none: everything is one word off. CS is
    /// the only selector 8 there is, and RFLAGS is never 8.
    fn align_software_interrupt(&mut self) -> bool {
        let code = u64::from(super::descriptors::CODE.0);
        if self.cs == code || self.rip != code {
            return false;
        }
        (self.rip, self.cs, self.rflags, self.rsp, self.ss) = (self.error, self.rip, self.cs, self.rflags, self.rsp);
        self.error = 0;
        true
    }

    /// Finishes the way back to a program that was interrupted in its last two instructions; whether it was.
    fn roll_forward(&mut self) -> bool {
        // SAFETY: the stubs fill it, one entry for each.
        for &[pop, jump] in unsafe { &exit_windows } {
            if self.rip != pop && self.rip != jump {
                continue;
            }
            if self.rip == pop {
                // SAFETY: in this window RSP is the kernel stack, and the program's RSP is on it.
                self.rsp = unsafe { (self.rsp as *const u64).read() };
            }
            self.rip = self.rcx;
            return true;
        }
        false
    }

    fn origin(&self) -> Origin {
        // At the first instruction of a rewritten call's door all is still the program's.
        let doors = syscall::doors();
        let at_door = self.rip == doors.any || self.rip == doors.number;
        if layout::text().contains(&self.rip) && !at_door { Origin::Kernel } else { Origin::Program }
    }

    fn registers(&self) -> Registers {
        Registers {
            rbx: self.rbx,
            rbp: self.rbp,
            r12: self.r12,
            r13: self.r13,
            r14: self.r14,
            r15: self.r15,
            rcx: self.rcx,
            r11: self.r11,
            rax: self.rax,
            r9: self.r9,
            r8: self.r8,
            r10: self.r10,
            rdx: self.rdx,
            rsi: self.rsi,
            rdi: self.rdi,
            number: Registers::NO_CALL,
            rip: self.rip,
            rflags: self.rflags,
            rsp: self.rsp,
        }
    }
}

/// Called by the stubs on the landing stack, interrupts off: decides where the frame belongs and moves it there. Touches
/// only memory that cannot fault.
pub(crate) extern "C" fn land(vector: u32, landed: &mut Landed) -> Landing {
    let vector = vector as u8;
    let found_own_gs = gs::reclaim((&raw const *landed) as u64);
    let software = landed.align_software_interrupt();
    let was_leaving = landed.roll_forward();
    let origin = landed.origin();
    let mut cause = Cause::new(vector, landed.error, origin, software).with_own_gs(found_own_gs);
    let registers = landed.registers();
    let frame = match (origin, vector) {
        // Handled where they landed: they may come at any instruction of the kernel.
        (Origin::Kernel, Vector::NMI | Vector::DOUBLE_FAULT | Vector::MACHINE_CHECK | Vector::DEBUG) => {
            (&raw mut *landed).cast::<Registers>()
        }
        (Origin::Program, _) => (this_cpu().kernel_rsp.get() - size_of::<Registers>() as u64) as *mut Registers,
        (Origin::Kernel, _) => {
            let below = (landed.rsp - 16 - size_of::<Registers>() as u64) & !15;
            if !Stack::has_room(below, 2048) {
                give_up(landed);
            }
            below as *mut Registers
        }
    };
    // SAFETY: the top of the thread's kernel stack, which is idle while the program runs; or below the stack pointer
    // of kernel code, which has no red zone, with room checked; or this very
    // landing frame, which is larger and has been read.
    unsafe { frame.write(registers) };
    if origin == Origin::Kernel
        && vector == Vector::PAGE_FAULT
        && let Some(fixup) = copy::fixup(registers.rip)
    {
        // SAFETY: just written.
        unsafe { (*frame).rip = fixup };
        cause = Cause::new(Vector::SPURIOUS, 0, origin, false);
    }
    if was_leaving && vector == Vector::DEBUG {
        // A program that steps through its own code sees no step inside the door: the next one is its next instruction.
        cause = Cause::new(Vector::SPURIOUS, 0, origin, false);
    }
    Landing { frame, cause: cause.0 }
}

/// The kernel's stack has overflowed: the report is made on the stack of #DF, which nothing else can land on now, so
/// that the exception that led here stays to be looked at.
fn give_up(landed: &Landed) -> ! {
    // SAFETY: the landing stack is mapped, idle and left for good; `stack_overflow` has the C calling convention, takes
    // three registers.
    unsafe {
        core::arch::asm!(
            "mov rsp, {top}",
            "call {report}",
            "ud2",
            top = in(reg) stacks::landing_top(this_cpu().number(), DOUBLE_FAULT_STACK.into()),
            report = sym crate::panic::stack_overflow,
            in("rdi") landed.rip,
            in("rsi") landed.rsp,
            in("rdx") landed.rbp,
            options(noreturn)
        );
    }
}
