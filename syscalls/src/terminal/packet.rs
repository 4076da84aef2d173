//! Packet mode (`TIOCPKT`, `ioctl_tty(2)`): what a pseudo-terminal's master is told about the slave's line.

use linux_raw_sys::general::{
    EXTPROC, IXON, TIOCPKT_DOSTOP, TIOCPKT_FLUSHREAD, TIOCPKT_FLUSHWRITE, TIOCPKT_IOCTL, TIOCPKT_NOSTOP, TIOCPKT_START,
    TIOCPKT_STOP, VSTART, VSTOP,
};

use super::Termios;

/// The `TIOCPKT_*` bits gathered since the master last asked; nothing is gathered while packet mode is off.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketStatus {
    on: bool,
    bits: u8,
}

impl PacketStatus {
    /// Turns packet mode on or off; turning it on begins with an empty status.
    pub fn switch(&mut self, on: bool) {
        if on && !self.on {
            self.bits = 0;
        }
        self.on = on;
    }

    /// Is packet mode on?
    pub fn is_on(self) -> bool {
        self.on
    }

    /// Is there something to tell the master? (The master is then readable, with `POLLPRI`.)
    pub fn is_pending(self) -> bool {
        self.on && self.bits != 0
    }

    /// The gathered bits, the byte that the master reads next, or `None`; they are gone afterwards.
    pub fn take(&mut self) -> Option<u8> {
        self.is_pending().then(|| core::mem::take(&mut self.bits))
    }

    fn replace(&mut self, clear: u32, set: u32) {
        if self.on {
            self.bits = self.bits & !(clear as u8) | set as u8;
        }
    }

    pub(super) fn input_flushed(&mut self) {
        self.replace(0, TIOCPKT_FLUSHREAD);
    }

    pub(super) fn output_flushed(&mut self) {
        self.replace(0, TIOCPKT_FLUSHWRITE);
    }

    pub(super) fn stopped(&mut self) {
        self.replace(TIOCPKT_START, TIOCPKT_STOP);
    }

    pub(super) fn started(&mut self) {
        self.replace(TIOCPKT_STOP, TIOCPKT_START);
    }

    pub(super) fn settings_changed(&mut self, old: &Termios, new: &Termios) {
        // rlogin's way: the master may only do the flow control itself while the characters are ^S and ^Q.
        let plain_flow = |t: &Termios| t.input(IXON) && t.control(VSTOP) == 0x13 && t.control(VSTART) == 0x11;
        match (plain_flow(old), plain_flow(new)) {
            (false, true) => self.replace(TIOCPKT_NOSTOP, TIOCPKT_DOSTOP),
            (true, false) => self.replace(TIOCPKT_DOSTOP, TIOCPKT_NOSTOP),
            _ => {}
        }
        if old.local(EXTPROC) || new.local(EXTPROC) {
            self.replace(0, TIOCPKT_IOCTL);
        }
    }
}
