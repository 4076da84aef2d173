//! The answers: interfaces, addresses and routes as messages of `rtnetlink(7)`.

use crate::errno::Errno;
use crate::network::ioctl::{Interface, interfaces, mask};
use crate::network::{ETHERNET, LOOPBACK, Subnet, interface_name, stack};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use linux_raw_sys::net::{AF_INET, AF_INET6, AF_UNSPEC};

/// `sizeof(struct nlmsghdr)`.
const HEADER: usize = 16;
/// A dump is cut into messages of at most about so many bytes, as Linux does.
const PIECE: usize = 3 << 10;

/// Types of messages.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
const GET_NEIGHBOUR: u16 = 30;
const GET_RULE: u16 = 34;
/// The first type of `rtnetlink(7)`; every third from the third one on asks.
const FIRST: u16 = 16;

/// Flags of messages.
const MULTI: u16 = 2;
const ACKNOWLEDGE: u16 = 4;
const DUMP: u16 = 0x300;

/// Attributes of interfaces.
const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_QDISC: u16 = 6;
const IFLA_TXQLEN: u16 = 13;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKMODE: u16 = 17;
const IFLA_EXT_MASK: u16 = 29;
/// Attributes of addresses.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
/// Attributes of routes.
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PREFSRC: u16 = 7;
const RTA_TABLE: u16 = 15;

/// A request's header.
#[derive(Clone, Copy)]
struct Request {
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
}

/// A message that is being made.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(request: Request, kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&request.sequence.to_ne_bytes());
        bytes.extend_from_slice(&request.port.to_ne_bytes());
        bytes.extend_from_slice(body);
        Self { bytes }
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes.extend_from_slice(&(4 + value.len() as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let length = (self.bytes.len() as u32).to_ne_bytes();
        self.bytes[..4].copy_from_slice(&length);
        self.bytes
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family_of(address: IpAddr) -> u8 {
    (if address.is_ipv4() { AF_INET } else { AF_INET6 }) as u8
}

fn link(request: Request, flags: u16, interface: &Interface) -> Vec<u8> {
    let is_loopback = interface.number == LOOPBACK;
    let mut body = [0; 16];
    // ARPHRD_LOOPBACK and ARPHRD_ETHER.
    body[2..4].copy_from_slice(&(if is_loopback { 772_u16 } else { 1 }).to_ne_bytes());
    body[4..8].copy_from_slice(&interface.number.to_ne_bytes());
    body[8..12].copy_from_slice(&interface.flags.to_ne_bytes());
    let mut message = Message::new(request, NEW_LINK, flags, &body);
    let name = [interface_name(interface.number), &[0]].concat();
    // IF_OPER_UNKNOWN and IF_OPER_UP.
    let state = if is_loopback { 0 } else { 6 };
    message
        .attribute(IFLA_IFNAME, &name)
        .attribute(IFLA_TXQLEN, &1000_u32.to_ne_bytes())
        .attribute(IFLA_OPERSTATE, &[state])
        .attribute(IFLA_LINKMODE, &[0])
        .attribute(IFLA_MTU, &interface.mtu.to_ne_bytes())
        .attribute(IFLA_QDISC, b"noqueue\0")
        .attribute(IFLA_ADDRESS, &interface.address)
        .attribute(IFLA_BROADCAST, &[if is_loopback { 0 } else { 0xff }; 6]);
    message.finish()
}

fn address(request: Request, flags: u16, interface: &Interface, subnet: &Subnet) -> Vec<u8> {
    // RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST.
    let scope = match subnet.address {
        address if address.is_loopback() => 254,
        IpAddr::V6(address) if address.is_unicast_link_local() => 253,
        _ => 0,
    };
    let [a, b, c, d] = interface.number.to_ne_bytes();
    // IFA_F_PERMANENT.
    let body = [family_of(subnet.address), subnet.prefix, 0x80, scope, a, b, c, d];
    let mut message = Message::new(request, NEW_ADDRESS, flags, &body);
    let bytes = octets(subnet.address);
    message.attribute(IFA_ADDRESS, &bytes);
    if let IpAddr::V4(own) = subnet.address {
        message.attribute(IFA_LOCAL, &bytes);
        if interface.number != LOOPBACK {
            let broadcast = Ipv4Addr::from_bits(own.to_bits() | !mask(subnet.prefix).to_bits());
            message.attribute(IFA_BROADCAST, &broadcast.octets());
        }
        message.attribute(IFA_LABEL, &[interface_name(interface.number), &[0]].concat());
    }
    message.attribute(IFA_FLAGS, &0x80_u32.to_ne_bytes());
    // Preferred and valid for ever.
    let mut times = [0xff; 16];
    times[8..].fill(0);
    message.attribute(IFA_CACHEINFO, &times);
    message.finish()
}

fn route(
    request: Request,
    to: Option<Subnet>,
    family: u8,
    gateway: Option<Ipv4Addr>,
    source: Option<IpAddr>,
) -> Vec<u8> {
    let prefix = to.map_or(0, |subnet| subnet.prefix);
    // RT_TABLE_MAIN; RTPROT_BOOT and RTPROT_KERNEL; RT_SCOPE_UNIVERSE and RT_SCOPE_LINK; RTN_UNICAST.
    let (protocol, scope) = if gateway.is_some() { (3, 0) } else { (2, 253) };
    let body = [family, prefix, 0, 0, 254, protocol, scope, 1, 0, 0, 0, 0];
    let mut message = Message::new(request, NEW_ROUTE, MULTI, &body);
    message.attribute(RTA_TABLE, &254_u32.to_ne_bytes());
    if let Some(subnet) = to {
        message.attribute(RTA_DST, &octets(subnet.address));
    }
    if let Some(source) = source {
        message.attribute(RTA_PREFSRC, &octets(source));
    }
    if let Some(gateway) = gateway {
        message.attribute(RTA_GATEWAY, &gateway.octets());
    }
    message.attribute(RTA_OIF, &ETHERNET.to_ne_bytes());
    message.finish()
}

fn routes(request: Request, family: u8) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let wants = |wanted: u32| family == AF_UNSPEC as u8 || u32::from(family) == wanted;
    let Some(stack) = stack() else { return all };
    if wants(AF_INET)
        && let Some(gateway) = stack.gateway()
    {
        all.push(route(request, None, AF_INET as u8, Some(gateway), None));
    }
    for subnet in stack.addresses() {
        match subnet.address {
            IpAddr::V4(own) if wants(AF_INET) => {
                let network = Ipv4Addr::from_bits(own.to_bits() & mask(subnet.prefix).to_bits());
                let to = Subnet { address: network.into(), prefix: subnet.prefix };
                all.push(route(request, Some(to), AF_INET as u8, None, Some(subnet.address)));
            }
            IpAddr::V6(own) if wants(AF_INET6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(subnet.prefix)).unwrap_or(0);
                let network = core::net::Ipv6Addr::from_bits(own.to_bits() & mask);
                let to = Subnet { address: network.into(), prefix: subnet.prefix };
                all.push(route(request, Some(to), AF_INET6 as u8, None, None));
            }
            _ => {}
        }
    }
    all
}

