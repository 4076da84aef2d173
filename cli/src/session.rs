//! The time in which a machine runs: its streams are the tool's, the tool's signals are the program's.
//!
//! One loop waits for everything that can happen. It never blocks elsewhere, so a signal always gets through, and a
//! reader that has stopped reading stops only the program, by credit that it does not get back.

mod channel;
mod input;
mod insistence;
mod log;
mod outputs;
mod signals;
mod terminal;

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use birgus_syscalls::wire::{self, Control, Credit, Ending, Event, Stream};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::failure::{Context, Failure, Result, TIMED_OUT};
use crate::kernel_image::name_addresses;
use crate::machine::Process;
use channel::Channel;
use input::Input;
use insistence::Insistence;
use log::Log;
pub(crate) use log::LogReader;
use outputs::{Closed, Outputs};
use signals::Signals;
pub(crate) use terminal::{Terminal, record as terminal_record};

/// What a session needs to know beside its channel and machine.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) log: LogReader,
    pub(crate) deadline: Option<Instant>,
}

/// Runs until the machine has ended; gives the exit code.
///
/// # Errors
/// When it did not end by saying so.
pub(crate) fn run(
    socket: UnixStream,
    process: &mut Process,
    terminal: &mut Terminal,
    settings: Settings,
) -> Result<u8> {
    let shows_log = !matches!(settings.log, LogReader::Nobody);
    let mut session = Session {
        channel: Channel::new(socket),
        outputs: Outputs::new(settings.log).context("cannot use the standard streams")?,
        input: Input::new(),
        signals: Signals::take().context("cannot receive signals")?,
        insistence: Insistence::default(),
        log: Log::new(),
        shows_log,
        arriving: Stream::OUTPUTS.map(Credit::initial),
        heard: false,
        ending: None,
        process,
        terminal,
    };
    session.terminal.take_over();
    let code = session.run(settings.deadline);
    session.terminal.give_back();
    code
}

struct Session<'a> {
    channel: Channel,
    outputs: Outputs,
    input: Input,
    signals: Signals,
    insistence: Insistence,
    log: Log,
    /// Whether somebody has read the log already.
    shows_log: bool,
    /// What the guest may still send, to see that it keeps to it.
    arriving: [Credit; 3],
    /// Whether the guest has said anything yet.
    heard: bool,
    ending: Option<Ending>,
    process: &'a mut Process,
    terminal: &'a mut Terminal,
}

/// Why the loop is left before the machine has ended.
enum Stop {
    /// With this exit code and without a word.
    Silently(u8),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

type Step = std::result::Result<(), Stop>;

/// What is waited for.
#[derive(Clone, Copy)]
enum Source {
    Channel,
    Signals,
    Input,
    Output(usize),
    Complaint,
}

impl Session<'_> {
    fn run(&mut self, deadline: Option<Instant>) -> Result<u8> {
        let mut buffer = vec![0; wire::MAX_PAYLOAD];
        let stop = loop {
            if let Some(ending) = self.ending
                && self.outputs.are_empty()
            {
                return self.last_word(ending);
            }
            if let Err(stop) = self.turn(deadline, &mut buffer) {
                break stop;
            }
        };
        match stop {
            Stop::Silently(code) => Ok(code),
            Stop::Failed(failure) => Err(failure),
        }
    }

    /// Waits for something to happen and deals with it.
    fn turn(&mut self, deadline: Option<Instant>, buffer: &mut [u8]) -> Step {
        for source in self.wait(deadline)? {
            match source {
                Source::Channel => self.converse(buffer)?,
                Source::Signals => self.receive_signals()?,
                Source::Input => self.read_input(buffer)?,
                Source::Output(file) => {
                    let closed = self.outputs.write(file)?;
                    self.announce(closed);
                }
                Source::Complaint => self.process.listen(),
            }
        }
        for (stream, bytes) in self.outputs.returned_credit() {
            self.arriving[stream as usize - 1].add(bytes);
            self.channel.send(Control::Credit { stream, bytes });
        }
        Ok(())
    }

