//! From the keys to the queue: input mapping, signals, flow control and the editing of the line.

use linux_raw_sys::general::{
    BRKINT, ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHONL, ECHOPRT, EXTPROC, ICRNL, IEXTEN, IGNBRK, IGNCR, IGNPAR, INLCR,
    INPCK, ISIG, ISTRIP, IUCLC, IUTF8, IXANY, IXON, NOFLSH, PARMRK, VEOF, VEOL, VEOL2, VERASE, VINTR, VKILL, VLNEXT,
    VQUIT, VREPRINT, VSTART, VSTOP, VSUSP, VWERASE,
};

use super::characters::{DISABLED, is_continuation, is_control, is_word, to_lower};
use super::{CAPACITY, Device, LineDiscipline, Signal};

/// What a device can report in place of a good byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// The line was held low for longer than a byte.
    Break,
    /// This byte came with a wrong parity or stop bit.
    Parity(u8),
}

/// How much of a line an editing key takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Character,
    Word,
    Line,
}

impl LineDiscipline {
    /// Takes bytes from the device (typed, or written by a pseudo-terminal's master). Echo goes to `device`, signals to
    /// `signal` in the order of the keys. Returns how many bytes were taken: when the reader is behind, the caller keeps the
    /// rest and offers it again after the next read or flush.
    ///
    /// Wake readers if the line became [`readable`](Self::readable), and writers if it is not
    /// [stopped](Self::is_stopped) any more.
    pub fn receive(&mut self, bytes: &[u8], device: &mut impl Device, signal: &mut impl FnMut(Signal)) -> usize {
        if self.hung_up {
            return bytes.len();
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.make_room();
            if room == 0 {
                break;
            }
            let (batch, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            if self.raw || self.termios.local(EXTPROC) && !self.maps_bytes() {
                self.queue.push_all(batch);
            } else {
                for &byte in batch {
                    self.receive_byte(byte, device, signal);
                    if self.echo.is_due() {
                        self.flush_echo(device);
                    }
                }
            }
            if self.termios.local(ECHO | ECHONL) && self.echo.is_fresh() {
                self.flush_echo(device);
            }
            rest = after;
        }
        bytes.len() - rest.len()
    }

    /// Takes a break or a damaged byte from the device.
    pub fn receive_error(&mut self, error: LineError, device: &mut impl Device, signal: &mut impl FnMut(Signal)) {
        let termios = self.termios;
        match error {
            _ if self.hung_up => {}
            LineError::Break if termios.input(IGNBRK) => {}
            LineError::Break if termios.input(BRKINT) => {
                self.raise(Signal::Interrupt, device, signal);
            }
            LineError::Break if termios.input(PARMRK) => self.queue.push_all(&[0xff, 0, 0]),
            LineError::Break => self.queue.push(0),
            LineError::Parity(byte) if !termios.input(INPCK) => self.queue.push(byte),
            LineError::Parity(_) if termios.input(IGNPAR) => {}
            LineError::Parity(byte) if termios.input(PARMRK) => {
                self.queue.push_all(&[0xff, 0, byte]);
            }
            LineError::Parity(_) => self.queue.push(0),
        }
    }

    /// How many bytes may be taken in at once.
    ///
    /// One place is kept free. A line that fills all others goes on being edited a byte at a time: whatever comes takes the
    /// last place from what was there, so that a newline can end it.
    fn make_room(&mut self) -> usize {
        let free = CAPACITY - self.queue.len();
        // A byte may become three under PARMRK.
        let places = if self.termios.input(PARMRK) { free.div_ceil(3) } else { free };
        if places > 1 {
            return places - 1;
        }
        let line_fills_all = self.is_canonical() && self.queue.finished_len() == 0;
        if line_fills_all && places == 0 {
            self.queue.erase(1);
        }
        usize::from(line_fills_all)
    }

    fn maps_bytes(&self) -> bool {
        self.termios.input(ISTRIP) || self.termios.input(IUCLC) && self.termios.local(IEXTEN)
    }

    fn receive_byte(&mut self, byte: u8, device: &mut impl Device, signal: &mut impl FnMut(Signal)) {
        let mut byte = byte;
        if self.termios.input(ISTRIP) {
            byte &= 0x7f;
        }
        if self.termios.input(IUCLC) && self.termios.local(IEXTEN) {
            byte = to_lower(byte);
        }
        if self.termios.local(EXTPROC) {
            self.queue.push(byte);
        } else if core::mem::take(&mut self.literal_next) || !self.is_special(byte) {
            if self.any_starts(IXANY) {
                self.start(device);
            }
            self.enter(byte);
        } else {
            self.receive_special(byte, device, signal);
        }
    }

    /// A byte joins the line.
    fn enter(&mut self, byte: u8) {
        if self.termios.local(ECHO) {
            self.finish_printing_erased();
            self.note_line_start();
            self.echo_typed(byte);
        }
        self.queue_byte(byte);
    }

    fn queue_byte(&mut self, byte: u8) {
        if byte == 0xff && self.termios.input(PARMRK) {
            self.queue.push(byte);
        }
        self.queue.push(byte);
    }

    fn note_line_start(&mut self) {
        if self.queue.line_len() == 0 {
            self.echo.line_start();
        }
    }

    fn is_key(&self, byte: u8, index: u32) -> bool {
        byte != DISABLED && byte == self.termios.control(index)
    }

    fn receive_special(&mut self, byte: u8, device: &mut impl Device, signal: &mut impl FnMut(Signal)) {
        if self.termios.input(IXON) {
            if self.is_key(byte, VSTART) {
                return self.start(device);
            }
            if self.is_key(byte, VSTOP) {
                return self.stop();
            }
        }
        if self.termios.local(ISIG) {
            for (index, kind) in [(VINTR, Signal::Interrupt), (VQUIT, Signal::Quit), (VSUSP, Signal::Suspend)] {
                if self.is_key(byte, index) {
                    return self.receive_signal_key(byte, kind, device, signal);
                }
            }
        }
        if self.any_starts(IXANY) {
            self.start(device);
        }
        let byte = match byte {
            b'\r' if self.termios.input(IGNCR) => return,
            b'\r' if self.termios.input(ICRNL) => b'\n',
            b'\n' if self.termios.input(INLCR) => b'\r',
            other => other,
        };
        if self.is_canonical() && self.edit(byte) {
            return;
        }
        if byte == b'\n' {
            if self.termios.local(ECHO) {
                self.finish_printing_erased();
                self.echo.plain(byte);
            }
            self.queue.push(byte);
        } else {
            self.enter(byte);
        }
    }

    fn receive_signal_key(
        &mut self,
        byte: u8,
        kind: Signal,
        device: &mut impl Device,
        signal: &mut impl FnMut(Signal),
    ) {
        self.raise(kind, device, signal);
        if self.termios.input(IXON) {
            self.resume();
        }
        if self.termios.local(ECHO) {
            self.echo_typed(byte);
        } else {
            self.flush_echo(device);
        }
    }

    fn raise(&mut self, kind: Signal, device: &mut impl Device, signal: &mut impl FnMut(Signal)) {
        if !self.termios.local(NOFLSH) {
            self.flush_for_signal(device);
        }
        signal(kind);
    }

    /// Canonical mode's keys; false if `byte` is none of them.
    fn edit(&mut self, byte: u8) -> bool {
        let extended = self.termios.local(IEXTEN);
        let echo = self.termios.local(ECHO);
        if self.is_key(byte, VERASE) {
            self.erase(Extent::Character);
        } else if self.is_key(byte, VWERASE) && (extended || self.is_key(byte, VKILL)) {
            self.erase(Extent::Word);
        } else if self.is_key(byte, VKILL) {
            self.kill();
        } else if extended && self.is_key(byte, VLNEXT) {
            self.literal_next = true;
            if echo {
                self.finish_printing_erased();
                if self.termios.local(ECHOCTL) {
                    self.echo.plain(b'^');
                    self.echo.plain(0x08);
                }
            }
        } else if extended && echo && self.is_key(byte, VREPRINT) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if self.termios.local(ECHO | ECHONL) {
                self.echo.plain(byte);
            }
            self.queue.push_end(byte);
        } else if self.is_key(byte, VEOF) {
            self.queue.push_end(DISABLED);
        } else if self.is_key(byte, VEOL) || extended && self.is_key(byte, VEOL2) {
            if echo {
                self.note_line_start();
                self.echo_typed(byte);
            }
            if byte == 0xff && self.termios.input(PARMRK) {
                self.queue.push(byte);
            }
            self.queue.push_end(byte);
        } else {
            return false;
        }
        true
    }

