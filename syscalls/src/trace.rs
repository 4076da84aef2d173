//! `--trace`: each call of a program as a line that reads like strace's.
//!
//! The kernel calls [`traced`] in the place of every handler. A line appears when its call is done. Whenever something
//! else is to be said meanwhile – by another thread, or because the machine goes idle – what is known so far appears
//! as `<unfinished ...>`, and the rest as `<... read resumed>`.
//!
//! Tracing reads the program's memory as the calls do, by checked copies: what cannot be read is shown as its address.

mod errors;
mod line;
#[cfg(test)]
mod tests;

use crate::argument::Call;
use crate::argument::format::{is_error, show_information, signal as show_signal};
use crate::machine::machine;
use crate::registers::Registers;
use crate::table::{HANDLERS, Handler, Row, absent, row};
use crate::thread::Thread;
use crate::time::Instant;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use line::Line;
use linux_raw_sys::general as raw;
use spin::Mutex;

pub use errors::describe as describe_error;

/// What a line tells beside the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Before the call: seconds since the line before, as `strace -r`.
    pub intervals: bool,
    /// Behind the call: the seconds it took, as `strace -T`.
    pub durations: bool,
}

static INTERVALS: AtomicBool = AtomicBool::new(false);
static DURATIONS: AtomicBool = AtomicBool::new(false);
static LAST: AtomicU64 = AtomicU64::new(0);

/// Sets what lines tell; before the first call.
pub fn configure(options: Options) {
    INTERVALS.store(options.intervals, Ordering::Relaxed);
    DURATIONS.store(options.durations, Ordering::Relaxed);
}

/// A call that has been entered and of which nothing has been printed yet.
struct Entered {
    thread: i32,
    line: Line,
}

/// The latest call that was entered. Held over nothing that waits or touches a program's memory.
static ENTERED: Mutex<Option<Entered>> = Mutex::new(None);

/// A handler that calls the real one and tells about it.
pub extern "C" fn traced(thread: &Thread, registers: &mut Registers) -> i64 {
    let handler = HANDLERS.get(call_number(registers) as usize).copied().unwrap_or(absent);
    traced_by(thread, registers, handler)
}

/// The number is `eax`: the upper half of the register does not count, as on Linux.
fn call_number(registers: &Registers) -> u64 {
    u64::from(registers.number as u32)
}

/// Calls `handler` and tells about it.
pub fn traced_by(thread: &Thread, registers: &mut Registers, handler: Handler) -> i64 {
    let number = call_number(registers);
    let row = row(number);
    let mut call = Call { thread, number, arguments: registers.arguments(), index: 0, result: None };

    let mut line = begin_line(thread.id());
    write_name(number, row, &mut line);
    let _ = line.write_char('(');
    write_arguments(row, &mut call, &mut line);
    if [raw::__NR_exit, raw::__NR_exit_group].map(u64::from).contains(&number) {
        let _ = line.write_str(") = ?");
        print(&line);
        return handler(thread, registers);
    }
    enter(thread.id(), line);

    let begin = machine().monotonic();
    let result = handler(thread, registers);
    let duration = machine().monotonic().since(begin);
    call.result = Some(result);
    let mut line = leave(thread.id()).unwrap_or_else(|| {
        let mut line = begin_line(thread.id());
        let _ = line.write_str("<... ");
        write_name(number, row, &mut line);
        let _ = line.write_str(" resumed>");
        line
    });
    write_arguments(row, &mut call, &mut line);
    let _ = line.write_str(") = ");
    write_result(row, &mut call, result, &mut line);
    if DURATIONS.load(Ordering::Relaxed) {
        let _ = line.write_str(" <");
        write_seconds(duration, &mut line);
        let _ = line.write_char('>');
    }
    print(&line);
    result
}

/// Tells that a thread takes a signal: `--- SIGSEGV {si_signo=SIGSEGV, …} ---`. `information` is its `siginfo_t`.
pub fn signal(thread: &Thread, information: &[u8; 128]) {
    let (words, _) = information.as_chunks::<4>();
    let words = core::array::from_fn(|index| u32::from_ne_bytes(words[index]));
    let call = Call { thread, number: Registers::NO_CALL, arguments: [0; 6], index: 0, result: None };
    let mut line = begin_line(thread.id());
    let _ = line.write_str("--- ");
    let _ = show_signal(u64::from(words[0]), &call, &mut line);
    let _ = line.write_char(' ');
    let _ = show_information(&words, &call, &mut line);
    let _ = line.write_str(" ---");
    print(&line);
}

/// Tells that a thread has ended with this exit status: `+++ exited with 0 +++`.
pub fn exited(thread: &Thread, status: u8) {
    let mut line = begin_line(thread.id());
    let _ = write!(line, "+++ exited with {status} +++");
    print_last(thread.id(), &line);
}

