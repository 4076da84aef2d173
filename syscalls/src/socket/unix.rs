//! `AF_UNIX`, `unix(7)`: sockets between programs of one machine.

mod datagram;
mod name;
mod rights;

pub(super) use rights::InFlight;

use super::message::{Incoming, MessageFlags, Outgoing};
use super::stream::{Attachment, Reading, Stream};
use super::{Common, PeerCredentials, Settings, Shutdown, Socket, Style};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::machine::machine;
use crate::thread::Thread;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use datagram::Inbox;
use linux_raw_sys::net::{AF_UNIX, AF_UNSPEC, MSG_TRUNC};
use name::{Name, Named};
use spin::Mutex;

/// `net.core.somaxconn`: the longest backlog.
const LONGEST_BACKLOG: i32 = 4096;

/// What a connection-oriented socket is at the moment.
enum Role {
    Idle,
    Listening {
        backlog: usize,
        /// Connections that nobody has accepted yet.
        pending: VecDeque<Arc<Unix>>,
        /// Who waits for room.
        waiting: Vec<Weak<Unix>>,
    },
    Connected(Arc<Stream>),
}

struct State {
    name: Option<Name>,
    role: Role,
    peer_name: Option<Name>,
    peer_credentials: PeerCredentials,
    is_closed: bool,
}

/// A socket of `AF_UNIX`.
pub struct Unix {
    this: Weak<Self>,
    common: Arc<Common>,
    state: Mutex<State>,
    /// What a socket for datagrams has received.
    inbox: Mutex<Inbox>,
}

/// `socket(2)` for `AF_UNIX`. `EPROTONOSUPPORT`, `ESOCKTNOSUPPORT`.
pub fn socket(style: Style, protocol: i32) -> Result<Arc<dyn Socket>> {
    Ok(create(style, protocol)?)
}

fn create(style: Style, protocol: i32) -> Result<Arc<Unix>> {
    if protocol != 0 && protocol != AF_UNIX as i32 {
        return Err(Errno::EPROTONOSUPPORT);
    }
    // Linux takes a raw one for datagrams.
    let style = if style == Style::Raw { Style::Datagram } else { style };
    Ok(Unix::new(Common::new(AF_UNIX as u16, style, 0), PeerCredentials::NOBODY))
}

/// `socketpair(2)`: two that are connected.
pub fn pair(thread: &Thread, style: Style, protocol: i32) -> Result<[Arc<dyn Socket>; 2]> {
    let (one, other) = (create(style, protocol)?, create(style, protocol)?);
    let credentials = PeerCredentials::of(thread);
    if one.common.style == Style::Datagram {
        one.inbox.lock().set_peer(Some(&other));
        other.inbox.lock().set_peer(Some(&one));
    } else {
        let (first, second) = Stream::pair(&one.common, &other.common, one.has_records());
        one.state.lock().role = Role::Connected(Arc::new(first));
        other.state.lock().role = Role::Connected(Arc::new(second));
    }
    one.state.lock().peer_credentials = credentials;
    other.state.lock().peer_credentials = credentials;
    Ok([one, other])
}

