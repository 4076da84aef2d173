//! A look at a frame before the stack gets it: for whom it is.

use core::net::{IpAddr, SocketAddr};
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, IpProtocol, Ipv4Packet,
    Ipv6Packet, TcpPacket, UdpPacket,
};

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peek {
    /// A segment of a connection; with `is_syn` the first one.
    Segment { to: SocketAddr, from: SocketAddr, is_syn: bool },
    /// A datagram.
    Datagram { to: SocketAddr, from: SocketAddr, hop_limit: u8 },
    /// Neighbours tell each other where they are: what waited for that can go on.
    Neighbour,
    /// A datagram or segment from `from` to `to` did not arrive.
    Unreachable { protocol: Protocol, from: SocketAddr, to: SocketAddr, is_port: bool },
    /// Anything else, or nothing that could be read.
    Other,
}

/// The protocol of a message that did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// Looks at a frame.
pub(super) fn peek(frame: &[u8]) -> Peek {
    look(frame).unwrap_or(Peek::Other)
}

fn look(frame: &[u8]) -> Option<Peek> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Arp => Some(Peek::Neighbour),
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            if packet.frag_offset() != 0 {
                return None;
            }
            let (from, to) = (IpAddr::V4(packet.src_addr()), IpAddr::V4(packet.dst_addr()));
            match packet.next_header() {
                IpProtocol::Icmp => unreachable_v4(packet.payload()),
                protocol => transport(protocol, from, to, packet.hop_limit(), packet.payload()),
            }
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let (from, to) = (IpAddr::V6(packet.src_addr()), IpAddr::V6(packet.dst_addr()));
            match packet.next_header() {
                IpProtocol::Icmpv6 => Some(Peek::Neighbour),
                protocol => transport(protocol, from, to, packet.hop_limit(), packet.payload()),
            }
        }
        _ => None,
    }
}

fn transport(protocol: IpProtocol, from: IpAddr, to: IpAddr, hop_limit: u8, payload: &[u8]) -> Option<Peek> {
    match protocol {
        IpProtocol::Tcp => {
            let segment = TcpPacket::new_checked(payload).ok()?;
            Some(Peek::Segment {
                to: SocketAddr::new(to, segment.dst_port()),
                from: SocketAddr::new(from, segment.src_port()),
                is_syn: segment.syn() && !segment.ack() && !segment.rst(),
            })
        }
        IpProtocol::Udp => {
            let datagram = UdpPacket::new_checked(payload).ok()?;
            Some(Peek::Datagram {
                to: SocketAddr::new(to, datagram.dst_port()),
                from: SocketAddr::new(from, datagram.src_port()),
                hop_limit,
            })
        }
        _ => None,
    }
}

/// What an ICMP message says about a packet of ours: it holds the beginning of that.
fn unreachable_v4(payload: &[u8]) -> Option<Peek> {
    let message = Icmpv4Packet::new_checked(payload).ok()?;
    if message.msg_type() != Icmpv4Message::DstUnreachable {
        return None;
    }
    let is_port = Icmpv4DstUnreachable::from(message.msg_code()) == Icmpv4DstUnreachable::PortUnreachable;
    let ours = Ipv4Packet::new_unchecked(message.data());
    // Only its beginning is there, so the lengths within it do not hold.
    if message.data().len() < 20 {
        return None;
    }
    let length = usize::from(ours.header_len());
    let ports: [u8; 4] = message.data().get(length..length + 4)?.try_into().ok()?;
    let protocol = match ours.next_header() {
        IpProtocol::Tcp => Protocol::Tcp,
        IpProtocol::Udp => Protocol::Udp,
        _ => return None,
    };
    let [from, to] = [[ports[0], ports[1]], [ports[2], ports[3]]].map(u16::from_be_bytes);
    Some(Peek::Unreachable {
        protocol,
        from: SocketAddr::new(ours.src_addr().into(), from),
        to: SocketAddr::new(ours.dst_addr().into(), to),
        is_port,
    })
}
