//! Exceptions and interrupts, once their frame is where it belongs, and the way back to a program.

use super::landing::{Cause, Origin};
use super::percpu::{are_several, this_cpu};
use super::vectors::Vector;
use super::{apic, halt, lock, vsyscall};
use crate::memory::{copy, tlb};
use crate::{device, task};
use birgus_syscalls::machine::{Access, machine};
use birgus_syscalls::network;
use birgus_syscalls::process::exit;
use birgus_syscalls::registers::Registers;
use birgus_syscalls::signal::{self, SigInfo, Signal, Trap};
use birgus_syscalls::thread::{Thread, Work};
use core::arch::asm;
use core::sync::atomic::Ordering;
use linux_raw_sys::general::{
    BUS_ADRALN, FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_INTDIV, ILL_ILLOPN, TRAP_BRKPT,
    TRAP_HWBKPT, TRAP_TRACE,
};
use x86_64::registers::control::Cr2;
use x86_64::registers::debug::{Dr6, Dr6Flags};

/// RFLAGS.IF.
const INTERRUPT_FLAG: u64 = 1 << 9;
/// RFLAGS.TF.
const TRAP_FLAG: u64 = 1 << 8;
/// RFLAGS.RF.
const RESUME_FLAG: u64 = 1 << 16;

/// Called with the frame on the stack where this may take its time; interrupts are off. Gives whether GS is to be the
/// program's again.
pub(crate) extern "C" fn handle(frame: &mut Registers, cause: u64) -> bool {
    let cause = Cause::from_register(cause);
    if are_several() { handle_with_lock(frame, cause) } else { see_to(frame, cause) }
}

/// The same where there are several CPUs: with the kernel's lock, but for what may come to a CPU that waits for it or
/// holds it.
fn handle_with_lock(frame: &mut Registers, cause: Cause) -> bool {
    let from_program = cause.origin() == Origin::Program;
    match cause.vector() {
        Vector::NMI if !from_program => {
            tlb::answer();
            return cause.found_own_gs();
        }
        Vector::DEBUG if !from_program => {
            pass_over(frame);
            return cause.found_own_gs();
        }
        // The end of a copy that has failed.
        Vector::SPURIOUS if !from_program => return false,
        Vector::SHOOT_DOWN if !(from_program && is_software_interrupt(frame, Vector::SHOOT_DOWN)) => {
            apic::end_of_interrupt();
            tlb::answer();
            return cause.found_own_gs();
        }
        _ => {}
    }
    let has_entered = lock::enter();
    let is_own_gs = see_to(frame, cause);
    if from_program || has_entered {
        lock::give_back();
    }
    is_own_gs
}

fn see_to(frame: &mut Registers, cause: Cause) -> bool {
    let from_program = cause.origin() == Origin::Program;
    match cause.vector() {
        // These come at any instruction of the kernel, also where GS is the program's still or already.
        Vector::NMI if !from_program => return cause.found_own_gs(),
        Vector::DEBUG if !from_program => {
            pass_over(frame);
            return cause.found_own_gs();
        }
        Vector::NMI if !follows_int(frame, Vector::NMI) => halt::see_to(frame),
        Vector::NMI => software_interrupt(frame, Vector::NMI),
        Vector::TIMER | Vector::CONSOLE | Vector::NETWORK | Vector::RESCHEDULE | Vector::SHOOT_DOWN
            if from_program && is_software_interrupt(frame, cause.vector()) =>
        {
            software_interrupt(frame, cause.vector());
        }
        Vector::TIMER => {
            apic::end_of_interrupt();
            task::tick(from_program);
            if from_program {
                halt::see_to(frame);
            }
        }
        Vector::CONSOLE => {
            apic::end_of_interrupt();
            device::console::interrupt();
            if from_program {
                halt::see_to(frame);
            }
        }
        Vector::NETWORK => {
            apic::end_of_interrupt();
            network::poll();
            if from_program {
                task::give_way();
            }
        }
        Vector::RESCHEDULE => {
            apic::end_of_interrupt();
            if from_program {
                halt::see_to(frame);
            }
        }
        Vector::SPURIOUS => {}
        Vector::DOUBLE_FAULT | Vector::MACHINE_CHECK
            if !(from_program && (cause.is_software() || follows_int(frame, cause.vector()))) =>
        {
            crate::panic::exception(frame, cause.vector(), cause.error());
        }
        _ if from_program => fault(frame, cause),
        _ => crate::panic::exception(frame, cause.vector(), cause.error()),
    }
    from_program && to_program(frame)
}