impl Unix {
    fn new(common: Arc<Common>, peer_credentials: PeerCredentials) -> Arc<Self> {
        let state = State { name: None, role: Role::Idle, peer_name: None, peer_credentials, is_closed: false };
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            common,
            state: Mutex::new(state),
            inbox: Mutex::new(Inbox::default()),
        })
    }

    fn has_records(&self) -> bool {
        self.common.style == Style::SequencedPacket
    }

    fn is_datagram(&self) -> bool {
        self.common.style == Style::Datagram
    }

    fn stream(&self) -> Result<Arc<Stream>> {
        match &self.state.lock().role {
            Role::Connected(stream) => Ok(stream.clone()),
            _ => Err(Errno::ENOTCONN),
        }
    }

    /// The address others see; `None` without a name.
    fn address(&self) -> Option<Arc<[u8]>> {
        self.state.lock().name.as_ref().map(|name| name.address.clone())
    }

    /// Who sends, where one side wants to know it.
    fn sender(&self, peer: &Common) -> Option<PeerCredentials> {
        let wanted = self.common.settings().pass_credentials || peer.settings().pass_credentials;
        wanted.then(|| PeerCredentials::of(&machine().current()))
    }

    /// Gives it a name of its own, if it has none and somebody shall be able to answer.
    fn bind_if_answered(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.name.is_none() && self.common.settings().pass_credentials {
            state.name = Some(name::take_any(&self.this)?);
        }
        Ok(())
    }

    /// A connection for the listener `self`: `EAGAIN` when its backlog is full, `ECONNREFUSED` when it does not listen.
    fn take_connection(&self, from: &Unix, credentials: PeerCredentials) -> Result<Arc<Stream>> {
        let mut state = self.state.lock();
        let own_name = state.name.clone();
        let listener_credentials = state.peer_credentials;
        let Role::Listening { backlog, pending, waiting } = &mut state.role else { return Err(Errno::ECONNREFUSED) };
        if pending.len() > *backlog {
            waiting.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&from.this));
            waiting.push(from.this.clone());
            return Err(Errno::EAGAIN);
        }
        let settings = Settings { send_buffer: self.common.settings().send_buffer, ..Settings::default() };
        let settings = Settings { pass_credentials: self.common.settings().pass_credentials, ..settings };
        let common = Common::with_settings(AF_UNIX as u16, self.common.style, 0, settings);
        let accepted = Self::new(common, credentials);
        let (ours, theirs) = Stream::pair(&from.common, &accepted.common, self.has_records());
        {
            let mut child = accepted.state.lock();
            child.role = Role::Connected(Arc::new(theirs));
            child.name.clone_from(&own_name);
        }
        pending.push_back(accepted.clone());
        drop(state);
        {
            let mut connecting = from.state.lock();
            accepted.state.lock().peer_name.clone_from(&connecting.name);
            connecting.peer_name = own_name;
            connecting.peer_credentials = listener_credentials;
        }
        self.common.queue.wake(Events::IN);
        Ok(Arc::new(ours))
    }

    fn send_on_stream(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if message.to.is_some() && !self.has_records() {
            return Err(if self.stream().is_ok() { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let stream = self.stream()?;
        let rights = rights::send(&message.control.rights)?;
        let credentials = message.control.credentials.or_else(|| self.sender(stream.peer()));
        let outcome = stream.write(message.data, Attachment { rights, credentials });
        if outcome.is_ok() {
            message.control.rights = None;
        }
        outcome
    }

    fn receive_from_stream(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(if self.has_records() { Errno::EOPNOTSUPP } else { Errno::EINVAL });
        }
        let by_sender = self.common.settings().pass_credentials;
        let stream = match self.stream() {
            Ok(stream) => stream,
            // Linux reads from a stream that was never connected as from a wrong one.
            Err(_) => return Err(if self.has_records() { Errno::ENOTCONN } else { Errno::EINVAL }),
        };
        let reading = Reading { peeks: message.peeks(), by_sender };
        let reader = match stream.read(message.data, reading) {
            Ok(Some(reader)) => reader,
            Ok(None) => {
                self.common.check_error()?;
                return Ok(0);
            }
            Err(Errno::EAGAIN) => {
                self.common.check_error()?;
                return Err(Errno::EAGAIN);
            }
            Err(errno) => return Err(errno),
        };
        let received = &mut message.received;
        received.rights = reader.attachment.rights.map(InFlight::arrive);
        if by_sender {
            received.credentials = Some(reader.attachment.credentials.unwrap_or(UNKNOWN_SENDER));
        }
        if let Some(name) = &self.state.lock().peer_name {
            received.from = Some(name.address.to_vec());
        }
        if !self.has_records() {
            return Ok(reader.count);
        }
        if reader.count < reader.record {
            received.flags |= MSG_TRUNC;
        }
        Ok(if message.flags.contains(MessageFlags::TRUNC) { reader.record } else { reader.count })
    }
}

/// What the credentials of a message are that came without: those of "nobody".
const UNKNOWN_SENDER: PeerCredentials = PeerCredentials { pid: 0, uid: 65534, gid: 65534 };

impl Socket for Unix {
    fn common(&self) -> &Arc<Common> {
        &self.common
    }

    fn bind(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let named = name::parse(address)?;
        let mut state = self.state.lock();
        match named {
            Named::Nothing if state.name.is_some() => return Ok(()),
            Named::Path(path) if state.name.is_some() => {
                drop(state);
                return Err(if name::exists(thread, path) { Errno::EADDRINUSE } else { Errno::EINVAL });
            }
            _ if state.name.is_some() => return Err(Errno::EINVAL),
            Named::Nothing => state.name = Some(name::take_any(&self.this)?),
            Named::Abstract(bytes) => state.name = Some(name::take_abstract(bytes, &self.this)?),
            Named::Path(path) => {
                // The walk may wait.
                drop(state);
                let name = name::take_path(thread, path, 0o777, &self.this)?;
                let mut state = self.state.lock();
                if state.name.is_some() {
                    name::release(&name);
                    return Err(Errno::EINVAL);
                }
                state.name = Some(name);
            }
        }
        Ok(())
    }

    fn connect(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let family = address.first_chunk().map(|bytes| u32::from(u16::from_ne_bytes(*bytes))).ok_or(Errno::EINVAL)?;
        if self.is_datagram() {
            if family == AF_UNSPEC {
                self.inbox.lock().set_peer(None);
                return Ok(());
            }
            self.bind_if_answered()?;
            return self.connect_datagrams(thread, address);
        }
        self.bind_if_answered()?;
        let listener = name::find(thread, address)?;
        match &self.state.lock().role {
            Role::Idle => {}
            Role::Listening { .. } => return Err(Errno::EINVAL),
            Role::Connected(_) => return Err(Errno::EISCONN),
        }
        if listener.common.style != self.common.style {
            return Err(Errno::EPROTOTYPE);
        }
        if core::ptr::eq(&*listener, self) {
            return Err(Errno::ECONNREFUSED);
        }
        let stream = listener.take_connection(self, PeerCredentials::of(thread))?;
        self.state.lock().role = Role::Connected(stream);
        self.common.queue.wake_all();
        Ok(())
    }

    fn listen(&self, thread: &Thread, backlog: i32) -> Result<()> {
        if self.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut state = self.state.lock();
        if state.name.is_none() {
            return Err(Errno::EINVAL);
        }
        let limit = (backlog as u32).min(LONGEST_BACKLOG as u32) as usize;
        match &mut state.role {
            Role::Connected(_) => return Err(Errno::EINVAL),
            Role::Listening { backlog, waiting, .. } => {
                *backlog = limit;
                wake_waiting(core::mem::take(waiting));
            }
            Role::Idle => {
                state.role = Role::Listening { backlog: limit, pending: VecDeque::new(), waiting: Vec::new() };
            }
        }
        state.peer_credentials = PeerCredentials::of(thread);
        Ok(())
    }

    fn accept(&self) -> Result<Arc<dyn Socket>> {
        if self.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut state = self.state.lock();
        let Role::Listening { pending, waiting, .. } = &mut state.role else { return Err(Errno::EINVAL) };
        let accepted = pending.pop_front().ok_or(Errno::EAGAIN)?;
        let waiting = core::mem::take(waiting);
        drop(state);
        wake_waiting(waiting);
        Ok(accepted)
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        Ok(self.address().map_or_else(name::nameless, |address| address.to_vec()))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        if self.is_datagram() {
            let peer = self.inbox.lock().peer().ok_or(Errno::ENOTCONN)?;
            return peer.local_address();
        }
        self.stream()?;
        let state = self.state.lock();
        Ok(state.peer_name.as_ref().map_or_else(name::nameless, |name| name.address.to_vec()))
    }

    fn send(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if self.is_datagram() { self.send_datagram(message) } else { self.send_on_stream(message) }
    }

    fn receive(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        if self.is_datagram() { self.receive_datagram(message) } else { self.receive_from_stream(message) }
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        if self.is_datagram() {
            self.inbox.lock().shutdown(how);
            self.common.queue.wake_all();
            return Ok(());
        }
        match self.stream() {
            Ok(stream) => stream.shutdown(how),
            Err(_) if self.is_listening() && how.read => {
                self.common.queue.wake_all();
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn poll(&self) -> Events {
        let mut events = Events::empty();
        events.set(Events::ERR, self.common.has_error());
        if self.is_datagram() {
            return events | self.poll_datagrams();
        }
        let state = self.state.lock();
        match &state.role {
            Role::Idle => events | Events::HUP | Events::OUT,
            Role::Listening { pending, .. } => {
                events.set(Events::IN, !pending.is_empty());
                events
            }
            Role::Connected(stream) => {
                let stream = stream.clone();
                drop(state);
                let ended = stream.ended();
                let (no_input, no_output, is_closed) = (ended.input, ended.output || ended.is_refused, ended.is_closed);
                let (readable, writable) = stream.ready();
                events.set(Events::IN, readable || no_input);
                events.set(Events::RDHUP, no_input);
                events.set(Events::HUP, is_closed || no_input && no_output);
                events.set(Events::OUT, writable || no_output);
                events
            }
        }
    }

    fn readable_bytes(&self) -> Result<usize> {
        if self.is_datagram() {
            return Ok(self.inbox.lock().next_length());
        }
        match self.stream() {
            Ok(stream) => Ok(stream.readable()),
            Err(_) if self.is_listening() => Err(Errno::EINVAL),
            Err(_) => Ok(0),
        }
    }

    fn unsent_bytes(&self) -> Result<usize> {
        Ok(self.stream().map_or(0, |stream| stream.unread_by_peer()))
    }

    fn settings_changed(&self) {
        // A larger buffer has room.
        self.common.queue.wake_all();
    }

    fn peer_credentials(&self) -> PeerCredentials {
        self.state.lock().peer_credentials
    }

    fn is_listening(&self) -> bool {
        matches!(self.state.lock().role, Role::Listening { .. })
    }

    fn close(&self) {
        let (role, name) = {
            let mut state = self.state.lock();
            if core::mem::replace(&mut state.is_closed, true) {
                return;
            }
            (core::mem::replace(&mut state.role, Role::Idle), state.name.clone())
        };
        // A connection that was accepted shares its listener's name.
        if let Some(name) = name {
            name::release_of(&name, &self.this);
        }
        match role {
            Role::Idle => self.close_datagrams(),
            Role::Listening { pending, waiting, .. } => {
                for connection in pending {
                    if let Ok(stream) = connection.stream() {
                        stream.close(true);
                    }
                    connection.close();
                }
                wake_waiting(waiting);
            }
            Role::Connected(stream) => stream.close(false),
        }
    }
}

fn wake_waiting(waiting: Vec<Weak<Unix>>) {
    for socket in waiting.iter().filter_map(Weak::upgrade) {
        socket.common.queue.wake_all();
    }
}

/// The lines of `/proc/net/unix`: those with a name.
pub fn describe(text: &mut Vec<u8>) {
    text.extend_from_slice(b"Num       RefCount Protocol Flags    Type St Inode Path\n");
    for socket in name::all() {
        let flags = if socket.is_listening() { 0x1_0000 } else { 0 };
        let state = if socket.stream().is_ok() { 3 } else { 1 };
        let path = socket.address().unwrap_or_default();
        let shown: String = path
            .get(2..)
            .unwrap_or_default()
            .iter()
            .enumerate()
            .filter(|&(index, &byte)| byte != 0 || index == 0)
            .map(|(_, &byte)| if byte == 0 { '@' } else { char::from(byte) })
            .collect();
        let (style, number) = (socket.common.style.number(), socket.common.number);
        let line = format!("{:016x}: 00000002 00000000 {flags:08x} {style:04x} {state:02} {number} {shown}\n", 0);
        text.extend_from_slice(line.as_bytes());
    }
}
