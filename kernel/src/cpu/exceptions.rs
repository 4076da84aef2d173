//! Exceptions and interrupts, once their frame is where it belongs, and the way back to a program.

use super::landing::{Cause, Origin};
use super::vectors::Vector;
use super::{apic, percpu::this_cpu};
use crate::task;
use birgus_syscalls::machine::{Access, machine};
use birgus_syscalls::registers::Registers;
use birgus_syscalls::thread::{Thread, Work};
use core::sync::atomic::Ordering;
use x86_64::registers::control::Cr2;

/// Called with the frame on the stack where this may take its time; interrupts are off.
pub(crate) extern "C" fn handle(frame: &mut Registers, cause: u64) {
    let cause = Cause::from_register(cause);
    match cause.vector() {
        Vector::TIMER => {
            apic::end_of_interrupt();
            task::tick(cause.origin() == Origin::Program);
        }
        Vector::CONSOLE => {
            apic::end_of_interrupt();
            crate::device::console::interrupt();
        }
        Vector::SPURIOUS => {}
        Vector::NMI => return,
        _ if cause.origin() == Origin::Program => fault(frame, cause),
        _ => crate::panic::exception(frame, cause.vector(), cause.error()),
    }
    if cause.origin() == Origin::Program {
        to_program(frame);
    }
}

/// A program did what it may not, or touched a page that is not there yet.
fn fault(frame: &mut Registers, cause: Cause) {
    let thread = machine().current();
    if cause.vector() == Vector::PAGE_FAULT {
        let address = Cr2::read_raw();
        let error = cause.error();
        let access = Access { read: error & 0x12 == 0, write: error & 2 != 0, execute: error & 0x10 != 0 };
        if thread.process.memory().fault_in(address, access).is_ok() {
            return;
        }
    }
    crate::device::console::log(format_args!(
        "exception {} (error {:#x}) at {:#x}, address {:#x}, stack {:#x}",
        cause.vector(),
        cause.error(),
        frame.rip,
        Cr2::read_raw(),
        frame.rsp
    ));
    machine().power_off(128 + 11, true);
}

/// The entry stub's door to [`to_program`].
pub(crate) extern "C" fn to_program_entry(frame: &mut Registers) {
    to_program(frame);
}

/// Sees to all work before the thread goes back to its program.
pub(crate) fn to_program(frame: &mut Registers) {
    // SAFETY: while a thread runs, its CPU's pointer leads to it.
    let thread: &Thread = unsafe { &*this_cpu().current.get() };
    loop {
        let work = Work::from_bits_retain(thread.work.load(Ordering::SeqCst));
        if work.contains(Work::EXIT) {
            machine().exit_thread();
        }
        if work.contains(Work::RESCHEDULE) {
            thread.settle(Work::RESCHEDULE);
            machine().yield_now();
            continue;
        }
        break;
    }
    thread.settle(Work::REGISTERS);
    frame.number = Registers::NO_CALL;
}
