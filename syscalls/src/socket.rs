//! Sockets, `socket(7)`: what the families have in common.
//!
//! A [`Socket`] is one family's object, behind a [`SocketFile`] that a descriptor refers to. No operation of a socket
//! blocks: it answers `EAGAIN`, and the [calls] wait on [`Common::queue`], the one queue of each socket, which whoever
//! changes its state wakes – the peer in memory, or the network.
//!
//! | folder | what |
//! |---|---|
//! | [`calls`] | the system calls: user memory, waiting, flags |
//! | [`message`] | what is sent and received beside the bytes: addresses, control messages |
//! | [`options`] | options of the level `SOL_SOCKET` |
//! | `stream` | two byte streams in memory: `AF_UNIX`, and TCP from this machine to itself |
//! | [`unix`] | `AF_UNIX` |
//! | [`inet`] | `AF_INET` and `AF_INET6`: TCP and UDP |
//! | `netlink` | `AF_NETLINK`: what there is of interfaces, addresses and routes |

pub mod calls;
pub mod inet;
pub mod message;
mod netlink;
pub mod options;
mod stream;
pub mod unix;

use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile};
use crate::filesystem::{Attributes, Kind};
use crate::network;
use crate::pipe::send_sigpipe;
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use linux_raw_sys::ioctl::FIONREAD;
use linux_raw_sys::net::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM};
use message::{Incoming, MessageFlags, Outgoing};
use options::Settings;
use spin::Mutex;
pub(crate) use stream::Stream;

/// `SIOCOUTQ`: bytes that have not been taken by the peer.
const SIOCOUTQ: u32 = 0x5411;

/// The type of a socket, without its flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// `SOCK_STREAM`: bytes in order, a connection.
    Stream,
    /// `SOCK_DGRAM`: messages.
    Datagram,
    /// `SOCK_RAW`: packets.
    Raw,
    /// `SOCK_SEQPACKET`: messages in order, a connection.
    SequencedPacket,
}

impl Style {
    /// From the number in `socket(2)`; `EINVAL` for none, `ESOCKTNOSUPPORT` for one that nobody speaks.
    pub fn from_number(number: u32) -> Result<Self> {
        match number {
            SOCK_STREAM => Ok(Self::Stream),
            SOCK_DGRAM => Ok(Self::Datagram),
            SOCK_RAW => Ok(Self::Raw),
            SOCK_SEQPACKET => Ok(Self::SequencedPacket),
            4..=10 => Err(Errno::ESOCKTNOSUPPORT),
            _ => Err(Errno::EINVAL),
        }
    }

    /// `SOCK_*`.
    pub const fn number(self) -> u32 {
        match self {
            Self::Stream => SOCK_STREAM,
            Self::Datagram => SOCK_DGRAM,
            Self::Raw => SOCK_RAW,
            Self::SequencedPacket => SOCK_SEQPACKET,
        }
    }

    /// Whether it is connected before anything is sent.
    pub const fn is_connected(self) -> bool {
        matches!(self, Self::Stream | Self::SequencedPacket)
    }
}

/// What every socket has.
pub struct Common {
    /// `AF_*`.
    pub family: u16,
    /// Its type.
    pub style: Style,
    /// The protocol within the family.
    pub protocol: u16,
    /// The inode's number.
    pub number: u64,
    /// Woken by each change of the socket's state.
    pub queue: WaitQueue,
    /// The options of `SOL_SOCKET`.
    pub settings: Mutex<Settings>,
    /// What went wrong while nobody asked: `SO_ERROR`.
    error: AtomicU16,
}

impl Common {
    /// A new socket's.
    pub fn new(family: u16, style: Style, protocol: u16) -> Arc<Self> {
        Self::with_settings(family, style, protocol, Settings::default())
    }

    /// A new socket's, with the options of another: what `accept` gives.
    pub fn with_settings(family: u16, style: Style, protocol: u16, settings: Settings) -> Arc<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(10_000);
        Arc::new(Self {
            family,
            style,
            protocol,
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            queue: WaitQueue::new(),
            settings: Mutex::new(settings),
            error: AtomicU16::new(0),
        })
    }

    /// The options now.
    pub fn settings(&self) -> Settings {
        *self.settings.lock()
    }

    /// Keeps an error for the next one who asks, and wakes.
    pub fn set_error(&self, errno: Errno) {
        self.error.store(errno.number(), Ordering::Relaxed);
        self.queue.wake_all();
    }

    /// Takes the error that was kept.
    pub fn take_error(&self) -> Option<Errno> {
        match self.error.swap(0, Ordering::Relaxed) {
            0 => None,
            number => Some(Errno::from_number(number)),
        }
    }

    /// Fails with the error that was kept, once.
    pub fn check_error(&self) -> Result<()> {
        // Nearly always there is none: a load is cheaper than a swap.
        if self.has_error() { self.take_error().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// Whether an error is kept.
    pub fn has_error(&self) -> bool {
        self.error.load(Ordering::Relaxed) != 0
    }
}

/// Which half `shutdown(2)` ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shutdown {
    /// Nothing is received any more.
    pub read: bool,
    /// Nothing is sent any more.
    pub write: bool,
}

/// What `SO_PEERCRED` tells: `struct ucred`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerCredentials {
    /// The process.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl PeerCredentials {
    /// Of nobody: what an unconnected socket answers.
    pub const NOBODY: Self = Self { pid: 0, uid: u32::MAX, gid: u32::MAX };

    /// Of a thread's process.
    pub fn of(thread: &Thread) -> Self {
        let who = thread.process.credentials();
        Self { pid: thread.process.id, uid: who.user.effective, gid: who.group.effective }
    }
}

