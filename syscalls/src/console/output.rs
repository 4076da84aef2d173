//! One of the streams that go out.

use super::Port;
use crate::terminal::Device;
use crate::wire::{self, Credit, HEADER_LEN, Stream};
use alloc::vec::Vec;

/// The state of an output stream.
pub(super) struct Output {
    pub(super) stream: Stream,
    pub(super) credit: Credit,
    /// Nobody reads it any more.
    pub(super) closed: bool,
}

impl Output {
    pub(super) const fn new(stream: Stream) -> Self {
        Self { stream, credit: Credit::initial(stream), closed: false }
    }
}

/// No frame is begun on a terminal for fewer bytes than this: a tab or a line's end must fit.
const LEAST: usize = 16;

/// How many bytes a terminal's output takes now.
pub(super) fn terminal_room(output: Option<&Output>, port: &dyn Port) -> usize {
    match output {
        Some(output) if port.is_framed() && !output.closed => {
            let room = output.credit.room();
            if room < LEAST { 0 } else { room }
        }
        _ => usize::MAX,
    }
}

/// A terminal's output during one operation: gathers what is put, and sends it as one frame in the end. Without a
/// stream nobody sees what the terminal shows.
pub(super) struct Outlet<'a> {
    pub(super) output: Option<&'a mut Output>,
    pub(super) port: &'a dyn Port,
    gathered: Vec<u8>,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(output: Option<&'a mut Output>, port: &'a dyn Port) -> Self {
        Self { output: output.filter(|output| !output.closed), port, gathered: Vec::new() }
    }

    /// The bytes of the frame's header.
    fn header_length(&self) -> usize {
        if self.port.is_framed() { HEADER_LEN } else { 0 }
    }

    /// Sends what was put.
    pub(super) fn send(mut self) {
        let (Some(output), false) = (self.output.take(), self.gathered.is_empty()) else { return };
        if let Some((place, bytes)) = self.gathered.split_first_chunk_mut().filter(|_| self.port.is_framed()) {
            let length = output.credit.take(bytes.len());
            debug_assert_eq!(length, bytes.len(), "room() was kept to");
            let Ok(header) = wire::data_header(output.stream, length) else { return };
            *place = header;
        }
        self.port.send(self.gathered);
    }
}

impl Device for Outlet<'_> {
    fn room(&self) -> usize {
        let gathered = self.gathered.len().saturating_sub(self.header_length());
        match terminal_room(self.output.as_deref(), self.port) {
            usize::MAX => usize::MAX,
            room => room.saturating_sub(gathered),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.output.is_none() || bytes.is_empty() {
            return;
        }
        if self.gathered.is_empty() {
            self.gathered.resize(self.header_length(), 0);
        }
        self.gathered.extend_from_slice(bytes);
    }
}
