//! Signals from sending to return, on the host's machine.

use super::deliver::deliver;
use super::frame::SignalFrame;
use super::send::{Target, send, send_from};
use super::*;
use crate::errno::Errno;
use crate::frame::PAGE;
use crate::machine::host::{bytes_of_user, spawn, test_process, user_pages};
use crate::process::exit::End;
use crate::process::limits::Limit;
use crate::registers::Registers;
use crate::thread::{Thread, Work};
use crate::user::{USER_END, UserPtr};
use linux_raw_sys::general as raw;
use std::sync::Arc;
use std::vec::Vec;
use zerocopy::IntoBytes;

const HANDLER: u64 = 0x40_1000;
const RESTORER: u64 = 0x40_2000;

fn signal(number: i32) -> Signal {
    Signal::new(number).unwrap()
}

/// A handler with a restorer and these flags besides.
fn handle(thread: &Thread, signal: Signal, flags: u32) {
    handle_masking(thread, signal, flags, SigSet::EMPTY);
}

fn handle_masking(thread: &Thread, signal: Signal, flags: u32, mask: SigSet) {
    let flags = u64::from(flags | raw::SA_RESTORER);
    let action = Action { handler: HANDLER + u64::from(signal.number()) * 16, flags, restorer: RESTORER, mask };
    deliver::set_action(thread, signal, action).unwrap();
}

fn ignore(thread: &Thread, signal: Signal) {
    deliver::set_action(thread, signal, Action { handler: Action::IGNORE, ..Action::default() }).unwrap();
}

fn handler_of(number: u64) -> u64 {
    HANDLER + number * 16
}

/// Registers with a value of its own in each, and a stack of two pages.
fn interrupted() -> Registers {
    Registers {
        rbx: 1,
        rbp: 2,
        r12: 3,
        r13: 4,
        r14: 5,
        r15: 6,
        rcx: 7,
        r11: 8,
        rax: 9,
        r9: 10,
        r8: 11,
        r10: 12,
        rdx: 13,
        rsi: 14,
        rdi: 15,
        number: Registers::NO_CALL,
        rip: 0x40_0123,
        rflags: 0x2_0746 | 0x400,
        rsp: user_pages(2) + 2 * PAGE - 24,
    }
}

fn frame_at(thread: &Thread, address: u64) -> SignalFrame {
    UserPtr::new(address).read(thread).unwrap()
}

fn raise(thread: &Thread, signal: Signal) {
    send(Target::Thread(thread), SigInfo::user(signal, SigInfo::TKILL, thread.process.id, 0)).unwrap();
}

/// Goes back from the handler whose frame the stack pointer points to, as the restorer does.
fn go_back(thread: &Thread, registers: &mut Registers) {
    registers.rsp += 8;
    registers.number = 15;
    let rax = rt_sigreturn(thread, registers).unwrap();
    registers.rax = rax as u64;
}

#[test]
fn a_frame_byte_for_byte() {
    let thread = test_process();
    handle_masking(&thread, Signal::USR1, raw::SA_SIGINFO, SigSet::of(&[Signal::USR2, Signal::KILL]));
    mask::set_blocked(&thread, SigSet::of(&[Signal::HUP]));
    *thread.signals.trap.lock() = Trap { number: 14, error: 6, address: 0xdead };
    let before = interrupted();
    let mut registers = before;
    send(Target::Thread(&thread), SigInfo::with_value(Signal::USR1, SigInfo::QUEUE, 77, 5, 0x1122)).unwrap();
    deliver(&thread, &mut registers);

    // The vector registers: 576 bytes and the second magic number, below the red zone, at a multiple of 64.
    let extended = (before.rsp - 128 - 580) & !63;
    let frame = extended - 456;
    assert_eq!(frame % 16, 8);
    let expected_registers = Registers {
        rdi: 10,
        rsi: frame + 312,
        rdx: frame + 8,
        rax: 0,
        rsp: frame,
        rip: handler_of(10),
        rflags: 0x2_0246,
        ..before
    };
    assert_eq!(std::format!("{registers:?}"), std::format!("{expected_registers:?}"));

    let mut expected: Vec<u8> = Vec::new();
    let mut words = |words: &[u64]| words.iter().for_each(|word| expected.extend(word.to_le_bytes()));
    words(&[RESTORER, 7, 0]);
    words(&[0, 2, 0]);
    // r8 … r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags.
    words(&[11, 10, 12, 8, 3, 4, 5, 6, 15, 14, 2, 1, 13, 9, 7, before.rsp, 0x40_0123, 0x2_0746]);
    words(&[0x002b_0000_0000_0033, 6, 14, 1, 0xdead, extended]);
    words(&[0; 8]);
    words(&[1]);
    words(&[10, 0xffff_ffff, 77 | 5 << 32, 0x1122]);
    words(&[0; 12]);
    words(&[0; 2]);
    assert_eq!(bytes_of_user(frame, 456), expected);

    let image = bytes_of_user(extended, 580);
    assert_eq!(image[..2], 0x037f_u16.to_le_bytes());
    assert_eq!(image[24..28], 0x1f80_u32.to_le_bytes());
    let mut software = Vec::new();
    software.extend(0x4650_5853_u32.to_le_bytes());
    software.extend(580_u32.to_le_bytes());
    software.extend(3_u64.to_le_bytes());
    software.extend(576_u32.to_le_bytes());
    software.extend([0; 28]);
    assert_eq!(image[464..512], software);
    assert_eq!(image[512..520], 3_u64.to_le_bytes());
    assert_eq!(image[576..], 0x4650_5845_u32.to_le_bytes());

    assert_eq!(thread.signals.blocked(), SigSet::of(&[Signal::HUP, Signal::USR1, Signal::USR2]));
    assert_eq!(thread.work.load(core::sync::atomic::Ordering::SeqCst), Work::REGISTERS.bits());
}

