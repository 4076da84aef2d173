//! What a program was started with, and its name: `cmdline`, `environ`, `auxv`, `comm`.

use super::process::is_own;
use super::subject::Subject;
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use alloc::vec::Vec;
use core::ops::Range;

/// What `environ` and `cmdline` show at most: more than `execve(2)` takes.
const MAXIMUM: u64 = 8 << 20;

/// The bytes of a range of the process's memory, up to what is not mapped; none for a process without a program.
fn bytes(subject: &Subject, range: &Range<u64>, to: &mut Vec<u8>) -> Result<()> {
    let length = range.end.saturating_sub(range.start).min(MAXIMUM) as usize;
    let begin = to.len();
    to.try_reserve(length).map_err(|_| Errno::ENOMEM)?;
    to.resize(begin + length, 0);
    let read = subject.process()?.memory().peek(range.start, to.get_mut(begin..).unwrap_or_default());
    to.truncate(begin + read);
    Ok(())
}

/// `environ`.
pub(super) fn environment(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let Some(program) = subject.process()?.program() else { return Ok(()) };
    bytes(subject, &program.environment, to)
}

/// `auxv`.
pub(super) fn auxiliary(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let Some(program) = subject.process()?.program() else { return Ok(()) };
    bytes(subject, &program.auxiliary, to)
}

/// `cmdline`. A program that writes over the last zero byte of its arguments has given itself a title, which ends
/// with the first zero byte and may go on where the environment was.
pub(super) fn command_line(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let Some(program) = subject.process()?.program() else { return Ok(()) };
    bytes(subject, &program.arguments, to)?;
    if to.last().is_none_or(|&last| last == 0) {
        return Ok(());
    }
    to.clear();
    let start = program.arguments.start;
    let longest = if program.environment.start == program.arguments.end { PAGE } else { 0 };
    bytes(subject, &(start..program.arguments.end.max(start.saturating_add(longest))), to)?;
    if let Some(end) = to.iter().position(|&byte| byte == 0) {
        to.truncate(end + 1);
    }
    Ok(())
}

/// `comm`.
pub(super) fn name(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    subject.process()?;
    to.extend(subject.name());
    to.push(b'\n');
    Ok(())
}

/// Sets `comm`, as `pthread_setname_np(3)` does for other threads. `EINVAL` for another process's.
pub(super) fn set_name(subject: &Subject, bytes: &[u8]) -> Result<()> {
    if !is_own(subject)? {
        return Err(Errno::EINVAL);
    }
    let thread = subject.thread().ok_or(Errno::ESRCH)?;
    let mut name = [0; 16];
    let text = bytes.iter().take(15).take_while(|&&byte| byte != 0);
    name.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
    thread.set_name(name);
    Ok(())
}
