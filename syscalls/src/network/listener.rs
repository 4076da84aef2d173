//! Where what comes from the network waits for a socket: connections that nobody has accepted, datagrams that nobody has
//! read.

use super::Connection;
use crate::socket::{Common, Socket, Stream};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use spin::{Mutex, Once};

/// A connection that a listener can hand out.
pub enum Arrival {
    /// With another machine.
    Remote(Arc<Connection>),
    /// With a socket of this one; the socket is made.
    Local(Arc<dyn Socket>),
}

/// What a socket that listens has.
pub struct Listener {
    /// The socket's.
    pub common: Arc<Common>,
    backlog: AtomicUsize,
    arrivals: Mutex<VecDeque<Arrival>>,
    /// Connections whose handshake goes on.
    half_open: AtomicUsize,
    is_closed: AtomicBool,
    /// Sockets of this machine that knocked and found no room.
    knocking: Mutex<Vec<Arc<Common>>>,
    maker: Once<Maker>,
}

/// Makes the end of a stream for a socket that is about to be made.
pub(crate) type MakeStream<'a> = &'a mut dyn FnMut(&Arc<Common>) -> Stream;
/// Makes the socket of a connection within this machine, between two addresses: the listener's and the other one.
pub(crate) type Maker = Box<dyn Fn(MakeStream<'_>, SocketAddr, SocketAddr) -> Option<Arc<dyn Socket>> + Send + Sync>;

impl Listener {
    /// For a socket.
    pub fn new(common: &Arc<Common>, backlog: usize) -> Arc<Self> {
        Arc::new(Self {
            common: common.clone(),
            backlog: AtomicUsize::new(backlog),
            arrivals: Mutex::new(VecDeque::new()),
            half_open: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            knocking: Mutex::new(Vec::new()),
            maker: Once::new(),
        })
    }

    /// Says once how the sockets of connections within this machine are made.
    pub(crate) fn set_maker(&self, maker: Maker) {
        self.maker.call_once(|| maker);
    }

    /// Makes the socket of a connection within this machine; `None`: nobody listens any more.
    pub(crate) fn make(&self, stream: MakeStream<'_>, to: SocketAddr, from: SocketAddr) -> Option<Arc<dyn Socket>> {
        self.maker.get()?(stream, to, from)
    }

    /// A socket of this machine waits for room: its queue is woken when there is some.
    pub fn knock(&self, common: &Arc<Common>) {
        let mut knocking = self.knocking.lock();
        if !knocking.iter().any(|other| Arc::ptr_eq(other, common)) {
            knocking.push(common.clone());
        }
    }

    fn call_in(&self) {
        let knocking = core::mem::take(&mut *self.knocking.lock());
        knocking.iter().for_each(|common| common.queue.wake_all());
    }

    /// Sets how many connections may wait; as on Linux it is one more.
    pub fn set_backlog(&self, backlog: usize) {
        self.backlog.store(backlog, Ordering::Relaxed);
    }

    /// Whether one more connection may begin.
    pub fn has_room(&self) -> bool {
        let waiting = self.arrivals.lock().len();
        waiting <= self.backlog.load(Ordering::Relaxed) && !self.is_closed.load(Ordering::Relaxed)
    }

    /// Connections whose handshake goes on.
    pub fn half_open(&self) -> usize {
        self.half_open.load(Ordering::Relaxed)
    }

    /// A handshake begins.
    pub(super) fn begin(&self) {
        self.half_open.fetch_add(1, Ordering::Relaxed);
    }

    /// A handshake has ended, however.
    pub(super) fn end(&self) {
        self.half_open.fetch_sub(1, Ordering::Relaxed);
    }

    /// A connection is there. Gives it back when nobody will accept it any more.
    pub fn push(&self, arrival: Arrival) -> Option<Arrival> {
        let mut arrivals = self.arrivals.lock();
        if self.is_closed.load(Ordering::Relaxed) {
            return Some(arrival);
        }
        arrivals.push_back(arrival);
        drop(arrivals);
        self.common.queue.wake(crate::file::Events::IN);
        None
    }

    /// The next connection.
    pub fn pop(&self) -> Option<Arrival> {
        let arrival = self.arrivals.lock().pop_front()?;
        self.call_in();
        Some(arrival)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.arrivals.lock().len()
    }

    /// Takes no more; gives those that wait.
    pub fn close(&self) -> VecDeque<Arrival> {
        let mut arrivals = self.arrivals.lock();
        self.is_closed.store(true, Ordering::Relaxed);
        let left = core::mem::take(&mut *arrivals);
        drop(arrivals);
        self.call_in();
        left
    }
}

/// A datagram that came.
pub struct Datagram {
    /// Its payload.
    pub bytes: Vec<u8>,
    /// Who sent it.
    pub from: SocketAddr,
    /// Where to.
    pub to: SocketAddr,
    /// By which interface.
    pub interface: u32,
    /// What was left of its hop limit.
    pub hop_limit: u8,
    /// When, in nanoseconds since 1970.
    pub time: u64,
}

/// What a datagram costs of a buffer beside its bytes.
const OVERHEAD: usize = 256;

/// The datagrams that a socket has received.
pub struct Inbox {
    /// The socket's.
    pub common: Arc<Common>,
    waiting: Mutex<(VecDeque<Datagram>, usize)>,
    dropped: AtomicUsize,
    peer: Mutex<Option<SocketAddr>>,
}

impl Inbox {
    /// For a socket.
    pub fn new(common: &Arc<Common>) -> Arc<Self> {
        Arc::new(Self {
            common: common.clone(),
            waiting: Mutex::new((VecDeque::new(), 0)),
            dropped: AtomicUsize::new(0),
            peer: Mutex::new(None),
        })
    }

    /// Sets whom the socket talks to alone.
    pub fn set_peer(&self, peer: Option<SocketAddr>) {
        *self.peer.lock() = peer;
    }

    /// Whether the socket talks to this address alone.
    pub fn is_connected_to(&self, peer: SocketAddr) -> bool {
        *self.peer.lock() == Some(peer)
    }

    /// One has come; without room it is lost.
    pub fn push(&self, datagram: Datagram) {
        let limit = self.common.settings().receive_buffer as usize;
        let cost = datagram.bytes.capacity() + OVERHEAD;
        let mut waiting = self.waiting.lock();
        if waiting.1 + cost > limit && waiting.1 > 0 || waiting.0.try_reserve(1).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.1 += cost;
        waiting.0.push_back(datagram);
        drop(waiting);
        self.common.queue.wake(crate::file::Events::IN);
    }

    /// Takes the next one.
    pub fn pop(&self) -> Option<Datagram> {
        let mut waiting = self.waiting.lock();
        let datagram = waiting.0.pop_front()?;
        waiting.1 -= datagram.bytes.capacity() + OVERHEAD;
        Some(datagram)
    }

    /// Puts back one that was only looked at.
    pub fn push_front(&self, datagram: Datagram) {
        let mut waiting = self.waiting.lock();
        waiting.1 += datagram.bytes.capacity() + OVERHEAD;
        waiting.0.push_front(datagram);
    }

    /// Bytes of the next one; `None`: there is none.
    pub fn next_length(&self) -> Option<usize> {
        self.waiting.lock().0.front().map(|datagram| datagram.bytes.len())
    }

    /// How many were lost.
    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}
