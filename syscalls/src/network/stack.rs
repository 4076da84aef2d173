//! The stack behind the network device: smoltcp, and the table in front of it.
//!
//! smoltcp offers a packet to each socket of a set, one after the other. So each connection has a set of its own, the
//! table finds it by both ends' addresses, and only that set gets the packet. In the same way only the connections that
//! have something to send are asked to. A backlog is the table's, too: a connection is made for each `SYN`.

use super::connection::{Connection, Flow, Inner, Owner, Progress};
use super::device::Wire;
use super::listener::{Arrival, Datagram, Listener};
use super::packet::{Peek, Protocol, peek};
use super::{Configuration, ETHERNET, NetworkDevice, Subnet, is_for_many, tcp, udp};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::socket::Common;
use crate::time::Instant;
use crate::time::timers::{Alarm, Sleeper};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher;
#[expect(deprecated, reason = "the standard library's keyed hash outside of std")]
use core::hash::SipHasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use hashbrown::HashMap;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::State;
use smoltcp::socket::{dhcpv4, raw, udp as datagram};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, HardwareAddress, IpCidr, Ipv4Packet, Ipv6Packet,
};
use smoltcp::wire::{IpAddress, IpProtocol, IpVersion, UdpPacket};
use spin::Mutex;

/// Handshakes that may go on at once; beyond, the oldest is given up: a flood does not fill memory.
const MOST_HALF_OPEN: usize = 256;
/// Connections that may wait in `TIME-WAIT` at once, with their buffers.
const MOST_IN_TIME_WAIT: usize = 64;
/// How soon it is tried again where the device had no room.
const RETRY: u64 = 1_000_000;
/// How long a corked segment waits to become full.
const CORK: u64 = 200_000_000;
/// Bytes of data in a full segment, about.
const SEGMENT: usize = 1440;
/// The longest datagram that fits a frame with IPv4.
const LONGEST_DATAGRAM: usize = 1472;
/// The longest packet that fits a frame.
const LONGEST_PACKET: usize = 1500;

/// Why a connection is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Segment,
    Time,
    Program,
}

/// Hashes with a key that nobody outside knows.
#[derive(Clone)]
struct Keyed(u64, u64);

#[expect(deprecated, reason = "see above")]
impl BuildHasher for Keyed {
    type Hasher = SipHasher;

    fn build_hasher(&self) -> SipHasher {
        SipHasher::new_with_keys(self.0, self.1)
    }
}

