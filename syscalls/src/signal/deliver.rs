//! Handling signals on the way back to the program.

use super::extended::{self, AlignedBytes};
use super::frame::{SigContext, SignalFrame, UserContext};
use super::send::{force, force_segv, tell};
use super::{Action, ActionFlags, Disposition, SigInfo, SigSet, Signal};
use super::{mask, report, restart, stop};
use crate::errno::{Errno, Result};
use crate::machine::Task;
use crate::process::exit::{self, End};
use crate::process::session::is_orphaned;
use crate::registers::Registers;
use crate::thread::{Thread, Work};
use crate::user::{self, USER_END};
use alloc::vec::Vec;
use linux_raw_sys::general::SEGV_MAPERR;
use zerocopy::IntoBytes;

/// The bytes below the stack pointer that belong to the interrupted function (System V ABI, 3.2.2).
const RED_ZONE: u64 = 128;
/// From a frame's beginning to its vector registers: these begin at a multiple of 64, the frame 8 below a multiple
/// of 16, as behind a `call`.
const FRAME_TO_EXTENDED: u64 = 456;
/// Alignment of the vector registers.
const EXTENDED_ALIGNMENT: u64 = 64;
/// The flags that a handler begins without: DF, RF, TF.
const CLEARED_FLAGS: u64 = 0x400 | 0x1_0000 | 0x100;

/// Handles the current thread's signals. The kernel calls this on the way back to the program while the thread's work
/// says [`Work::SIGNAL`], with all of the program's registers; these may be others afterwards, and then the work says
/// [`Work::REGISTERS`]. When it says [`Work::EXIT`], the thread must not go back but [leave](exit::leave).
pub fn deliver(thread: &Thread, registers: &mut Registers) {
    // Nobody shall see a program counter that is none of the program's.
    if thread.process.memory().leave_trampoline(registers) {
        thread.demand(Work::REGISTERS);
    }
    while thread.is_interrupted()
        && let Some((info, signal, action)) = next(thread, registers)
    {
        handle(thread, registers, &info, signal, &action);
    }
    if thread.is_leaving() {
        return;
    }
    if restart::without_handler(registers) {
        thread.demand(Work::REGISTERS);
    }
    // The call is dealt with: another round must not start it again.
    registers.number = Registers::NO_CALL;
    mask::restore_saved(thread);
    if thread.is_interrupted() {
        // The mask that came back lets something through.
        deliver(thread, registers);
    }
}

/// Takes signals and does what they do by default, until one comes that has a handler.
fn next(thread: &Thread, registers: &Registers) -> Option<(SigInfo, Signal, Action)> {
    loop {
        if thread.is_leaving() {
            return None;
        }
        let (entry, actions) = {
            let mut group = thread.process.signals.lock();
            let mut own = thread.signals.lock();
            if own.stop_due {
                drop(own);
                drop(group);
                stop::stand_still(thread);
                continue;
            }
            let blocked = own.blocked;
            let synchronous = own.pending.next_synchronous(blocked);
            let entry = match synchronous {
                Some(entry) => {
                    group.recalculate(thread, &own);
                    Some(entry)
                }
                None => group.take(thread, &mut own, blocked),
            };
            (entry, group.actions.clone())
        };
        let info = entry?.take();
        let Ok(signal) = info.signal() else { continue };
        let action = actions.get(signal);
        if action.is_handled() {
            if action.flags().contains(ActionFlags::RESETHAND) {
                actions.reset(signal, false);
            }
            return Some((info, signal, action));
        }
        if action.ignores(signal) {
            continue;
        }
        match signal.disposition() {
            // Nobody could let it go on.
            Disposition::Stop if signal != Signal::STOP && is_orphaned(thread.process.group()) => {}
            Disposition::Stop => stop::stop(thread, signal),
            Disposition::Ignore | Disposition::Continue => {}
            how @ (Disposition::Terminate | Disposition::Core) => {
                if how == Disposition::Core {
                    report::fatal(thread, &info, registers);
                }
                exit::terminate(&thread.process, End::Killed(signal));
            }
        }
    }
}

/// Lets the program go on in a handler.
fn handle(thread: &Thread, registers: &mut Registers, info: &SigInfo, signal: Signal, action: &Action) {
    restart::for_handler(registers, action.flags());
    // Dealt with: a second handler's frame on top of this one must not look at it again.
    registers.number = Registers::NO_CALL;
    thread.demand(Work::REGISTERS);
    if enter(thread, registers, info, signal, action).is_err() {
        return force_segv(thread, Some(signal));
    }
    mask::change(thread, |own| {
        own.saved = None;
        own.blocked = own.blocked.with(action.mask).blockable();
        if !action.flags().contains(ActionFlags::NODEFER) {
            own.blocked.add(signal);
            own.blocked = own.blocked.blockable();
        }
    });
    thread.signals.alternate.lock().disarm_for_handler();
    if action.handler >= USER_END {
        // Linux would fault on the first instruction; at the kernel's privilege nothing would stop it.
        force(thread, SigInfo::fault(Signal::SEGV, SEGV_MAPERR as i32, action.handler));
    }
}

