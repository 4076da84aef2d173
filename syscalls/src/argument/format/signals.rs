//! Signals.

use super::machinery::{given, named_bits, named_numbers, peek, structures, succeeded};
use super::pointer;
use crate::argument::Call;
use core::fmt::{self, Write};
use linux_raw_sys::general::*;

// linux-raw-sys has the function pointers alone.
const SIG_DFL: u64 = 0;
const SIG_IGN: u64 = 1;

named_numbers! {
    /// A signal below the real-time ones.
    named_signal: i32 {
        SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM
        SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF
        SIGWINCH SIGIO SIGPWR SIGSYS
    }
    /// `sigprocmask(2)`'s way.
    mask_how: i32 { SIG_BLOCK SIG_UNBLOCK SIG_SETMASK }
    /// `si_code` of any signal.
    code_of_any: i32 { SI_USER SI_KERNEL SI_QUEUE SI_TIMER SI_MESGQ SI_ASYNCIO SI_SIGIO SI_TKILL }
    /// `SIGILL`'s `si_code`.
    code_of_ill: i32 {
        ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC ILL_PRVREG ILL_COPROC ILL_BADSTK
    }
    /// `SIGFPE`'s `si_code`.
    code_of_fpe: i32 {
        FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB
    }
    /// `SIGSEGV`'s `si_code`.
    code_of_segv: i32 { SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR }
    /// `SIGBUS`'s `si_code`.
    code_of_bus: i32 { BUS_ADRALN BUS_ADRERR BUS_OBJERR }
    /// `SIGTRAP`'s `si_code`.
    code_of_trap: i32 { TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT }
    /// `SIGCHLD`'s `si_code`.
    code_of_child: i32 { CLD_EXITED CLD_KILLED CLD_DUMPED CLD_TRAPPED CLD_STOPPED CLD_CONTINUED }
}

named_bits! {
    /// `SA_*`.
    action_flags: u64 {
        SA_RESTORER SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND
    }
    /// `SS_*`.
    signal_stack_flags: u32 { SS_ONSTACK SS_DISABLE SS_AUTODISARM }
}

/// A signal's number.
pub fn signal(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw as i32 {
        32 => out.write_str("SIGRTMIN"),
        real_time @ 33..=64 => write!(out, "SIGRT_{}", real_time - 32),
        _ => named_signal(raw, call, out),
    }
}

fn show_signal_set(&set: &u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    // strace's way to write a set that is nearly full: what is missing.
    let (members, inverted) = if set.count_ones() > 32 { (!set, true) } else { (set, false) };
    out.write_str(if inverted { "~[" } else { "[" })?;
    let mut separator = "";
    for bit in (0..64).filter(|bit| members >> bit & 1 != 0) {
        out.write_str(separator)?;
        separator = " ";
        Short(out).write(bit + 1, call)?;
    }
    out.write_char(']')
}

/// Signals without `SIG`, as they stand in a set.
struct Short<'a>(&'a mut dyn Write);

impl Short<'_> {
    fn write(&mut self, number: u64, call: &Call<'_>) -> fmt::Result {
        signal(number, call, self)
    }
}

impl Write for Short<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text.strip_prefix("SIG").unwrap_or(text))
    }
}