/// The sending side of a UDP port.
pub struct DatagramPort {
    set: Mutex<(SocketSet<'static>, SocketHandle)>,
}

struct Dhcp {
    set: SocketSet<'static>,
    handle: SocketHandle,
}

struct Tables {
    interface: Box<Interface>,
    connections: HashMap<Flow, Arc<Connection>, Keyed>,
    /// When which connection is to be looked at.
    timers: BTreeSet<(Instant, Flow)>,
    half_open: VecDeque<Flow>,
    in_time_wait: VecDeque<Flow>,
    datagram_ports: BTreeMap<u16, Weak<DatagramPort>>,
    /// Where raw sockets' packets leave, once one has been sent.
    raw_port: Option<(SocketSet<'static>, SocketHandle)>,
    dhcp: Option<Dhcp>,
    dhcp_due: Option<Instant>,
    armed: Option<Instant>,
    name_server: Option<Ipv4Addr>,
}

/// The stack.
pub struct Stack {
    device: &'static dyn NetworkDevice,
    tables: Mutex<Tables>,
    alarm: Alarm,
}

fn now() -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros((machine().monotonic().0 / 1000) as i64)
}

fn from_smoltcp(time: smoltcp::time::Instant) -> Instant {
    Instant((time.total_micros().max(0) as u64).saturating_mul(1000))
}

/// An interface, on the heap: a kernel stack is small.
#[inline(never)]
fn new_interface(config: Config, device: &dyn NetworkDevice) -> Box<Interface> {
    Box::new(Interface::new(config, &mut Wire { device, frame: None }, now()))
}

impl Stack {
    /// Brings a device up.
    pub(super) fn start(device: &'static dyn NetworkDevice, configuration: &Configuration) -> Arc<Self> {
        let address = EthernetAddress(device.address());
        let mut config = Config::new(HardwareAddress::Ethernet(address));
        let mut seed = [0; 24];
        machine().random(&mut seed);
        let word = |index: usize| u64::from_ne_bytes(core::array::from_fn(|at| seed[8 * index + at]));
        config.random_seed = word(0);
        let mut interface = new_interface(config, device);
        // RFC 4291: an address of the link made from that of the device.
        let [a, b, c, d, e, f] = address.0;
        let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        let link = Ipv6Addr::new(0xfe80, 0, 0, 0, pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f));
        interface.update_ip_addrs(|addresses| {
            if let Some(subnet) = configuration.address {
                let _ = addresses.push(IpCidr::new(subnet.address.into(), subnet.prefix));
            }
            let _ = addresses.push(IpCidr::new(link.into(), 64));
        });
        if let Some(gateway) = configuration.gateway {
            let _ = interface.routes_mut().add_default_ipv4_route(gateway);
        }
        let dhcp = configuration.address.is_none().then(|| {
            let mut set = SocketSet::new(Vec::new());
            let handle = set.add(dhcpv4::Socket::new());
            Dhcp { set, handle }
        });
        let tables = Tables {
            interface,
            connections: HashMap::with_hasher(Keyed(word(1), word(2))),
            timers: BTreeSet::new(),
            half_open: VecDeque::new(),
            in_time_wait: VecDeque::new(),
            datagram_ports: BTreeMap::new(),
            raw_port: None,
            dhcp,
            dhcp_due: None,
            armed: None,
            name_server: configuration.name_server,
        };
        let stack = Arc::new_cyclic(|this: &Weak<Self>| {
            let sleeper: Weak<dyn Sleeper> = this.clone();
            Self { device, tables: Mutex::new(tables), alarm: Alarm::new(sleeper) }
        });
        stack.change(Tables::run_dhcp);
        stack
    }

    /// Changes the tables, and sees to what follows: the alarm, and the device.
    fn change<T>(&self, change: impl FnOnce(&mut Tables, &'static dyn NetworkDevice) -> T) -> T {
        let mut tables = self.tables.lock();
        let result = change(&mut tables, self.device);
        let due = tables.timers.first().map(|&(due, _)| due).into_iter().chain(tables.dhcp_due).min();
        if due != tables.armed {
            tables.armed = due;
            self.alarm.set(due);
        }
        drop(tables);
        self.device.flush();
        result
    }

    /// The device's address.
    pub fn hardware_address(&self) -> [u8; 6] {
        self.device.address()
    }

    /// Its addresses.
    pub fn addresses(&self) -> Vec<Subnet> {
        let tables = self.tables.lock();
        let all = tables.interface.ip_addrs().iter();
        all.map(|cidr| Subnet { address: cidr.address().into(), prefix: cidr.prefix_len() }).collect()
    }

    /// The gateway of IPv4.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        let mut gateway = None;
        self.tables.lock().interface.routes_mut().update(|routes| {
            gateway = routes.iter().find_map(|route| match route.via_router {
                IpAddress::Ipv4(address) => Some(address),
                IpAddress::Ipv6(_) => None,
            });
        });
        gateway
    }

    /// Who knows names.
    pub fn name_server(&self) -> Option<Ipv4Addr> {
        self.tables.lock().name_server
    }

