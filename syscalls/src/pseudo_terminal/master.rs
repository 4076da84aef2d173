//! The master: what a terminal emulator has open.

use super::{CAPACITY, Pair, devpts};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFlags};
use crate::process::session::ControllingTerminal;
use crate::signal::Signal;
use crate::terminal::{LineRequest, MasterRequest, SessionRequest, TerminalRequest};
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general::{TCIFLUSH, TCIOFLUSH, TCOFLUSH};

/// The one opening of `/dev/ptmx` that a pair lives by.
pub(super) struct Master(pub(super) Arc<Pair>);

impl Drop for Master {
    fn drop(&mut self) {
        self.0.state.lock().master_is_open = false;
        devpts::remove(self.0.number);
        self.0.hang_up();
    }
}

impl Master {
    fn request(&self, thread: &Thread, request: MasterRequest, argument: u64) -> Result<i64> {
        let pair = &self.0;
        let number = UserPtr::<i32>::new(argument);
        let give = |value: bool| number.write(thread, &i32::from(value)).map(|()| 0);
        match request {
            MasterRequest::GetNumber => number.write(thread, &(pair.number as i32)).map(|()| 0),
            MasterRequest::SetLock => {
                pair.state.lock().locked = number.read(thread)? != 0;
                Ok(0)
            }
            MasterRequest::GetLock => give(pair.state.lock().locked),
            MasterRequest::OpenPeer => devpts::open_peer(thread, pair, argument as u32),
            MasterRequest::SetPacketMode => {
                let on = number.read(thread)? != 0;
                pair.act(|state, _| state.line.packet().switch(on));
                Ok(0)
            }
            MasterRequest::GetPacketMode => give(pair.state.lock().line.packet().is_on()),
            MasterRequest::Signal => {
                let signal = i32::try_from(argument).ok().and_then(|number| Signal::new(number).ok());
                let signal = signal.ok_or(Errno::EINVAL)?;
                if ![Signal::INT, Signal::QUIT, Signal::TSTP].contains(&signal) {
                    return Err(Errno::EINVAL);
                }
                pair.job_control.signal_foreground(signal);
                Ok(0)
            }
        }
    }

    /// TCFLSH: the master's input is the slave's output.
    fn flush(&self, argument: u64) -> Result<i64> {
        let which = u32::try_from(argument).map_err(|_| Errno::EINVAL)?;
        if ![TCIFLUSH, TCOFLUSH, TCIOFLUSH].contains(&which) {
            return Err(Errno::EINVAL);
        }
        self.0.act(|state, _| {
            if which != TCOFLUSH {
                state.output.0.clear();
            }
            if which != TCIFLUSH {
                state.typed.clear();
            }
        });
        Ok(0)
    }
}

impl File for Master {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        let length = to.remaining().min(CAPACITY);
        if length == 0 {
            return Ok(0);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
        self.0.act(|state, _| {
            if let Some(status) = state.line.packet().take() {
                bytes.push(status);
                return Ok(());
            }
            if state.output.0.is_empty() {
                let is_over = state.was_opened && state.slaves == 0;
                return Err(if is_over { Errno::EIO } else { Errno::EAGAIN });
            }
            if state.line.packet().is_on() {
                bytes.push(0);
            }
            let count = (length - bytes.len()).min(state.output.0.len());
            bytes.extend(state.output.0.drain(..count));
            // What the line had no room for before.
            let super::State { line, output, .. } = state;
            line.flush_echo(output);
            Ok(())
        })?;
        to.put(&bytes)
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        let mut piece = [0; 1024];
        let mut count = 0;
        while from.remaining() > 0 {
            let room = CAPACITY.saturating_sub(self.0.state.lock().typed.len());
            let piece = &mut piece[..from.remaining().min(1024).min(room)];
            let outcome = if piece.is_empty() { Err(Errno::EAGAIN) } else { from.take(piece) };
            if let Err(errno) = outcome {
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
            self.0.act(|state, _| state.typed.extend(&*piece));
            count += piece.len();
        }
        Ok(count)
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn writes_whole(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let mut state = self.0.state.lock();
        let is_over = state.was_opened && state.slaves == 0;
        let has_status = state.line.packet().is_pending();
        let mut events = Events::empty();
        events.set(Events::IN, !state.output.0.is_empty() || has_status);
        events.set(Events::PRI, has_status);
        events.set(Events::OUT, state.typed.len() < CAPACITY);
        events.set(Events::HUP, is_over);
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.master_queue)
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        let give = |count: usize| UserPtr::<i32>::new(argument).write(thread, &(count as i32)).map(|()| 0);
        match TerminalRequest::parse(request) {
            Some(TerminalRequest::Master(request)) => self.request(thread, request, argument),
            Some(TerminalRequest::Line(LineRequest::CountInput)) => give(self.0.state.lock().output.0.len()),
            Some(TerminalRequest::Line(LineRequest::CountOutput)) => give(0),
            Some(TerminalRequest::Line(LineRequest::Flush)) => self.flush(argument),
            // Settings and size are the slave's, whichever side asks.
            Some(TerminalRequest::Line(request)) => self.0.line_request(thread, request, argument),
            Some(TerminalRequest::Session(request)) => self.session(thread, request, argument),
            None => Err(Errno::ENOTTY),
        }
    }
}

impl Master {
    /// The master may ask for the slave's session also where that is not its own.
    fn session(&self, thread: &Thread, request: SessionRequest, argument: u64) -> Result<i64> {
        let give = |value: i32| UserPtr::<i32>::new(argument).write(thread, &value).map(|()| 0);
        let job_control = self.0.job_control();
        match request {
            SessionRequest::GetForeground => give(job_control.foreground().unwrap_or(0)),
            SessionRequest::GetSession => give(job_control.session().ok_or(Errno::ENOTTY)?),
            request => self.0.session_request(thread, request, argument),
        }
    }
}

/// `/dev/ptmx` is opened: a new pair. `ENOSPC`.
pub(super) fn open(_: OpenFlags) -> Result<Arc<dyn File>> {
    Ok(Arc::new(Master(devpts::add()?)))
}
