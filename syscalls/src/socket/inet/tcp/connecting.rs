//! `connect(2)` of TCP.

use super::{Phase, Tcp};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::network::listener::Arrival;
use crate::network::{self, Flow, LOOPBACK, Route};
use crate::socket::inet::address::{family, parse, unspecified};
use crate::socket::stream::Stream;
use crate::thread::Thread;
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use linux_raw_sys::net::AF_UNSPEC;
use smoltcp::socket::tcp::State as TcpState;

impl Tcp {
    /// Begins to connect: `EINPROGRESS`, or why not.
    pub(super) fn begin(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        if family(address)? == AF_UNSPEC {
            return self.disconnect();
        }
        match self.phase() {
            Phase::Idle => {}
            Phase::Listening(_) => return Err(Errno::EISCONN),
            Phase::Knocking(_) => return Err(Errno::EALREADY),
            Phase::Local(..) | Phase::Remote(_) => {
                if !self.state.lock().is_connecting {
                    return Err(Errno::EISCONN);
                }
                return self.come_out().map_err(|errno| match errno {
                    Errno::EAGAIN => Errno::EALREADY,
                    errno => errno,
                });
            }
        }
        // The outcome of the attempt before.
        if self.state.lock().is_connecting {
            self.state.lock().is_connecting = false;
            self.common.check_error()?;
        }
        let mut to = parse(self.common.family, address, false)?;
        to.set_ip(network::loopback_of(to.ip()));
        if network::is_for_many(to.ip()) {
            return Err(Errno::ENETUNREACH);
        }
        let (bound, only_v6) = {
            let state = self.state.lock();
            (state.local.ip(), state.levels.only_v6)
        };
        if only_v6 && to.is_ipv4() || !bound.is_unspecified() && bound.is_ipv4() != to.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        let route = network::route(to.ip()).ok_or(Errno::ENETUNREACH)?;
        let source = if bound.is_unspecified() { route.source() } else { bound };
        self.ensure_port(thread, source)?;
        let local = {
            let mut state = self.state.lock();
            state.local.set_ip(source);
            state.is_connecting = true;
            state.has_failed = false;
            state.local
        };
        match route {
            Route::Local(_) => {
                self.state.lock().phase = Phase::Knocking(to);
                self.knock_again();
            }
            Route::Out(_) => {
                let stack = network::running().ok_or(Errno::ENETUNREACH)?;
                let (state, common) = (self.state.lock(), self.common.clone());
                let configure = state.configuration(self.common.settings(), to.ip());
                drop(state);
                let connection = stack.connect(Flow { local, remote: to }, &common, configure)?;
                self.state.lock().phase = Phase::Remote(connection);
            }
        }
        Err(Errno::EINPROGRESS)
    }

    /// Knocks at a listener of this machine; becomes connected, or refused, or stays as it is.
    pub(super) fn knock_again(&self) {
        let (to, local) = {
            let state = self.state.lock();
            let Phase::Knocking(to) = state.phase else { return };
            (to, state.local)
        };
        let listener = network::tcp().lock().find(to, local, LOOPBACK);
        let Some(listener) = listener else { return self.fail(Errno::ECONNREFUSED) };
        if !listener.has_room() {
            listener.knock(&self.common);
            return;
        }
        let mut own_end = None;
        let accepted = listener.make(
            &mut |theirs| {
                let (ours, other) = Stream::pair(&self.common, theirs, false);
                own_end = Some(ours);
                other
            },
            to,
            local,
        );
        let (Some(accepted), Some(stream)) = (accepted, own_end) else { return self.fail(Errno::ECONNREFUSED) };
        self.state.lock().phase = Phase::Local(Arc::new(stream), to);
        if let Some(Arrival::Local(socket)) = listener.push(Arrival::Local(accepted)) {
            socket.close();
            return self.fail(Errno::ECONNRESET);
        }
        self.common.queue.wake_all();
    }

    fn fail(&self, errno: Errno) {
        let address = unspecified(self.common.family);
        let mut state = self.state.lock();
        state.phase = Phase::Idle;
        state.has_failed = true;
        if state.has_port && state.local.ip() != address {
            state.local.set_ip(address);
        }
        drop(state);
        self.common.set_error(errno);
    }

    /// How the attempt has come out; `EAGAIN` while it goes on.
    pub(super) fn come_out(&self) -> Result<()> {
        if matches!(self.phase(), Phase::Knocking(_)) {
            self.knock_again();
        }
        let outcome = match self.phase() {
            Phase::Knocking(_) => return Err(Errno::EAGAIN),
            Phase::Remote(connection) => match connection.progress().state {
                TcpState::SynSent | TcpState::SynReceived => {
                    let outcome = self.common.check_error();
                    if outcome.is_ok() {
                        return Err(Errno::EAGAIN);
                    }
                    outcome
                }
                TcpState::Closed => {
                    let outcome = self.common.check_error().and(Err(Errno::ECONNABORTED));
                    self.state.lock().phase = Phase::Idle;
                    outcome
                }
                _ => Ok(()),
            },
            Phase::Local(..) => Ok(()),
            _ => self.common.check_error().and(Err(Errno::ECONNREFUSED)),
        };
        self.state.lock().is_connecting = false;
        outcome
    }

    /// `connect(2)` to nobody: the connection is dropped, the socket can be used anew.
    fn disconnect(&self) -> Result<()> {
        let phase = {
            let mut state = self.state.lock();
            state.is_connecting = false;
            state.has_failed = false;
            state.is_reset = false;
            state.refuses = false;
            core::mem::replace(&mut state.phase, Phase::Idle)
        };
        match phase {
            Phase::Listening(listener) => {
                self.state.lock().phase = Phase::Listening(listener.clone());
                self.end_listening(&listener);
            }
            Phase::Local(stream, _) => {
                stream.close(true);
            }
            Phase::Remote(connection) => {
                connection.abandon(true, machine().monotonic());
                if let Some(stack) = network::running() {
                    stack.push(&connection);
                }
            }
            Phase::Idle | Phase::Knocking(_) => {}
        }
        // A port that the program did not ask for goes back.
        let mut state = self.state.lock();
        let address: IpAddr = unspecified(self.common.family);
        state.local = SocketAddr::new(address, state.local.port());
        drop(state);
        self.common.queue.wake_all();
        Ok(())
    }
}