#[test]
fn back_from_a_handler() {
    let thread = test_process();
    handle(&thread, Signal::USR1, 0);
    mask::set_blocked(&thread, SigSet::of(&[Signal::HUP]));
    let before = interrupted();
    let mut registers = before;
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    let frame = registers.rsp;
    // A handler may change what it goes back to, but not what is not the program's: IF, IOPL, NT, selectors.
    let rip = frame + 8 + 40 + 16 * 8;
    UserPtr::new(rip).write(&thread, &0x41_0000_u64).unwrap();
    UserPtr::new(rip + 8).write(&thread, &0x7_7dff_u64).unwrap();
    UserPtr::new(rip + 16).write(&thread, &0x1234_5678_9abc_def0_u64).unwrap();
    registers = Registers { rsp: frame, rflags: 0x202, ..Registers::default() };
    go_back(&thread, &mut registers);
    let expected = Registers { rip: 0x41_0000, rflags: 0x5_0fd7, ..before };
    assert_eq!(std::format!("{registers:?}"), std::format!("{expected:?}"));
    assert_eq!(thread.signals.blocked(), SigSet::of(&[Signal::HUP]));
    assert!(!thread.is_interrupted());
}

#[test]
fn back_to_the_kernel_is_a_fault() {
    for (rip, code, address) in
        [(0xffff_ffff_8000_0000, 1, 0xffff_ffff_8000_0000), (0x8000_0000_0000_0000, 128, 0), (USER_END, 1, USER_END)]
    {
        let thread = test_process();
        handle(&thread, Signal::USR1, 0);
        handle(&thread, Signal::SEGV, raw::SA_SIGINFO);
        let mut registers = interrupted();
        raise(&thread, Signal::USR1);
        deliver(&thread, &mut registers);
        UserPtr::new(registers.rsp + 8 + 40 + 16 * 8).write(&thread, &rip).unwrap();
        go_back(&thread, &mut registers);
        assert!(thread.is_interrupted());
        deliver(&thread, &mut registers);
        assert_eq!(registers.rip, handler_of(11));
        let frame = frame_at(&thread, registers.rsp);
        assert_eq!((frame.info.code, frame.info.address(), frame.user.context.rip), (code, address, rip));
    }
}

#[test]
fn a_handler_in_the_kernel_never_runs() {
    let thread = test_process();
    let action = Action {
        handler: 0xffff_ffff_8010_0000,
        flags: raw::SA_RESTORER.into(),
        restorer: RESTORER,
        mask: SigSet::EMPTY,
    };
    deliver::set_action(&thread, Signal::USR1, action).unwrap();
    deliver::set_action(&thread, Signal::SEGV, action).unwrap();
    let mut registers = interrupted();
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)));
    assert!(thread.is_leaving());
}

#[test]
fn a_bad_frame_is_a_fault() {
    let thread = test_process();
    let mut registers = Registers { rsp: 0x1000, ..interrupted() };
    assert_eq!(rt_sigreturn(&thread, &mut registers), Ok(0));
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)));

    // And a bad image of the vector registers: MXCSR's reserved bits.
    let thread = test_process();
    handle(&thread, Signal::USR1, 0);
    let mut registers = interrupted();
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    UserPtr::new(registers.rsp + 456 + 24).write(&thread, &!0_u32).unwrap();
    go_back(&thread, &mut registers);
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)));
}

