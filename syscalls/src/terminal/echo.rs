//! What the terminal shows of what is typed.

use alloc::vec::Vec;

use linux_raw_sys::general::{ECHOCTL, OPOST};

use super::characters::is_control;
use super::output::{Columns, Expansion};
use super::{CAPACITY, Device, LineDiscipline};

/// Echo on its way to the device. It goes out after each batch of input, or waits while output is stopped.
pub(super) struct Echo {
    waiting: Vec<u8>,
    /// The columns before the first waiting byte, for when they are thrown away unseen.
    before: Columns,
}

/// So much echo is gathered before it is handed on within one batch.
const BATCH: usize = 256;

impl Echo {
    pub(super) fn new() -> Self {
        Self {
            waiting: Vec::with_capacity(BATCH),
            before: Columns::default(),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_due(&self) -> bool {
        self.waiting.len() >= BATCH
    }

    fn push(&mut self, bytes: &[u8], columns: Columns) {
        if self.waiting.is_empty() {
            self.before = columns;
        }
        let excess = (self.waiting.len() + bytes.len()).saturating_sub(CAPACITY);
        // The newest is worth most to whoever sits at the screen once output goes on.
        self.waiting.drain(..excess.min(self.waiting.len()));
        self.waiting.extend_from_slice(bytes);
    }
}

impl LineDiscipline {
    /// Hands waiting echo to the device, as far as it may and can go.
    pub fn flush_echo(&mut self, device: &mut impl Device) {
        if self.is_stopped() || !self.echo.is_waiting() {
            return;
        }
        let count = device.room().min(self.echo.waiting.len());
        if let Some(bytes) = self
            .echo
            .waiting
            .get(..count)
            .filter(|bytes| !bytes.is_empty())
        {
            device.put(bytes);
        }
        self.echo.waiting.drain(..count);
        self.echo.before = self.columns;
    }

    /// Forgets echo that has not gone out, and the columns it would have taken.
    pub(super) fn discard_echo(&mut self) {
        if self.echo.is_waiting() {
            self.echo.waiting.clear();
            self.columns = self.echo.before;
        }
    }

    /// Echoes a typed character: a control character as `^X` under ECHOCTL.
    pub(super) fn echo_typed(&mut self, byte: u8) {
        if self.termios.local(ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.echo.push(&[b'^', byte ^ 0x40], self.columns);
            self.columns.current = self.columns.current.wrapping_add(2);
        } else {
            self.echo_plain(byte);
        }
    }

    /// Echoes a byte as a program's output.
    pub(super) fn echo_plain(&mut self, byte: u8) {
        let columns = self.columns;
        if byte == 0xff {
            // Linux's echo queue uses 0xff for itself: an echoed one takes no part in output processing.
            self.echo.push(&[byte], columns);
            self.columns.current = columns.current.wrapping_add(1);
            return;
        }
        if !self.termios.output(OPOST) {
            self.echo.push(&[byte], columns);
            return;
        }
        match columns.expand(&self.termios, byte) {
            Expansion::Same => self.echo.push(&[byte], columns),
            Expansion::Nothing => return,
            Expansion::Byte(other) => self.echo.push(&[other], columns),
            Expansion::Bytes(bytes) => self.echo.push(bytes, columns),
        }
        self.columns.advance(&self.termios, byte);
    }

    /// Wipes one shown column.
    pub(super) fn echo_wipe(&mut self) {
        for &byte in b"\x08 \x08" {
            self.echo_plain(byte);
        }
    }

    /// Goes back over an erased tab; `width` columns lie between it and the tab before it, or, without one, the start of
    /// the line that is being typed.
    pub(super) fn echo_tab_back(&mut self, width: usize, after_tab: bool) {
        let start = if after_tab {
            0
        } else {
            self.columns.line_start
        };
        let column = start.wrapping_add(width);
        for _ in 0..8 - (column & 7) {
            self.echo.push(b"\x08", self.columns);
            self.columns.back();
        }
    }
}
