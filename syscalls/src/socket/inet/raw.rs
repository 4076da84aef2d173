//! Raw sockets of IPv4 for ICMP, `raw(7)`: what `ping(8)` uses.

use super::address::{family, format, parse, unspecified};
use super::levels::{Levels, check_bindable};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::network::listener::Inbox;
use crate::network::raw::{HEADER, RawPort, packet, send_locally};
use crate::network::{self, Route};
use crate::socket::message::{Incoming, MessageFlags, Outgoing, PacketInformation};
use crate::socket::{Common, Shutdown, Socket, Style};
use crate::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU16, Ordering};
use linux_raw_sys::net::{AF_UNSPEC, IP_RETOPTS, SOL_IP, SOL_RAW};
use spin::Mutex;

/// `ICMP_FILTER`, `<linux/icmp.h>`.
const ICMP_FILTER: u32 = 1;
/// The longest message: 65,535 bytes without the header.
const LONGEST: usize = 65_535 - HEADER;

/// A raw socket of ICMP.
pub(super) struct Raw {
    common: Arc<Common>,
    port: Arc<RawPort>,
    levels: Mutex<Levels>,
    /// The port that came with the peer's address: it means nothing, but shows.
    peer_port: AtomicU16,
}

impl Raw {
    /// A new one.
    pub(super) fn new(family: u16) -> Arc<Self> {
        let common = Common::new(family, Style::Raw, super::ICMP as u16);
        let port = RawPort::new(Inbox::new(&common));
        Arc::new(Self { common, port, levels: Mutex::new(Levels::default()), peer_port: AtomicU16::new(0) })
    }
}

fn v4(address: SocketAddr) -> Result<Ipv4Addr> {
    match address.ip() {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(Errno::EAFNOSUPPORT),
    }
}

impl Socket for Raw {
    fn common(&self) -> &Arc<Common> {
        &self.common
    }

    fn bind(&self, _: &Thread, address: &[u8]) -> Result<()> {
        let address = parse(self.common.family, address, true)?;
        check_bindable(address.ip(), &self.levels.lock())?;
        let own = Some(v4(address)?).filter(|address| !address.is_unspecified());
        self.port.set_ends(own, self.port.ends().1);
        Ok(())
    }

    fn connect(&self, _: &Thread, address: &[u8]) -> Result<()> {
        let (local, _) = self.port.ends();
        if family(address)? == AF_UNSPEC {
            self.port.set_ends(local, None);
            return Ok(());
        }
        let peer = parse(self.common.family, address, false)?;
        let (peer, port) = (network::loopback_of(peer.ip()), peer.port());
        let route = network::route(peer).ok_or(Errno::ENETUNREACH)?;
        if network::is_for_many(peer) && !peer.is_multicast() && !self.common.settings().broadcast {
            return Err(Errno::EACCES);
        }
        let source = v4(SocketAddr::new(route.source(), 0))?;
        self.port.set_ends(Some(local.unwrap_or(source)), Some(v4(SocketAddr::new(peer, 0))?));
        self.peer_port.store(port, Ordering::Relaxed);
        Ok(())
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        let address = self.port.ends().0.map_or(unspecified(self.common.family), IpAddr::V4);
        // As Linux, for which the protocol's number is a raw socket's port.
        Ok(format(self.common.family, SocketAddr::new(address, self.common.protocol)))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        let peer = self.port.ends().1.ok_or(Errno::ENOTCONN)?;
        match self.peer_port.load(Ordering::Relaxed) {
            0 => Err(Errno::ENOTCONN),
            port => Ok(format(self.common.family, SocketAddr::new(IpAddr::V4(peer), port))),
        }
    }

    fn send(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let length = message.data.remaining();
        if length > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        let (local, peer) = self.port.ends();
        let to = match message.to {
            Some(address) => v4(parse(self.common.family, address, false)?)?,
            None => peer.ok_or(Errno::EDESTADDRREQ)?,
        };
        self.common.check_error()?;
        let destination = network::loopback_of(IpAddr::V4(to));
        let is_broadcast = network::is_for_many(destination) && !destination.is_multicast();
        if is_broadcast && !self.common.settings().broadcast {
            return Err(Errno::EACCES);
        }
        let route = network::route(destination).ok_or(Errno::ENETUNREACH)?;
        let to = v4(SocketAddr::new(destination, 0))?;
        let from = local.map_or_else(|| v4(SocketAddr::new(route.source(), 0)), Ok)?;
        let hops = message.control.hop_limit.or_else(|| self.levels.lock().hops(destination)).unwrap_or(64);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| Errno::ENOBUFS)?;
        bytes.resize(length, 0);
        let start = message.data.mark();
        message.data.take(&mut bytes)?;
        match route {
            Route::Local(_) => send_locally(from, to, hops, &bytes),
            Route::Out(_) => {
                let stack = network::running().ok_or(Errno::ENETUNREACH)?;
                if let Err(errno) = stack.send_packet(&packet(from, to, hops, &bytes)) {
                    message.data.rewind(start);
                    return Err(errno);
                }
            }
        }
        Ok(length)
    }

    fn receive(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        // No errors are queued.
        if message.flags.contains(MessageFlags::ERRQUEUE) {
            return Err(Errno::EAGAIN);
        }
        self.common.check_error()?;
        let datagram = self.port.inbox.pop().ok_or(Errno::EAGAIN)?;
        let levels = *self.levels.lock();
        let outcome = message.put_message(&datagram.bytes);
        let received = &mut message.received;
        received.from = Some(format(self.common.family, datagram.from));
        if levels.wants_packet {
            let (interface, address) = (datagram.interface, datagram.to.ip());
            received.packet = Some(PacketInformation { interface, address });
        }
        received.hop_limit = levels.wants_hop_limit.then_some(datagram.hop_limit);
        received.time = self.common.settings().timestamps.then_some(datagram.time);
        if message.peeks() {
            self.port.inbox.push_front(datagram);
        }
        outcome
    }

    fn shutdown(&self, _: Shutdown) -> Result<()> {
        if self.port.ends().1.is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    fn poll(&self) -> Events {
        let mut events = Events::OUT;
        events.set(Events::IN, self.port.inbox.next_length().is_some());
        events.set(Events::ERR, self.common.has_error());
        events
    }

    fn set_option(&self, _: &Thread, level: u32, option: u32, value: &[u8]) -> Result<()> {
        match (level, option) {
            (SOL_RAW, ICMP_FILTER) => {
                let mut filter = [0; 4];
                let length = value.len().min(4);
                filter[..length].copy_from_slice(&value[..length]);
                self.port.set_filter(u32::from_ne_bytes(filter));
                Ok(())
            }
            (SOL_RAW, _) => Err(Errno::ENOPROTOOPT),
            // Options that a packet brings are in its header, which a raw socket gets too.
            (SOL_IP, IP_RETOPTS) => Ok(()),
            _ => self.levels.lock().set(&self.common, level, option, value).map(drop),
        }
    }

    fn option(&self, level: u32, option: u32) -> Result<Vec<u8>> {
        match (level, option) {
            (SOL_RAW, ICMP_FILTER) => Ok(self.port.filter().to_ne_bytes().to_vec()),
            (SOL_RAW, _) => Err(Errno::ENOPROTOOPT),
            _ => self.levels.lock().get(self.common.family, level, option),
        }
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.port.inbox.next_length().unwrap_or(0))
    }

    fn unsent_bytes(&self) -> Result<usize> {
        Ok(0)
    }

    fn close(&self) {}
}
