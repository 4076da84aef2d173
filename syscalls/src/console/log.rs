//! The log on its way to the tool: what has no credit yet waits.

use super::Port;
use crate::wire::{self, Credit, Stream};
use alloc::format;
use alloc::vec::Vec;

/// How much may wait, in bytes.
const LIMIT: usize = 64 << 10;

/// The kernel's log and the trace.
pub(super) struct Log {
    pub(super) credit: Credit,
    waiting: Vec<u8>,
    /// Lines that found no room any more.
    dropped: usize,
}

impl Log {
    pub(super) const fn new() -> Self {
        Self { credit: Credit::initial(Stream::Log), waiting: Vec::new(), dropped: 0 }
    }

    /// Adds a line with its end, or drops it.
    pub(super) fn add(&mut self, line: &[u8], port: &dyn Port) {
        if !port.is_framed() {
            return port.send(line.to_vec());
        }
        if self.has_room(line.len()) {
            self.waiting.extend_from_slice(line);
        } else {
            self.dropped += 1;
        }
        self.flush(port);
    }

    /// Adds a line without an end; `false`, with nothing done, while there is no room for it.
    pub(super) fn add_whole(&mut self, line: &[u8], port: &dyn Port) -> bool {
        if !port.is_framed() {
            port.send([line, b"\r\n"].concat());
            return true;
        }
        self.flush(port);
        if !self.has_room(line.len()) {
            return false;
        }
        self.waiting.extend_from_slice(line);
        self.waiting.push(b'\n');
        self.flush(port);
        true
    }

    /// A line that is longer than all of the room may come alone.
    fn has_room(&self, length: usize) -> bool {
        self.waiting.is_empty() || self.waiting.len() + length < LIMIT
    }

    /// Sends what there is credit for; whether that is all.
    pub(super) fn flush(&mut self, port: &dyn Port) -> bool {
        loop {
            if self.dropped > 0 && self.waiting.len() < LIMIT / 2 {
                let dropped = core::mem::take(&mut self.dropped);
                self.waiting.extend_from_slice(format!("{dropped} lines of the log were lost\n").as_bytes());
            }
            if self.waiting.is_empty() {
                return true;
            }
            let length = self.credit.take(self.waiting.len());
            let Ok(header) = wire::data_header(Stream::Log, length) else { return false };
            let rest = self.waiting.split_off(length);
            let bytes = core::mem::replace(&mut self.waiting, rest);
            port.send([&header[..], &bytes].concat());
        }
    }
}

/// As a serial line's terminal wants its lines: `\n` goes to the next one, `\r` to its begin.
pub(super) fn with_carriage_returns(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len() + 8);
    for &byte in text {
        if byte == b'\n' {
            lines.push(b'\r');
        }
        lines.push(byte);
    }
    lines
}
