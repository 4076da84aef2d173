//! A standard stream that is no terminal: to the program it is a pipe.

use super::{Console, index};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFlags};
use crate::filesystem::{Attributes, Kind};
use crate::pipe::send_sigpipe;
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use crate::wire::{self, Stream};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::ioctl::FIONREAD;

/// The longest piece of output in one frame.
const PIECE: usize = 16 << 10;

/// One of the standard streams as a file.
pub struct StandardStream {
    console: &'static Console,
    stream: Stream,
}

impl StandardStream {
    /// [`Stream::Input`], [`Stream::Output`] or [`Stream::Error`] of a console.
    pub const fn new(console: &'static Console, stream: Stream) -> Self {
        Self { console, stream }
    }

    /// As pipes have numbers.
    fn number(&self) -> u64 {
        2 + self.stream as u64
    }
}

impl File for StandardStream {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        match self.stream {
            Stream::Input => self.console.read(to),
            _ => Err(Errno::EBADF),
        }
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        match self.stream {
            Stream::Input => Err(Errno::EBADF),
            stream => self.console.write(stream, from),
        }
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn writes_whole(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let mut state = self.console.state.lock();
        let mut events = Events::empty();
        match self.stream {
            Stream::Input => {
                if let Some(port) = self.console.port() {
                    state.input.grant(port);
                }
                events.set(Events::IN, !state.input.waiting.is_empty());
                events.set(Events::HUP, state.input.ended);
            }
            stream => {
                let output = &state.outputs[index(stream)];
                let is_framed = self.console.port().is_some_and(super::Port::is_framed);
                events.set(Events::OUT, output.credit.room() > 0 || !is_framed);
                events.set(Events::ERR, output.closed);
            }
        }
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(match self.stream {
            Stream::Input => &self.console.input_queue,
            stream => &self.console.output_queues[index(stream)],
        })
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        match request {
            FIONREAD => {
                let length = match self.stream {
                    Stream::Input => self.console.state.lock().input.waiting.len(),
                    _ => 0,
                };
                UserPtr::new(argument).write(thread, &(length as i32)).map(|()| 0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn attributes(&self) -> Attributes {
        Attributes { inode: self.number(), ..Attributes::nameless(Kind::Fifo, 0o600) }
    }

    fn label(&self) -> String {
        format!("pipe:[{}]", self.number())
    }

    /// The other end of the pipe is the tool's: there is only this one to be had.
    fn reopen(self: Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        match (self.stream, flags.reads(), flags.writes()) {
            (Stream::Input, true, false) | (Stream::Output | Stream::Error, false, true) => Ok(self),
            _ => Err(Errno::EACCES),
        }
    }
}

impl Console {
    fn read(&self, to: &mut Destination<'_>) -> Result<usize> {
        let mut piece = [0; 1024];
        let mut count = 0;
        while to.remaining() > 0 {
            let length = {
                let waiting = &mut self.state.lock().input.waiting;
                let length = waiting.len().min(piece.len()).min(to.remaining());
                piece.iter_mut().zip(waiting.drain(..length)).for_each(|(place, byte)| *place = byte);
                length
            };
            let taken = &piece[..length];
            if length == 0 {
                break;
            }
            let before = to.done();
            if let Err(errno) = to.put(taken) {
                // What the program did not get waits for the next read.
                let put = to.done() - before;
                let waiting = &mut self.state.lock().input.waiting;
                taken.iter().skip(put).rev().for_each(|byte| waiting.push_front(*byte));
                count += put;
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
            count += length;
        }
        let mut state = self.state.lock();
        if let Some(port) = self.port() {
            state.input.grant(port);
        }
        if count == 0 && to.remaining() > 0 && !state.input.ended {
            return Err(Errno::EAGAIN);
        }
        Ok(count)
    }

    fn write(&self, stream: Stream, from: &mut Source<'_>) -> Result<usize> {
        let port = self.port().ok_or(Errno::EIO)?;
        let header = if port.is_framed() { wire::HEADER_LEN } else { 0 };
        let mut count = 0;
        while from.remaining() > 0 {
            let wanted = from.remaining().min(PIECE);
            let mut frame = Vec::new();
            frame.try_reserve_exact(header + wanted).map_err(|_| Errno::ENOMEM)?;
            // The credit is taken first: the copy may wait for a page, and is made without the lock.
            let length = {
                let output = &mut self.state.lock().outputs[index(stream)];
                match output.closed {
                    true => None,
                    false if port.is_framed() => Some(output.credit.take(wanted)),
                    false => Some(wanted),
                }
            };
            let Some(length) = length else {
                send_sigpipe();
                return if count > 0 { Ok(count) } else { Err(Errno::EPIPE) };
            };
            if length == 0 {
                return if count > 0 { Ok(count) } else { Err(Errno::EAGAIN) };
            }
            if let (true, Ok(header)) = (port.is_framed(), wire::data_header(stream, length)) {
                frame.extend_from_slice(&header);
            }
            frame.resize(header + length, 0);
            let start = from.mark();
            if let Err(errno) = from.take(&mut frame[header..]) {
                from.rewind(start);
                let cost = length as u32 + stream.frame_cost();
                self.state.lock().outputs[index(stream)].credit.add(cost);
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
            port.send(frame);
            count += length;
        }
        Ok(count)
    }
}
