//! One handler for the requests that concern the line, shared by every kind of terminal.

use linux_raw_sys::general::{CLOCAL, TCIFLUSH, TCIOFF, TCIOFLUSH, TCION, TCOFLUSH, TCOOFF, TCOON};

use super::request::N_TTY;
use super::{Device, Flow, Form, LineDiscipline, LineRequest, Queues, Signal, Termios, When, WindowSize};

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done; `ioctl` returns 0. Wake readers and writers where the request could let them go on.
    Done,
    /// These bytes go to the address in the argument; `ioctl` returns 0.
    Gives(Reply),
    /// Done, and the foreground group is due a `SIGWINCH`.
    Resized,
}

/// The bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    bytes: [u8; Termios::SIZE_2],
    length: usize,
}

impl Reply {
    fn new(from: &[u8]) -> Self {
        let mut bytes = [0; Termios::SIZE_2];
        let mut length = 0;
        for (place, byte) in bytes.iter_mut().zip(from) {
            *place = *byte;
            length += 1;
        }
        Self { bytes, length }
    }

    /// The bytes, as many as [`argument`](super::TerminalRequest::argument) said.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Why a request was refused: `EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The number in the argument has no meaning here.
    UnknownValue,
    /// The bytes handed over are not as many as the request takes; a mistake of the caller, not of the program.
    WrongSize,
}

impl LineDiscipline {
    /// Answers a request that concerns the line. `value` is the third argument of `ioctl` as a number; `taken` the bytes at
    /// its address where [`argument`](super::TerminalRequest::argument) says that the request takes some, otherwise empty.
    ///
    /// Before this the caller waits and checks as [`LineRequest::waits_for_output`] and
    /// [`LineRequest::is_for_foreground`] say.
    pub fn answer(
        &mut self,
        request: LineRequest,
        value: u64,
        taken: &[u8],
        device: &mut impl Device,
        signal: &mut impl FnMut(Signal),
    ) -> Result<Answer, Refusal> {
        match request {
            LineRequest::GetSettings(form) => Ok(Answer::Gives(self.settings(form))),
            LineRequest::SetSettings(form, when) => {
                let termios = self.new_settings(form, taken)?;
                if when == When::DrainedAndFlushed {
                    self.flush(Queues::Input, device);
                }
                self.set_termios(termios, device);
                Ok(Answer::Done)
            }
            LineRequest::Flow => {
                let flow = match plain_number(value)? {
                    TCOOFF => Flow::StopOutput,
                    TCOON => Flow::StartOutput,
                    TCIOFF => Flow::StopInput,
                    TCION => Flow::StartInput,
                    _ => return Err(Refusal::UnknownValue),
                };
                self.flow(flow, device);
                Ok(Answer::Done)
            }
            LineRequest::Flush => {
                let queues = match plain_number(value)? {
                    TCIFLUSH => Queues::Input,
                    TCOFLUSH => Queues::Output,
                    TCIOFLUSH => Queues::Both,
                    _ => return Err(Refusal::UnknownValue),
                };
                self.flush(queues, device);
                Ok(Answer::Done)
            }
            // A device without wires has no break to send: Linux's pseudo-terminals say yes and do nothing.
            LineRequest::SendBreak | LineRequest::SendBreakFor | LineRequest::StartBreak | LineRequest::EndBreak => {
                Ok(Answer::Done)
            }
            LineRequest::CountInput => Ok(word(self.input_count())),
            LineRequest::CountOutput => Ok(word(device.queued())),
            LineRequest::TypeByte => {
                let [byte] = exactly(taken)?;
                self.receive(&[byte], device, signal);
                Ok(Answer::Done)
            }
            LineRequest::GetWindowSize => Ok(Answer::Gives(Reply::new(&self.window_size().to_bytes()))),
            LineRequest::SetWindowSize => {
                let resized = self.set_window_size(WindowSize::from_bytes(exactly(taken)?));
                Ok(if resized { Answer::Resized } else { Answer::Done })
            }
            LineRequest::GetDiscipline => Ok(word(N_TTY as usize)),
            LineRequest::SetDiscipline => match u32::from_ne_bytes(exactly(taken)?) {
                N_TTY => Ok(Answer::Done),
                _ => Err(Refusal::UnknownValue),
            },
            LineRequest::GetSoftCarrier => Ok(word(usize::from(self.termios.control_flags & CLOCAL != 0))),
            LineRequest::SetSoftCarrier => {
                let mut termios = self.termios;
                match u32::from_ne_bytes(exactly(taken)?) {
                    0 => termios.control_flags &= !CLOCAL,
                    _ => termios.control_flags |= CLOCAL,
                }
                self.set_termios(termios, device);
                Ok(Answer::Done)
            }
        }
    }

    fn settings(&self, form: Form) -> Reply {
        match form {
            Form::Termios => Reply::new(&self.termios.to_bytes()),
            Form::Termios2 => Reply::new(&self.termios.to_bytes_2()),
            Form::Termio => Reply::new(&self.termios.to_bytes_old()),
        }
    }

    fn new_settings(&self, form: Form, taken: &[u8]) -> Result<Termios, Refusal> {
        Ok(match form {
            Form::Termios => self.termios.with_bytes(&exactly(taken)?),
            Form::Termios2 => self.termios.with_bytes_2(&exactly(taken)?),
            Form::Termio => self.termios.with_bytes_old(&exactly(taken)?),
        })
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refusal> {
    bytes.try_into().map_err(|_| Refusal::WrongSize)
}

fn plain_number(value: u64) -> Result<u32, Refusal> {
    u32::try_from(value).map_err(|_| Refusal::UnknownValue)
}

/// An `int`; more than one holds is its largest.
fn word(count: usize) -> Answer {
    Answer::Gives(Reply::new(&i32::try_from(count).unwrap_or(i32::MAX).to_ne_bytes()))
}
