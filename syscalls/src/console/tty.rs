//! The console as a terminal.

use super::output::{Outlet, terminal_room};
use super::{Aftermath, Console, Port, State, index};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFlags};
use crate::filesystem::{Attributes, Kind};
use crate::machine::machine;
use crate::process::session::{ControllingTerminal, JobControl, lose_terminal};
use crate::signal::Signal;
use crate::terminal::{
    self, Answer, LineDiscipline, LineRequest, ReadOutcome, ReadProgress, SessionRequest, TerminalRequest, Termios,
    WindowSize,
};
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::wait::WaitQueue;
use crate::wire::Stream;
use alloc::sync::Arc;
use alloc::vec::Vec;
use birgus_loader::handover::Terminal;
use core::time::Duration;
use linux_raw_sys::general::TOSTOP;

/// How much of a write goes through the discipline at a time.
const PIECE: usize = 1024;

/// The terminal's line and how it is connected.
pub(super) struct Line {
    pub(super) discipline: LineDiscipline,
    /// Where what it shows goes.
    pub(super) output: Option<Stream>,
    /// Whether standard input is its keyboard. Otherwise nothing is ever typed: reads find the end of input.
    pub(super) has_keyboard: bool,
}

impl Line {
    /// As the tool, or a serial line, has it.
    pub(super) fn new(terminal: &Terminal) -> Self {
        let mut discipline = LineDiscipline::new(Termios::default());
        let size = WindowSize { rows: terminal.rows, columns: terminal.columns, ..WindowSize::default() };
        discipline.set_window_size(size);
        let output = match (terminal.has(1), terminal.has(2)) {
            (true, _) => Some(Stream::Output),
            (false, true) => Some(Stream::Error),
            (false, false) => None,
        };
        Self { discipline, output, has_keyboard: terminal.has(0) }
    }
}

impl State {
    /// Lets the line do something with its output at hand. `None` without a terminal.
    pub(super) fn with_line<T>(
        &mut self,
        port: &dyn Port,
        act: impl FnOnce(&mut Line, &mut Outlet<'_>) -> T,
    ) -> Option<T> {
        let line = self.line.as_mut()?;
        let output = line.output.and_then(|stream| self.outputs.get_mut(index(stream)));
        let mut outlet = Outlet::new(output, port);
        let result = act(line, &mut outlet);
        outlet.send();
        Some(result)
    }

    /// Hands the line what was typed, as far as it has room; the rest waits.
    pub(super) fn offer_keys(&mut self, port: &dyn Port, aftermath: &mut Aftermath) {
        if !self.line.as_ref().is_some_and(|line| line.has_keyboard) {
            return;
        }
        while !self.input.waiting.is_empty() {
            let waiting = core::mem::take(&mut self.input.waiting);
            let (typed, _) = waiting.as_slices();
            let taken = self.with_line(port, |line, outlet| {
                let was_stopped = line.discipline.is_stopped();
                let taken = line.discipline.receive(typed, outlet, &mut |key| aftermath.keys.push(signal_of(key)));
                if was_stopped && !line.discipline.is_stopped() {
                    aftermath.terminal_room = true;
                }
                taken
            });
            self.input.waiting = waiting;
            let taken = taken.unwrap_or(0);
            self.input.waiting.drain(..taken);
            if taken == 0 {
                break;
            }
            aftermath.keys_typed = true;
        }
    }

    /// Whether nothing more will be typed and all that was has been taken by the line.
    fn is_at_end(&self) -> bool {
        let has_keyboard = self.line.as_ref().is_some_and(|line| line.has_keyboard);
        !has_keyboard || self.input.ended && self.input.waiting.is_empty()
    }
}

fn signal_of(key: terminal::Signal) -> Signal {
    match key {
        terminal::Signal::Interrupt => Signal::INT,
        terminal::Signal::Quit => Signal::QUIT,
        terminal::Signal::Suspend => Signal::TSTP,
    }
}

/// The console's terminal as a file, the same for all who open it.
pub struct Tty {
    console: &'static Console,
    job_control: JobControl,
    queue: WaitQueue,
    this: alloc::sync::Weak<Self>,
}

impl Tty {
    pub(super) fn new(console: &'static Console) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            console,
            job_control: JobControl::new(),
            queue: WaitQueue::new(),
            this: this.clone(),
        })
    }

    /// Does what follows a change of the console. No lock may be held.
    pub(super) fn settle(&self, aftermath: &Aftermath) {
        if aftermath.hung_up {
            lose_terminal(&self.job_control);
        }
        for signal in &aftermath.keys {
            self.job_control.signal_foreground(*signal);
        }
        if aftermath.resized {
            self.job_control.signal_foreground(Signal::WINCH);
        }
        let mut events = Events::empty();
        events.set(Events::IN, aftermath.keys_typed);
        events.set(Events::OUT, aftermath.terminal_room);
        if aftermath.hung_up {
            events = Events::all();
        }
        if !events.is_empty() {
            self.queue.wake(events);
        }
    }

    /// Acts on the line under the console's lock and does afterwards what follows. `EIO` without a device.
    fn act<T>(&self, act: impl FnOnce(&mut Line, &mut Outlet<'_>, &mut Aftermath) -> T) -> Result<T> {
        let port = self.console.port().ok_or(Errno::EIO)?;
        let mut aftermath = Aftermath::default();
        let mut state = self.console.state.lock();
        let result = state.with_line(port, |line, outlet| act(line, outlet, &mut aftermath)).ok_or(Errno::EIO)?;
        // Reading, flushing and other settings make room for what was typed.
        state.offer_keys(port, &mut aftermath);
        drop(state);
        self.console.settle(aftermath);
        Ok(result)
    }

    fn is_hung_up(&self) -> bool {
        self.console.state.lock().line.as_ref().is_some_and(|line| line.discipline.is_hung_up())
    }

    /// One try to read.
    fn try_read(&self, buffer: &mut [u8], progress: &mut ReadProgress) -> Result<ReadOutcome> {
        let now = Duration::from_nanos(machine().monotonic().0);
        // Asked first: what the line has then is all that it will have.
        let is_at_end = self.console.state.lock().is_at_end();
        let outcome = self.act(|line, _, _| line.discipline.read(buffer, progress, now))?;
        self.console.listen();
        Ok(match outcome {
            ReadOutcome::WouldBlock { .. } if is_at_end => match progress.copied() {
                0 => ReadOutcome::EndOfFile,
                copied => ReadOutcome::Bytes(copied),
            },
            outcome => outcome,
        })
    }

    fn line_request(&self, thread: &Thread, request: LineRequest, argument: u64) -> Result<i64> {
        if request.is_for_foreground() {
            self.job_control.check_foreground(thread, Signal::TTOU)?;
        }
        // Nothing to wait for where a request waits for output: what was written has been sent.
        terminal::file::answer(thread, request, argument, |taken| {
            self.act(|line, outlet, aftermath| {
                let mut keys = Vec::new();
                let mut signal = |key| keys.push(signal_of(key));
                let answer = line.discipline.answer(request, argument, taken, outlet, &mut signal);
                aftermath.keys = keys;
                aftermath.resized = answer == Ok(Answer::Resized);
                if matches!(answer, Ok(Answer::Done)) {
                    (aftermath.keys_typed, aftermath.terminal_room) = (true, true);
                }
                answer
            })
        })?;
        Ok(0)
    }

    fn session_request(&self, thread: &Thread, request: SessionRequest, argument: u64) -> Result<i64> {
        let this: Arc<dyn ControllingTerminal> = self.this.upgrade().ok_or(Errno::EIO)?;
        let device = super::devices::CONSOLE_DEVICE as u32;
        match self.job_control.answer(&this, thread, request, argument, device) {
            Some(outcome) => outcome,
            // TIOCCONS of the console itself: its output goes where it went.
            None if request == SessionRequest::TakeConsole => Ok(0),
            // TIOCVHANGUP: as when the other side goes, but that the console itself stays open, as on Linux.
            None => {
                lose_terminal(&self.job_control);
                Ok(0)
            }
        }
    }
}

