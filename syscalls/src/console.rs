//! The console: the program's three standard streams and the kernel's log, over one channel to the tool that started
//! the machine (see [`wire`](crate::wire)), or over a plain serial line when there is no tool.

use crate::errno::{Errno, Result};
use crate::file::{Events, File};
use crate::transfer::{Destination, Source};
use crate::wait::WaitQueue;
use crate::wire::{self, Control, Credit, Decoder, Direction, Ending, Event, Stream};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use spin::{Mutex, Once};

/// The device below.
pub trait Port: Sync {
    /// Sends bytes in order. Does not fail: what the other side does not take is lost.
    fn send(&self, bytes: Vec<u8>);
    /// Whether the other side speaks the wire protocol. Otherwise it is a serial line: output is plain bytes.
    fn is_framed(&self) -> bool;
}

/// How much standard input the tool may send ahead of the program.
const INPUT_WINDOW: u32 = 32 << 10;
/// The longest piece of output in one frame.
const PIECE: usize = 16 << 10;

struct State {
    decoder: Decoder,
    credit: [Credit; 3],
    closed: [bool; 3],
    input: VecDeque<u8>,
    /// What the tool may still send of standard input.
    granted: u32,
    ended: bool,
}

/// The console.
pub struct Console {
    port: Once<&'static dyn Port>,
    state: Mutex<State>,
    queue: WaitQueue,
}

/// The machine's console.
pub static CONSOLE: Console = Console {
    port: Once::new(),
    state: Mutex::new(State {
        decoder: Decoder::new(Direction::ToGuest),
        credit: [Credit::initial(Stream::Output), Credit::initial(Stream::Error), Credit::initial(Stream::Log)],
        closed: [false; 3],
        input: VecDeque::new(),
        granted: 0,
        ended: false,
    }),
    queue: WaitQueue::new(),
};

const fn index(stream: Stream) -> usize {
    match stream {
        Stream::Input | Stream::Output => 0,
        Stream::Error => 1,
        Stream::Log => 2,
    }
}

impl Console {
    /// Says once which device is below.
    pub fn attach(&self, port: &'static dyn Port) {
        self.port.call_once(|| port);
    }

