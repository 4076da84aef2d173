//! The console: the first program's terminal, its plain standard streams and the kernel's log, over one channel to the
//! tool that started the machine (see [`wire`]), or over a plain serial line when there is no tool.
//!
//! ```text
//!  Port ──receive──▶ Console ──▶ Tty (line discipline)   descriptors that are a terminal
//!                       │   └──▶ StandardStream          those that are not: pipes
//!  Port ◀───send────────┴─────── Log                     what the kernel and the tracer say
//! ```
//!
//! Which of descriptors 0, 1 and 2 are the terminal the tool tells; a serial line always is one. All that changes with
//! bytes and frames stands under one lock, under which frames are also sent: they leave in the order of the changes.
//! Wake-ups and signals follow when it is released, see `Aftermath`.

mod devices;
mod log;
mod output;
mod stream;
#[cfg(test)]
mod tests;
mod tty;

pub use stream::StandardStream;
pub use tty::Tty;

use crate::errno::Result;
use crate::file::FileTable;
use crate::process::session::take_terminal;
use crate::process::{Process, session};
use crate::signal::kill::send_to_group;
use crate::signal::{SigInfo, Signal};
use crate::terminal::WindowSize;
use crate::wait::WaitQueue;
use crate::wire::{self, Control, Decoder, Direction, Ending, Event, Stream};
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use birgus_loader::handover::Terminal;
use log::Log;
use output::Output;
use spin::{Mutex, Once};
use tty::Line;

/// The device below.
pub trait Port: Sync {
    /// Sends bytes in order. Does not fail: what the other side does not take is lost. Calls nothing of the console.
    fn send(&self, bytes: Vec<u8>);
    /// Whether the other side speaks the wire protocol. Otherwise it is a serial line: output is plain bytes.
    fn is_framed(&self) -> bool;
}

/// How much input the tool may send ahead of the program, and the most that is kept of a serial line's.
const INPUT_WINDOW: u32 = 32 << 10;

/// Standard input on its way to the program: to the line discipline when it is the terminal's.
struct Input {
    waiting: VecDeque<u8>,
    /// What the tool may still send.
    granted: u32,
    ended: bool,
}

impl Input {
    /// Lets the tool send more once half of the window is free.
    fn grant(&mut self, port: &dyn Port) {
        let ahead = self.granted.saturating_add(self.waiting.len() as u32);
        if !port.is_framed() || self.ended || ahead > INPUT_WINDOW / 2 {
            return;
        }
        let bytes = INPUT_WINDOW - ahead;
        self.granted += bytes;
        port.send(Control::Credit { stream: Stream::Input, bytes }.encode().to_vec());
    }
}

struct State {
    decoder: Decoder,
    outputs: [Output; 2],
    log: Log,
    input: Input,
    /// The terminal's line, if there is a terminal.
    line: Option<Line>,
}

/// What is left to do once the console's lock is released.
#[derive(Default)]
struct Aftermath {
    /// Input has come for whoever reads it.
    input: bool,
    /// There is room on these outputs, or nobody reads them any more.
    outputs: [bool; 2],
    /// Something was typed on the terminal.
    keys_typed: bool,
    /// The terminal's output may go on.
    terminal_room: bool,
    /// Signals of the terminal's keys, for the foreground group, in their order.
    keys: Vec<Signal>,
    /// The terminal has another size.
    resized: bool,
    /// The terminal is gone.
    hung_up: bool,
    /// Signals that the tool was sent, for the first process's group.
    passed_on: Vec<Signal>,
}

/// The console.
pub struct Console {
    port: Once<&'static dyn Port>,
    state: Mutex<State>,
    input_queue: WaitQueue,
    output_queues: [WaitQueue; 2],
    tty: Once<Arc<Tty>>,
    first: Once<Weak<Process>>,
}

/// The machine's console.
pub static CONSOLE: Console = Console::new();

const fn index(stream: Stream) -> usize {
    match stream {
        Stream::Error => 1,
        _ => 0,
    }
}