fn show_action(&[handler, flags, restorer, mask]: &[u64; 4], call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{sa_handler=")?;
    match handler {
        SIG_DFL => out.write_str("SIG_DFL")?,
        SIG_IGN => out.write_str("SIG_IGN")?,
        _ => write!(out, "{handler:#x}")?,
    }
    out.write_str(", sa_mask=")?;
    show_signal_set(&mask, call, out)?;
    out.write_str(", sa_flags=")?;
    action_flags(flags, call, out)?;
    if flags & u64::from(SA_RESTORER) != 0 {
        write!(out, ", sa_restorer={restorer:#x}")?;
    }
    out.write_char('}')
}

fn show_stack(&[base, flags, size]: &[u64; 3], call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{ss_sp=")?;
    pointer(base, call, out)?;
    out.write_str(", ss_flags=")?;
    signal_stack_flags(flags, call, out)?;
    write!(out, ", ss_size={size}}}")
}

/// Writes `siginfo_t` as `{si_signo=SIGSEGV, …}`.
pub(crate) fn show_information(words: &[u32; 32], call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let [number, error, code, _, first, second, third, fourth, fifth, ..] = *words;
    let wide = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    out.write_str("{si_signo=")?;
    signal(number.into(), call, out)?;
    out.write_str(", si_code=")?;
    let code = code as i32;
    let of_kernel = code > 0 && code < SI_KERNEL as i32;
    let show_code = match number {
        SIGILL if of_kernel => code_of_ill,
        SIGFPE if of_kernel => code_of_fpe,
        SIGSEGV if of_kernel => code_of_segv,
        SIGBUS if of_kernel => code_of_bus,
        SIGTRAP if of_kernel => code_of_trap,
        SIGCHLD if of_kernel => code_of_child,
        _ => code_of_any,
    };
    show_code(code as u32 as u64, call, out)?;
    if error != 0 {
        write!(out, ", si_errno={error}")?;
    }
    match number {
        SIGCHLD if of_kernel => {
            write!(out, ", si_pid={first}, si_uid={second}, si_status=")?;
            if code == CLD_EXITED as i32 {
                write!(out, "{}", third as i32)?;
            } else {
                signal(third.into(), call, out)?;
            }
            // si_utime and si_stime are `long`s, so the word behind the status is padding.
            write!(out, ", si_utime={}, si_stime={}", wide(words[8], words[9]), wide(words[10], words[11]))?;
        }
        SIGILL | SIGFPE | SIGSEGV | SIGBUS | SIGTRAP if of_kernel => {
            out.write_str(", si_addr=")?;
            pointer(wide(first, second), call, out)?;
        }
        _ if code == SI_TIMER => {
            write!(out, ", si_timerid={first}, si_overrun={second}, si_value={:#x}", wide(third, fourth))?;
        }
        _ if code == SI_QUEUE => {
            write!(out, ", si_pid={first}, si_uid={second}, si_value={:#x}", wide(third, fourth))?;
        }
        _ if code == SI_USER as i32 || code == SI_TKILL => write!(out, ", si_pid={first}, si_uid={second}")?,
        _ if code == SI_KERNEL as i32 => (),
        _ => write!(out, ", [{first:#x}, {second:#x}, {third:#x}, {fourth:#x}, {fifth:#x}]")?,
    }
    out.write_char('}')
}

structures! {
    /// `sigset_t` that the call reads.
    given signal_set = show_signal_set;
    /// `sigset_t` that the call fills.
    filled signal_set_out = show_signal_set;
    /// `struct sigaction` that the call reads, as the kernel lays it out.
    given action = show_action;
    /// `struct sigaction` that the call fills.
    filled action_out = show_action;
    /// `stack_t` that the call reads.
    given signal_stack = show_stack;
    /// `stack_t` that the call fills.
    filled signal_stack_out = show_stack;
    /// `siginfo_t` that the call reads.
    given signal_information = show_information;
}

/// `siginfo_t` that the call fills, if a signal came.
pub fn signal_information_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if !succeeded(call)? {
        return pointer(raw, call, out);
    }
    match peek::<u32>(call, raw) {
        Some(0) => out.write_str("{}"),
        _ => given(raw, call, out, show_information),
    }
}

/// A set and its size behind one pointer, `pselect6(2)`'s sixth argument.
pub fn sized_signal_set(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    given::<[u64; 2]>(raw, call, out, |&[set, size], call, out| {
        out.write_str("{sigmask=")?;
        signal_set(set, call, out)?;
        write!(out, ", sigsetsize={size}}}")
    })
}
