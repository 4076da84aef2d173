//! The state of a terminal's line and what is set from outside: settings, flow, flushing, the window, the hang-up.

use linux_raw_sys::general::{
    ECHO, EXTPROC, ICANON, ICRNL, IEXTEN, IGNCR, INLCR, ISIG, ISTRIP, IUCLC, IXON, PARMRK, SIGINT, SIGQUIT, SIGTSTP,
    VEOF, VEOL, VEOL2, VERASE, VINTR, VKILL, VLNEXT, VQUIT, VREPRINT, VSTART, VSTOP, VSUSP, VWERASE,
};

use super::characters::DISABLED;
use super::echo::Echo;
use super::input::InputQueue;
use super::output::Columns;
use super::{Device, PacketStatus, Termios, WindowSize};

/// A signal for the terminal's foreground process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT`: VINTR was typed, or a break came in under BRKINT.
    Interrupt,
    /// `SIGQUIT`: VQUIT was typed.
    Quit,
    /// `SIGTSTP`: VSUSP was typed.
    Suspend,
}

impl Signal {
    /// Linux's number of the signal.
    pub fn number(self) -> u32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Quit => SIGQUIT,
            Self::Suspend => SIGTSTP,
        }
    }
}

/// `tcflow(3)`: the argument of TCXONC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// TCOOFF: hold output.
    StopOutput,
    /// TCOON: let output go on.
    StartOutput,
    /// TCIOFF: send VSTOP, so that the other side holds its output.
    StopInput,
    /// TCION: send VSTART.
    StartInput,
}

/// `tcflush(3)`: the argument of TCFLSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queues {
    /// TCIFLUSH: what came in and was not read.
    Input,
    /// TCOFLUSH: what was written and has not left.
    Output,
    /// TCIOFLUSH.
    Both,
}

/// A terminal's line: N_TTY. See the [module](super) for how it is used.
pub struct LineDiscipline {
    pub(super) termios: Termios,
    pub(super) queue: InputQueue,
    pub(super) echo: Echo,
    pub(super) columns: Columns,
    pub(super) packet: PacketStatus,
    window: WindowSize,
    /// One bit for each byte that means something under these settings; all others only enter the queue.
    special: [u64; 4],
    /// No setting looks at input bytes at all.
    pub(super) raw: bool,
    /// VLNEXT was typed: the next byte is taken literally.
    pub(super) literal_next: bool,
    /// ECHOPRT: between `\` and `/`.
    pub(super) printing_erased: bool,
    /// VSTOP was typed.
    stopped: bool,
    /// TCOOFF holds, which VSTART does not end.
    held: bool,
    pub(super) hung_up: bool,
}

impl LineDiscipline {
    /// A line with these settings, an empty queue and a window of unknown size (0 × 0).
    pub fn new(termios: Termios) -> Self {
        let mut line = Self {
            termios,
            queue: InputQueue::new(),
            echo: Echo::new(),
            columns: Columns::default(),
            packet: PacketStatus::default(),
            window: WindowSize::default(),
            special: [0; 4],
            raw: false,
            literal_next: false,
            printing_erased: false,
            stopped: false,
            held: false,
            hung_up: false,
        };
        line.find_special();
        line
    }

    /// The settings.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Canonical mode: input comes in lines. (Under EXTPROC the other end of the wire makes them.)
    pub(super) fn is_canonical(&self) -> bool {
        self.termios.local(ICANON)
    }

    /// Changes the settings (TCSETS; for TCSETSW the caller first waits until the device is empty, for TCSETSF it also
    /// [flushes](Self::flush) the input). Wake readers and writers afterwards: either may be able to go on.
    pub fn set_termios(&mut self, termios: Termios, device: &mut impl Device) {
        let old = self.termios;
        self.termios = termios.for_virtual_device();
        self.packet.settings_changed(&old, &self.termios);
        if (old.local_flags ^ self.termios.local_flags) & (ICANON | EXTPROC) != 0 {
            self.queue.reframe(self.is_canonical());
            self.printing_erased = false;
            self.literal_next = false;
        }
        self.find_special();
        // Without IXON nothing typed could start the output again.
        if old.input(IXON) && !self.termios.input(IXON) {
            self.start(device);
        }
    }