#[test]
fn vector_registers_survive_a_handler() {
    let thread = test_process();
    let task = thread.task().unwrap();
    let state = |thread: &Thread| {
        let saved = extended::AlignedBytes::with(thread, 576, |image| {
            image.fill(0);
            thread.task().unwrap().save_extended(image);
            Ok(image.to_vec())
        });
        saved.unwrap()
    };
    let changed = extended::AlignedBytes::with(&thread, 576, |image| {
        image.fill(0);
        task.save_extended(image);
        image[160..176].fill(0xab);
        image[512] = 3;
        Ok(task.restore_extended(image, 3))
    });
    assert_eq!(changed, Ok(true));
    let initial_differs = state(&thread);
    handle(&thread, Signal::USR1, 0);
    for legacy in [false, true] {
        let mut registers = interrupted();
        raise(&thread, Signal::USR1);
        deliver(&thread, &mut registers);
        assert_ne!(state(&thread), initial_differs, "a handler begins with the initial state");
        if legacy {
            // Without the second magic number only FXSAVE's part is taken.
            UserPtr::new(registers.rsp + 456 + 576).write(&thread, &0_u32).unwrap();
        }
        go_back(&thread, &mut registers);
        assert_eq!(state(&thread)[..512], initial_differs[..512]);
    }
    let mut registers = interrupted();
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    UserPtr::new(registers.rsp + 8 + 40 + 192 - 8).write(&thread, &0_u64).unwrap();
    go_back(&thread, &mut registers);
    assert_ne!(state(&thread), initial_differs, "no image: the initial state");
}

#[test]
fn how_interrupted_calls_go_on() {
    const CALL: u64 = 35;
    let eintr = Errno::EINTR.to_register() as u64;
    // The answer; with a handler, with one that has SA_RESTART, without one: rax, and whether rip goes back.
    let table = [
        (Errno::ERESTARTSYS, (eintr, false), (CALL, true), (CALL, true)),
        (Errno::ERESTARTNOINTR, (CALL, true), (CALL, true), (CALL, true)),
        (Errno::ERESTARTNOHAND, (eintr, false), (eintr, false), (CALL, true)),
        (Errno::ERESTART_RESTARTBLOCK, (eintr, false), (eintr, false), (219, true)),
        (Errno::EINTR, (eintr, false), (eintr, false), (eintr, false)),
    ];
    for (answer, plain, restart, without) in table {
        for (flags, (rax, again)) in [(Some(0), plain), (Some(raw::SA_RESTART), restart), (None, without)] {
            let thread = test_process();
            let called = Registers { number: CALL, rax: answer.to_register() as u64, ..interrupted() };
            let mut registers = called;
            match flags {
                Some(flags) => {
                    handle(&thread, Signal::USR1, flags);
                    // A second handler's frame on top must not wind back again.
                    handle(&thread, Signal::USR2, raw::SA_RESTART);
                    raise(&thread, Signal::USR1);
                    raise(&thread, Signal::USR2);
                    deliver(&thread, &mut registers);
                    go_back(&thread, &mut registers);
                    go_back(&thread, &mut registers);
                }
                None => {
                    thread.demand(Work::SIGNAL);
                    deliver(&thread, &mut registers);
                }
            }
            let rip = called.rip - if again { 2 } else { 0 };
            assert_eq!((registers.rax, registers.rip), (rax, rip), "{answer:?} with {flags:?}");
            assert!(!thread.is_interrupted());
        }
        // Interrupted outside of a call, rax is only a number.
        let thread = test_process();
        let before = Registers { rax: answer.to_register() as u64, ..interrupted() };
        let mut registers = before;
        thread.demand(Work::SIGNAL);
        deliver(&thread, &mut registers);
        assert_eq!((registers.rax, registers.rip), (before.rax, before.rip));
    }
}

#[test]
fn a_restart_block_runs_once() {
    let thread = test_process();
    assert_eq!(restart::restart_syscall(&thread), Err(Errno::EINTR));
    assert_eq!(restart::interrupt(&thread, |_| Ok(5)), Errno::ERESTART_RESTARTBLOCK);
    assert_eq!(restart::restart_syscall(&thread), Ok(5));
    assert_eq!(restart::restart_syscall(&thread), Err(Errno::EINTR));
}

/// The numbers and values of the signals that a thread takes, in order.
fn drain(thread: &Thread) -> Vec<(i32, u64)> {
    core::iter::from_fn(|| waiting::take(thread, SigSet(!0))).map(|info| (info.number, info.value())).collect()
}