    /// Whether an address is one of the device's.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.tables.lock().interface.has_ip_addr(IpAddress::from(address))
    }

    /// The address from which packets go to another one; `None`: it cannot be reached.
    pub fn source_for(&self, to: IpAddr) -> Option<IpAddr> {
        let tables = self.tables.lock();
        let interface = &tables.interface;
        let is_near = || interface.ip_addrs().iter().any(|cidr| cidr.contains_addr(&IpAddress::from(to)));
        match to {
            IpAddr::V4(address) => {
                let source = interface.get_source_address_ipv4(&address)?;
                let has_route = is_for_many(to) || is_near() || self.has_default_route(&tables);
                has_route.then_some(IpAddr::V4(source))
            }
            IpAddr::V6(address) => {
                let source = interface.get_source_address_ipv6(&address);
                (!source.is_unspecified() && !source.is_loopback() && (is_for_many(to) || is_near()))
                    .then_some(IpAddr::V6(source))
            }
        }
    }

    fn has_default_route(&self, tables: &Tables) -> bool {
        // What is asked of DHCP is not there yet.
        tables.dhcp.is_none() || !tables.interface.ip_addrs().is_empty()
    }

    /// Takes all that the device has received; whether there was anything.
    pub(super) fn poll(&self) -> bool {
        let mut any = false;
        while self.device.receive(&mut |frame| self.ingest(frame)) {
            any = true;
        }
        if any {
            self.change(|_, _| ());
        }
        any
    }

    fn ingest(&self, frame: &[u8]) {
        super::raw::look(frame);
        let mut tables = self.tables.lock();
        let tables = &mut *tables;
        match peek(frame) {
            Peek::Segment { to, from, is_syn } => {
                tables.take_segment(self.device, frame, Flow { local: to, remote: from }, is_syn);
            }
            Peek::Datagram { to, from, hop_limit } => {
                if to.port() == 68 && tables.dhcp.is_some() {
                    tables.feed_dhcp(self.device, frame);
                } else if !deliver(frame, to, from, hop_limit) {
                    tables.feed_nobody(self.device, frame);
                }
            }
            Peek::Neighbour => {
                tables.feed_nobody(self.device, frame);
                tables.go_on(self.device);
            }
            Peek::Unreachable { protocol, from, to, is_port } => {
                tables.bounce(self.device, protocol, from, to, is_port);
            }
            Peek::Other => tables.feed_nobody(self.device, frame),
        }
    }

    /// Begins a connection. `ENOBUFS`, `ENETUNREACH`, `EADDRNOTAVAIL` when there is one with these ends.
    pub fn connect(
        &self,
        flow: Flow,
        common: &Arc<Common>,
        configure: impl FnOnce(&mut smoltcp::socket::tcp::Socket<'static>),
    ) -> Result<Arc<Connection>> {
        self.change(|tables, device| {
            if let Some(old) = tables.connections.get(&flow).cloned() {
                if old.progress().state != State::TimeWait {
                    return Err(Errno::EADDRNOTAVAIL);
                }
                tables.forget(&old);
            }
            let (receive, send) = tables.buffers();
            let connection = Connection::new(flow, receive, send, Owner::Socket(common.clone()))?;
            {
                let mut inner = connection.inner.lock();
                let tcp = inner.tcp();
                configure(tcp);
                tcp.connect(tables.interface.context(), flow.remote, flow.local).map_err(|_| Errno::ENETUNREACH)?;
            }
            tables.connections.insert(flow, connection.clone());
            tables.look_at(device, &connection, Cause::Program);
            Ok(connection)
        })
    }

    /// Sends what a connection has to send.
    pub fn push(&self, connection: &Arc<Connection>) {
        self.change(|tables, device| tables.look_at(device, connection, Cause::Program));
    }

    /// The sending side of a port; shared by all sockets of it.
    pub fn datagram_port(&self, port: u16) -> Arc<DatagramPort> {
        let mut tables = self.tables.lock();
        if let Some(port) = tables.datagram_ports.get(&port).and_then(Weak::upgrade) {
            return port;
        }
        let buffer = |packets: usize, bytes: usize| {
            datagram::PacketBuffer::new(vec![datagram::PacketMetadata::EMPTY; packets], vec![0; bytes])
        };
        let mut socket = datagram::Socket::new(buffer(0, 0), buffer(32, 32 * 1024));
        // The port is not 0 and the socket is new.
        let _ = socket.bind(port);
        let mut set = SocketSet::new(Vec::new());
        let handle = set.add(socket);
        let made = Arc::new(DatagramPort { set: Mutex::new((set, handle)) });
        tables.datagram_ports.retain(|_, port| port.strong_count() > 0);
        tables.datagram_ports.insert(port, Arc::downgrade(&made));
        made
    }

    /// Sends a datagram. `EMSGSIZE`, `EAGAIN` without room.
    pub fn send_datagram(
        &self,
        port: &DatagramPort,
        from: IpAddr,
        to: SocketAddr,
        bytes: &[u8],
        hop_limit: Option<u8>,
    ) -> Result<()> {
        if bytes.len() > LONGEST_DATAGRAM {
            return Err(Errno::EMSGSIZE);
        }
        self.change(|tables, device| {
            let mut set = port.set.lock();
            let (set, handle) = &mut *set;
            let socket: &mut datagram::Socket<'_> = set.get_mut(*handle);
            socket.set_hop_limit(hop_limit);
            let mut meta = datagram::UdpMetadata::from(smoltcp::wire::IpEndpoint::from(to));
            meta.local_address = Some(from.into());
            socket.send_slice(bytes, meta).map_err(|_| Errno::EAGAIN)?;
            tables.drain(device, set);
            Ok(())
        })
    }

    /// Sends a packet of ICMP, header and all. `EMSGSIZE`, `EAGAIN` without room.
    pub(crate) fn send_packet(&self, packet: &[u8]) -> Result<()> {
        if packet.len() > LONGEST_PACKET {
            return Err(Errno::EMSGSIZE);
        }
        self.change(|tables, device| {
            let (set, handle) = tables.raw_port.get_or_insert_with(|| {
                let buffer = |packets: usize, bytes: usize| {
                    raw::PacketBuffer::new(vec![raw::PacketMetadata::EMPTY; packets], vec![0; bytes])
                };
                let (receive, send) = (buffer(0, 0), buffer(16, 32 * 1024));
                let socket = raw::Socket::new(IpVersion::Ipv4, IpProtocol::Icmp, receive, send);
                let mut set = SocketSet::new(Vec::new());
                let handle = set.add(socket);
                (set, handle)
            });
            set.get_mut::<raw::Socket<'_>>(*handle).send_slice(packet).map_err(|_| Errno::EAGAIN)?;
            tables.drain_raw(device);
            Ok(())
        })
    }

    /// Joins a group of multicast, or leaves it. `EADDRNOTAVAIL`.
    pub fn set_membership(&self, group: IpAddr, is_member: bool) -> Result<()> {
        self.change(|tables, device| {
            let outcome = if is_member {
                tables.interface.join_multicast_group(group)
            } else {
                tables.interface.leave_multicast_group(group)
            };
            outcome.map_err(|_| Errno::ENOBUFS)?;
            tables.drain(device, &mut SocketSet::new(Vec::new()));
            Ok(())
        })
    }

    /// How many connections there are, in any state.
    #[cfg(test)]
    pub(super) fn connection_count(&self) -> usize {
        self.tables.lock().connections.len()
    }

    /// Whether the peer of a connection has not got everything.
    pub(super) fn is_delivering(&self) -> bool {
        let tables = self.tables.lock();
        let mut all = tables.connections.values().map(|connection| connection.progress());
        all.any(|progress| {
            progress.unsent > 0 || matches!(progress.state, State::FinWait1 | State::Closing | State::LastAck)
        })
    }
}

