//! From the program to the device: output processing (OPOST) and the column it keeps.

use linux_raw_sys::general::{IUTF8, OCRNL, OLCUC, ONLCR, ONLRET, ONOCR, OPOST, TABDLY, XTABS};

use super::characters::{is_continuation, is_control, to_upper};
use super::{LineDiscipline, Termios};

/// Where a terminal's output goes: a console, or the queue that a pseudo-terminal's master reads.
pub trait Device {
    /// How many bytes [`put`](Self::put) takes now. What finds no room stays with the program or in the echo queue.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Takes these bytes, never more than there is room for.
    fn put(&mut self, bytes: &[u8]);

    /// Throws away what was put and has not left yet (TCOFLUSH, or a ^C without NOFLSH).
    fn discard(&mut self) {}

    /// How many bytes were put and have not left yet (TIOCOUTQ).
    fn queued(&self) -> usize {
        0
    }
}

impl Device for alloc::vec::Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The terminal was hung up: a write fails with `EIO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HungUp;

/// What a byte becomes on its way out.
pub(super) enum Expansion {
    Same,
    Nothing,
    Byte(u8),
    Bytes(&'static [u8]),
}

/// Where the next character lands, as far as the terminal can know.
#[derive(Clone, Copy, Default)]
pub(super) struct Columns {
    /// The column, counted from 0.
    pub(super) current: usize,
    /// The column at which the line that is being typed began.
    pub(super) line_start: usize,
}

impl Columns {
    /// What OPOST makes of `byte` at this column.
    pub(super) fn expand(self, termios: &Termios, byte: u8) -> Expansion {
        match byte {
            b'\n' if termios.output(ONLCR) => Expansion::Bytes(b"\r\n"),
            b'\r' if termios.output(ONOCR) && self.current == 0 => Expansion::Nothing,
            b'\r' if termios.output(OCRNL) => Expansion::Byte(b'\n'),
            b'\t' if termios.output_flags & TABDLY == XTABS => {
                Expansion::Bytes(b"        ".get(self.current & 7..).unwrap_or_default())
            }
            _ if termios.output(OLCUC) && to_upper(byte) != byte => Expansion::Byte(to_upper(byte)),
            _ => Expansion::Same,
        }
    }

    /// Moves as OPOST counts `byte`.
    pub(super) fn advance(&mut self, termios: &Termios, byte: u8) {
        match byte {
            b'\n' => {
                if termios.output(ONLCR | ONLRET) {
                    self.current = 0;
                }
                self.line_start = self.current;
            }
            b'\r' if termios.output(OCRNL) && !termios.output(ONLRET) => {}
            b'\r' => *self = Self::default(),
            b'\t' => self.forward(8 - (self.current & 7)),
            0x08 => self.back(1),
            _ if is_control(byte) => {}
            _ => {
                let shown = if termios.output(OLCUC) { to_upper(byte) } else { byte };
                if !(termios.input(IUTF8) && is_continuation(shown)) {
                    self.forward(1);
                }
            }
        }
    }

    pub(super) fn back(&mut self, columns: usize) {
        self.current = self.current.saturating_sub(columns);
    }

    pub(super) fn forward(&mut self, columns: usize) {
        self.current = self.current.wrapping_add(columns);
    }
}

impl LineDiscipline {
    /// Writes a program's bytes to the device; returns how many were taken. Fewer than all means that the device is full or
    /// that output is stopped: the caller waits and goes on with the rest.
    pub fn write(&mut self, bytes: &[u8], device: &mut impl Device) -> Result<usize, HungUp> {
        if self.hung_up {
            return Err(HungUp);
        }
        self.flush_echo(device);
        if self.is_stopped() || self.echo.is_waiting() {
            return Ok(0);
        }
        if !self.termios.output(OPOST) {
            let run = bytes.get(..device.room()).unwrap_or(bytes);
            if !run.is_empty() {
                device.put(run);
            }
            return Ok(run.len());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let run = self.plain_run(rest.get(..device.room()).unwrap_or(rest));
            let (run, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            if !run.is_empty() {
                device.put(run);
            }
            rest = after;
            let Some((&byte, after)) = rest.split_first() else {
                break;
            };
            let single;
            let shown: &[u8] = match self.columns.expand(&self.termios, byte) {
                Expansion::Same => {
                    single = [byte];
                    &single
                }
                Expansion::Nothing => &[],
                Expansion::Byte(other) => {
                    single = [other];
                    &single
                }
                Expansion::Bytes(bytes) => bytes,
            };
            if device.room() < shown.len().max(1) {
                break;
            }
            if !shown.is_empty() {
                device.put(shown);
            }
            self.columns.advance(&self.termios, byte);
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// How many bytes from the start go out as they are; counts their columns.
    fn plain_run(&mut self, bytes: &[u8]) -> usize {
        let mut run = 0;
        for &byte in bytes {
            if !matches!(self.columns.expand(&self.termios, byte), Expansion::Same) {
                break;
            }
            self.columns.advance(&self.termios, byte);
            run += 1;
        }
        run
    }
}
