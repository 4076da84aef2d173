//! The slave: a terminal to the program that has it open.

use super::{Pair, signal_of};
use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::filesystem::{Attributes, Kind, device_number};
use crate::machine::machine;
use crate::signal::Signal;
use crate::terminal::{self, Answer, LineRequest, SessionRequest, TerminalRequest};
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::wait::{WaitQueue, wait_until};
use alloc::sync::Arc;
use core::time::Duration;
use linux_raw_sys::general::TOSTOP;

/// How much of a write goes through the discipline at a time.
const PIECE: usize = 1024;

/// One opening of a slave.
pub(super) struct Slave(pub(super) Arc<Pair>);

impl Drop for Slave {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.slaves -= 1;
        let is_last = state.slaves == 0;
        drop(state);
        if is_last {
            self.0.master_queue.wake_all();
        }
    }
}

impl Pair {
    /// The device number of the slave: its major number is 136.
    pub(super) const fn device(&self) -> u64 {
        device_number(136, self.number)
    }

    pub(super) fn is_hung_up(&self) -> bool {
        self.state.lock().line.is_hung_up()
    }

    /// A request about the line, from either side.
    pub(super) fn line_request(&self, thread: &Thread, request: LineRequest, argument: u64) -> Result<i64> {
        if request.is_for_foreground() {
            self.job_control.check_foreground(thread, Signal::TTOU)?;
        }
        if request.waits_for_output() && !self.is_hung_up() {
            // What the master has not read has arrived there: only output that is stopped has not left.
            wait_until(&[&self.slave_queue], None, || (!self.state.lock().line.is_stopped()).then_some(()))?;
        }
        let answer = terminal::file::answer(thread, request, argument, |taken| {
            Ok(self.act(|state, keys| {
                let mut signal = |key| keys.push(signal_of(key));
                state.line.answer(request, argument, taken, &mut state.output, &mut signal)
            }))
        })?;
        // Other settings may let either side go on.
        self.wake();
        if answer == Answer::Resized {
            self.job_control.signal_foreground(Signal::WINCH);
        }
        Ok(0)
    }

    /// A request about sessions, from either side.
    pub(super) fn session_request(&self, thread: &Thread, request: SessionRequest, argument: u64) -> Result<i64> {
        let this = self.terminal()?;
        match self.job_control.answer(&this, thread, request, argument, self.device() as u32) {
            Some(outcome) => outcome,
            // TIOCCONS: messages of the system go to the console.
            None if request == SessionRequest::TakeConsole => Err(Errno::EBUSY),
            None => {
                self.hang_up();
                Ok(0)
            }
        }
    }
}

impl File for Slave {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        self.read_waiting(to, false)
    }

    fn waits_itself(&self) -> bool {
        true
    }

    fn read_waiting(&self, to: &mut Destination<'_>, may_wait: bool) -> Result<usize> {
        let pair = &self.0;
        if pair.is_hung_up() {
            return Ok(0);
        }
        pair.job_control.check_foreground(&machine().current(), Signal::TTIN)?;
        terminal::file::read(to, &pair.slave_queue, may_wait, &mut |buffer, progress| {
            let now = Duration::from_nanos(machine().monotonic().0);
            Ok(pair.act(|state, _| state.line.read(buffer, progress, now)))
        })
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        let pair = &self.0;
        if pair.state.lock().line.termios().local(TOSTOP) {
            pair.job_control.check_foreground(&machine().current(), Signal::TTOU)?;
        }
        let mut piece = [0; PIECE];
        let mut count = 0;
        while from.remaining() > 0 {
            let start = from.mark();
            let piece = &mut piece[..from.remaining().min(PIECE)];
            let written = match from.take(piece) {
                Ok(_) => pair.act(|state, _| state.line.write(piece, &mut state.output)).map_err(|_| Errno::EIO),
                Err(errno) => Err(errno),
            };
            let is_full = written.as_ref().is_ok_and(|&written| written < piece.len());
            if written.is_err() || is_full {
                from.rewind(start);
            }
            match written {
                Err(errno) => return if count > 0 { Ok(count) } else { Err(errno) },
                Ok(written) => {
                    count += written;
                    if is_full {
                        from.skip(written);
                        return if count > 0 { Ok(count) } else { Err(Errno::EAGAIN) };
                    }
                }
            }
        }
        Ok(count)
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn writes_whole(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let state = self.0.state.lock();
        if state.line.is_hung_up() {
            return Events::IN | Events::OUT | Events::ERR | Events::HUP;
        }
        let mut events = Events::empty();
        events.set(Events::IN, state.line.readable());
        events.set(Events::OUT, !state.line.is_stopped() && terminal::Device::room(&state.output) > 0);
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.slave_queue)
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        if self.0.is_hung_up() {
            return Err(Errno::EIO);
        }
        match TerminalRequest::parse(request) {
            Some(TerminalRequest::Line(request)) => self.0.line_request(thread, request, argument),
            Some(TerminalRequest::Session(request)) => self.0.session_request(thread, request, argument),
            Some(TerminalRequest::Master(_)) | None => Err(Errno::ENOTTY),
        }
    }

    fn attributes(&self) -> Attributes {
        Attributes { special: self.0.device(), ..Attributes::nameless(Kind::Character, 0o620) }
    }
}
