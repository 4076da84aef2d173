//! What the terminal shows of what is typed.

use alloc::collections::VecDeque;

use linux_raw_sys::general::{ECHOCTL, OPOST};

use super::characters::is_control;
use super::output::Expansion;
use super::{CAPACITY, Device, LineDiscipline};

/// One thing to show. What becomes of it is settled when it goes out, by the column and the settings of then.
#[derive(Clone, Copy)]
enum Step {
    /// A byte as a program's output.
    Plain(u8),
    /// A control character as `^X`.
    Caret(u8),
    /// Here begins the line that is being typed.
    LineStart,
    /// The byte shown last took no column: it belongs to the character before it.
    SameColumn,
    /// Back over an erased tab. Modulo 8, `width` columns lie between it and the tab before it, or, without one, the
    /// line's start.
    TabBack { width: u8, after_tab: bool },
}

/// Echo on its way to the device. It goes out after each batch of input, or waits while output is stopped.
pub(super) struct Echo {
    waiting: VecDeque<Step>,
    /// Something was added since the last try to hand it on.
    fresh: bool,
}

/// So much echo is gathered before it is handed on within one batch.
const BATCH: usize = 256;

impl Echo {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(BATCH), fresh: false }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Is there echo that no try to hand on has seen?
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    pub(super) fn is_due(&self) -> bool {
        self.waiting.len() >= BATCH
    }

    /// Forgets what has not gone out.
    pub(super) fn discard(&mut self) {
        self.waiting.clear();
        self.fresh = false;
    }

    fn push(&mut self, step: Step) {
        if self.waiting.len() >= CAPACITY {
            // The newest is worth most to whoever sits at the screen once output goes on.
            self.waiting.pop_front();
        }
        self.waiting.push_back(step);
        self.fresh = true;
    }

    /// Shows a byte as a program's output.
    pub(super) fn plain(&mut self, byte: u8) {
        self.push(Step::Plain(byte));
    }

    /// Notes that the line that is being typed begins here.
    pub(super) fn line_start(&mut self) {
        self.push(Step::LineStart);
    }

    /// Shows a further byte of the same character.
    pub(super) fn same_character(&mut self, byte: u8) {
        self.push(Step::Plain(byte));
        self.push(Step::SameColumn);
    }

    /// Wipes one shown column.
    pub(super) fn wipe(&mut self) {
        for &byte in b"\x08 \x08" {
            self.push(Step::Plain(byte));
        }
    }

    /// Goes back over an erased tab; `width` columns lie between it and the tab before it, or, without one, the start of
    /// the line that is being typed.
    pub(super) fn tab_back(&mut self, width: usize, after_tab: bool) {
        self.push(Step::TabBack { width: (width & 7) as u8, after_tab });
    }
}

/// Bytes on the way from the echo queue to the device, so that it gets them in runs.
#[derive(Default)]
struct Run {
    bytes: [u8; 32],
    length: usize,
}

impl Run {
    fn add(&mut self, bytes: &[u8], device: &mut impl Device) {
        if self.length + bytes.len() > self.bytes.len() {
            self.hand_on(device);
        }
        for (place, byte) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *place = *byte;
            self.length += 1;
        }
    }

    fn hand_on(&mut self, device: &mut impl Device) {
        if let Some(bytes) = self.bytes.get(..self.length).filter(|bytes| !bytes.is_empty()) {
            device.put(bytes);
        }
        self.length = 0;
    }
}

impl LineDiscipline {
    /// Hands waiting echo to the device, as far as it may and can go.
    pub fn flush_echo(&mut self, device: &mut impl Device) {
        self.echo.fresh = false;
        if self.is_stopped() {
            return;
        }
        let mut run = Run::default();
        while let Some(&step) = self.echo.waiting.front() {
            let mut bytes = [0; 8];
            let shown = self.shown(step, &mut bytes);
            if device.room().saturating_sub(run.length) < shown.len() {
                break;
            }
            run.add(shown, device);
            self.follow(step, shown.len());
            self.echo.waiting.pop_front();
        }
        run.hand_on(device);
    }

    /// The bytes that a step puts on the screen now.
    fn shown<'a>(&self, step: Step, bytes: &'a mut [u8; 8]) -> &'a [u8] {
        let [first, second, ..] = bytes;
        let count = match step {
            Step::LineStart | Step::SameColumn => 0,
            Step::Caret(byte) => {
                (*first, *second) = (b'^', byte ^ 0x40);
                2
            }
            Step::Plain(byte) => {
                *first = byte;
                match self.columns.expand(&self.termios, byte) {
                    // Linux's echo queue uses 0xff for itself: an echoed one takes no part in output processing.
                    _ if !self.termios.output(OPOST) || byte == 0xff => 1,
                    Expansion::Same => 1,
                    Expansion::Nothing => 0,
                    Expansion::Byte(other) => {
                        *first = other;
                        1
                    }
                    Expansion::Bytes(all) => {
                        bytes.iter_mut().zip(all).for_each(|(place, byte)| *place = *byte);
                        all.len()
                    }
                }
            }
            Step::TabBack { width, after_tab } => {
                let start = if after_tab { 0 } else { self.columns.line_start };
                bytes.fill(0x08);
                8 - (start.wrapping_add(usize::from(width)) & 7)
            }
        };
        bytes.get(..count).unwrap_or_default()
    }

    /// Moves the column as a step of so many bytes does.
    fn follow(&mut self, step: Step, shown: usize) {
        match step {
            Step::LineStart => self.columns.line_start = self.columns.current,
            Step::SameColumn => self.columns.back(1),
            Step::TabBack { .. } => self.columns.back(shown),
            Step::Caret(_) => self.columns.forward(2),
            Step::Plain(0xff) => self.columns.forward(1),
            Step::Plain(byte) if self.termios.output(OPOST) => self.columns.advance(&self.termios, byte),
            Step::Plain(_) => {}
        }
    }

    /// Echoes a typed character: a control character as `^X` under ECHOCTL.
    pub(super) fn echo_typed(&mut self, byte: u8) {
        if self.termios.local(ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.echo.push(Step::Caret(byte));
        } else {
            self.echo.push(Step::Plain(byte));
        }
    }
}
