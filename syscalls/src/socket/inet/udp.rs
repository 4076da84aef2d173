//! UDP, `udp(7)`.

use super::address::{family, format, parse, unspecified};
use super::levels::{Levels, check_bindable};
use super::listing::{self, Listed};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::machine::machine;
use crate::network::listener::{Datagram, Inbox};
use crate::network::ports::Wanted;
use crate::network::{self, DatagramPort, LOOPBACK, Route};
use crate::socket::message::{Incoming, MessageFlags, Outgoing, PacketInformation, stamp};
use crate::socket::{Common, Shutdown, Socket, Style};
use crate::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use linux_raw_sys::net::{AF_INET6, AF_UNSPEC, SOL_UDP};
use spin::Mutex;

/// The longest payload: 65,535 bytes without the headers of IPv4 and UDP.
const LONGEST: usize = 65_507;
/// The same without the fixed header of IPv6, which does not count itself.
const LONGEST_V6: usize = 65_527;

struct State {
    levels: Levels,
    local: SocketAddr,
    /// The address that the program bound it to.
    bound: IpAddr,
    peer: Option<SocketAddr>,
    /// What sends beyond this machine.
    port: Option<Arc<DatagramPort>>,
    groups: Vec<IpAddr>,
    refuses: bool,
    is_silent: bool,
    is_closed: bool,
}

/// A socket of UDP.
pub(super) struct Udp {
    common: Arc<Common>,
    inbox: Arc<Inbox>,
    state: Mutex<State>,
}

/// Two sockets with `SO_REUSEADDR` may have a port, whatever they do.
fn may_share(_: bool) -> bool {
    true
}

impl Udp {
    /// A new one.
    pub(super) fn new(family: u16) -> Arc<Self> {
        let common = Common::new(family, Style::Datagram, super::UDP as u16);
        let inbox = Inbox::new(&common);
        let any = unspecified(family);
        let state = State {
            levels: Levels::default(),
            local: SocketAddr::new(any, 0),
            bound: any,
            peer: None,
            port: None,
            groups: Vec::new(),
            refuses: false,
            is_silent: false,
            is_closed: false,
        };
        Arc::new_cyclic(|this| {
            listing::enter_udp(common.number, this);
            Self { common, inbox, state: Mutex::new(state) }
        })
    }

    /// What `/proc/net/udp` shows; `None` while it has no port.
    pub(super) fn listed(&self) -> Option<Listed> {
        let state = self.state.lock();
        if state.local.port() == 0 {
            return None;
        }
        let any = SocketAddr::new(unspecified(self.common.family), 0);
        Some(Listed {
            is_v6: u32::from(self.common.family) == AF_INET6,
            local: state.local,
            remote: state.peer.unwrap_or(any),
            state: if state.peer.is_some() { 1 } else { 7 },
            unsent: 0,
            unread: self.inbox.next_length().unwrap_or(0),
            number: self.common.number,
        })
    }

    fn take_port(&self, thread: &Thread, address: SocketAddr) -> Result<()> {
        let settings = self.common.settings();
        let mut state = self.state.lock();
        if state.local.port() != 0 {
            return Err(Errno::EINVAL);
        }
        let wanted = Wanted {
            owner: self.common.number,
            address: address.ip(),
            port: address.port(),
            only_v6: state.levels.only_v6,
            interface: settings.interface,
            reuse_address: settings.reuse_address,
            reuse_port: settings.reuse_port,
            user: thread.process.credentials().user.effective,
        };
        let port = network::udp().lock().take(wanted, Some(self.inbox.clone()), may_share)?;
        state.local = SocketAddr::new(address.ip(), port);
        state.bound = address.ip();
        Ok(())
    }

    fn ensure_port(&self, thread: &Thread) -> Result<()> {
        if self.state.lock().local.port() != 0 {
            return Ok(());
        }
        self.take_port(thread, SocketAddr::new(unspecified(self.common.family), 0))
    }

    /// Where a message goes.
    fn destination(&self, message: &Outgoing<'_, '_>) -> Result<SocketAddr> {
        match message.to {
            Some(address) if family(address)? == AF_UNSPEC && self.common.family == 10 => {
                self.state.lock().peer.ok_or(Errno::EDESTADDRREQ)
            }
            Some(address) => {
                let to = parse(self.common.family, address, true)?;
                if to.port() == 0 { Err(Errno::EINVAL) } else { Ok(to) }
            }
            None => self.state.lock().peer.ok_or(Errno::EDESTADDRREQ),
        }
    }