/// What led to #DB. The CPU sets bits and never clears them (SDM volume 3, 18.2.3): that is done here.
fn take_debug_status() -> Dr6Flags {
    let status = Dr6::read();
    // SAFETY: the status register alone; this is its value after reset.
    unsafe { asm!("mov dr6, {}", in(reg) 0xffff_0ff0_u64, options(nomem, nostack, preserves_flags)) };
    status
}

/// A breakpoint that the program has put into the debug registers, and that the kernel has hit on its behalf (a copy
/// to a word that is watched): nobody is told. RF takes the CPU past the instruction.
fn pass_over(frame: &mut Registers) {
    take_debug_status();
    frame.rflags = frame.rflags & !TRAP_FLAG | RESUME_FLAG;
}

/// Whether a program's `int n` led to an interrupt's vector. The bytes before the instruction pointer may look like
/// one by accident; then the local APIC says that the interrupt is its own.
fn is_software_interrupt(frame: &Registers, vector: u8) -> bool {
    follows_int(frame, vector) && !apic::is_in_service(vector)
}

/// Whether the two bytes before the instruction pointer are `int vector`.
fn follows_int(frame: &Registers, vector: u8) -> bool {
    let mut bytes = [0; 2];
    copy::from_user(frame.rip.wrapping_sub(2), &mut bytes).is_ok() && bytes == [0xcd, vector]
}

/// A byte of the program, 0 where there is none.
pub(super) fn byte_at(address: u64) -> u8 {
    let mut byte = [0];
    // A byte that cannot be read is as good as any: the instruction there has just run.
    let _ = copy::from_user(address, &mut byte);
    byte[0]
}

/// Whether an `int n` is about to run.
fn is_int(frame: &Registers) -> bool {
    byte_at(frame.rip) == 0xcd
}

/// `int n` of a program: Linux lets it through for vectors 3 and 4 alone, others are a general protection fault there.
fn software_interrupt(frame: &mut Registers, vector: u8) {
    frame.rip = frame.rip.wrapping_sub(2);
    let trap = Trap { number: u64::from(Vector::GENERAL_PROTECTION), error: u64::from(vector) << 3 | 2, address: 0 };
    signal::fault(current(), SigInfo::kernel(Signal::SEGV), trap);
}

/// The thread that this CPU runs. Must not be kept over a park.
pub(super) fn current() -> &'static Thread {
    // SAFETY: while a thread runs, its CPU's pointer leads to it, and the caller runs on its behalf.
    unsafe { &*this_cpu().current.get() }
}

/// A program did what it may not, or touched a page that is not there yet.
fn fault(frame: &mut Registers, cause: Cause) {
    let (vector, error) = (cause.vector(), cause.error());
    let debug = if vector == Vector::DEBUG { take_debug_status() } else { Dr6Flags::empty() };
    if cause.is_software() || !has_error_code(vector) && !is_trap(vector, debug) && follows_int(frame, vector) {
        return software_interrupt(frame, vector);
    }
    if vector == Vector::NOT_PRESENT && is_int(frame) {
        // `int n` with a vector that nothing uses. The error code is made anew: QEMU's does not hold the vector.
        let number = byte_at(frame.rip.wrapping_add(1));
        frame.rip = frame.rip.wrapping_add(2);
        return software_interrupt(frame, number);
    }
    if vector == Vector::PAGE_FAULT {
        return page_fault(frame, error);
    }
    // A program counter came back into the bytes of a rewritten call.
    let memory = current().process.memory();
    let patched = match vector {
        Vector::BREAKPOINT => memory.twin(frame.rip.wrapping_sub(1)),
        Vector::INVALID_OPCODE => memory.twin(frame.rip),
        _ => None,
    };
    if let Some(twin) = patched {
        frame.rip = twin;
        return;
    }
    if vector == Vector::DEBUG {
        // A program that steps through its own code is to see each instruction that was there.
        memory.stop_rewriting();
    }
    memory.leave_trampoline(frame);
    drop(memory);
    let trap = Trap { number: vector.into(), error: error.into(), address: 0 };
    let at = frame.rip;
    let (info, trap) = match vector {
        Vector::DIVIDE => (SigInfo::fault(Signal::FPE, FPE_INTDIV as i32, at), trap),
        Vector::DEBUG => (SigInfo::fault(Signal::TRAP, debug_code(debug), at), trap),
        Vector::BREAKPOINT => (SigInfo::kernel(Signal::TRAP), trap),
        Vector::INVALID_OPCODE => (SigInfo::fault(Signal::ILL, ILL_ILLOPN as i32, at), trap),
        Vector::STACK_SEGMENT => (SigInfo::kernel(Signal::BUS), trap),
        Vector::ALIGNMENT => (SigInfo::fault(Signal::BUS, BUS_ADRALN as i32, 0), trap),
        Vector::FLOATING_POINT => (SigInfo::fault(Signal::FPE, x87_code(), at), trap),
        Vector::SIMD => (SigInfo::fault(Signal::FPE, simd_code(), at), trap),
        _ => (SigInfo::kernel(Signal::SEGV), trap),
    };
    signal::fault(current(), info, trap);
}

