//! TCP, `tcp(7)`: connections with other machines, and within this one.

mod connecting;
mod settings;

use super::address::{format, unspecified};
use super::levels::{Levels, check_bindable};
use super::listing::{self, Listed};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::machine::machine;
use crate::network::listener::{Arrival, Listener};
use crate::network::ports::Wanted;
use crate::network::{self, Connection};
use crate::socket::message::{Incoming, MessageFlags, Outgoing};
use crate::socket::stream::{Attachment, Reading, Stream};
use crate::socket::{Common, Shutdown, Socket, Style};
use crate::thread::Thread;
use crate::time::SECOND;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use linux_raw_sys::net::AF_INET6;
use settings::TcpSettings;
use smoltcp::socket::tcp::State as TcpState;
use spin::Mutex;

/// `net.core.somaxconn`: the longest backlog.
const LONGEST_BACKLOG: u32 = 4096;
/// How long a connection that nobody owns may take to end: `net.ipv4.tcp_fin_timeout`, and the last data before it.
const ORPHAN: u64 = 120 * SECOND;

/// What a socket is at the moment.
#[derive(Clone)]
enum Phase {
    Idle,
    /// It knocks at a listener of this machine that has no room.
    Knocking(SocketAddr),
    Listening(Arc<Listener>),
    /// Connected with a socket of this machine.
    Local(Arc<Stream>, SocketAddr),
    /// Connected with another machine, or about to be.
    Remote(Arc<Connection>),
}

struct State {
    phase: Phase,
    levels: Levels,
    settings: TcpSettings,
    /// Its address; port 0: none yet.
    local: SocketAddr,
    /// Whether the port is registered as its own.
    has_port: bool,
    /// The port of the listener that accepted it, and whether that lets others have its address.
    accepted_by: Option<(u16, bool)>,
    /// `connect(2)` has begun and nobody was told how it ended.
    is_connecting: bool,
    /// The last attempt to connect has failed.
    has_failed: bool,
    refuses: bool,
    /// The peer has said that it is gone.
    is_reset: bool,
    is_closed: bool,
}

/// A socket of TCP.
pub(super) struct Tcp {
    this: Weak<Self>,
    common: Arc<Common>,
    state: Mutex<State>,
}

impl Tcp {
    /// A new one.
    pub(super) fn new(family: u16) -> Arc<Self> {
        let common = Common::new(family, Style::Stream, super::TCP as u16);
        {
            // As Linux's net.ipv4.tcp_rmem and tcp_wmem begin.
            let mut settings = common.settings.lock();
            settings.receive_buffer = 131_072;
            settings.send_buffer = 16_384;
        }
        let local = SocketAddr::new(unspecified(family), 0);
        Self::build(common, Phase::Idle, local, Levels::default(), TcpSettings::default())
    }

    fn build(common: Arc<Common>, phase: Phase, local: SocketAddr, levels: Levels, settings: TcpSettings) -> Arc<Self> {
        let state = State {
            phase,
            levels,
            settings,
            local,
            has_port: false,
            accepted_by: None,
            is_connecting: false,
            has_failed: false,
            refuses: false,
            is_reset: false,
            is_closed: false,
        };
        Arc::new_cyclic(|this| {
            listing::enter_tcp(common.number, this);
            Self { this: this.clone(), common, state: Mutex::new(state) }
        })
    }

    /// The socket of a connection that a listener's socket hands out.
    fn accepted(&self, phase: impl FnOnce(&Arc<Common>) -> Phase, local: SocketAddr) -> Arc<Self> {
        let (levels, tcp) = {
            let state = self.state.lock();
            (state.levels, state.settings)
        };
        let settings = self.common.settings();
        let common = Common::with_settings(self.common.family, Style::Stream, super::TCP as u16, settings);
        let phase = phase(&common);
        let socket = Self::build(common, phase, local, levels, tcp);
        socket.state.lock().accepted_by = Some((local.port(), settings.reuse_address));
        network::tcp().lock().accepted(local.port(), settings.reuse_address);
        socket
    }

