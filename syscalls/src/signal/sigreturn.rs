//! `rt_sigreturn(2)`: back from a handler.

use super::frame::{SignalFrame, UserContext};
use super::{SigInfo, Signal};
use super::{extended, mask, send};
use crate::errno::{Errno, Result};
use crate::registers::Registers;
use crate::thread::{Thread, Work};
use crate::user::{USER_END, UserPtr};
use linux_raw_sys::general::SEGV_MAPERR;

/// `rt_sigreturn(2)`. The answer is the interrupted program's `rax`, whatever it was. A frame that cannot be read is
/// `SIGSEGV`.
pub fn rt_sigreturn(thread: &Thread, registers: &mut Registers) -> Result<i64> {
    // The restorer was returned to: its address is off the stack.
    let frame = registers.rsp.wrapping_sub(SignalFrame::USER_OFFSET);
    thread.demand(Work::REGISTERS);
    *thread.signals.restart.lock() = None;
    let restored = restore(thread, registers, frame);
    registers.number = Registers::NO_CALL;
    if restored.is_err() {
        send::force_segv(thread, None);
        return Ok(0);
    }
    if registers.rip >= USER_END {
        // Linux faults on the way back; here the program would land in the kernel.
        send::force(thread, fault_at(registers.rip));
    }
    Ok(registers.rax as i64)
}

/// An address that is not canonical is a general protection fault, which has no address; another is a page fault.
fn fault_at(address: u64) -> SigInfo {
    let sign_extended = ((address << 16) as i64 >> 16) as u64;
    if address == sign_extended {
        SigInfo::fault(Signal::SEGV, SEGV_MAPERR as i32, address)
    } else {
        SigInfo::kernel(Signal::SEGV)
    }
}

fn restore(thread: &Thread, registers: &mut Registers, frame: u64) -> Result<()> {
    let user: UserContext = UserPtr::new(frame.wrapping_add(SignalFrame::USER_OFFSET)).read(thread)?;
    mask::set_blocked(thread, user.mask);
    // Not allowed while the handler ran on it, for one; Linux lets that pass too.
    let _ = thread.signals.alternate.lock().set(&user.stack, registers.rsp);
    let task = thread.task().ok_or(Errno::EFAULT)?;
    user.context.restore(registers);
    extended::restore(thread, &*task, user.context.extended)
}