/// Tells that a thread was killed by this signal: `+++ killed by SIGSEGV +++`.
pub fn killed(thread: &Thread, signal: i32) {
    let call = Call { thread, number: Registers::NO_CALL, arguments: [0; 6], index: 0, result: None };
    let mut line = begin_line(thread.id());
    let _ = line.write_str("+++ killed by ");
    let _ = show_signal(signal as u64, &call, &mut line);
    let _ = line.write_str(" +++");
    print_last(thread.id(), &line);
}

/// Prints what is known of a call that has not returned. The kernel calls it when it has nothing left to run, so that
/// the call that a program hangs in is to be seen.
pub fn idle() {
    // Whoever holds the lock is about to print.
    if let Some(mut entered) = ENTERED.try_lock() {
        interrupt(&mut entered, None);
    }
}

/// Takes the place of the latest call that was entered.
fn enter(thread: i32, line: Line) {
    let mut entered = ENTERED.lock();
    interrupt(&mut entered, Some(thread));
    *entered = Some(Entered { thread, line });
}

/// What was written when this thread entered its call, unless it has been printed by now.
fn leave(thread: i32) -> Option<Line> {
    ENTERED.lock().take_if(|entered| entered.thread == thread).map(|entered| entered.line)
}

/// Prints a whole line.
fn print(line: &Line) {
    let mut entered = ENTERED.lock();
    interrupt(&mut entered, None);
    machine().trace_line(line.text());
}

/// Prints the last line of a thread.
fn print_last(thread: i32, line: &Line) {
    let mut entered = ENTERED.lock();
    interrupt(&mut entered, Some(thread));
    machine().trace_line(line.text());
}

/// Prints what is known of the latest call that was entered, because something is about to follow. `gone_on` is a
/// thread that enters another call or has ended: if it is the same, the call did not return (`execve` into the new
/// program) and never will.
fn interrupt(entered: &mut Option<Entered>, gone_on: Option<i32>) {
    if let Some(Entered { thread, mut line }) = entered.take() {
        let _ = line.write_str(if gone_on == Some(thread) { ") = ?" } else { " <unfinished ...>" });
        machine().trace_line(line.text());
    }
}

/// A line with what stands before the call.
fn begin_line(thread: i32) -> Line {
    let mut line = Line::default();
    let _ = write!(line, "[pid {thread}] ");
    if INTERVALS.load(Ordering::Relaxed) {
        let now = machine().monotonic();
        let last = LAST.swap(now.0, Ordering::Relaxed);
        // The first line has none before it.
        write_seconds(if last == 0 { 0 } else { now.since(Instant(last)) }, &mut line);
        let _ = line.write_char(' ');
    }
    line
}

/// Writes nanoseconds as seconds to the microsecond.
fn write_seconds(nanoseconds: u64, line: &mut Line) {
    let microseconds = nanoseconds / 1000;
    let _ = write!(line, "{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000);
}

fn write_name(number: u64, row: Option<&Row>, line: &mut Line) {
    let _ = match row {
        Some(row) => line.write_str(row.name),
        None => write!(line, "syscall_{number:#x}"),
    };
}

/// Writes the arguments from `call.index` on, up to the first one that cannot be shown before the call is done; leaves
/// the index there. The separator before that one is written already.
fn write_arguments(row: Option<&Row>, call: &mut Call<'_>, line: &mut Line) {
    let count = row.map_or(call.arguments.len(), |row| row.arguments.len());
    let mut is_separated = call.index == 0 || call.result.is_some();
    while let Some(&raw) = call.arguments.get(call.index).filter(|_| call.index < count) {
        let before = line.length();
        if !is_separated {
            let _ = line.write_str(", ");
        }
        let separated = line.length();
        let shown = match row.and_then(|row| row.arguments.get(call.index)) {
            Some((_, format)) => format(raw, call, line),
            None => write!(line, "{raw:#x}"),
        };
        if shown.is_err() {
            line.truncate(separated);
            return;
        }
        // What shows nothing is not there in this use of the call: `open`'s mode without `O_CREAT`.
        let is_left_out = line.length() == separated;
        if is_left_out {
            line.truncate(before);
        }
        is_separated &= is_left_out;
        call.index += 1;
    }
}

fn write_result(row: Option<&Row>, call: &mut Call<'_>, result: i64, line: &mut Line) {
    let _ = match (is_error(result), row) {
        (true, _) => {
            let number = result.unsigned_abs() as u16;
            match describe_error(number) {
                // The program never sees these: it sees the call again, or EINTR.
                Some((name, text)) if number >= 512 => write!(line, "? {name} ({text})"),
                Some((name, text)) => write!(line, "-1 {name} ({text})"),
                None => write!(line, "-1 (errno {number})"),
            }
        }
        (false, Some(row)) => (row.answer)(result as u64, call, line),
        (false, None) => write!(line, "{result}"),
    };
}