#[test]
fn standard_signals_once_realtime_ones_in_order() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet(!0));
    for (number, value) in [(40, 1), (10, 2), (34, 3), (40, 4), (10, 5), (34, 6), (11, 7), (1, 8)] {
        send(Target::Process(&thread.process), SigInfo::with_value(signal(number), SigInfo::QUEUE, 1, 0, value))
            .unwrap();
    }
    assert!(!thread.is_interrupted());
    send(Target::Thread(&thread), SigInfo::with_value(signal(40), SigInfo::QUEUE, 1, 0, 9)).unwrap();
    let pending = user_pages(1);
    mask::rt_sigpending(&thread, UserPtr::new(pending), 8).unwrap();
    let set = SigSet::of(&[signal(40), signal(10), signal(34), signal(11), signal(1)]);
    assert_eq!(UserPtr::new(pending).read(&thread), Ok(set));
    // The thread's own first, then the process's: what an instruction may raise, then by number.
    assert_eq!(drain(&thread), [(40, 9), (11, 7), (1, 8), (10, 2), (34, 3), (34, 6), (40, 1), (40, 4)]);
}

#[test]
fn a_full_queue() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet(!0));
    thread.process.limits.set(raw::RLIMIT_SIGPENDING, Limit { soft: 0, hard: 0 });
    let queued = |number, code| SigInfo::with_value(signal(number), code, 1, 0, 7);
    let to = Target::Process(&thread.process);
    assert_eq!(send(to, queued(40, SigInfo::QUEUE)), Err(Errno::EAGAIN));
    // kill(2) always arrives, if without what it tells; so does a standard signal.
    assert_eq!(send(to, queued(41, SigInfo::USER)), Ok(()));
    assert_eq!(send(to, queued(10, SigInfo::QUEUE)), Ok(()));
    assert_eq!(send(to, queued(12, SigInfo::USER)), Ok(()));
    assert_eq!(drain(&thread), [(10, 0), (12, 7), (41, 0)]);
}

#[test]
fn frames_stack_and_the_last_handler_runs_first() {
    let thread = test_process();
    handle(&thread, Signal::HUP, 0);
    handle(&thread, Signal::USR1, 0);
    let before = interrupted();
    let mut registers = before;
    raise(&thread, Signal::USR1);
    raise(&thread, Signal::HUP);
    deliver(&thread, &mut registers);
    assert_eq!(registers.rip, handler_of(10));
    assert_eq!(thread.signals.blocked(), SigSet::of(&[Signal::HUP, Signal::USR1]));
    go_back(&thread, &mut registers);
    assert_eq!(registers.rip, handler_of(1));
    go_back(&thread, &mut registers);
    assert_eq!(registers.rip, before.rip);
    assert_eq!(thread.signals.blocked(), SigSet::EMPTY);
}

#[test]
fn an_instruction_s_signal_goes_first() {
    let thread = test_process();
    handle(&thread, Signal::HUP, 0);
    handle(&thread, Signal::SEGV, raw::SA_SIGINFO);
    let mut registers = interrupted();
    raise(&thread, Signal::HUP);
    let trap = Trap { number: 14, error: 4, address: 0x1234 };
    fault(&thread, SigInfo::fault(Signal::SEGV, 1, 0x1234), trap);
    deliver(&thread, &mut registers);
    assert_eq!(registers.rip, handler_of(1));
    let outer = frame_at(&thread, registers.rsp).user.context;
    assert_eq!(outer.rip, handler_of(11));
    let inner = frame_at(&thread, outer.rsp);
    assert_eq!((inner.user.context.trap, inner.user.context.error, inner.user.context.cr2), (14, 4, 0x1234));
    assert_eq!((inner.info.code, inner.info.address()), (1, 0x1234));
}

#[test]
fn what_cannot_be_escaped() {
    // Blocked, ignored, and within its own handler: each ends the process.
    for how in 0..3 {
        let thread = test_process();
        let mut registers = interrupted();
        match how {
            0 => {
                handle(&thread, Signal::SEGV, 0);
                mask::set_blocked(&thread, SigSet::of(&[Signal::SEGV]));
            }
            1 => ignore(&thread, Signal::SEGV),
            _ => {
                handle(&thread, Signal::SEGV, 0);
                force(&thread, SigInfo::fault(Signal::SEGV, 1, 0));
                deliver(&thread, &mut registers);
                assert_eq!(thread.process.end(), None);
            }
        }
        force(&thread, SigInfo::fault(Signal::SEGV, 1, 0));
        deliver(&thread, &mut registers);
        assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)), "case {how}");
        assert_eq!(thread.process.end().unwrap().code(), 139);
    }
    let thread = test_process();
    let action = Action { handler: HANDLER, ..Action::default() };
    assert_eq!(deliver::set_action(&thread, Signal::KILL, action), Err(Errno::EINVAL));
    mask::set_blocked(&thread, SigSet(!0));
    assert_eq!(thread.signals.blocked(), SigSet(!(1 << 8 | 1 << 18)));
    raise(&thread, Signal::KILL);
    assert!(thread.is_leaving());
}