    /// What `/proc/net/tcp` shows; `None` while it has no port.
    pub(super) fn listed(&self) -> Option<Listed> {
        let phase = self.phase();
        let local = self.state.lock().local;
        if local.port() == 0 || matches!(phase, Phase::Idle) {
            return None;
        }
        let any = SocketAddr::new(unspecified(self.common.family), 0);
        let (remote, unsent, unread) = match &phase {
            Phase::Listening(listener) => (any, 0, listener.waiting()),
            Phase::Local(stream, remote) => (*remote, 0, stream.readable()),
            Phase::Remote(connection) => {
                let progress = connection.progress();
                (connection.flow.remote, progress.unsent, progress.received)
            }
            Phase::Knocking(remote) => (*remote, 0, 0),
            Phase::Idle => (any, 0, 0),
        };
        let is_v6 = u32::from(self.common.family) == AF_INET6;
        let (state, number) = (settings::phase_number(&phase), self.common.number);
        Some(Listed { is_v6, local, remote, state, unsent, unread, number })
    }

    fn phase(&self) -> Phase {
        self.state.lock().phase.clone()
    }

    fn wanted(&self, thread: &Thread, address: SocketAddr, levels: &Levels) -> Wanted {
        let settings = self.common.settings();
        Wanted {
            owner: self.common.number,
            address: address.ip(),
            port: address.port(),
            only_v6: levels.only_v6,
            interface: settings.interface,
            reuse_address: settings.reuse_address,
            reuse_port: settings.reuse_port,
            user: thread.process.credentials().user.effective,
        }
    }

    /// Takes a port, if it has none.
    fn ensure_port(&self, thread: &Thread, address: IpAddr) -> Result<()> {
        let mut state = self.state.lock();
        if state.local.port() != 0 {
            return Ok(());
        }
        let wanted = self.wanted(thread, SocketAddr::new(address, 0), &state.levels);
        let port = network::tcp().lock().take(wanted, None, may_share)?;
        state.local.set_port(port);
        state.has_port = true;
        Ok(())
    }

    fn send_locally(&self, stream: &Stream, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        self.common.check_error()?;
        if self.state.lock().is_reset || stream.ended().is_reset {
            return Err(Errno::EPIPE);
        }
        match stream.write(message.data, Attachment::default()) {
            // What is sent to one who is gone is lost, and the answer says so.
            Err(Errno::EPIPE) if !stream.ended().output => {
                self.state.lock().is_reset = true;
                self.common.set_error(Errno::EPIPE);
                Ok(message.data.skip(message.data.remaining()))
            }
            outcome => outcome,
        }
    }
}

/// Whether two sockets with `SO_REUSEADDR` may have a port: unless one listens.
fn may_share(other_listens: bool) -> bool {
    !other_listens
}

impl Socket for Tcp {
    fn common(&self) -> &Arc<Common> {
        &self.common
    }