    fn find_special(&mut self) {
        let termios = self.termios;
        self.raw = !termios.input(ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)
            && !termios.local(ICANON | ISIG | ECHO);
        self.special = [0; 4];
        let mut mark = |when: bool, bytes: &[u8]| {
            for &byte in bytes.iter().filter(|byte| when && **byte != DISABLED) {
                if let Some(word) = self.special.get_mut(usize::from(byte / 64)) {
                    *word |= 1 << (byte % 64);
                }
            }
        };
        let key = |index| termios.control(index);
        let canonical = termios.local(ICANON);
        let extended = canonical && termios.local(IEXTEN);
        mark(termios.input(IGNCR | ICRNL), b"\r");
        mark(termios.input(INLCR) || canonical, b"\n");
        mark(canonical, &[key(VERASE), key(VKILL), key(VEOF), key(VEOL)]);
        mark(extended, &[key(VWERASE), key(VLNEXT), key(VEOL2)]);
        mark(extended && termios.local(ECHO), &[key(VREPRINT)]);
        mark(termios.input(IXON), &[key(VSTART), key(VSTOP)]);
        mark(termios.local(ISIG), &[key(VINTR), key(VQUIT), key(VSUSP)]);
    }

    pub(super) fn is_special(&self, byte: u8) -> bool {
        self.special.get(usize::from(byte / 64)).is_some_and(|word| word & (1 << (byte % 64)) != 0)
    }

    /// Is output stopped, by VSTOP or TCOOFF?
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.packet.stopped();
        }
    }

    /// Lets output go on, unless TCOOFF holds it.
    pub(super) fn resume(&mut self) {
        if self.stopped && !self.held {
            self.stopped = false;
            self.packet.started();
        }
    }

    /// Lets output go on, first of all echo that waited.
    pub(super) fn start(&mut self, device: &mut impl Device) {
        self.resume();
        self.flush_echo(device);
    }

    /// IXANY: may any character start the output again?
    pub(super) fn any_starts(&self, any: u32) -> bool {
        self.stopped && !self.held && self.termios.input(IXON) && self.termios.input(any)
    }

    /// TCXONC. Wake writers after [`Flow::StartOutput`].
    pub fn flow(&mut self, flow: Flow, device: &mut impl Device) {
        match flow {
            Flow::StopOutput => {
                self.held = true;
                self.stop();
            }
            Flow::StartOutput if self.held => {
                self.held = false;
                // Echo that waited goes out with the next key or write, as on Linux.
                self.resume();
            }
            Flow::StartOutput => {}
            Flow::StopInput => self.send_key(VSTOP, device),
            Flow::StartInput => self.send_key(VSTART, device),
        }
    }

    /// Sends a flow control character to the other side, past a stop by VSTOP. TCOOFF holds it back, and then it is lost.
    fn send_key(&mut self, index: u32, device: &mut impl Device) {
        let key = self.termios.control(index);
        if key != DISABLED && !self.held && device.room() > 0 {
            device.put(&[key]);
        }
    }

    /// TCFLSH. After flushing input offer the line what it refused before (see [`receive`](Self::receive)).
    pub fn flush(&mut self, queues: Queues, device: &mut impl Device) {
        if queues != Queues::Output {
            self.queue.clear();
            self.printing_erased = false;
            self.packet.input_flushed();
        }
        if queues != Queues::Input {
            device.discard();
            self.packet.output_flushed();
        }
    }

    /// A signal character or a break: everything under way is dropped unless NOFLSH says otherwise.
    pub(super) fn flush_for_signal(&mut self, device: &mut impl Device) {
        self.echo.discard();
        self.flush(Queues::Both, device);
    }

    /// What TIOCINQ (FIONREAD) answers: bytes that reads would give; in canonical mode those of finished lines.
    pub fn input_count(&self) -> usize {
        if self.is_canonical() && !self.termios.local(EXTPROC) { self.queue.finished_bytes() } else { self.queue.len() }
    }

    /// The window size (TIOCGWINSZ).
    pub fn window_size(&self) -> WindowSize {
        self.window
    }

    /// Sets the window size (TIOCSWINSZ); true if it is another one, so that the foreground group is due a `SIGWINCH`.
    pub fn set_window_size(&mut self, size: WindowSize) -> bool {
        core::mem::replace(&mut self.window, size) != size
    }

    /// Packet mode, for a pseudo-terminal's master.
    pub fn packet(&mut self) -> &mut PacketStatus {
        &mut self.packet
    }

    /// The terminal is gone: what waits is dropped, reads give end of file, writes fail, input is swallowed.
    /// `SIGHUP` and `SIGCONT`, and `EIO` for `ioctl`, are the caller's.
    pub fn hang_up(&mut self) {
        self.hung_up = true;
        self.queue.clear();
        self.echo.discard();
        self.stopped = false;
        self.held = false;
    }

    /// Was the terminal hung up?
    pub fn is_hung_up(&self) -> bool {
        self.hung_up
    }
}