#[test]
fn no_restorer_no_stack_no_handler() {
    let without_restorer = |thread: &Thread, signal| {
        deliver::set_action(thread, signal, Action { handler: HANDLER, ..Action::default() }).unwrap();
    };
    let thread = test_process();
    let mut registers = interrupted();
    without_restorer(&thread, Signal::USR1);
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)));

    // A handler for SIGSEGV that has a stack of its own gets it instead.
    let thread = test_process();
    let base = user_pages(4);
    let stack = stack::StackDescription { base, flags: 0, padding: 0, size: 4 * PAGE };
    thread.signals.alternate.lock().set(&stack, 0).unwrap();
    handle(&thread, Signal::USR1, 0);
    handle(&thread, Signal::SEGV, raw::SA_ONSTACK | raw::SA_SIGINFO);
    let mut registers = interrupted();
    let page = registers.rsp & !(PAGE - 1);
    for page in [page - PAGE, page] {
        thread.process.memory().protect(page, PAGE, raw::PROT_READ.into()).unwrap();
    }
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    assert_eq!(registers.rip, handler_of(11));
    assert_eq!(registers.rsp, ((base + 4 * PAGE - 580) & !63) - 456);
    assert_eq!(frame_at(&thread, registers.rsp).info.code, SigInfo::KERNEL);
    // On a stack that cannot be written, no frame for SIGSEGV either: the end.
    let thread = test_process();
    handle(&thread, Signal::SEGV, 0);
    let mut registers = Registers { rsp: 0x5000, ..interrupted() };
    force(&thread, SigInfo::fault(Signal::SEGV, 1, 0));
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)));
}

#[test]
fn the_alternate_stack() {
    let thread = test_process();
    let base = user_pages(1);
    let description = |base, flags, size| stack::StackDescription { base, flags, padding: 0, size };
    let set = |new: stack::StackDescription, rsp: u64| {
        let old = user_pages(1);
        let at = crate::machine::host::user_bytes(new.as_bytes());
        let mut registers = Registers { rsp, ..Registers::default() };
        stack::sigaltstack(&thread, &mut registers, UserPtr::new(at), UserPtr::new(old))?;
        UserPtr::<stack::StackDescription>::new(old).read(&thread)
    };
    assert_eq!(set(description(base, 4, PAGE), 0), Err(Errno::EINVAL));
    assert_eq!(set(description(base, 0, 2047), 0), Err(Errno::ENOMEM));
    assert_eq!(set(description(base, 1, PAGE), 0), Ok(description(0, 2, 0)));
    assert_eq!(set(description(base, 0, PAGE), 0), Ok(description(base, 0, PAGE)));
    assert_eq!(set(description(base, 0, PAGE), base + 100), Err(Errno::EPERM));
    // An empty stack counts as on it, its lowest address does not.
    assert_eq!(set(description(base, 0, PAGE), base + PAGE), Err(Errno::EPERM));
    assert_eq!(set(description(base, 0, PAGE), base), Ok(description(base, 0, PAGE)));

    // A second handler stays on it; a frame that does not fit is SIGSEGV's business.
    handle(&thread, Signal::USR1, raw::SA_ONSTACK | raw::SA_NODEFER);
    let before = interrupted();
    let mut registers = before;
    let mut rsp = base + PAGE;
    for _ in 0..3 {
        raise(&thread, Signal::USR1);
        deliver(&thread, &mut registers);
        assert!(registers.rsp < rsp && registers.rsp > base);
        rsp = registers.rsp;
    }
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::SEGV)));
}

#[test]
fn a_stack_that_disarms_itself() {
    let thread = test_process();
    let base = user_pages(2);
    let armed = stack::StackDescription { base, flags: raw::SS_AUTODISARM, padding: 0, size: 2 * PAGE };
    thread.signals.alternate.lock().set(&armed, 0).unwrap();
    handle(&thread, Signal::USR1, raw::SA_ONSTACK);
    let mut registers = interrupted();
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    assert!(registers.rsp > base && registers.rsp < base + 2 * PAGE);
    assert_eq!(frame_at(&thread, registers.rsp).user.stack, armed);
    assert!(thread.signals.alternate.lock().is_disabled());
    go_back(&thread, &mut registers);
    assert_eq!(thread.signals.alternate.lock().description(), armed);
}