    fn bind(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let address = super::address::parse(self.common.family, address, true)?;
        super::check_privileged(thread, address.port())?;
        let mut state = self.state.lock();
        check_bindable(address.ip(), &state.levels)?;
        if state.local.port() != 0 || !matches!(state.phase, Phase::Idle) {
            return Err(Errno::EINVAL);
        }
        if network::is_for_many(address.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let port = network::tcp().lock().take(self.wanted(thread, address, &state.levels), None, may_share)?;
        state.local = SocketAddr::new(address.ip(), port);
        state.has_port = true;
        Ok(())
    }

    fn connect(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        self.begin(thread, address)
    }

    fn connected(&self) -> Result<()> {
        self.come_out()
    }

    fn listen(&self, thread: &Thread, backlog: i32) -> Result<()> {
        let backlog = (backlog as u32).min(LONGEST_BACKLOG) as usize;
        match self.phase() {
            Phase::Idle => {}
            Phase::Listening(listener) => {
                listener.set_backlog(backlog);
                return Ok(());
            }
            _ => return Err(Errno::EINVAL),
        }
        let address = self.state.lock().local.ip();
        self.ensure_port(thread, address)?;
        let listener = Listener::new(&self.common, backlog);
        let mut state = self.state.lock();
        network::tcp().lock().set_target(state.local.port(), self.common.number, Some(listener.clone()))?;
        {
            let me: Weak<Self> = self.this.clone();
            listener.set_maker(alloc::boxed::Box::new(move |stream, local, remote| {
                let me = me.upgrade()?;
                let socket = me.accepted(|common| Phase::Local(Arc::new(stream(common)), remote), local);
                Some(socket as Arc<dyn Socket>)
            }));
        }
        state.phase = Phase::Listening(listener);
        Ok(())
    }

    fn accept(&self) -> Result<Arc<dyn Socket>> {
        let Phase::Listening(listener) = self.phase() else { return Err(Errno::EINVAL) };
        match listener.pop().ok_or(Errno::EAGAIN)? {
            Arrival::Local(socket) => Ok(socket),
            Arrival::Remote(connection) => {
                let local = connection.flow.local;
                let socket = self.accepted(|_| Phase::Remote(connection.clone()), local);
                connection.adopt(&socket.common);
                socket.apply_settings();
                if connection.progress().state == TcpState::Closed {
                    socket.common.set_error(Errno::ECONNRESET);
                }
                Ok(socket)
            }
        }
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        Ok(format(self.common.family, self.state.lock().local))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        let remote = match self.phase() {
            Phase::Local(_, remote) => remote,
            Phase::Remote(connection) => match connection.progress().state {
                TcpState::SynSent | TcpState::Closed => return Err(Errno::ENOTCONN),
                _ => connection.flow.remote,
            },
            _ => return Err(Errno::ENOTCONN),
        };
        Ok(format(self.common.family, remote))
    }

    fn send(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        match self.phase() {
            Phase::Local(stream, _) => self.send_locally(&stream, message),
            Phase::Remote(connection) => {
                self.common.check_error()?;
                if matches!(connection.progress().state, TcpState::SynSent | TcpState::SynReceived) {
                    return Err(Errno::EAGAIN);
                }
                let is_corked = self.state.lock().settings.cork || message.flags.contains(MessageFlags::MORE);
                connection.set_cork(is_corked);
                let outcome = connection.send(message.data);
                if let Some(stack) = network::running() {
                    stack.push(&connection);
                }
                outcome
            }
            _ => {
                self.common.check_error()?;
                Err(Errno::EPIPE)
            }
        }
    }

    fn receive(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EINVAL);
        }
        let peeks = message.peeks();
        match self.phase() {
            Phase::Local(stream, _) => {
                let outcome = stream.read(message.data, Reading { peeks, by_sender: false });
                match outcome {
                    Ok(Some(reader)) => Ok(reader.count),
                    Ok(None) => {
                        if stream.ended().is_reset {
                            self.common.check_error()?;
                        }
                        Ok(0)
                    }
                    Err(Errno::EAGAIN) => {
                        self.common.check_error()?;
                        if self.state.lock().refuses { Ok(0) } else { Err(Errno::EAGAIN) }
                    }
                    Err(errno) => Err(errno),
                }
            }
            Phase::Remote(connection) => match connection.receive(message.data, peeks) {
                Ok((0, _)) if message.data.remaining() > 0 => {
                    self.common.check_error()?;
                    Ok(0)
                }
                Ok((count, has_room_again)) => {
                    if has_room_again && let Some(stack) = network::running() {
                        stack.push(&connection);
                    }
                    Ok(count)
                }
                Err(Errno::EAGAIN) => {
                    self.common.check_error()?;
                    Err(Errno::EAGAIN)
                }
                Err(errno) => Err(errno),
            },
            _ => {
                self.common.check_error()?;
                Err(Errno::ENOTCONN)
            }
        }
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        match self.phase() {
            Phase::Idle | Phase::Knocking(_) => return Err(Errno::ENOTCONN),
            Phase::Listening(listener) => {
                if how.read {
                    self.end_listening(&listener);
                }
            }
            Phase::Local(stream, _) => {
                self.state.lock().refuses |= how.read;
                stream.shutdown(Shutdown { read: false, write: how.write });
            }
            Phase::Remote(connection) => {
                connection.shutdown(how.read, how.write);
                if let Some(stack) = network::running() {
                    stack.push(&connection);
                }
            }
        }
        self.common.queue.wake_all();
        Ok(())
    }

    fn poll(&self) -> Events {
        let mut events = Events::empty();
        if matches!(self.phase(), Phase::Knocking(_)) {
            self.knock_again();
        }
        events.set(Events::ERR, self.common.has_error());
        let (refuses, is_reset) = {
            let state = self.state.lock();
            (state.refuses, state.is_reset)
        };
        match self.phase() {
            Phase::Idle if self.state.lock().has_failed => {
                events | Events::OUT | Events::HUP | Events::IN | Events::RDHUP
            }
            Phase::Idle => events | Events::OUT | Events::HUP,
            Phase::Knocking(_) => events,
            Phase::Listening(listener) => {
                events.set(Events::IN, listener.waiting() > 0);
                events
            }
            Phase::Local(stream, _) => {
                let ended = stream.ended();
                let (readable, writable) = stream.ready();
                let is_reset = is_reset || ended.is_reset;
                let no_input = ended.input || refuses || is_reset;
                events.set(Events::IN, readable || no_input);
                events.set(Events::RDHUP, no_input);
                events.set(Events::HUP, no_input && (ended.output || is_reset));
                events.set(Events::OUT, writable || ended.output || is_reset);
                events
            }
            Phase::Remote(connection) => {
                let possible = connection.possible();
                if matches!(possible.state, TcpState::SynSent | TcpState::SynReceived) {
                    return events;
                }
                let is_over = possible.state == TcpState::Closed;
                events.set(Events::IN, possible.readable || possible.no_input || is_over);
                events.set(Events::RDHUP, possible.no_input || is_over);
                events.set(Events::OUT, possible.writable || possible.no_output || is_over);
                events.set(Events::HUP, possible.no_input && possible.no_output || is_over);
                events
            }
        }
    }

    fn set_option(&self, _: &Thread, level: u32, option: u32, value: &[u8]) -> Result<()> {
        self.set_tcp_option(level, option, value)
    }

    fn option(&self, level: u32, option: u32) -> Result<Vec<u8>> {
        self.tcp_option(level, option)
    }

    fn settings_changed(&self) {
        let settings = self.common.settings();
        let port = self.state.lock().local.port();
        network::tcp().lock().set_sharing(port, self.common.number, settings.reuse_address, settings.reuse_port);
        self.apply_settings();
    }

    fn readable_bytes(&self) -> Result<usize> {
        match self.phase() {
            Phase::Listening(_) => Err(Errno::EINVAL),
            Phase::Local(stream, _) => Ok(stream.readable()),
            Phase::Remote(connection) => Ok(connection.progress().received),
            _ => Ok(0),
        }
    }

    fn unsent_bytes(&self) -> Result<usize> {
        match self.phase() {
            Phase::Listening(_) => Err(Errno::EINVAL),
            Phase::Remote(connection) => Ok(connection.progress().unsent),
            _ => Ok(0),
        }
    }

    fn is_listening(&self) -> bool {
        matches!(self.phase(), Phase::Listening(_))
    }

    fn close(&self) {
        let (phase, local, has_port, accepted_by) = {
            let mut state = self.state.lock();
            if core::mem::replace(&mut state.is_closed, true) {
                return;
            }
            let phase = core::mem::replace(&mut state.phase, Phase::Idle);
            (phase, state.local, state.has_port, state.accepted_by)
        };
        let resets = self.common.settings().linger == Some(0);
        match phase {
            Phase::Idle | Phase::Knocking(_) => {}
            Phase::Listening(listener) => self.end_listening(&listener),
            Phase::Local(stream, _) => stream.close(resets),
            Phase::Remote(connection) => {
                connection.abandon(resets, machine().monotonic().after(ORPHAN));
                if let Some(stack) = network::running() {
                    stack.push(&connection);
                }
            }
        }
        let mut ports = network::tcp().lock();
        if has_port {
            ports.release(local.port(), self.common.number);
        }
        if let Some((port, reuse_address)) = accepted_by {
            ports.ended(port, reuse_address);
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        listing::leave_tcp(self.common.number);
    }
}

impl Tcp {
    fn end_listening(&self, listener: &Arc<Listener>) {
        let port = {
            let mut state = self.state.lock();
            if matches!(state.phase, Phase::Listening(_)) {
                state.phase = Phase::Idle;
            }
            state.local.port()
        };
        // Without a target there is nothing that could be taken by another.
        let _ = network::tcp().lock().set_target(port, self.common.number, None);
        for arrival in listener.close() {
            match arrival {
                Arrival::Local(socket) => {
                    let tcp: &dyn core::any::Any = &*socket;
                    if let Some(tcp) = tcp.downcast_ref::<Self>()
                        && let Phase::Local(stream, _) = tcp.phase()
                    {
                        stream.close(true);
                    }
                    socket.close();
                }
                Arrival::Remote(connection) => {
                    connection.abandon(true, machine().monotonic().after(ORPHAN));
                    if let Some(stack) = network::running() {
                        stack.push(&connection);
                    }
                }
            }
        }
    }
}