    fn port(&self) -> Option<&'static dyn Port> {
        self.port.get().copied()
    }

    /// Takes bytes from the device. On a channel that is broken the rest is dropped.
    pub fn receive(&self, mut bytes: &[u8]) {
        let Some(port) = self.port() else { return };
        if !port.is_framed() {
            self.state.lock().input.extend(bytes);
            self.queue.wake_all();
            return;
        }
        let mut state = self.state.lock();
        let state_ref = &mut *state;
        while let Ok(Some(event)) = state_ref.decoder.next(&mut bytes) {
            match event {
                Event::Data { bytes, cost, .. } => {
                    state_ref.granted = state_ref.granted.saturating_sub(cost);
                    state_ref.input.extend(bytes);
                }
                Event::Control(Control::End) => state_ref.ended = true,
                Event::Control(Control::Credit { stream, bytes }) => state_ref.credit[index(stream)].add(bytes),
                Event::Control(Control::Closed(stream)) => state_ref.closed[index(stream)] = true,
                Event::Control(Control::Signal(_) | Control::Window { .. } | Control::Exit(_)) => {}
            }
        }
        drop(state);
        self.queue.wake_all();
    }

    /// Sends a line of the kernel's log, or drops it while there is no credit for it.
    pub fn log(&self, line: &[u8]) {
        let Some(port) = self.port() else { return };
        let taken =
            if port.is_framed() { self.state.lock().credit[index(Stream::Log)].take(line.len()) } else { line.len() };
        if taken > 0 {
            port.send(self.frame(Stream::Log, &line[..taken]));
        }
    }

    /// Writes a message for people to standard error: why the first program cannot be started.
    pub fn complain(&self, message: &[u8]) {
        if let Some(port) = self.port() {
            port.send(self.frame(Stream::Error, message));
        }
    }

    /// Tells the tool that the machine has done its work.
    pub fn end(&self, ending: Ending) {
        if let Some(port) = self.port().filter(|port| port.is_framed()) {
            port.send(Control::Exit(ending).encode().to_vec());
        }
    }

    fn frame(&self, stream: Stream, bytes: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(wire::HEADER_LEN + bytes.len());
        if self.port().is_some_and(Port::is_framed)
            && let Ok(header) = wire::data_header(stream, bytes.len())
        {
            frame.extend_from_slice(&header);
        }
        frame.extend_from_slice(bytes);
        frame
    }

    fn read(&self, to: &mut Destination<'_>) -> Result<usize> {
        let mut piece = [0; 512];
        let mut count = 0;
        while to.remaining() > 0 {
            // The bytes leave the queue only once the program has them.
            let length = {
                let state = self.state.lock();
                let length = state.input.len().min(piece.len()).min(to.remaining());
                piece.iter_mut().zip(&state.input).take(length).for_each(|(place, byte)| *place = *byte);
                length
            };
            if length == 0 {
                break;
            }
            let put = to.put(&piece[..length])?;
            self.state.lock().input.drain(..put);
            count += put;
        }
        self.grant();
        if count == 0 && to.remaining() > 0 && !self.state.lock().ended {
            return Err(Errno::EAGAIN);
        }
        Ok(count)
    }

    /// Lets the tool send more input once half of the window is free.
    fn grant(&self) {
        let Some(port) = self.port().filter(|port| port.is_framed()) else { return };
        let mut state = self.state.lock();
        let ahead = state.granted + state.input.len() as u32;
        if state.ended || ahead > INPUT_WINDOW / 2 {
            return;
        }
        let bytes = INPUT_WINDOW - ahead;
        state.granted += bytes;
        drop(state);
        port.send(Control::Credit { stream: Stream::Input, bytes }.encode().to_vec());
    }

    fn write(&self, stream: Stream, from: &mut Source<'_>) -> Result<usize> {
        let port = self.port().ok_or(Errno::EIO)?;
        let mut count = 0;
        while from.remaining() > 0 {
            if self.state.lock().closed[index(stream)] {
                return if count > 0 { Ok(count) } else { Err(Errno::EPIPE) };
            }
            let wanted = from.remaining().min(PIECE);
            let header = if port.is_framed() { wire::HEADER_LEN } else { 0 };
            let mut frame = Vec::new();
            frame.try_reserve_exact(header + wanted).map_err(|_| Errno::ENOMEM)?;
            let length = if port.is_framed() { self.state.lock().credit[index(stream)].take(wanted) } else { wanted };
            if length == 0 {
                return if count > 0 { Ok(count) } else { Err(Errno::EAGAIN) };
            }
            if let Ok(header) = wire::data_header(stream, length)
                && port.is_framed()
            {
                frame.extend_from_slice(&header);
            }
            frame.resize(header + length, 0);
            if let Err(errno) = from.take(&mut frame[header..]) {
                let cost = length as u32 + stream.frame_cost();
                self.state.lock().credit[index(stream)].add(cost);
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
            port.send(frame);
            count += length;
        }
        Ok(count)
    }
}

/// One of the standard streams as a file.
pub struct StandardStream(pub Stream);

impl File for StandardStream {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        CONSOLE.read(to)
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        CONSOLE.write(self.0, from)
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn writes_whole(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let state = CONSOLE.state.lock();
        let mut events = Events::empty();
        match self.0 {
            Stream::Input => events.set(Events::IN, !state.input.is_empty() || state.ended),
            stream => {
                events.set(Events::OUT, state.credit[index(stream)].room() > 0);
                events.set(Events::ERR, state.closed[index(stream)]);
            }
        }
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&CONSOLE.queue)
    }
}