#[test]
fn flags_of_actions() {
    let thread = test_process();
    let before = interrupted();
    let mut registers = before;
    handle(&thread, Signal::USR1, raw::SA_RESETHAND | raw::SA_NODEFER | raw::SA_UNSUPPORTED | 0x40);
    let action = thread.process.signals.actions().get(Signal::USR1);
    assert_eq!(action.flags, u64::from(raw::SA_RESETHAND | raw::SA_NODEFER | raw::SA_RESTORER));
    raise(&thread, Signal::USR1);
    deliver(&thread, &mut registers);
    assert_eq!(thread.signals.blocked(), SigSet::EMPTY);
    assert_eq!(frame_at(&thread, registers.rsp).info, SigInfo::EMPTY, "no SA_SIGINFO, no information");
    assert_eq!(thread.process.signals.actions().get(Signal::USR1).handler, Action::DEFAULT);
    raise(&thread, Signal::USR1);
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::USR1)));
}

#[test]
fn ignored_signals_leave_no_trace() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet::of(&[Signal::USR1, Signal::CHLD]));
    raise(&thread, Signal::USR1);
    send(Target::Process(&thread.process), SigInfo::kernel(Signal::CHLD)).unwrap();
    // Blocked, they wait, whatever their action; made ignored, they go.
    assert_eq!(drain(&thread).len(), 2);
    raise(&thread, Signal::USR1);
    ignore(&thread, Signal::USR1);
    assert_eq!(drain(&thread), []);
    mask::set_blocked(&thread, SigSet::EMPTY);
    raise(&thread, Signal::USR1);
    raise(&thread, Signal::WINCH);
    assert!(!thread.is_interrupted());
    let mut registers = interrupted();
    deliver(&thread, &mut registers);
    assert_eq!(thread.process.end(), None);
}

#[test]
fn who_takes_a_signal_of_the_process() {
    let thread = test_process();
    handle(&thread, Signal::USR1, 0);
    let (tell, told) = std::sync::mpsc::channel();
    let waiter = spawn(&thread.process, move |other| {
        tell.send(other.clone()).unwrap();
        let _ = waiting::pause(other);
        other.is_interrupted()
    });
    let other: Arc<Thread> = told.recv().unwrap();
    // The main thread while it wants it …
    send(Target::Process(&thread.process), SigInfo::kernel(Signal::USR1)).unwrap();
    assert!(thread.is_interrupted() && !other.is_interrupted());
    // … and when it blocks what it was chosen for, another.
    mask::set_blocked(&thread, SigSet::of(&[Signal::USR1]));
    assert!(!thread.is_interrupted());
    assert!(waiter.join().unwrap());
    assert_eq!(waiting::take(&other, SigSet(!0)).map(|info| info.number), Some(10));
}

#[test]
fn a_signal_without_a_handler_ends_all_threads() {
    let thread = test_process();
    let waiter = spawn(&thread.process, |other| {
        let answer = waiting::pause(other);
        (answer, other.is_leaving())
    });
    send(Target::Process(&thread.process), SigInfo::kernel(Signal::TERM)).unwrap();
    assert_eq!(waiter.join().unwrap(), (Err(Errno::ERESTARTNOHAND), true));
    assert!(thread.is_leaving());
    assert_eq!(thread.process.end().map(End::code), Some(143));
    assert_eq!(thread.process.end().map(End::wait_status), Some(15));
}

#[test]
fn the_first_program_takes_the_machine_with_it() {
    use crate::machine::host::{Ending, ending};
    use crate::process::exit::leave;
    let thread = test_process();
    thread.process.set_first();
    let waiter = spawn(&thread.process, |other| {
        let _ = waiting::pause(other);
        leave(other);
    });
    let mut registers = interrupted();
    raise(&thread, Signal::ABRT);
    deliver(&thread, &mut registers);
    let first = ending(|| leave(&thread));
    let second = waiter.join().map_err(|ending| *ending.downcast::<Ending>().unwrap()).unwrap_err();
    let off = Ending::PowerOff { code: 134, by_signal: true };
    assert!(
        (first, second) == (Some(off), Ending::Thread) || (first, second) == (Some(Ending::Thread), off),
        "the last one: {first:?}, {second:?}"
    );
}

