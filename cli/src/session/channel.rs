//! The tool's end of the channel to the guest.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use birgus_syscalls::wire::{self, Control, Decoder, Direction, Event, Stream, data_header};
use nix::poll::PollFlags;

/// When more than this waits to be sent, no more input is read.
const CONGESTION: usize = wire::MAX_PAYLOAD;

#[derive(Debug)]
pub(super) struct Channel {
    socket: UnixStream,
    decoder: Decoder,
    /// What the socket has not taken yet.
    outgoing: Vec<u8>,
}

impl Channel {
    /// A channel over a socket that does not block.
    pub(super) fn new(socket: UnixStream) -> Self {
        Self { socket, decoder: Decoder::new(Direction::ToHost), outgoing: Vec::new() }
    }

    pub(super) fn send(&mut self, control: Control) {
        self.outgoing.extend_from_slice(&control.encode());
        self.flush();
    }

    /// Sends a piece of standard input, as long as a frame may be.
    pub(super) fn send_input(&mut self, bytes: &[u8]) {
        let header = data_header(Stream::Input, bytes.len()).expect("no more is read than fits into a frame");
        self.outgoing.extend_from_slice(&header);
        self.outgoing.extend_from_slice(bytes);
        self.flush();
    }

    /// Sends as much as the socket takes. That the other end is gone shows when reading, after its last words.
    pub(super) fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.outgoing.len() {
            match self.socket.write(&self.outgoing[sent..]) {
                Ok(length) => sent += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => sent = self.outgoing.len(),
            }
        }
        self.outgoing.drain(..sent);
    }

    pub(super) fn is_congested(&self) -> bool {
        self.outgoing.len() > CONGESTION
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }

    pub(super) fn decode<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Event<'a>>, wire::Error> {
        self.decoder.next(bytes)
    }

    pub(super) fn interest(&self) -> PollFlags {
        if self.outgoing.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