/// One family's socket. Default bodies answer for a socket that lacks the operation. Nothing blocks: `EAGAIN` says
/// that the caller may wait on [`Common::queue`] and ask again.
pub trait Socket: Any + Send + Sync {
    /// What every socket has.
    fn common(&self) -> &Arc<Common>;

    /// `bind(2)`. `EINVAL`, `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`.
    fn bind(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let _ = (thread, address);
        Err(Errno::EOPNOTSUPP)
    }

    /// Begins to connect. `EINPROGRESS`: [`Socket::connected`] tells how it ended. `EAGAIN`: the peer has no room now.
    fn connect(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let _ = (thread, address);
        Err(Errno::EOPNOTSUPP)
    }

    /// How a connection that was begun has come out; `EAGAIN` while it goes on.
    fn connected(&self) -> Result<()> {
        Ok(())
    }

    /// `listen(2)`. `EOPNOTSUPP`, `EINVAL`, `EADDRINUSE`.
    fn listen(&self, thread: &Thread, backlog: i32) -> Result<()> {
        let _ = (thread, backlog);
        Err(Errno::EOPNOTSUPP)
    }

    /// The next connection. `EINVAL` when it does not listen.
    fn accept(&self) -> Result<Arc<dyn Socket>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Its own address.
    fn local_address(&self) -> Result<Vec<u8>>;

    /// The peer's address. `ENOTCONN`.
    fn peer_address(&self) -> Result<Vec<u8>>;

    /// Sends as much as has room, or one message; gives the bytes taken. `EPIPE`, `ENOTCONN`, `EMSGSIZE`, …
    fn send(&self, message: &mut Outgoing<'_, '_>) -> Result<usize>;

    /// Receives what is there, or one message; gives the bytes put, with `MSG_TRUNC` the message's own length. 0 is the
    /// end.
    fn receive(&self, message: &mut Incoming<'_, '_>) -> Result<usize>;

    /// `shutdown(2)`. `ENOTCONN`.
    fn shutdown(&self, how: Shutdown) -> Result<()>;

    /// What is possible now.
    fn poll(&self) -> Events;

    /// An option of another level than `SOL_SOCKET`, or one of those that are the family's own. `ENOPROTOOPT`,
    /// `EINVAL`.
    fn set_option(&self, thread: &Thread, level: u32, option: u32, value: &[u8]) -> Result<()> {
        let _ = (thread, level, option, value);
        Err(Errno::ENOPROTOOPT)
    }

    /// The value of such an option.
    fn option(&self, level: u32, option: u32) -> Result<Vec<u8>> {
        let _ = (level, option);
        Err(Errno::ENOPROTOOPT)
    }

    /// After an option of `SOL_SOCKET` has changed.
    fn settings_changed(&self) {}

    /// Bytes that the next receive can have at most: `FIONREAD`.
    fn readable_bytes(&self) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// Bytes that were sent and not taken yet: `SIOCOUTQ`.
    fn unsent_bytes(&self) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// Who connected: `SO_PEERCRED`.
    fn peer_credentials(&self) -> PeerCredentials {
        PeerCredentials::NOBODY
    }

    /// Whether it waits for connections: `SO_ACCEPTCONN`.
    fn is_listening(&self) -> bool {
        false
    }

    /// Its last descriptor has gone.
    fn close(&self);
}

/// A socket as an open file.
pub struct SocketFile {
    socket: Arc<dyn Socket>,
}

impl SocketFile {
    /// For a descriptor.
    pub fn new(socket: Arc<dyn Socket>) -> Arc<Self> {
        Arc::new(Self { socket })
    }

    /// The socket that an open file is. `ENOTSOCK`.
    pub fn of(open: &OpenFile) -> Result<&Arc<dyn Socket>> {
        let file: &dyn Any = &**open.file();
        file.downcast_ref::<Self>().map(|file| &file.socket).ok_or(Errno::ENOTSOCK)
    }
}

impl File for SocketFile {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        self.socket.receive(&mut Incoming::plain(to, MessageFlags::empty()))
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        let outcome = self.socket.send(&mut Outgoing::plain(from, MessageFlags::empty()));
        if outcome == Err(Errno::EPIPE) && self.socket.common().style.is_connected() {
            send_sigpipe();
        }
        outcome
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn writes_whole(&self) -> bool {
        self.socket.common().style == Style::Stream
    }

    fn poll(&self) -> Events {
        self.socket.poll()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.socket.common().queue)
    }

    fn patience(&self, events: Events) -> Option<u64> {
        let settings = self.socket.common().settings();
        let limit = if events.contains(Events::IN) { settings.receive_timeout } else { settings.send_timeout };
        (limit != 0).then_some(limit)
    }

    fn can_signal(&self) -> bool {
        true
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        let count = match request {
            FIONREAD => self.socket.readable_bytes()?,
            SIOCOUTQ => self.socket.unsent_bytes()?,
            // Any socket tells of the interfaces, those of the Internet of their addresses.
            _ => {
                let is_inet = matches!(u32::from(self.socket.common().family), AF_INET | AF_INET6);
                return network::ioctl::ioctl(thread, request, argument, is_inet);
            }
        };
        UserPtr::new(argument).write(thread, &(count.min(i32::MAX as usize) as i32)).map(|()| 0)
    }

    fn attributes(&self) -> Attributes {
        Attributes {
            // Linux's internal mount of sockets.
            device: 8,
            inode: self.socket.common().number,
            ..Attributes::nameless(Kind::Socket, 0o777)
        }
    }

    fn label(&self) -> String {
        format!("socket:[{}]", self.socket.common().number)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.socket.close();
    }
}