impl Sleeper for Stack {
    fn ring(&self, now: Instant) {
        self.change(|tables, device| {
            tables.armed = None;
            while let Some(&(due, flow)) = tables.timers.first()
                && due <= now
            {
                tables.timers.pop_first();
                if let Some(connection) = tables.connections.get(&flow).cloned() {
                    connection.inner.lock().deadline = None;
                    tables.look_at(device, &connection, Cause::Time);
                }
            }
            if tables.dhcp_due.is_some_and(|due| due <= now) {
                tables.run_dhcp(device);
            }
            let ports: Vec<_> = tables.datagram_ports.values().filter_map(Weak::upgrade).collect();
            for port in ports {
                tables.drain(device, &mut port.set.lock().0);
            }
            tables.drain_raw(device);
        });
    }
}

impl Tables {
    /// How large the buffers of a connection are: the more there are, the smaller.
    fn buffers(&self) -> (usize, usize) {
        match self.connections.len() {
            0..256 => (64 * 1024, 64 * 1024),
            256..1024 => (16 * 1024, 32 * 1024),
            _ => (8 * 1024, 16 * 1024),
        }
    }

    /// Gives a frame to the stack that no socket of ours takes.
    fn feed_nobody(&mut self, device: &dyn NetworkDevice, frame: &[u8]) {
        let mut wire = Wire { device, frame: Some(frame) };
        self.interface.poll_ingress_single(now(), &mut wire, &mut SocketSet::new(Vec::new()));
    }