impl Console {
    /// A console without a device: nothing comes in, nothing goes out.
    const fn new() -> Self {
        Self {
            port: Once::new(),
            state: Mutex::new(State {
                decoder: Decoder::new(Direction::ToGuest),
                outputs: [Output::new(Stream::Output), Output::new(Stream::Error)],
                log: Log::new(),
                input: Input { waiting: VecDeque::new(), granted: 0, ended: false },
                line: None,
            }),
            input_queue: WaitQueue::new(),
            output_queues: [WaitQueue::new(), WaitQueue::new()],
            tty: Once::new(),
            first: Once::new(),
        }
    }

    /// Says once which device is below.
    pub fn attach(&self, port: &'static dyn Port) {
        self.port.call_once(|| port);
    }

    fn port(&self) -> Option<&'static dyn Port> {
        self.port.get().copied()
    }

    /// Says once, when the device is attached and `/dev` mounted, which standard files the tool has a terminal for; a
    /// serial line is a terminal whatever is said. Gives the first program's descriptors 0, 1 and 2, and adds the
    /// console's devices to `/dev`. `ENOMEM`, `ENOSPC`.
    pub fn open(&'static self, terminal: Option<Terminal>) -> Result<Arc<FileTable>> {
        let terminal = self.connect(terminal);
        devices::register(self, self.is_serial());
        devices::standard_files(self, terminal)
    }

    fn is_serial(&self) -> bool {
        self.port().is_some_and(|port| !port.is_framed())
    }

    /// Makes the terminal, if there is one.
    fn connect(&'static self, told: Option<Terminal>) -> Option<Terminal> {
        let terminal = match told {
            // As Linux has it: nobody knows how large the screen at the other end is.
            _ if self.is_serial() => Terminal { files: 7, rows: 0, columns: 0 },
            told => told.filter(|terminal| terminal.files & 7 != 0)?,
        };
        self.state.lock().line = Some(Line::new(&terminal));
        self.tty.call_once(|| Tty::new(self));
        Some(terminal)
    }

    /// Says once which process is the first: it gets the tool's signals, and the terminal becomes its session's.
    pub fn adopt(&self, process: &Arc<Process>) {
        self.first.call_once(|| Arc::downgrade(process));
        if let Some(tty) = self.tty.get() {
            let terminal: Arc<dyn session::ControllingTerminal> = tty.clone();
            // Refused only to a process that leads no session.
            let _ = take_terminal(process, &terminal, false);
        }
    }

    /// Lets keys come in. Also called when the machine begins to wait, or has run for a while, so that ^C reaches a
    /// program that never looks at its terminal.
    pub fn listen(&self) {
        let Some(port) = self.port() else { return };
        let mut state = self.state.lock();
        if state.line.as_ref().is_some_and(|line| line.has_keyboard) {
            state.input.grant(port);
        }
    }

    /// Takes bytes from the device. On a channel that is broken the rest is dropped.
    pub fn receive(&self, mut bytes: &[u8]) {
        let Some(port) = self.port() else { return };
        let mut aftermath = Aftermath::default();
        let mut state = self.state.lock();
        let State { decoder, .. } = &mut *state;
        if port.is_framed() {
            // The decoder is a few words: it is put back when the events are dealt with.
            let mut decoder = core::mem::replace(decoder, Decoder::new(Direction::ToGuest));
            while let Ok(Some(event)) = decoder.next(&mut bytes) {
                state.take_event(event, port, &mut aftermath);
            }
            state.decoder = decoder;
        } else {
            let room = (INPUT_WINDOW as usize).saturating_sub(state.input.waiting.len());
            state.take_input(bytes.get(..room).unwrap_or(bytes), port, &mut aftermath);
        }
        drop(state);
        self.settle(aftermath);
    }

    /// Wakes and signals what a change has brought about. No lock may be held.
    fn settle(&self, aftermath: Aftermath) {
        if aftermath.input {
            self.input_queue.wake_all();
        }
        for (queue, _) in self.output_queues.iter().zip(aftermath.outputs).filter(|(_, ready)| *ready) {
            queue.wake_all();
        }
        if let Some(tty) = self.tty.get() {
            tty.settle(&aftermath);
        }
        if let Some(first) = self.first.get().and_then(Weak::upgrade) {
            for signal in aftermath.passed_on {
                // As from outside of the machine: from nobody. An empty group hears nothing.
                let _ = send_to_group(first.group(), SigInfo::user(signal, SigInfo::USER, 0, 0));
            }
        }
    }

    /// Adds a line, with its end, to the kernel's log. While there is no credit for it it waits; when too much waits
    /// it is dropped, and how many lines were is told once there is room again.
    pub fn log(&self, line: &[u8]) {
        let Some(port) = self.port() else { return };
        self.state.lock().log.add(line, port);
    }

    /// Adds a line without an end to the log, as the tracer does: it is never dropped. While too much waits `poll` is
    /// called, which has the device pass on what has come.
    pub fn trace(&self, line: &[u8], mut poll: impl FnMut()) {
        let Some(port) = self.port() else { return };
        while !self.state.lock().log.add_whole(line, port) {
            poll();
        }
    }

    /// Waits until all of the log has been sent, by calling `poll`, which has the device pass on what has come.
    pub fn flush_log(&self, mut poll: impl FnMut()) {
        let Some(port) = self.port() else { return };
        while !self.state.lock().log.flush(port) {
            poll();
        }
    }

    /// Writes a message for people to standard error: why the first program cannot be started.
    pub fn complain(&self, message: &[u8]) {
        let Some(port) = self.port() else { return };
        if !port.is_framed() {
            port.send(log::with_carriage_returns(message));
        } else if let Ok(header) = wire::data_header(Stream::Error, message.len()) {
            port.send([&header, message].concat());
        }
    }

    /// Tells the tool that the machine has done its work. What the log could not send is [flushed](Self::flush_log)
    /// before.
    pub fn end(&self, ending: Ending) {
        if let Some(port) = self.port().filter(|port| port.is_framed()) {
            port.send(Control::Exit(ending).encode().to_vec());
        }
    }
}