impl ControllingTerminal for Tty {
    fn job_control(&self) -> &JobControl {
        &self.job_control
    }

    fn open(self: Arc<Self>, _: OpenFlags) -> Result<Arc<dyn File>> {
        if self.is_hung_up() { Err(Errno::EIO) } else { Ok(self) }
    }
}

impl File for Tty {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        self.read_waiting(to, false)
    }

    fn waits_itself(&self) -> bool {
        true
    }

    fn read_waiting(&self, to: &mut Destination<'_>, may_wait: bool) -> Result<usize> {
        if self.is_hung_up() {
            return Ok(0);
        }
        self.job_control.check_foreground(&machine().current(), Signal::TTIN)?;
        terminal::file::read(to, &self.queue, may_wait, &mut |buffer, progress| self.try_read(buffer, progress))
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        if self.console.state.lock().line.as_ref().is_some_and(|line| line.discipline.termios().local(TOSTOP)) {
            self.job_control.check_foreground(&machine().current(), Signal::TTOU)?;
        }
        let mut piece = [0; PIECE];
        let mut count = 0;
        while from.remaining() > 0 {
            let start = from.mark();
            let piece = &mut piece[..from.remaining().min(PIECE)];
            if let Err(errno) = from.take(piece) {
                from.rewind(start);
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
            let written = self.act(|line, outlet, _| line.discipline.write(piece, outlet))?;
            let Ok(written) = written else {
                from.rewind(start);
                return if count > 0 { Ok(count) } else { Err(Errno::EIO) };
            };
            count += written;
            if written < piece.len() {
                from.rewind(start);
                from.skip(written);
                return if count > 0 { Ok(count) } else { Err(Errno::EAGAIN) };
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
        let Some(port) = self.console.port() else { return Events::ERR };
        let mut state = self.console.state.lock();
        let is_at_end = state.is_at_end();
        let State { line: Some(line), outputs, input, .. } = &mut *state else { return Events::ERR };
        if line.discipline.is_hung_up() {
            return Events::IN | Events::OUT | Events::ERR | Events::HUP;
        }
        if line.has_keyboard {
            input.grant(port);
        }
        let output = line.output.and_then(|stream| outputs.get(index(stream)));
        let mut events = Events::empty();
        events.set(Events::IN, line.discipline.readable() || is_at_end);
        events.set(Events::OUT, !line.discipline.is_stopped() && terminal_room(output, port) > 0);
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        if self.is_hung_up() {
            return Err(Errno::EIO);
        }
        match TerminalRequest::parse(request) {
            Some(TerminalRequest::Line(request)) => self.line_request(thread, request, argument),
            Some(TerminalRequest::Session(request)) => self.session_request(thread, request, argument),
            Some(TerminalRequest::Master(_)) | None => Err(Errno::ENOTTY),
        }
    }

    fn attributes(&self) -> Attributes {
        let special = super::devices::CONSOLE_DEVICE;
        Attributes { special, ..Attributes::nameless(Kind::Character, 0o620) }
    }
}