    /// Gives a datagram to the sockets of this machine that it is for; whether there were any.
    fn deliver(&self, bytes: Vec<u8>, from: SocketAddr, to: SocketAddr, hop_limit: u8) -> bool {
        let inboxes: Vec<_> = {
            let ports = network::udp().lock();
            match network::is_for_many(to.ip()) {
                true => ports.find_all(to, from, LOOPBACK),
                false => ports.find(to, from, LOOPBACK).into_iter().collect(),
            }
        };
        let Some((last, others)) = inboxes.split_last() else { return false };
        let make = |bytes| Datagram { bytes, from, to, interface: LOOPBACK, hop_limit, time: stamp() };
        others.iter().for_each(|inbox| inbox.push(make(bytes.clone())));
        last.push(make(bytes));
        true
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        listing::leave_udp(self.common.number);
    }
}

impl Socket for Udp {
    fn common(&self) -> &Arc<Common> {
        &self.common
    }

    fn bind(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let address = parse(self.common.family, address, true)?;
        super::check_privileged(thread, address.port())?;
        check_bindable(address.ip(), &self.state.lock().levels)?;
        self.take_port(thread, address)
    }

    fn connect(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let number = self.common.number;
        if family(address)? == AF_UNSPEC {
            let mut state = self.state.lock();
            state.peer = None;
            let bound = state.bound;
            state.local.set_ip(bound);
            self.inbox.set_peer(None);
            network::udp().lock().set_peer(state.local.port(), number, state.bound, None);
            return Ok(());
        }
        let mut peer = parse(self.common.family, address, false)?;
        peer.set_ip(network::loopback_of(peer.ip()));
        let route = network::route(peer.ip()).ok_or(Errno::ENETUNREACH)?;
        if network::is_for_many(peer.ip()) && !peer.ip().is_multicast() && !self.common.settings().broadcast {
            return Err(Errno::EACCES);
        }
        self.ensure_port(thread)?;
        let mut state = self.state.lock();
        if state.bound.is_unspecified() {
            state.local.set_ip(route.source());
        }
        state.peer = Some(peer);
        self.inbox.set_peer(Some(peer));
        network::udp().lock().set_peer(state.local.port(), number, state.local.ip(), Some(peer));
        Ok(())
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        Ok(format(self.common.family, self.state.lock().local))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        let peer = self.state.lock().peer.ok_or(Errno::ENOTCONN)?;
        Ok(format(self.common.family, peer))
    }

