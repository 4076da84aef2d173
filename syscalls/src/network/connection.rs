//! A connection of TCP with another machine.

use super::listener::Listener;
use crate::errno::{Errno, Result};
use crate::socket::Common;
use crate::time::Instant;
use crate::transfer::{Destination, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Duration;
use spin::Mutex;

/// What a connection goes by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Flow {
    /// This machine's end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

/// Who hears of a connection.
pub(super) enum Owner {
    /// Its socket has been closed: it only comes to its end.
    Nobody,
    /// It is to be accepted; `is_told`: the listener has it.
    Listener { listener: Arc<Listener>, is_told: bool },
    /// A socket.
    Socket(Arc<Common>),
}

/// What of a connection changes when segments come and go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Its state.
    pub state: State,
    /// Bytes to read.
    pub received: usize,
    /// Bytes that the peer has not acknowledged.
    pub unsent: usize,
}

/// The stack's side of it. A lock of the stack comes before this one.
pub(super) struct Inner {
    pub(super) set: SocketSet<'static>,
    handle: SocketHandle,
    pub(super) owner: Owner,
    /// When the stack looks at it next.
    pub(super) deadline: Option<Instant>,
    /// When it is given up, once nobody owns it.
    pub(super) orphan_until: Option<Instant>,
    /// Holds back what does not fill a segment: `TCP_CORK`, `MSG_MORE`.
    pub(super) is_corked: bool,
    /// Nothing more is read: `shutdown(2)`.
    is_refused: bool,
}

impl Inner {
    pub(super) fn tcp(&mut self) -> &mut Socket<'static> {
        self.set.get_mut(self.handle)
    }

    pub(super) fn progress(&self) -> Progress {
        let tcp: &Socket<'_> = self.set.get(self.handle);
        Progress { state: tcp.state(), received: tcp.recv_queue(), unsent: tcp.send_queue() }
    }
}

/// A connection with another machine.
pub struct Connection {
    /// Both ends.
    pub flow: Flow,
    pub(super) inner: Mutex<Inner>,
}

/// What a connection can do.
#[derive(Clone, Copy, Debug)]
pub struct Possible {
    /// Its state.
    pub state: State,
    /// Bytes, or the end, can be read.
    pub readable: bool,
    /// Nothing more will come.
    pub no_input: bool,
    /// A good part of the buffer is free.
    pub writable: bool,
    /// Nothing more can be sent.
    pub no_output: bool,
}

/// An empty buffer. `ENOBUFS`.
fn buffer(size: usize) -> Result<SocketBuffer<'static>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| Errno::ENOBUFS)?;
    bytes.resize(size, 0);
    Ok(SocketBuffer::new(bytes))
}

impl Connection {
    /// One that is in no state yet, with buffers of so many bytes. `ENOBUFS`.
    pub(super) fn new(flow: Flow, receive: usize, send: usize, owner: Owner) -> Result<Arc<Self>> {
        let mut tcp = Socket::new(buffer(receive)?, buffer(send)?);
        tcp.set_congestion_control(CongestionControl::Reno);
        let mut storage = Vec::new();
        storage.try_reserve_exact(1).map_err(|_| Errno::ENOBUFS)?;
        storage.push(SocketStorage::EMPTY);
        let mut set = SocketSet::new(storage);
        let handle = set.add(tcp);
        let inner =
            Inner { set, handle, owner, deadline: None, orphan_until: None, is_corked: false, is_refused: false };
        Ok(Arc::new(Self { flow, inner: Mutex::new(inner) }))
    }