fn error(request: Request, errno: i32, original: &[u8]) -> Vec<u8> {
    let mut body = (-errno).to_ne_bytes().to_vec();
    // An error tells all of the request, an acknowledgement its header.
    let told = if errno == 0 { original.get(..HEADER).unwrap_or(original) } else { original };
    body.extend_from_slice(told);
    Message::new(request, ERROR, 0, &body).finish()
}

/// Puts messages together to pieces.
fn pack(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    for message in messages {
        match pieces.last_mut() {
            Some(piece) if piece.len() + message.len() <= PIECE => piece.extend(message),
            _ => pieces.push(message),
        }
    }
    pieces
}

/// The answer to one request; `Err`: to be told as an error.
fn answer_one(request: Request, body: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
    let is_dump = request.flags & DUMP == DUMP || request.flags & DUMP == 0x100 && request.kind != GET_LINK;
    let family = body.first().copied().unwrap_or(0);
    let wants = |subnet: &Subnet| family == 0 || family == family_of(subnet.address);
    let flags = if is_dump { MULTI } else { 0 };
    let mut messages = match request.kind {
        GET_LINK if is_dump => interfaces().iter().map(|interface| link(request, flags, interface)).collect(),
        GET_LINK => {
            let number = body.get(4..8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes);
            let name = attributes(body.get(16..).unwrap_or_default())
                .find(|&(kind, _)| kind == IFLA_IFNAME)
                .map(|(_, value)| value.split(|&byte| byte == 0).next().unwrap_or_default());
            let all = interfaces();
            let is_wanted = |interface: &&Interface| match name {
                Some(name) if number == 0 => interface_name(interface.number) == name,
                _ => interface.number == number,
            };
            let found = all.iter().find(is_wanted).ok_or(Errno::ENODEV)?;
            return Ok(alloc::vec![link(request, 0, found)]);
        }
        GET_ADDRESS if is_dump => {
            let mut messages = Vec::new();
            for interface in interfaces() {
                let subnets = interface.addresses.iter().filter(|subnet| wants(subnet));
                messages.extend(subnets.map(|subnet| address(request, flags, &interface, subnet)));
            }
            messages
        }
        GET_ROUTE if is_dump => routes(request, family),
        GET_NEIGHBOUR | GET_RULE if is_dump => Vec::new(),
        kind if kind >= FIRST && (kind - FIRST) % 4 != 2 => return Err(Errno::EPERM),
        _ => return Err(Errno::EOPNOTSUPP),
    };
    messages = pack(messages);
    let done = Message::new(request, DONE, MULTI, &0_i32.to_ne_bytes()).finish();
    messages.push(done);
    Ok(messages)
}

/// Attributes: kind and value.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let [a, b, c, d] = *rest.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([c, d]) & 0x3fff, value))
    })
    .filter(|&(kind, _)| kind != IFLA_EXT_MASK)
}

/// The answers to all requests in a message.
pub(super) fn answer(bytes: &[u8], port: u32) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while let Some(header) = rest.first_chunk::<HEADER>() {
        let word = |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let length = word(0) as usize;
        let Some(whole) = rest.get(..length).filter(|whole| whole.len() >= HEADER) else { break };
        let request = Request { kind: half(4), flags: half(6), sequence: word(8), port };
        // Control messages are for nobody.
        if request.kind >= FIRST && request.flags & 1 != 0 {
            match answer_one(request, &whole[HEADER..]) {
                Ok(found) => {
                    let is_acknowledged = request.flags & (ACKNOWLEDGE | DUMP) == ACKNOWLEDGE;
                    answers.extend(found);
                    if is_acknowledged {
                        answers.push(error(request, 0, whole));
                    }
                }
                Err(errno) => answers.push(error(request, errno.number().into(), whole)),
            }
        } else if request.flags & ACKNOWLEDGE != 0 {
            answers.push(error(request, 0, whole));
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    answers
}