    fn reprint(&mut self, key: u8) {
        self.finish_printing_erased();
        self.echo_typed(key);
        self.echo.plain(b'\n');
        for index in 0..self.queue.line_len() {
            if let Some(byte) = self.queue.line_byte(index) {
                self.echo_typed(byte);
            }
        }
    }

    fn kill(&mut self) {
        if self.termios.local(ECHO)
            && self.termios.local(ECHOK)
            && self.termios.local(ECHOKE)
            && self.termios.local(ECHOE)
        {
            return self.erase(Extent::Line);
        }
        if self.queue.line_len() == 0 {
            return;
        }
        self.queue.erase(usize::MAX);
        if self.termios.local(ECHO) {
            self.finish_printing_erased();
            self.echo_typed(self.termios.control(VKILL));
            if self.termios.local(ECHOK) {
                self.echo.plain(b'\n');
            }
        }
    }

    fn is_continuation(&self, byte: u8) -> bool {
        self.termios.input(IUTF8) && is_continuation(byte)
    }

    fn erase(&mut self, extent: Extent) {
        if self.queue.line_len() == 0 {
            return;
        }
        let mut in_word = false;
        while let Some((first, length)) = self.last_character() {
            if extent == Extent::Word {
                if is_word(first) {
                    in_word = true;
                } else if in_word {
                    break;
                }
            }
            let start = self.queue.line_len() - length;
            if self.termios.local(ECHO) {
                self.show_erased(first, start, length, extent);
            }
            self.queue.erase(length);
            if extent == Extent::Character {
                break;
            }
        }
        if self.queue.line_len() == 0 && self.termios.local(ECHO) {
            self.finish_printing_erased();
        }
    }

