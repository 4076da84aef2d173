//! Terminals: Linux's line discipline N_TTY as a state machine without a device.
//!
//! ```text
//!             keys                        program
//!               │ receive                    ▲ read
//!               ▼                            │
//!        ┌─────────────┐   InputQueue  ┌─────┴──────┐
//!        │   editing   ├──────────────▶│  reading   │
//!        └──────┬──────┘               └────────────┘
//!          echo │  Signal ──▶ caller
//!               ▼                            │ write
//!        ┌─────────────┐                     ▼
//!        │   Device    │◀───────── output processing
//!        └─────────────┘
//! ```
//!
//! [`LineDiscipline`] knows nothing of files, processes, waiting or clocks: the console and the pseudo-terminals hand it
//! bytes and the time, and it hands back bytes, [`Signal`]s and [`ReadOutcome`]s. [`TerminalRequest`] decodes the `ioctl`
//! requests of a terminal; [`LineDiscipline::answer`] answers those that concern the line, for every kind of terminal.
//!
//! The specification is Linux itself: `termios(3)`, `ioctl_tty(2)` and what a Linux pseudo-terminal does
//! (`tests/terminal_against_linux.rs` compares the two byte by byte).

mod answer;
mod characters;
mod discipline;
mod echo;
mod editing;
pub mod file;
mod input;
mod output;
mod packet;
mod reading;
mod request;
mod speed;
mod termios;
mod window;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Refusal, Reply};
pub use discipline::{Flow, LineDiscipline, Queues, Signal};
pub use editing::LineError;
pub use input::CAPACITY;
pub use output::{Device, HungUp};
pub use packet::PacketStatus;
pub use reading::{ReadOutcome, ReadProgress};
pub use request::{Argument, Form, LineRequest, MasterRequest, SessionRequest, TerminalRequest, When};
pub use termios::{CONTROL_CHARACTERS, Termios};
pub use window::WindowSize;
