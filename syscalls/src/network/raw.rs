//! Raw sockets of IPv4, `raw(7)`: they get a copy of each packet of ICMP, whoever else takes it.

use super::listener::{Datagram, Inbox};
use super::{ETHERNET, LOOPBACK};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet};
use spin::Mutex;

/// The length of a header of IPv4 without options.
pub(crate) const HEADER: usize = 20;
/// Messages of ICMP, RFC 792.
const ECHO_REPLY: u8 = 0;
const ECHO: u8 = 8;

/// The receiving side of a raw socket.
pub struct RawPort {
    /// What has come.
    pub inbox: Arc<Inbox>,
    /// `ICMP_FILTER`: a bit for each type of message that is not wanted.
    filter: AtomicU32,
    /// The socket's own address and its peer's, where it has them.
    ends: Mutex<(Option<Ipv4Addr>, Option<Ipv4Addr>)>,
}

static PORTS: Mutex<Vec<Weak<RawPort>>> = Mutex::new(Vec::new());
static IS_IN_USE: AtomicBool = AtomicBool::new(false);

impl RawPort {
    /// For a socket; it is told of packets for as long as it is kept.
    pub fn new(inbox: Arc<Inbox>) -> Arc<Self> {
        let port = Arc::new(Self { inbox, filter: AtomicU32::new(0), ends: Mutex::new((None, None)) });
        let mut ports = PORTS.lock();
        ports.retain(|port| port.strong_count() > 0);
        ports.push(Arc::downgrade(&port));
        IS_IN_USE.store(true, Ordering::Relaxed);
        port
    }

    /// The filter.
    pub fn filter(&self) -> u32 {
        self.filter.load(Ordering::Relaxed)
    }

    /// Sets the filter.
    pub fn set_filter(&self, filter: u32) {
        self.filter.store(filter, Ordering::Relaxed);
    }

    /// The socket's own address and its peer's.
    pub fn ends(&self) -> (Option<Ipv4Addr>, Option<Ipv4Addr>) {
        *self.ends.lock()
    }

    /// Sets these addresses.
    pub fn set_ends(&self, local: Option<Ipv4Addr>, peer: Option<Ipv4Addr>) {
        *self.ends.lock() = (local, peer);
    }

    fn wants(&self, from: Ipv4Addr, to: Ipv4Addr, kind: u8) -> bool {
        let (local, peer) = self.ends();
        let is_filtered = 1_u32.checked_shl(kind.into()).is_some_and(|bit| self.filter() & bit != 0);
        !is_filtered && local.is_none_or(|local| local == to) && peer.is_none_or(|peer| peer == from)
    }
}

/// Shows a frame of the device to the raw sockets.
pub(super) fn look(frame: &[u8]) {
    if !IS_IN_USE.load(Ordering::Relaxed) {
        return;
    }
    let Ok(frame) = EthernetFrame::new_checked(frame) else { return };
    if frame.ethertype() == EthernetProtocol::Ipv4 {
        deliver(frame.payload(), ETHERNET);
    }
}

/// Gives a packet of ICMP to the sockets that want it.
fn deliver(packet: &[u8], interface: u32) {
    let Ok(header) = Ipv4Packet::new_checked(packet) else { return };
    let Some(&kind) = header.payload().first() else { return };
    if header.next_header() != IpProtocol::Icmp || !header.verify_checksum() {
        return;
    }
    let (from, to) = (header.src_addr(), header.dst_addr());
    let Some(bytes) = packet.get(..usize::from(header.total_len())) else { return };
    let ports: Vec<_> = PORTS.lock().iter().filter_map(Weak::upgrade).collect();
    for port in ports.iter().filter(|port| port.wants(from, to, kind)) {
        let mut copy = Vec::new();
        if copy.try_reserve_exact(bytes.len()).is_err() {
            continue;
        }
        copy.extend_from_slice(bytes);
        let address = |ip: Ipv4Addr| SocketAddr::new(IpAddr::V4(ip), 0);
        port.inbox.push(Datagram {
            bytes: copy,
            from: address(from),
            to: address(to),
            interface,
            hop_limit: header.hop_limit(),
            time: crate::socket::message::stamp(),
        });
    }
}

/// A packet of ICMP with this message.
pub(crate) fn packet(from: Ipv4Addr, to: Ipv4Addr, hop_limit: u8, message: &[u8]) -> Vec<u8> {
    let mut bytes = alloc::vec![0; HEADER + message.len()];
    let length = bytes.len() as u16;
    bytes[HEADER..].copy_from_slice(message);
    let mut header = Ipv4Packet::new_unchecked(&mut bytes[..]);
    header.set_version(4);
    header.set_header_len(HEADER as u8);
    header.set_total_len(length);
    header.set_dont_frag(true);
    header.set_hop_limit(hop_limit);
    header.set_next_header(IpProtocol::Icmp);
    header.set_src_addr(from);
    header.set_dst_addr(to);
    header.fill_checksum();
    bytes
}

/// A message from this machine to itself: its sockets see it, and the answer when it asks for one.
pub(crate) fn send_locally(from: Ipv4Addr, to: Ipv4Addr, hop_limit: u8, message: &[u8]) {
    deliver(&packet(from, to, hop_limit, message), LOOPBACK);
    if let [ECHO, 0, high, low, ..] = message {
        let mut reply = message.to_vec();
        reply[0] = ECHO_REPLY;
        // RFC 1624: the sum grows by what the first word has shrunk.
        let (sum, carry) = u16::from_be_bytes([*high, *low]).overflowing_add(u16::from(ECHO) << 8);
        reply[2..4].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        deliver(&packet(to, from, 64, &reply), LOOPBACK);
    }
}