    fn send(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let length = message.data.remaining();
        if length > LONGEST_V6 {
            return Err(Errno::EMSGSIZE);
        }
        let mut to = self.destination(message)?;
        if to.is_ipv4() && length > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        self.common.check_error()?;
        if self.state.lock().is_silent {
            return Err(Errno::EPIPE);
        }
        to.set_ip(network::loopback_of(to.ip()));
        let is_broadcast = network::is_for_many(to.ip()) && !to.ip().is_multicast();
        if is_broadcast && !self.common.settings().broadcast {
            return Err(Errno::EACCES);
        }
        let route = network::route(to.ip()).ok_or(Errno::ENETUNREACH)?;
        self.ensure_port(&machine().current())?;
        let (local, levels) = {
            let state = self.state.lock();
            (state.local, state.levels)
        };
        if levels.only_v6 && to.is_ipv4() {
            return Err(Errno::ENETUNREACH);
        }
        let chosen = message.control.packet.map(|packet| packet.address).filter(|address| !address.is_unspecified());
        let source = match chosen.or(Some(local.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_multicast())) {
            Some(own) if own.is_ipv4() == to.is_ipv4() => own,
            Some(_) => return Err(Errno::ENETUNREACH),
            None => route.source(),
        };
        let from = SocketAddr::new(source, local.port());
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| Errno::ENOBUFS)?;
        bytes.resize(length, 0);
        let start = message.data.mark();
        message.data.take(&mut bytes)?;
        let hops = message.control.hop_limit.or_else(|| levels.hops(to.ip()));
        match route {
            Route::Local(_) => {
                let found = self.deliver(bytes, from, to, hops.unwrap_or(64));
                if !found && self.state.lock().peer == Some(to) {
                    self.common.set_error(Errno::ECONNREFUSED);
                }
            }
            Route::Out(_) => {
                let stack = network::running().ok_or(Errno::ENETUNREACH)?;
                let port = {
                    let mut state = self.state.lock();
                    state.port.get_or_insert_with(|| stack.datagram_port(local.port())).clone()
                };
                let outcome = stack.send_datagram(&port, source, to, &bytes, hops);
                if outcome.is_err() {
                    message.data.rewind(start);
                }
                outcome?;
                if to.ip().is_multicast() && levels.multicast_loop {
                    self.deliver(bytes, from, to, hops.unwrap_or(1));
                }
            }
        }
        Ok(length)
    }

    fn receive(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.common.check_error()?;
        let Some(datagram) = self.inbox.pop() else {
            return if self.state.lock().refuses { Ok(0) } else { Err(Errno::EAGAIN) };
        };
        let levels = self.state.lock().levels;
        let outcome = message.put_message(&datagram.bytes);
        let is_v4 = u32::from(self.common.family) == linux_raw_sys::net::AF_INET;
        let received = &mut message.received;
        received.from = Some(format(self.common.family, datagram.from));
        let interface = datagram.interface;
        if if is_v4 { levels.wants_packet } else { levels.wants_packet_v6 } {
            received.packet = Some(PacketInformation { interface, address: datagram.to.ip() });
        }
        if if is_v4 { levels.wants_hop_limit } else { levels.wants_hop_limit_v6 } {
            received.hop_limit = Some(datagram.hop_limit);
        }
        received.time = self.common.settings().timestamps.then_some(datagram.time);
        if message.peeks() {
            self.inbox.push_front(datagram);
        }
        outcome
    }

    fn shutdown(&self, how: Shutdown) -> Result<()> {
        let mut state = self.state.lock();
        let is_connected = state.peer.is_some();
        state.refuses |= how.read;
        state.is_silent |= how.write;
        drop(state);
        self.common.queue.wake_all();
        if is_connected { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    fn poll(&self) -> Events {
        let state = self.state.lock();
        let mut events = Events::OUT;
        events.set(Events::IN, self.inbox.next_length().is_some() || state.refuses);
        events.set(Events::RDHUP, state.refuses);
        events.set(Events::HUP, state.refuses && state.is_silent);
        events.set(Events::ERR, self.common.has_error());
        events
    }

    fn set_option(&self, _: &Thread, level: u32, option: u32, value: &[u8]) -> Result<()> {
        if level == SOL_UDP {
            return Err(Errno::ENOPROTOOPT);
        }
        let mut state = self.state.lock();
        if option == linux_raw_sys::net::IPV6_V6ONLY && level == linux_raw_sys::net::SOL_IPV6 && state.local.port() != 0
        {
            return Err(Errno::EINVAL);
        }
        let Some(membership) = state.levels.set(&self.common, level, option, value)? else { return Ok(()) };
        let group = membership.group;
        match (membership.joins, state.groups.contains(&group)) {
            (true, true) => return Err(Errno::EADDRINUSE),
            (true, false) => state.groups.push(group),
            (false, true) => state.groups.retain(|other| *other != group),
            (false, false) => return Err(Errno::EADDRNOTAVAIL),
        }
        drop(state);
        network::stack().map_or(Ok(()), |stack| stack.set_membership(group, membership.joins))
    }

    fn option(&self, level: u32, option: u32) -> Result<Vec<u8>> {
        self.state.lock().levels.get(self.common.family, level, option)
    }

    fn settings_changed(&self) {
        let settings = self.common.settings();
        let port = self.state.lock().local.port();
        network::udp().lock().set_sharing(port, self.common.number, settings.reuse_address, settings.reuse_port);
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.inbox.next_length().unwrap_or(0))
    }

    fn unsent_bytes(&self) -> Result<usize> {
        Ok(0)
    }

    fn close(&self) {
        let mut state = self.state.lock();
        if core::mem::replace(&mut state.is_closed, true) {
            return;
        }
        if state.local.port() != 0 {
            network::udp().lock().release(state.local.port(), self.common.number);
        }
        let groups = core::mem::take(&mut state.groups);
        drop(state);
        for group in groups {
            if let Some(stack) = network::running() {
                // What cannot be left is left alone.
                let _ = stack.set_membership(group, false);
            }
        }
    }
}
