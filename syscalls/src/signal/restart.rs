//! How a call that a signal interrupted goes on: `signal(7)`, "Interruption of system calls".

use super::ActionFlags;
use crate::errno::{Errno, Result};
use crate::registers::Registers;
use crate::thread::Thread;
use alloc::boxed::Box;

/// The number of `restart_syscall(2)`.
const RESTART_SYSCALL: u64 = 219;
/// The length of the `syscall` instruction, which the saved instruction pointer is behind.
const INSTRUCTION_LENGTH: u64 = 2;

/// What is left to do of a call that answered `ERESTART_RESTARTBLOCK`: a sleep with the rest of its time.
pub(super) type RestartBlock = Option<Box<dyn FnOnce(&Thread) -> Result<i64> + Send>>;

/// Interrupts a call that cannot simply start again because its timeout would begin anew: `proceed` is what
/// `restart_syscall(2)` runs when no handler ran. Gives the error to answer with; `EINTR` is what the program sees
/// when one did.
pub fn interrupt(thread: &Thread, proceed: impl FnOnce(&Thread) -> Result<i64> + Send + 'static) -> Errno {
    *thread.signals.restart.lock() = Some(Box::new(proceed));
    Errno::ERESTART_RESTARTBLOCK
}

/// `restart_syscall(2)`: goes on with what [`interrupt`] left. `EINTR` when there is nothing.
pub fn restart_syscall(thread: &Thread) -> Result<i64> {
    let proceed = thread.signals.restart.lock().take();
    proceed.ok_or(Errno::EINTR)?(thread)
}

/// The answer of the call that was interrupted, if the registers are those of a call that wants to start again.
fn wish(registers: &Registers) -> Option<Errno> {
    if registers.number == Registers::NO_CALL {
        return None;
    }
    let number = u16::try_from((registers.rax as i64).checked_neg()?).ok()?;
    Some(Errno::from_number(number)).filter(|errno| errno.is_restart())
}

/// Before a handler runs: the call starts again behind it, or answers `EINTR`.
pub(super) fn for_handler(registers: &mut Registers, flags: ActionFlags) {
    match wish(registers) {
        Some(Errno::ERESTARTNOINTR) => repeat(registers, registers.number),
        Some(Errno::ERESTARTSYS) if flags.contains(ActionFlags::RESTART) => repeat(registers, registers.number),
        Some(_) => registers.rax = Errno::EINTR.to_register() as u64,
        None => {}
    }
}

/// When no handler runs: the call starts again. Gives whether it does.
pub(super) fn without_handler(registers: &mut Registers) -> bool {
    match wish(registers) {
        Some(Errno::ERESTART_RESTARTBLOCK) => repeat(registers, RESTART_SYSCALL),
        Some(_) => repeat(registers, registers.number),
        None => return false,
    }
    true
}

fn repeat(registers: &mut Registers, number: u64) {
    registers.rax = number;
    registers.rip = registers.rip.wrapping_sub(INSTRUCTION_LENGTH);
}