    fn take_segment(&mut self, device: &dyn NetworkDevice, frame: &[u8], flow: Flow, is_syn: bool) {
        let known = self.connections.get(&flow).cloned();
        let connection = match known {
            // Another connection with the same ends begins.
            Some(old) if is_syn && old.progress().state == State::TimeWait => {
                self.forget(&old);
                None
            }
            known => known,
        };
        let connection = match connection {
            Some(connection) => connection,
            None if !is_syn => return self.feed_nobody(device, frame),
            None => match tcp().lock().find(flow.local, flow.remote, ETHERNET) {
                None => return self.feed_nobody(device, frame),
                Some(listener) => match self.begin(flow, &listener) {
                    Some(connection) => connection,
                    // Who knocks knocks again.
                    None => return,
                },
            },
        };
        let mut inner = connection.inner.lock();
        let before = inner.progress();
        let mut wire = Wire { device, frame: Some(frame) };
        self.interface.poll_ingress_single(now(), &mut wire, &mut inner.set);
        self.settle(device, &connection, &mut inner, before, Cause::Segment);
    }

    /// A connection for a `SYN`; `None` without room.
    fn begin(&mut self, flow: Flow, listener: &Arc<Listener>) -> Option<Arc<Connection>> {
        if !listener.has_room() {
            return None;
        }
        while self.half_open.len() >= MOST_HALF_OPEN {
            let oldest = self.half_open.pop_front()?;
            if let Some(connection) = self.connections.get(&oldest).cloned()
                && connection.progress().state == State::SynReceived
            {
                self.forget(&connection);
            }
        }
        let (receive, send) = self.buffers();
        let owner = Owner::Listener { listener: listener.clone(), is_told: false };
        let connection = Connection::new(flow, receive, send, owner).ok()?;
        connection.configure(|tcp| {
            // The port is not 0 and the socket is new.
            let _ = tcp.listen(flow.local);
            tcp.set_timeout(Some(smoltcp::time::Duration::from_secs(30)));
        });
        listener.begin();
        self.half_open.push_back(flow);
        self.connections.insert(flow, connection.clone());
        Some(connection)
    }

    /// Looks at a connection without a frame.
    fn look_at(&mut self, device: &dyn NetworkDevice, connection: &Arc<Connection>, cause: Cause) {
        let mut inner = connection.inner.lock();
        let before = inner.progress();
        self.settle(device, connection, &mut inner, before, cause);
    }

    /// Sends all that a set has to send.
    fn drain(&mut self, device: &dyn NetworkDevice, set: &mut SocketSet<'static>) {
        let mut wire = Wire { device, frame: None };
        let now = now();
        while self.interface.poll_egress(now, &mut wire, set) == PollResult::SocketStateChanged {}
    }

    /// Sends the packets of raw sockets.
    fn drain_raw(&mut self, device: &dyn NetworkDevice) {
        if let Some(mut port) = self.raw_port.take() {
            self.drain(device, &mut port.0);
            self.raw_port = Some(port);
        }
    }

    /// What follows from a change: segments to send, somebody to wake, the next time to look.
    fn settle(
        &mut self,
        device: &dyn NetworkDevice,
        connection: &Arc<Connection>,
        inner: &mut Inner,
        before: Progress,
        cause: Cause,
    ) {
        let time = machine().monotonic();
        let is_given_up = inner.orphan_until.is_some_and(|until| until <= time);
        let is_orphan = matches!(inner.owner, Owner::Nobody);
        if is_orphan && (is_given_up || inner.progress().received > 0) {
            inner.tcp().abort();
        }
        let holds_back = inner.is_corked && inner.progress().unsent < SEGMENT && cause == Cause::Program;
        let holds_back = holds_back && inner.progress().state == State::Established;
        if !holds_back {
            self.drain(device, &mut inner.set);
        }
        let after = inner.progress();
        tell(connection, inner, before, after, cause);
        if after.state == State::TimeWait && before.state != State::TimeWait {
            self.in_time_wait.push_back(connection.flow);
        }
        if matches!(after.state, State::Closed | State::Listen) {
            self.set_deadline(connection, inner, None);
            self.connections.remove(&connection.flow);
            return;
        }
        let due = match self.interface.poll_at(now(), &inner.set).map(from_smoltcp) {
            Some(due) if due <= time => Some(time.after(RETRY)),
            due => due,
        };
        let due = if holds_back { Some(time.after(CORK)) } else { due };
        let due = due.into_iter().chain(inner.orphan_until).min();
        self.set_deadline(connection, inner, due);
        if self.in_time_wait.len() > MOST_IN_TIME_WAIT
            && let Some(oldest) = self.in_time_wait.pop_front()
            && oldest != connection.flow
            && let Some(oldest) = self.connections.get(&oldest).cloned()
            && oldest.progress().state == State::TimeWait
        {
            self.forget(&oldest);
        }
    }