    /// The first byte and the length of the line's last character; `None` if nothing, or no whole character, is left.
    fn last_character(&self) -> Option<(u8, usize)> {
        self.queue
            .line_backwards()
            .enumerate()
            .find(|(_, byte)| !self.is_continuation(*byte))
            .map(|(back, byte)| (byte, back + 1))
    }

    /// Echoes the loss of the character that begins with `first`, `length` bytes from `start` on, still in the queue.
    fn show_erased(&mut self, first: u8, start: usize, length: usize, extent: Extent) {
        if self.termios.local(ECHOPRT) {
            if !core::mem::replace(&mut self.printing_erased, true) {
                self.echo.plain(b'\\');
            }
            self.echo_typed(first);
            for index in start + 1..start + length {
                if let Some(byte) = self.queue.line_byte(index) {
                    self.echo.same_character(byte);
                }
            }
        } else if extent == Extent::Character && !self.termios.local(ECHOE) {
            self.echo_typed(self.termios.control(VERASE));
        } else if first == b'\t' {
            let (width, after_tab) = self.width_before(length);
            self.echo.tab_back(width, after_tab);
        } else if !is_control(first) {
            self.echo.wipe();
        } else if self.termios.local(ECHOCTL) {
            self.echo.wipe();
            self.echo.wipe();
        }
    }

    /// The columns shown between the last `skipped` bytes of the line and the tab before them (then true) or the start.
    fn width_before(&self, skipped: usize) -> (usize, bool) {
        let mut width = 0;
        for byte in self.queue.line_backwards().skip(skipped) {
            match byte {
                b'\t' => return (width, true),
                _ if is_control(byte) => width += if self.termios.local(ECHOCTL) { 2 } else { 0 },
                _ if self.is_continuation(byte) => {}
                _ => width += 1,
            }
        }
        (width, false)
    }

    fn finish_printing_erased(&mut self) {
        if core::mem::take(&mut self.printing_erased) {
            self.echo.plain(b'/');
        }
    }
}