#[test]
fn stopping_and_going_on() {
    let parent = test_process();
    let thread = test_process();
    // As a job of a shell: otherwise its group were orphaned.
    thread.process.become_child_of(&parent.process);
    thread.process.set_group(thread.process.id);
    handle(&parent, Signal::CHLD, 0);
    mask::set_blocked(&parent, SigSet::of(&[Signal::CHLD]));
    let told = |code: u32, status| {
        let info = waiting::take(&parent, SigSet(!0)).expect("SIGCHLD");
        assert_eq!((info.code, info.process(), info.status()), (code as i32, thread.process.id, status));
    };
    let worker = spawn(&thread.process, |other| {
        let answer = waiting::pause(other);
        let mut registers = Registers { number: 34, rax: Errno::ERESTARTNOHAND.to_register() as u64, ..interrupted() };
        let rip = registers.rip;
        deliver(other, &mut registers);
        (answer, registers.rax, rip - registers.rip)
    });
    let process = thread.process.clone();
    let go_on = std::thread::spawn(move || {
        while stop::job_change(&process, |_| true, true) != Some(stop::JobChange::Stopped(Signal::TSTP)) {
            std::thread::yield_now();
        }
        // A stop signal that waits is cancelled by the one that continues.
        send(Target::Process(&process), SigInfo::kernel(Signal::CONT)).unwrap();
    });
    raise(&thread, Signal::TSTP);
    let mut registers = interrupted();
    deliver(&thread, &mut registers);
    go_on.join().unwrap();
    assert_eq!(worker.join().unwrap(), (Err(Errno::ERESTARTNOHAND), 34, 2), "the call starts again");
    assert!(!thread.is_interrupted());
    // Both were sent, and a standard signal is not queued twice: the first one is what the parent finds.
    told(raw::CLD_STOPPED, 20);
    assert_eq!(stop::job_change(&thread.process, |_| true, false), Some(stop::JobChange::Continued));
    assert_eq!(stop::job_change(&thread.process, |_| true, false), None);
}

#[test]
fn a_stopped_process_can_be_killed() {
    let thread = test_process();
    let process = thread.process.clone();
    let killer = std::thread::spawn(move || {
        while stop::job_change(&process, |_| true, true).is_none() {
            std::thread::yield_now();
        }
        send(Target::Process(&process), SigInfo::kernel(Signal::KILL)).unwrap();
    });
    raise(&thread, Signal::STOP);
    deliver(&thread, &mut interrupted());
    killer.join().unwrap();
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::KILL)));
}

#[test]
fn waiting_for_signals() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet::of(&[Signal::USR1, Signal::TERM]));
    let memory = user_pages(1);
    let (set, info, timeout) = (UserPtr::new(memory), UserPtr::new(memory + 8), UserPtr::new(memory + 256));
    let wait = || waiting::rt_sigtimedwait(&thread, set, info, timeout, 8);
    set.write(&thread, &SigSet::of(&[Signal::USR1, Signal::KILL])).unwrap();
    timeout.write(&thread, &crate::time::TimeSpec::new(1_000_000)).unwrap();
    assert_eq!(wait(), Err(Errno::EAGAIN));
    // Even where the default would end the process: it is for the call.
    let target = thread.clone();
    let sender = std::thread::spawn(move || {
        while !target.signals.lock().awaited.contains(Signal::USR1) {
            std::thread::yield_now();
        }
        let info = SigInfo::with_value(Signal::USR1, SigInfo::QUEUE, 3, 0, 4);
        send(Target::Process(&target.process), info).unwrap();
    });
    timeout.write(&thread, &crate::time::TimeSpec::new(60_000_000_000)).unwrap();
    assert_eq!(wait(), Ok(10));
    sender.join().unwrap();
    assert_eq!(info.read(&thread).unwrap().value(), 4);
    assert_eq!(thread.signals.blocked(), SigSet::of(&[Signal::USR1, Signal::TERM]));
    assert_eq!(thread.process.end(), None);
    // Another signal ends the wait.
    handle(&thread, Signal::HUP, 0);
    raise(&thread, Signal::HUP);
    assert_eq!(wait(), Err(Errno::EINTR));
    assert!(thread.is_interrupted());
    timeout.write(&thread, &crate::time::TimeSpec::default()).unwrap();
    assert_eq!(wait(), Err(Errno::EAGAIN));
    timeout.write(&thread, &crate::time::TimeSpec { seconds: 0, nanoseconds: 1_000_000_000 }).unwrap();
    assert_eq!(wait(), Err(Errno::EINVAL));
}

#[test]
fn a_mask_for_one_call() {
    let thread = test_process();
    handle(&thread, Signal::USR1, 0);
    handle(&thread, Signal::USR2, 0);
    let blocked = SigSet::of(&[Signal::USR1, Signal::USR2]);
    mask::set_blocked(&thread, blocked);
    raise(&thread, Signal::USR1);
    raise(&thread, Signal::USR2);
    let set = user_pages(1);
    UserPtr::new(set).write(&thread, &SigSet::of(&[Signal::USR2])).unwrap();
    assert_eq!(waiting::rt_sigsuspend(&thread, UserPtr::new(set), 8), Err(Errno::ERESTARTNOHAND));
    let mut registers = Registers { number: 130, rax: Errno::ERESTARTNOHAND.to_register() as u64, ..interrupted() };
    deliver(&thread, &mut registers);
    // The handler runs under the call's mask, its frame brings back the one before; the other signal still waits.
    assert_eq!(registers.rip, handler_of(10));
    assert_eq!(thread.signals.blocked(), blocked);
    assert_eq!(frame_at(&thread, registers.rsp).user.mask, blocked);
    go_back(&thread, &mut registers);
    assert_eq!(registers.rax as i64, Errno::EINTR.to_register());
    assert_eq!(thread.signals.blocked(), blocked);
    assert_eq!(drain(&thread), [(12, 0)]);
}