    fn set_deadline(&mut self, connection: &Connection, inner: &mut Inner, due: Option<Instant>) {
        if inner.deadline == due {
            return;
        }
        if let Some(before) = inner.deadline {
            self.timers.remove(&(before, connection.flow));
        }
        if let Some(due) = due {
            self.timers.insert((due, connection.flow));
        }
        inner.deadline = due;
    }

    /// Takes a connection off the tables without a word.
    fn forget(&mut self, connection: &Arc<Connection>) {
        let mut inner = connection.inner.lock();
        if let Owner::Listener { listener, is_told: false } = &inner.owner {
            listener.end();
        }
        self.set_deadline(connection, &mut inner, None);
        self.connections.remove(&connection.flow);
    }

    /// A neighbour was found, perhaps: who waits for one goes on.
    fn go_on(&mut self, device: &dyn NetworkDevice) {
        let limit = machine().monotonic().after(crate::time::SECOND);
        let waiting: Vec<Flow> =
            self.timers.iter().take_while(|(due, _)| *due <= limit).map(|&(_, flow)| flow).collect();
        for flow in waiting {
            if let Some(connection) = self.connections.get(&flow).cloned() {
                self.look_at(device, &connection, Cause::Program);
            }
        }
        let ports: Vec<_> = self.datagram_ports.values().filter_map(Weak::upgrade).collect();
        for port in ports {
            self.drain(device, &mut port.set.lock().0);
        }
        self.drain_raw(device);
    }

    /// Something of ours did not arrive: its sender hears of it.
    fn bounce(
        &mut self,
        device: &dyn NetworkDevice,
        protocol: Protocol,
        from: SocketAddr,
        to: SocketAddr,
        is_port: bool,
    ) {
        let errno = if is_port { Errno::ECONNREFUSED } else { Errno::EHOSTUNREACH };
        match protocol {
            Protocol::Tcp => {
                let Some(connection) = self.connections.get(&Flow { local: from, remote: to }).cloned() else { return };
                let mut inner = connection.inner.lock();
                // As Linux: an established connection does not end because of it.
                if inner.progress().state != State::SynSent {
                    return;
                }
                if let Owner::Socket(common) = &inner.owner {
                    common.set_error(errno);
                }
                let before = inner.progress();
                inner.owner = Owner::Nobody;
                inner.tcp().abort();
                self.settle(device, &connection, &mut inner, before, Cause::Segment);
            }
            Protocol::Udp => {
                if let Some(inbox) = udp().lock().find(from, to, ETHERNET)
                    && inbox.is_connected_to(to)
                {
                    inbox.common.set_error(errno);
                }
            }
        }
    }

    fn feed_dhcp(&mut self, device: &dyn NetworkDevice, frame: &[u8]) {
        if let Some(dhcp) = &mut self.dhcp {
            let mut wire = Wire { device, frame: Some(frame) };
            self.interface.poll_ingress_single(now(), &mut wire, &mut dhcp.set);
        }
        self.run_dhcp(device);
    }

    /// Lets DHCP go on.
    fn run_dhcp(&mut self, device: &'_ dyn NetworkDevice) {
        let Some(mut dhcp) = self.dhcp.take() else { return };
        self.drain(device, &mut dhcp.set);
        let socket: &mut dhcpv4::Socket<'_> = dhcp.set.get_mut(dhcp.handle);
        let (address, router, server) = match socket.poll() {
            Some(dhcpv4::Event::Configured(found)) => {
                (Some(found.address), found.router, found.dns_servers.first().copied())
            }
            Some(dhcpv4::Event::Deconfigured) => (None, None, None),
            None => {
                self.schedule_dhcp(dhcp);
                return;
            }
        };
        self.interface.update_ip_addrs(|addresses| {
            addresses.retain(|cidr| !matches!(cidr, IpCidr::Ipv4(_)));
            if let Some(address) = address {
                let _ = addresses.insert(0, IpCidr::Ipv4(address));
            }
        });
        match router {
            Some(router) => drop(self.interface.routes_mut().add_default_ipv4_route(router)),
            None => drop(self.interface.routes_mut().remove_default_ipv4_route()),
        }
        self.name_server = server;
        self.schedule_dhcp(dhcp);
    }

