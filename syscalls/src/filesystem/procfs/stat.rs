//! `/proc/PID/stat` and `statm`.

use super::extent::Extent;
use super::put;
use super::subject::Subject;
use crate::errno::Result;
use crate::frame::PAGE;
use crate::process::exit::End;
use crate::time::SECOND;
use alloc::vec::Vec;
use linux_raw_sys::general::RLIMIT_RSS;

/// Nanoseconds in a tick of `sysconf(_SC_CLK_TCK)`.
pub(super) const TICK: u64 = SECOND / 100;

/// `PF_RANDOMIZE`: the layout is random.
const RANDOMIZED: u32 = 0x40_0000;

/// `stat`: 52 numbers of a process or thread.
pub(super) fn stat(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let process = subject.process()?;
    let thread = subject.thread();
    let memory = process.memory();
    let program = process.program();
    let ended = process.end().filter(|_| thread.is_none());
    let extent = if ended.is_some() { Extent::default() } else { Extent::of(&memory, program.as_ref())? };
    let cpu_time = match &thread {
        Some(thread) if subject.alone => thread.task().map_or(0, |task| task.cpu_time()),
        _ => process.cpu_time(),
    };
    let started = thread.as_ref().filter(|_| subject.alone).map_or(process.started, |thread| thread.started);

    put(to, format_args!("{} (", subject.thread));
    to.extend(subject.name());
    let state = subject.state();
    let (parent, group) = (process.parent(), process.group());
    // Behind the session, the terminal's number, which a terminal does not tell here, and its foreground group.
    let foreground = process.terminal().and_then(|terminal| terminal.job_control().foreground()).unwrap_or(-1);
    put(to, format_args!(") {state} {parent} {group} {} 0 {foreground} {RANDOMIZED}", process.session()));
    // Page faults: minor, children's, major, children's.
    put(to, format_args!(" 0 0 0 0"));
    // Times: all is counted as the program's; priority, niceness.
    put(to, format_args!(" {} 0 0 0 20 0 {} 0", cpu_time / TICK, process.threads().len().max(1)));
    put(to, format_args!(" {} {} {}", started.0 / TICK, extent.total * PAGE, extent.resident.resident));
    put(to, format_args!(" {}", process.limits.get(RLIMIT_RSS).soft));
    let image = program.as_ref().filter(|_| ended.is_none());
    let code = image.map_or(0..0, |program| program.code.clone());
    // Where the stack pointer and the instruction pointer are, only a debugger's target would tell.
    put(to, format_args!(" {} {} {} 0 0", code.start, code.end, image.map_or(0, |program| program.stack)));
    let pending = thread.as_ref().map_or(0, |thread| thread.signals.pending().0);
    let blocked = thread.as_ref().map_or(0, |thread| thread.signals.blocked().0);
    let (ignored, handled) = process.signals.actions().ignored_and_handled();
    for set in [pending, blocked, ignored.0, handled.0] {
        put(to, format_args!(" {}", set & 0x7fff_ffff));
    }
    let exit_signal = if subject.thread == process.id { 17 } else { -1 };
    let cpu = thread.as_ref().and_then(|thread| thread.task()).map_or(0, |task| task.cpu());
    put(to, format_args!(" {} 0 0 {exit_signal} {cpu} 0 0 0 0 0", u8::from(state != 'R')));
    let data = image.map_or(0..0, |program| program.data.clone());
    let heap = if image.is_some() { memory.heap().0 } else { 0 };
    let arguments = image.map_or(0..0, |program| program.arguments.clone());
    let environment = image.map_or(0..0, |program| program.environment.clone());
    put(to, format_args!(" {} {} {heap} {} {}", data.start, data.end, arguments.start, arguments.end));
    let status = ended.map_or(0, End::wait_status);
    put(to, format_args!(" {} {} {status}\n", environment.start, environment.end));
    Ok(())
}

/// `statm`: sizes in pages.
pub(super) fn memory(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let process = subject.process()?;
    if process.end().is_some() && process.threads().is_empty() {
        put(to, format_args!("0 0 0 0 0 0 0\n"));
        return Ok(());
    }
    let extent = Extent::of(&process.memory(), process.program().as_ref())?;
    let Extent { total, code, data, stack, resident, .. } = extent;
    put(to, format_args!("{total} {} {} {code} 0 {} 0\n", resident.resident, resident.file, data + stack));
    Ok(())
}
