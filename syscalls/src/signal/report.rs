//! What people read when a program dies of a fault.

use super::{SigInfo, Trap};
use crate::machine::machine;
use crate::registers::Registers;
use crate::thread::Thread;
use core::fmt;

/// The vector of #PF.
const PAGE_FAULT: u64 = 14;

/// What a fault's code means.
fn reason(info: &SigInfo) -> &'static str {
    use super::Signal;
    match (info.signal(), info.code) {
        (Ok(Signal::SEGV), 1) => "nothing is mapped there",
        (Ok(Signal::SEGV), 2) => "the mapping does not allow it",
        (Ok(Signal::SEGV), SigInfo::KERNEL) => "general protection",
        (Ok(Signal::BUS), 1) => "the address is not aligned",
        (Ok(Signal::BUS), 2) => "behind the end of the mapped file",
        (Ok(Signal::FPE), 1) => "integer division by zero",
        (Ok(Signal::FPE), 2) => "integer overflow",
        (Ok(Signal::FPE), _) => "floating-point exception",
        (Ok(Signal::ILL), _) => "illegal instruction",
        (Ok(Signal::TRAP), _) => "breakpoint or trace trap",
        _ => "",
    }
}

/// What a page fault's error code says that the program tried (SDM volume 3, 4.7), and where; nothing for other traps.
struct Attempt(Trap);

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.0.error {
            _ if self.0.number != PAGE_FAULT => return Ok(()),
            error if error & 0x10 != 0 => "executing",
            error if error & 2 != 0 => "writing",
            _ => "reading",
        };
        write!(f, ", {doing} {:#x}", self.0.address)
    }
}

/// Tells what a signal that is about to end the process came from. A fault's line goes to people even where nobody
/// asked for the log; the log gets the registers too. A signal that somebody sent is a line of the log.
pub(super) fn fatal(thread: &Thread, info: &SigInfo, registers: &Registers) {
    let Ok(signal) = info.signal() else { return };
    let machine = machine();
    let (process, id) = (thread.process.id, thread.id());
    if !info.is_synchronous() {
        machine.log(format_args!("process {process}, thread {id}: {signal} at {:#x}", registers.rip));
        return;
    }
    let trap = *thread.signals.trap.lock();
    let (address, why) = (info.address(), reason(info));
    let attempt = Attempt(trap);
    machine.report(format_args!(
        "process {process}, thread {id} died of {signal} at {:#x}{attempt}: {why}",
        registers.rip
    ));
    machine.log(format_args!("  trap {}, error {:#x}", trap.number, trap.error));
    show_mapping("instruction", thread, registers.rip);
    if address != registers.rip && address != 0 {
        show_mapping("address", thread, address);
    }
    let r = registers;
    machine.log(format_args!("  rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx));
    machine.log(format_args!("  rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}", r.rsi, r.rdi, r.rbp, r.rsp));
    machine.log(format_args!("  r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}", r.r8, r.r9, r.r10, r.r11));
    machine.log(format_args!("  r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x}", r.r12, r.r13, r.r14, r.r15));
    machine.log(format_args!("  rip {:016x} flags {:08x}", r.rip, r.rflags));
}

/// The mapping that an address lies in, as a line of `/proc/self/maps`.
fn show_mapping(what: &str, thread: &Thread, address: u64) {
    match thread.process.memory().describe_at(address) {
        Some(mapping) => machine().log(format_args!("  {what} {address:#x} in {mapping}")),
        None => machine().log(format_args!("  {what} {address:#x} in no mapping")),
    }
}
