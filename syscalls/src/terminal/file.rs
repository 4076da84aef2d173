//! What every kind of terminal does as a file: reads that wait as VMIN and VTIME say, arguments of `ioctl`.

use super::{Answer, Argument, CAPACITY, LineRequest, ReadOutcome, ReadProgress, Refusal, TerminalRequest, Termios};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::time::Instant;
use crate::transfer::{Destination, Source};
use crate::wait::{WaitError, WaitQueue, wait_until};
use alloc::vec::Vec;

/// One try to read into the buffer.
type Attempt<'a> = &'a mut dyn FnMut(&mut [u8], &mut ReadProgress) -> Result<ReadOutcome>;

/// Reads from a terminal: tries, and waits on `queue`. `EAGAIN` where it may not wait, `ERESTARTSYS`, and what `attempt`
/// says.
pub fn read(to: &mut Destination<'_>, queue: &WaitQueue, may_wait: bool, attempt: Attempt<'_>) -> Result<usize> {
    let length = to.remaining().min(CAPACITY);
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(length, 0);
    let count = read_into(&mut buffer, queue, may_wait, attempt)?;
    to.put(buffer.get(..count).unwrap_or_default())
}

fn read_into(buffer: &mut [u8], queue: &WaitQueue, may_wait: bool, attempt: Attempt<'_>) -> Result<usize> {
    let mut progress = ReadProgress::default();
    loop {
        let deadline = match attempt(buffer, &mut progress)? {
            ReadOutcome::Bytes(count) => return Ok(count),
            ReadOutcome::EndOfFile => return Ok(0),
            ReadOutcome::WouldBlock { .. } if !may_wait => {
                return if progress.copied() > 0 { Ok(progress.copied()) } else { Err(Errno::EAGAIN) };
            }
            ReadOutcome::WouldBlock { deadline } => deadline,
        };
        let instant = deadline.map(|deadline| Instant(u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX)));
        let waited = wait_until(&[queue], instant, || match attempt(buffer, &mut progress) {
            Ok(ReadOutcome::WouldBlock { deadline: next }) if next == deadline => None,
            // With another deadline the wait begins anew.
            outcome => Some(outcome),
        });
        match waited {
            Ok(Ok(ReadOutcome::Bytes(count))) => return Ok(count),
            Ok(Ok(ReadOutcome::EndOfFile)) => return Ok(0),
            Ok(Err(errno)) => return Err(errno),
            Ok(Ok(ReadOutcome::WouldBlock { .. })) | Err(WaitError::TimedOut) => {}
            Err(WaitError::Interrupted) if progress.copied() > 0 => return Ok(progress.copied()),
            Err(WaitError::Interrupted) => return Err(Errno::ERESTARTSYS),
        }
    }
}

/// A request about the line: fetches the bytes that it takes, lets `act` answer and hands over what it gives. Gives the
/// answer, too. `EFAULT`, `EINVAL`, and what `act` says.
pub fn answer(
    thread: &Thread,
    request: LineRequest,
    argument: u64,
    act: impl FnOnce(&[u8]) -> Result<core::result::Result<Answer, Refusal>>,
) -> Result<Answer> {
    let mut taken = [0; Termios::SIZE_2];
    let taken = match TerminalRequest::Line(request).argument() {
        Argument::Takes(length) => {
            let taken = taken.get_mut(..length).ok_or(Errno::EINVAL)?;
            Source::user(thread, argument, length)?.take(taken)?;
            &*taken
        }
        _ => &[],
    };
    match act(taken)? {
        Ok(Answer::Gives(reply)) => {
            let bytes = reply.as_bytes();
            Destination::user(thread, argument, bytes.len())?.put(bytes)?;
            Ok(Answer::Gives(reply))
        }
        Ok(answer) => Ok(answer),
        Err(Refusal::UnknownValue | Refusal::WrongSize) => Err(Errno::EINVAL),
    }
}
