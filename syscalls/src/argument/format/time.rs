//! Clocks, timers and times.

use super::machinery::{named_bits, named_numbers, structures};
use super::{pointer, signal};
use crate::argument::Call;
use core::fmt::{self, Write};
use linux_raw_sys::general::*;

named_numbers! {
    /// A clock.
    clock: i32 {
        CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID CLOCK_MONOTONIC_RAW
        CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME CLOCK_REALTIME_ALARM CLOCK_BOOTTIME_ALARM
        CLOCK_TAI
    }
    /// `setitimer(2)`'s timer.
    interval_timer: i32 { ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF }
    /// `struct sigevent`'s way.
    signal_notification: i32 { SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD SIGEV_THREAD_ID }
}

named_bits! {
    /// `timer_settime(2)`'s and `clock_nanosleep(2)`'s flags.
    timer_flags: u32 { TIMER_ABSTIME }
    /// `timerfd_settime(2)`'s flags.
    timer_fd_flags: u32 { TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET }
}

fn show_timespec(&[seconds, nanoseconds]: &[i64; 2], _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{{tv_sec={seconds}, tv_nsec=")?;
    // utimensat(2)'s two special values.
    match nanoseconds {
        0x3fff_ffff => out.write_str("UTIME_NOW}"),
        0x3fff_fffe => out.write_str("UTIME_OMIT}"),
        _ => write!(out, "{nanoseconds}}}"),
    }
}

fn show_timeval(&[seconds, microseconds]: &[i64; 2], _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{{tv_sec={seconds}, tv_usec={microseconds}}}")
}

fn show_pair(
    &[a, b, c, d]: &[i64; 4],
    call: &Call<'_>,
    out: &mut dyn Write,
    show: fn(&[i64; 2], &Call<'_>, &mut dyn Write) -> fmt::Result,
) -> fmt::Result {
    out.write_char('[')?;
    show(&[a, b], call, out)?;
    out.write_str(", ")?;
    show(&[c, d], call, out)?;
    out.write_char(']')
}

fn show_interval(&[a, b, c, d]: &[i64; 4], call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{it_interval=")?;
    show_timeval(&[a, b], call, out)?;
    out.write_str(", it_value=")?;
    show_timeval(&[c, d], call, out)?;
    out.write_char('}')
}

fn show_timer_value(&[a, b, c, d]: &[i64; 4], call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{it_interval=")?;
    show_timespec(&[a, b], call, out)?;
    out.write_str(", it_value=")?;
    show_timespec(&[c, d], call, out)?;
    out.write_char('}')
}

structures! {
    /// `struct timespec` that the call reads.
    given timespec = show_timespec;
    /// `struct timespec` that the call fills.
    filled timespec_out = show_timespec;
    /// `struct timeval` that the call reads.
    given timeval = show_timeval;
    /// `struct timeval` that the call fills.
    filled timeval_out = show_timeval;
    /// Two of `struct timespec`.
    given timespec_pair = |pair: &[i64; 4], call, out| show_pair(pair, call, out, show_timespec);
    /// Two of `struct timeval`.
    given timeval_pair = |pair: &[i64; 4], call, out| show_pair(pair, call, out, show_timeval);
    /// `struct itimerval` that the call reads.
    given interval = show_interval;
    /// `struct itimerval` that the call fills.
    filled interval_out = show_interval;
    /// `struct itimerspec` that the call reads.
    given timer_value = show_timer_value;
    /// `struct itimerspec` that the call fills.
    filled timer_value_out = show_timer_value;
    /// `struct sigevent`.
    given signal_event = |&[value, numbers, ..]: &[u64; 8], call, out| {
        write!(out, "{{sigev_value={{sival_ptr={value:#x}}}, sigev_signo=")?;
        signal(numbers & 0xffff_ffff, call, out)?;
        out.write_str(", sigev_notify=")?;
        signal_notification(numbers >> 32, call, out)?;
        out.write_char('}')
    };
    /// `struct tms`, in clock ticks.
    filled process_times = |&[user, system, children_user, children_system]: &[i64; 4], _, out| {
        write!(out, "{{tms_utime={user}, tms_stime={system}, ")?;
        write!(out, "tms_cutime={children_user}, tms_cstime={children_system}}}")
    };
}

/// What a sleep that a signal has cut short leaves: `struct timespec`.
pub fn remaining(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    // EINTR, or one of the numbers that become it.
    match call.result {
        None => Err(fmt::Error),
        Some(-4 | -516..=-512) => timespec(raw, call, out),
        Some(_) => pointer(raw, call, out),
    }
}
