//! Signals, `signal(7)`: sending, waiting, blocking, handling.
//!
//! A signal is [sent](send) to a process or a thread and is pending there until a thread that does not block it
//! takes it on its [way back](deliver()) to the program. Everything that decides who takes what, masks, pending sets,
//! group stops, changes under one lock a process, [`ProcessSignals`]; a thread's own part has a lock of its own below
//! that one. Neither is held while senders are told, observers are woken or user memory is touched.

mod action;
pub mod calls;
pub mod deliver;
mod extended;
mod frame;
mod info;
pub mod kill;
pub mod mask;
mod number;
mod pending;
mod report;
pub mod restart;
pub mod send;
mod set;
pub mod signalfd;
mod sigreturn;
pub mod stack;
mod state;
pub mod stop;
#[cfg(test)]
mod tests;
pub mod waiting;

pub use action::{Action, ActionFlags, SignalActions};
pub use deliver::deliver;
pub use info::{ChildTimes, SigInfo};
pub use number::{Disposition, Signal};
pub use pending::{Origin, Slot};
pub use send::{fault, force};
pub use set::SigSet;
pub use sigreturn::rt_sigreturn;
pub use state::{ProcessSignals, ThreadSignals, Trap};