#[test]
fn senders_by_number() {
    let thread = test_process();
    mask::set_blocked(&thread, SigSet(!0));
    let id = thread.process.id;
    assert_eq!(kill::kill(&thread, id, 0), Ok(()));
    assert_eq!(kill::kill(&thread, id, 65), Err(Errno::EINVAL));
    assert_eq!(kill::kill(&thread, i32::MIN, 1), Err(Errno::ESRCH));
    assert_eq!(kill::kill(&thread, 999_999, 1), Err(Errno::ESRCH));
    assert_eq!(kill::kill(&thread, 999_999, 65), Err(Errno::ESRCH));
    assert_eq!(kill::tkill(&thread, 0, 1), Err(Errno::EINVAL));
    assert_eq!(kill::tgkill(&thread, id, -1, 1), Err(Errno::EINVAL));
    assert_eq!(kill::tgkill(&thread, 999_999, id, 1), Err(Errno::ESRCH));
    assert_eq!(kill::tgkill(&thread, id, id, 2), Ok(()));
    assert_eq!(kill::kill(&thread, -id, 1), Ok(()));
    assert_eq!(kill::kill(&thread, 0, 3), Ok(()));
    let told: Vec<_> = core::iter::from_fn(|| waiting::take(&thread, SigSet(!0)))
        .map(|info| (info.number, info.code, info.process(), info.user_id()))
        .collect();
    assert_eq!(told, [(2, -6, id, 0), (1, 0, id, 0), (3, 0, id, 0)]);

    let info = UserPtr::new(user_pages(1));
    let other = test_process();
    other.process.memory().table.activate();
    let queue = |code, to| {
        thread.process.memory().table.activate();
        info.write(&thread, &SigInfo::with_value(Signal::HUP, code, 5, 6, 7)).unwrap();
        kill::rt_sigqueueinfo(&thread, to, 12, info)
    };
    mask::set_blocked(&other, SigSet(!0));
    assert_eq!(queue(SigInfo::QUEUE, other.process.id), Ok(()));
    assert_eq!(queue(SigInfo::USER, other.process.id), Err(Errno::EPERM));
    assert_eq!(queue(SigInfo::TKILL, other.process.id), Err(Errno::EPERM));
    assert_eq!(queue(SigInfo::USER, id), Ok(()));
    assert_eq!(drain(&other), [(12, 7)]);
    // Bytes behind the layouts: dropped where the layout is known, otherwise refused. Tried on Linux 6.18.
    let long = |code| {
        thread.process.memory().table.activate();
        info.write(&thread, &SigInfo::with_value(Signal::HUP, code, 5, 6, 7)).unwrap();
        UserPtr::new(info.address() + 100).write(&thread, &1_u8).unwrap();
        kill::rt_sigqueueinfo(&thread, id, 12, info)
    };
    assert_eq!((long(SigInfo::QUEUE), long(-50)), (Ok(()), Err(Errno::E2BIG)));
}

#[test]
fn a_sender_hears_when_its_signal_is_taken() {
    struct Counter(core::sync::atomic::AtomicU32);
    impl Origin for Counter {
        fn taken(&self, info: &mut SigInfo) {
            info.set_overrun(3);
            self.0.fetch_add(1, core::sync::atomic::Ordering::SeqCst);
        }
    }
    let thread = test_process();
    mask::set_blocked(&thread, SigSet(!0));
    let counter = Arc::new(Counter(0.into()));
    let send_one = || send_from(Target::Thread(&thread), SigInfo::timer(Signal::ALRM, 1, 2), Some(counter.clone()));
    assert_eq!(send_one(), Ok(true));
    assert_eq!(waiting::take(&thread, SigSet(!0)).map(|info| (info.overrun(), info.value())), Some((3, 2)));
    assert_eq!(send_one(), Ok(true));
    ignore(&thread, Signal::ALRM);
    assert_eq!(counter.0.load(core::sync::atomic::Ordering::SeqCst), 2);
    mask::set_blocked(&thread, SigSet::EMPTY);
    assert_eq!(send_one(), Ok(false));
}