fn has_error_code(vector: u8) -> bool {
    matches!(vector, 8 | 10..=14 | 17)
}

/// Vectors that a program may use by `int`, and the step of a program that steps through its own code.
fn is_trap(vector: u8, debug: Dr6Flags) -> bool {
    match vector {
        Vector::BREAKPOINT | Vector::OVERFLOW => true,
        Vector::DEBUG => debug.intersects(Dr6Flags::STEP | Dr6Flags::TRAP),
        _ => false,
    }
}

/// The `si_code` of #DB, as Linux's `get_si_code`.
fn debug_code(status: Dr6Flags) -> i32 {
    let code = if status.contains(Dr6Flags::STEP) {
        TRAP_TRACE
    } else if status.intersects(Dr6Flags::TRAP) {
        TRAP_HWBKPT
    } else {
        // `int1`, which leaves no trace.
        TRAP_BRKPT
    };
    code as i32
}

fn page_fault(frame: &mut Registers, error: u32) {
    let address = Cr2::read_raw();
    let thread = current();
    let access = Access { read: error & 0x12 == 0, write: error & 2 != 0, execute: error & 0x10 != 0 };
    if access.execute && vsyscall::emulate(thread, frame, address) {
        return;
    }
    let memory = thread.process.memory();
    if let Err(fault) = memory.fault(address, access) {
        if memory.leave_trampoline(frame) && access.execute {
            // The program has mapped something else where its trampolines were.
            return;
        }
        // At ring 3 the error code has the user bit, and kernel addresses look protected rather than absent.
        let hidden = u64::from(address >= birgus_syscalls::user::USER_END);
        let trap = Trap { number: Vector::PAGE_FAULT.into(), error: u64::from(error) | 4 | hidden, address };
        match fault.signal(address) {
            Some(info) => signal::fault(thread, info, trap),
            None => {
                machine().report(format_args!("process {} died of SIGKILL: the memory is full", thread.process.id));
                exit::terminate(&thread.process, exit::End::Killed(Signal::KILL));
            }
        }
    }
}

/// The `si_code` of an x87 exception: the first unmasked bit of the status word.
fn x87_code() -> i32 {
    let (mut status, mut control) = (0u16, 0u16);
    // SAFETY: store two registers; the exception stays pending for the program's handler, as on Linux.
    unsafe {
        asm!("fnstsw [{}]", "fnstcw [{}]", in(reg) &raw mut status, in(reg) &raw mut control, options(nostack));
    }
    floating_point_code(u32::from(status & !control))
}

/// The `si_code` of an SSE exception.
fn simd_code() -> i32 {
    let mut mxcsr = 0u32;
    // SAFETY: stores a register.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack)) };
    floating_point_code(mxcsr & !(mxcsr >> 7))
}

/// The order of Linux's `fpu__exception_code`.
fn floating_point_code(exceptions: u32) -> i32 {
    let code = match exceptions {
        e if e & 1 != 0 => FPE_FLTINV,
        e if e & 4 != 0 => FPE_FLTDIV,
        e if e & 8 != 0 => FPE_FLTOVF,
        e if e & 0x12 != 0 => FPE_FLTUND,
        e if e & 0x20 != 0 => FPE_FLTRES,
        _ => 0,
    };
    code as i32
}

/// The entry stub's door to [`to_program`].
pub(crate) extern "C" fn to_program_entry(frame: &mut Registers) -> bool {
    let is_own_gs = to_program(frame);
    lock::leave();
    is_own_gs
}

/// Sees to all work before the thread goes back to its program. Gives whether its GS is its own.
fn to_program(frame: &mut Registers) -> bool {
    loop {
        let thread = current();
        let work = Work::from_bits_retain(thread.work.load(Ordering::SeqCst));
        if work.contains(Work::EXIT) {
            exit::leave(thread);
        }
        if work.contains(Work::SIGNAL) {
            signal::deliver(thread, frame);
            // A handler or a restart has taken the call up; it is not looked at again.
            frame.number = Registers::NO_CALL;
            continue;
        }
        if work.contains(Work::RESCHEDULE) {
            thread.settle(Work::RESCHEDULE);
            machine().yield_now();
            continue;
        }
        thread.settle(Work::REGISTERS);
        // `popf`, `cli`: interrupts come back with the next entry at the latest.
        frame.rflags |= INTERRUPT_FLAG;
        return work.contains(Work::OWN_GS);
    }
}