impl State {
    fn take_event(&mut self, event: Event<'_>, port: &dyn Port, aftermath: &mut Aftermath) {
        match event {
            Event::Data { bytes, cost, .. } => {
                self.input.granted = self.input.granted.saturating_sub(cost);
                self.take_input(bytes, port, aftermath);
            }
            Event::Control(Control::End) => {
                self.input.ended = true;
                self.input_has_come(aftermath);
            }
            Event::Control(Control::Credit { stream: Stream::Log, bytes }) => {
                self.log.credit.add(bytes);
                self.log.flush(port);
            }
            Event::Control(Control::Credit { stream, bytes }) => {
                self.outputs[index(stream)].credit.add(bytes);
                self.output_has_room(stream, port, aftermath);
            }
            Event::Control(Control::Closed(stream)) => {
                self.outputs[index(stream)].closed = true;
                if let Some(line) = self.line.as_mut().filter(|line| line.output == Some(stream)) {
                    line.discipline.hang_up();
                    aftermath.hung_up = true;
                }
                self.output_has_room(stream, port, aftermath);
            }
            Event::Control(Control::Signal(number)) => {
                let signal = i32::try_from(number).ok().and_then(|number| Signal::new(number).ok());
                aftermath.passed_on.extend(signal);
            }
            Event::Control(Control::Window { rows, columns }) => {
                let size = WindowSize { rows, columns, ..WindowSize::default() };
                aftermath.resized |= self.line.as_mut().is_some_and(|line| line.discipline.set_window_size(size));
            }
            // Only goes the other way; the decoder lets none through.
            Event::Control(Control::Exit(_)) => {}
        }
    }

    /// Bytes of standard input have come.
    fn take_input(&mut self, bytes: &[u8], port: &dyn Port, aftermath: &mut Aftermath) {
        self.input.waiting.extend(bytes);
        self.input_has_come(aftermath);
        self.offer_keys(port, aftermath);
        if self.line.as_ref().is_some_and(|line| line.has_keyboard) {
            self.input.grant(port);
        }
    }

    fn input_has_come(&mut self, aftermath: &mut Aftermath) {
        match &self.line {
            Some(line) if line.has_keyboard => aftermath.keys_typed = true,
            _ => aftermath.input = true,
        }
    }

    fn output_has_room(&mut self, stream: Stream, port: &dyn Port, aftermath: &mut Aftermath) {
        aftermath.outputs[index(stream)] = true;
        if self.line.as_ref().is_some_and(|line| line.output == Some(stream)) {
            aftermath.terminal_room = true;
            self.with_line(port, |line, outlet| line.discipline.flush_echo(outlet));
        }
    }
}
