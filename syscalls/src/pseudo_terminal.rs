//! Pseudo-terminals, `pty(7)`: `/dev/ptmx` makes pairs, `/dev/pts` shows their slaves.
//!
//! A [`Pair`] is a line with two sides. What a program writes to the slave passes the line discipline and is read from
//! the master; what is written to the master is typed on the slave. The pair itself is the
//! controlling terminal, so that a session's reference keeps neither side open.

mod devpts;
mod master;
mod slave;

pub use devpts::{MULTIPLEXER, mount};

use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::machine::machine;
use crate::process::session::{ControllingTerminal, JobControl, lose_terminal, take_terminal};
use crate::signal::Signal;
use crate::terminal::{self, Device, LineDiscipline, Termios};
use crate::wait::WaitQueue;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use spin::Mutex;

/// Bytes that wait on either way; about what Linux's flip buffers hold for a blocked reader.
const CAPACITY: usize = 16 << 10;

/// What the slave's program has written and the master has not read.
#[derive(Default)]
struct Output(VecDeque<u8>);

impl Device for Output {
    fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.0.len())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    fn discard(&mut self) {
        self.0.clear();
    }
}

struct State {
    line: LineDiscipline,
    output: Output,
    // What the master has written and the line has no room for.
    typed: VecDeque<u8>,
    // TIOCSPTLCK: the slave cannot be opened.
    locked: bool,
    master_is_open: bool,
    slaves: usize,
    // Before the slave was opened once, the master waits for it; after its last closing the master reads EIO.
    was_opened: bool,
}

/// A pair of pseudo-terminals.
pub struct Pair {
    number: u32,
    state: Mutex<State>,
    job_control: JobControl,
    // Of those who wait for the slave and for the master.
    slave_queue: WaitQueue,
    master_queue: WaitQueue,
    this: Weak<Self>,
}

impl Pair {
    fn new(number: u32) -> Arc<Self> {
        let state = State {
            line: LineDiscipline::new(Termios::pseudo_terminal()),
            output: Output::default(),
            typed: VecDeque::new(),
            locked: true,
            master_is_open: true,
            slaves: 0,
            was_opened: false,
        };
        Arc::new_cyclic(|this| Self {
            number,
            state: Mutex::new(state),
            job_control: JobControl::new(),
            slave_queue: WaitQueue::new(),
            master_queue: WaitQueue::new(),
            this: this.clone(),
        })
    }

    /// Acts on the line and its output, hands the line what was typed before, and does what follows: signals for the
    /// foreground, wake-ups on both sides.
    fn act<T>(&self, act: impl FnOnce(&mut State, &mut Vec<Signal>) -> T) -> T {
        let mut keys = Vec::new();
        let mut state = self.state.lock();
        let before = state.shape();
        let result = act(&mut state, &mut keys);
        state.offer(&mut keys);
        let has_changed = state.shape() != before;
        drop(state);
        for key in keys {
            self.job_control.signal_foreground(key);
        }
        // Bytes, echo, room, flow: a change is news to both sides. Who finds nothing to do must not wake itself.
        if has_changed {
            self.wake();
        }
        result
    }

    fn wake(&self) {
        self.slave_queue.wake_all();
        self.master_queue.wake_all();
    }

    /// The terminal as its session sees it.
    fn terminal(&self) -> Result<Arc<dyn ControllingTerminal>> {
        let this: Arc<dyn ControllingTerminal> = self.this.upgrade().ok_or(Errno::EIO)?;
        Ok(this)
    }

    /// The slave is hung up: `vhangup(2)`, or the master's end. Its session loses it.
    fn hang_up(&self) {
        self.act(|state, _| state.line.hang_up());
        lose_terminal(&self.job_control);
    }

    /// Opens the slave. `EIO` when it is locked or the master is gone.
    fn open_slave(self: &Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        {
            let mut state = self.state.lock();
            if state.locked || !state.master_is_open {
                return Err(Errno::EIO);
            }
            state.slaves += 1;
            state.was_opened = true;
        }
        let slave = Arc::new(slave::Slave(self.clone()));
        if !flags.contains(OpenFlags::O_NOCTTY) {
            // Who has one, or leads no session, opens it all the same.
            let _ = take_terminal(&machine().current().process, &self.terminal()?, false);
        }
        Ok(slave)
    }
}

impl State {
    /// What those who wait look at.
    fn shape(&mut self) -> impl PartialEq + use<> {
        let line = &mut self.line;
        let flags = (line.is_stopped(), line.is_hung_up(), line.readable(), line.packet().is_pending());
        (flags, line.input_count(), self.output.0.len(), self.typed.len())
    }

    /// Hands the line what the master has written, as far as it has room.
    fn offer(&mut self, keys: &mut Vec<Signal>) {
        while !self.typed.is_empty() {
            let (typed, _) = self.typed.as_slices();
            let taken = self.line.receive(typed, &mut self.output, &mut |key| keys.push(signal_of(key)));
            if taken == 0 {
                break;
            }
            self.typed.drain(..taken);
        }
    }
}

/// The signal that a key stands for.
const fn signal_of(key: terminal::Signal) -> Signal {
    match key {
        terminal::Signal::Interrupt => Signal::INT,
        terminal::Signal::Quit => Signal::QUIT,
        terminal::Signal::Suspend => Signal::TSTP,
    }
}

impl ControllingTerminal for Pair {
    fn job_control(&self) -> &JobControl {
        &self.job_control
    }

    fn open(self: Arc<Self>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        self.open_slave(flags | OpenFlags::O_NOCTTY)
    }
}