/// Builds the frame and points the registers to the handler. `EFAULT` when there is no stack for it.
fn enter(thread: &Thread, registers: &mut Registers, info: &SigInfo, signal: Signal, action: &Action) -> Result<()> {
    if !action.flags().contains(ActionFlags::RESTORER) {
        return Err(Errno::EFAULT);
    }
    let task = thread.task().ok_or(Errno::EFAULT)?;
    let frame = write_frame(thread, &*task, registers, info, action)?;
    task.reset_extended();
    registers.rdi = u64::from(signal.number());
    registers.rsi = frame + SignalFrame::INFO_OFFSET;
    registers.rdx = frame + SignalFrame::USER_OFFSET;
    registers.rax = 0;
    registers.rsp = frame;
    registers.rip = action.handler;
    registers.rflags &= !CLEARED_FLAGS;
    Ok(())
}

/// Where the frame goes: its address and that of the vector registers. `EFAULT` beyond the alternate stack.
fn place(thread: &Thread, registers: &Registers, action: &Action, extended_size: u64) -> Result<(u64, u64)> {
    let alternate = thread.signals.alternate.lock();
    let mut pointer = registers.rsp.wrapping_sub(RED_ZONE);
    let mut on_alternate = alternate.is_in_use(registers.rsp);
    let wants_alternate = action.flags().contains(ActionFlags::ONSTACK) && !alternate.is_disabled();
    if wants_alternate && !alternate.is_in_use(pointer) {
        pointer = alternate.end();
        on_alternate = true;
    }
    let extended = pointer.wrapping_sub(extended_size) & !(EXTENDED_ALIGNMENT - 1);
    let frame = extended.wrapping_sub(FRAME_TO_EXTENDED);
    if on_alternate && !alternate.contains(frame) {
        return Err(Errno::EFAULT);
    }
    Ok((frame, extended))
}

fn write_frame(
    thread: &Thread,
    task: &dyn Task,
    registers: &Registers,
    info: &SigInfo,
    action: &Action,
) -> Result<u64> {
    let format = task.extended_format();
    let extended_size = format.size_in_frame();
    let (address, extended) = place(thread, registers, action, extended_size as u64)?;
    let length = FRAME_TO_EXTENDED + extended_size as u64;
    if address.checked_add(length).is_none_or(|end| end > USER_END) {
        return Err(Errno::EFAULT);
    }

    let mask = {
        let own = thread.signals.lock();
        own.saved.unwrap_or(own.blocked)
    };
    let trap = *thread.signals.trap.lock();
    let wants_info = action.flags().contains(ActionFlags::SIGINFO);
    let frame = SignalFrame {
        return_address: action.restorer,
        user: UserContext {
            flags: UserContext::flags(format.is_xsave()),
            link: 0,
            stack: thread.signals.alternate.lock().description(),
            context: SigContext::save(registers, trap, mask, extended),
            mask,
        },
        info: if wants_info { *info } else { SigInfo::EMPTY },
    };

    // One copy of all: the frame, a gap, the vector registers at a multiple of 64 in the buffer as on the stack.
    const HEAD: usize = FRAME_TO_EXTENDED.next_multiple_of(EXTENDED_ALIGNMENT) as usize;
    const FRAME_AT: usize = HEAD - FRAME_TO_EXTENDED as usize;
    AlignedBytes::with(thread, HEAD + extended_size, |image| {
        let (head, vectors) = image.split_at_mut_checked(HEAD).ok_or(Errno::EFAULT)?;
        frame.write_to_prefix(&mut head[FRAME_AT..]).map_err(|_| Errno::EFAULT)?;
        extended::save(task, format, vectors);
        user::copy_out(thread, address, &image[FRAME_AT..])
    })?;
    Ok(address)
}

/// Sets an action and drops what it ignores, `sigaction(2)`.
pub(super) fn set_action(thread: &Thread, signal: Signal, action: Action) -> Result<Action> {
    let mut group = thread.process.signals.lock();
    let before = group.actions.set(signal, action)?;
    let dropped = if action.ignores(signal) {
        super::send::remove(&mut group, &thread.process, SigSet::of(&[signal]))
    } else {
        Vec::new()
    };
    drop(group);
    tell(dropped);
    Ok(before)
}