    fn schedule_dhcp(&mut self, dhcp: Dhcp) {
        let time = machine().monotonic();
        let due = self.interface.poll_at(now(), &dhcp.set).map(from_smoltcp);
        self.dhcp_due = due.map(|due| due.max(time.after(RETRY)));
        self.dhcp = Some(dhcp);
    }
}

/// Wakes whoever has an interest in the change.
fn tell(connection: &Arc<Connection>, inner: &mut Inner, before: Progress, after: Progress, cause: Cause) {
    use crate::file::Events;
    let is_over = matches!(after.state, State::Closed | State::Listen);
    match &mut inner.owner {
        Owner::Nobody => {}
        Owner::Listener { is_told: true, .. } => {}
        Owner::Listener { listener, is_told } => {
            let listener = listener.clone();
            if is_over && before.state != State::Closed {
                listener.end();
                *is_told = true;
            } else if !matches!(after.state, State::SynReceived | State::Listen) {
                *is_told = true;
                listener.end();
                inner.tcp().set_timeout(Some(smoltcp::time::Duration::from_secs(924)));
                if listener.push(Arrival::Remote(connection.clone())).is_some() {
                    inner.owner = Owner::Nobody;
                    inner.tcp().abort();
                }
            }
        }
        Owner::Socket(common) => {
            if is_over && before.state != State::Closed {
                let errno = match (before.state, cause) {
                    (State::SynSent, Cause::Segment) => Some(Errno::ECONNREFUSED),
                    (State::LastAck | State::Closing | State::TimeWait, _) => None,
                    (_, Cause::Time) => Some(Errno::ETIMEDOUT),
                    (State::CloseWait, Cause::Segment) => Some(Errno::EPIPE),
                    (_, Cause::Segment) => Some(Errno::ECONNRESET),
                    (_, Cause::Program) => None,
                };
                if let Some(errno) = errno {
                    common.set_error(errno);
                }
            }
            if before.state != after.state {
                common.queue.wake_all();
                return;
            }
            let mut events = Events::empty();
            events.set(Events::IN, after.received > before.received);
            events.set(Events::OUT, after.unsent < before.unsent);
            if !events.is_empty() {
                common.queue.wake(events);
            }
        }
    }
}

/// Gives a datagram to the sockets it is for; whether there were any.
fn deliver(frame: &[u8], to: SocketAddr, from: SocketAddr, hop_limit: u8) -> bool {
    let inboxes = if is_for_many(to.ip()) {
        udp().lock().find_all(to, from, ETHERNET)
    } else {
        udp().lock().find(to, from, ETHERNET).into_iter().collect()
    };
    if inboxes.is_empty() {
        return false;
    }
    let Some(payload) = payload(frame) else { return true };
    for inbox in inboxes {
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(payload.len()).is_err() {
            continue;
        }
        bytes.extend_from_slice(payload);
        inbox.push(Datagram { bytes, from, to, interface: ETHERNET, hop_limit, time: crate::socket::message::stamp() });
    }
    true
}

/// The payload of a datagram whose checksums are right.
fn payload(frame: &[u8]) -> Option<&[u8]> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let is_v4 = frame.ethertype() == EthernetProtocol::Ipv4;
    let rest = frame.payload();
    let (from, to, rest): (IpAddress, IpAddress, &[u8]) = if is_v4 {
        let packet = Ipv4Packet::new_checked(rest).ok()?;
        if !packet.verify_checksum() {
            return None;
        }
        (packet.src_addr().into(), packet.dst_addr().into(), packet.payload())
    } else {
        let packet = Ipv6Packet::new_checked(rest).ok()?;
        (packet.src_addr().into(), packet.dst_addr().into(), packet.payload())
    };
    let datagram = UdpPacket::new_checked(rest).ok()?;
    datagram.verify_checksum(&from, &to).then(|| datagram.payload())
}