    /// What has happened, when there is anything.
    fn wait(&self, deadline: Option<Instant>) -> std::result::Result<Vec<Source>, Stop> {
        let timeout = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Stop::Silently(TIMED_OUT));
                }
                // Rounded up, so that the last round does not turn without waiting.
                let milliseconds = left.as_millis() + 1;
                PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut sources = Vec::new();
        let mut files = Vec::new();
        let mut wait_for = |source: Source, file, flags| {
            sources.push(source);
            files.push(PollFd::new(file, flags));
        };
        wait_for(Source::Signals, self.signals.as_fd(), PollFlags::POLLIN);
        if self.ending.is_none() {
            wait_for(Source::Channel, self.channel.as_fd(), self.channel.interest());
            if let Some(stderr) = self.process.stderr() {
                wait_for(Source::Complaint, stderr, PollFlags::POLLIN);
            }
            if self.input.is_wanted() && !self.channel.is_congested() && self.terminal.may_read() {
                wait_for(Source::Input, standard_input(), PollFlags::POLLIN);
            }
        }
        for (file, output, flags) in self.outputs.interests() {
            wait_for(Source::Output(file), output, flags);
        }
        match poll(&mut files, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(error) => return Err(Failure::new(format!("cannot wait: {error}")).into()),
        }
        let ready = files.iter().map(|file| file.any().unwrap_or(true));
        Ok(sources.into_iter().zip(ready).filter_map(|(source, ready)| ready.then_some(source)).collect())
    }

    /// Sends and receives what can be.
    fn converse(&mut self, buffer: &mut [u8]) -> Step {
        self.channel.flush();
        let length = match self.channel.receive(buffer) {
            Ok(0) => return Err(self.sudden_end().into()),
            Ok(length) => length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(());
            }
            // A reset, when QEMU has ended with unread frames before it.
            Err(_) => return Err(self.sudden_end().into()),
        };
        self.heard = true;
        let mut bytes = &buffer[..length];
        while self.ending.is_none() {
            match self.channel.decode(&mut bytes) {
                Ok(Some(Event::Data { stream, bytes, cost })) => self.take_output(stream, bytes, cost)?,
                Ok(Some(Event::Control(Control::Credit { bytes, .. }))) => self.input.allow(bytes),
                Ok(Some(Event::Control(Control::Exit(ending)))) => self.ending = Some(ending),
                Ok(Some(Event::Control(other))) => unreachable!("{other:?} does not come from the guest"),
                Ok(None) => break,
                Err(error) => return Err(breach(error).into()),
            }
        }
        Ok(())
    }

    fn take_output(&mut self, stream: Stream, bytes: &[u8], cost: u32) -> Step {
        let place = stream as usize - 1;
        if !self.arriving[place].spend(cost) {
            return Err(breach(wire::Error::Credit(stream)).into());
        }
        match stream {
            Stream::Log => {
                self.log.keep(bytes);
                self.outputs.take_log(bytes, cost, self.terminal.is_raw());
            }
            _ => {
                self.insistence.output(bytes);
                self.outputs.take(stream, bytes, cost);
            }
        }
        Ok(())
    }

    fn read_input(&mut self, buffer: &mut [u8]) -> Step {
        let end = match self.input.read(standard_input(), buffer) {
            Ok(None) => return Ok(()),
            Ok(Some([])) => true,
            Ok(Some(bytes)) => {
                if self.terminal.is_raw() && self.insistence.keys(bytes, Instant::now()) {
                    return Err(Stop::Silently(exit_code(Signal::SIGINT)));
                }
                self.channel.send_input(bytes);
                false
            }
            Err(_) => true,
        };
        if end {
            self.channel.send(Control::End);
        }
        Ok(())
    }

    fn receive_signals(&mut self) -> Step {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::SIGWINCH => self.tell_window(),
                Signal::SIGTSTP => self.stop(),
                Signal::SIGINT if self.insistence.interrupt(Instant::now()) => {
                    return Err(Stop::Silently(exit_code(signal)));
                }
                Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT if !self.heard => {
                    // There is no program yet that could take it.
                    return Err(Stop::Silently(exit_code(signal)));
                }
                _ => {
                    if signal == Signal::SIGCONT {
                        // Perhaps a job that was in the background.
                        self.terminal.take_over();
                        self.tell_window();
                    }
                    self.channel.send(Control::Signal(signal as u32));
                }
            }
        }
        Ok(())
    }

    /// Stops tool and machine, as the shell's job control wants it; goes on when continued.
    fn stop(&mut self) {
        self.terminal.give_back();
        self.process.pause();
        signals::stop_self();
        self.process.resume();
        self.terminal.take_over();
        self.tell_window();
    }

    fn tell_window(&mut self) {
        if let Some((rows, columns)) = terminal::window() {
            self.channel.send(Control::Window { rows, columns });
        }
    }

    fn announce(&mut self, closed: Closed) {
        for stream in closed {
            self.channel.send(Control::Closed(stream));
        }
    }

    /// The exit code, after the kernel's own words when it panicked or when the program died of a fault.
    fn last_word(&self, ending: Ending) -> Result<u8> {
        match ending {
            Ending::Panicked => {
                let log = name_addresses(&self.log.text());
                Err(Failure::new(format!("the machine's kernel panicked\n{log}")))
            }
            ending => {
                if let (Ending::Killed(_), false, report) = (ending, self.shows_log, self.log.text())
                    && !report.is_empty()
                {
                    // Nobody may read it any more: no reason to end otherwise.
                    let _ = writeln!(io::stderr(), "birgus: {report} (-v shows registers and mappings)");
                }
                Ok(ending.exit_code())
            }
        }
    }

    /// Why the machine is gone without an exit code.
    fn sudden_end(&mut self) -> Failure {
        self.process.listen();
        let complaint = self.process.complaint();
        let log = self.log.text();
        match (complaint.is_empty(), log.is_empty()) {
            (false, _) => Failure::new(complaint).mend("birgus doctor"),
            (true, false) => Failure::new(format!("the machine reset itself; its last words:\n{log}")),
            (true, true) => Failure::new("the machine reset itself without a word")
                .mend("more memory (-m), -v to see the kernel's log, or birgus doctor"),
        }
    }
}

fn standard_input() -> BorrowedFd<'static> {
    // SAFETY: Rust's runtime opens /dev/null there when it was closed, and nothing of this program closes it.
    unsafe { BorrowedFd::borrow_raw(0) }
}

fn exit_code(signal: Signal) -> u8 {
    Ending::Killed(signal as u8).exit_code()
}

fn breach(error: wire::Error) -> Failure {
    Failure::new(format!("the machine does not keep to the protocol: {error}"))
}