    /// Changes its settings.
    pub fn configure(&self, change: impl FnOnce(&mut Socket<'static>)) {
        change(self.inner.lock().tcp());
    }

    /// Holds back, or no longer, what does not fill a segment.
    pub fn set_cork(&self, is_corked: bool) {
        self.inner.lock().is_corked = is_corked;
    }

    /// From now on this socket hears of it.
    pub fn adopt(&self, common: &Arc<Common>) {
        self.inner.lock().owner = Owner::Socket(common.clone());
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.inner.lock().progress()
    }

    /// What it can do.
    pub fn possible(&self) -> Possible {
        let mut inner = self.inner.lock();
        let is_refused = inner.is_refused;
        let tcp = inner.tcp();
        let state = tcp.state();
        let is_early = matches!(state, State::SynSent | State::SynReceived);
        let no_input = is_refused || !is_early && !tcp.may_recv();
        let free = tcp.send_capacity() - tcp.send_queue();
        Possible {
            state,
            readable: tcp.can_recv() || no_input,
            no_input: no_input || matches!(state, State::CloseWait | State::LastAck | State::Closing | State::TimeWait),
            writable: tcp.may_send() && free * 3 >= tcp.send_capacity(),
            no_output: !is_early && !tcp.may_send(),
        }
    }

    /// Copies what has room into the send buffer. `EAGAIN`, `EPIPE`, `EFAULT`.
    pub fn send(&self, from: &mut Source<'_>) -> Result<usize> {
        let mut done = 0;
        while from.remaining() > 0 {
            let mut inner = self.inner.lock();
            let tcp = inner.tcp();
            if !tcp.may_send() {
                return if done > 0 { Ok(done) } else { Err(Errno::EPIPE) };
            }
            let (room, taken) = tcp
                .send(|buffer| {
                    let length = buffer.len().min(from.remaining());
                    let taken = from.take_present(&mut buffer[..length]);
                    (taken, (length, taken))
                })
                .map_err(|_| Errno::EPIPE)?;
            drop(inner);
            done += taken;
            if room == 0 {
                return if done > 0 { Ok(done) } else { Err(Errno::EAGAIN) };
            }
            if taken < room
                && let Err(errno) = from.fault_in()
            {
                return if done > 0 { Ok(done) } else { Err(errno) };
            }
        }
        Ok(done)
    }

    /// Copies what is there out of the receive buffer; 0 is the end. Also gives whether the peer should hear that there is
    /// room again. `EAGAIN`, `EFAULT`.
    pub fn receive(&self, to: &mut Destination<'_>, peeks: bool) -> Result<(usize, bool)> {
        let mut done = 0;
        let mut was_tight = false;
        while to.remaining() > 0 {
            let mut inner = self.inner.lock();
            let is_refused = inner.is_refused;
            let tcp = inner.tcp();
            was_tight |= tcp.recv_queue() * 2 >= tcp.recv_capacity();
            if !tcp.can_recv() {
                let is_early = matches!(tcp.state(), State::SynSent | State::SynReceived);
                let is_over = is_refused || !is_early && !tcp.may_recv();
                return match done {
                    0 if !is_over => Err(Errno::EAGAIN),
                    done => Ok((done, was_tight)),
                };
            }
            let (wanted, put) = if peeks {
                // The whole at once, as one piece wherever the buffer wraps.
                let length = tcp.recv_queue().min(to.remaining());
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(length).map_err(|_| Errno::ENOBUFS)?;
                bytes.resize(length, 0);
                let length = tcp.peek_slice(&mut bytes).unwrap_or(0);
                drop(inner);
                return to.put(&bytes[..length]).map(|count| (count, false));
            } else {
                tcp.recv(|buffer| {
                    let length = buffer.len().min(to.remaining());
                    let put = to.put_present(&buffer[..length]);
                    (put, (length, put))
                })
                .map_err(|_| Errno::ENOTCONN)?
            };
            drop(inner);
            done += put;
            if put < wanted
                && let Err(errno) = to.fault_in()
            {
                return if done > 0 { Ok((done, was_tight)) } else { Err(errno) };
            }
        }
        Ok((done, was_tight))
    }

    /// Sends no more, or takes no more.
    pub fn shutdown(&self, read: bool, write: bool) {
        let mut inner = self.inner.lock();
        inner.is_refused |= read;
        if write {
            inner.is_corked = false;
            inner.tcp().close();
        }
    }

    /// Its socket is closed: what was sent still arrives, unless something that was received is lost by it, or `reset`.
    pub fn abandon(&self, reset: bool, until: Instant) {
        let mut inner = self.inner.lock();
        inner.owner = Owner::Nobody;
        inner.orphan_until = Some(until);
        inner.is_corked = false;
        let tcp = inner.tcp();
        tcp.set_keep_alive(None);
        if reset || tcp.recv_queue() > 0 {
            tcp.abort();
        } else {
            tcp.close();
            tcp.set_timeout(Some(Duration::from_secs(120)));
        }
    }
}
