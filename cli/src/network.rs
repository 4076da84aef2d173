//! The machine's network: what the command line says of it, and what QEMU and the guest are told.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::str::FromStr;

use birgus_loader::handover;

use crate::arguments::RunArguments;
use crate::failure::{Failure, Result};
use crate::machine::{self, Backend};
use crate::program::Program;

/// The guest's address in QEMU's user networking, the router's, and the name server's.
pub(crate) const GUEST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const USER_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const USER_NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// As QEMU names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A port of the host that leads into the machine: `[IP:]HOST:GUEST[/udp]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    pub(crate) protocol: Protocol,
    pub(crate) host: SocketAddrV4,
    pub(crate) guest: u16,
}

/// A port from 1 on.
fn port(text: &str) -> std::result::Result<u16, String> {
    text.parse().ok().filter(|&port| port != 0).ok_or_else(|| format!("{text:?} is not a port from 1 to 65535"))
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some((ports, "tcp")) => (ports, Protocol::Tcp),
            Some((_, other)) => return Err(format!("{other:?} is neither tcp nor udp")),
            None => (text, Protocol::Tcp),
        };
        let words: Vec<&str> = ports.split(':').collect();
        let (address, host, guest) = match words[..] {
            [host, guest] => (Ipv4Addr::LOCALHOST, host, guest),
            [address, host, guest] => {
                let address = address.parse().map_err(|_| format!("{address:?} is not an IPv4 address"))?;
                (address, host, guest)
            }
            _ => return Err("it is [IP:]HOST:GUEST[/udp]".to_owned()),
        };
        Ok(Self { protocol, host: SocketAddrV4::new(address, port(host)?), guest: port(guest)? })
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.protocol.name())
    }
}

impl Forward {
    /// An error when something of the host has the port already: before the machine starts, and in words.
    fn check(&self) -> Result<()> {
        let outcome = match self.protocol {
            Protocol::Tcp => TcpListener::bind(self.host).map(drop),
            Protocol::Udp => UdpSocket::bind(self.host).map(drop),
        };
        outcome.map_err(|error| {
            Failure::new(format!("cannot publish port {self}: {error}")).mend("another port of the host: -p HOST:GUEST")
        })
    }
}

/// `--net`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkKind {
    None,
    User,
    Tap(String),
}

impl FromStr for NetworkKind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once('=') {
            None if text == "none" => Ok(Self::None),
            None if text == "user" => Ok(Self::User),
            Some(("tap", name)) if !name.is_empty() && name.len() < 16 => Ok(Self::Tap(name.to_owned())),
            _ => Err("it is user, none or tap=NAME".to_owned()),
        }
    }
}

/// `--ip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestAddress {
    Dynamic,
    Static { address: Ipv4Addr, prefix: u8, gateway: Option<Ipv4Addr> },
}

impl FromStr for GuestAddress {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "dhcp" {
            return Ok(Self::Dynamic);
        }
        let (subnet, gateway) = match text.split_once(',') {
            Some((subnet, gateway)) => (subnet, Some(gateway)),
            None => (text, None),
        };
        let parse = |address: &str| address.parse().map_err(|_| format!("{address:?} is not an IPv4 address"));
        let (address, prefix) = subnet.split_once('/').unwrap_or((subnet, "24"));
        let prefix = prefix.parse().ok().filter(|&prefix| prefix <= 32);
        Ok(Self::Static {
            address: parse(address)?,
            prefix: prefix.ok_or("a prefix is 0 to 32 bits long")?,
            gateway: gateway.map(parse).transpose()?,
        })
    }
}

/// The network of one run.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) device: machine::Network,
    pub(crate) guest: handover::Network,
}

impl Network {
    /// The network that was asked for, its ports checked; `None`: none.
    pub(crate) fn wanted(arguments: &RunArguments, program: &Program) -> Result<Option<Self>> {
        let _ = program;
        let asked = !arguments.publish.is_empty() || arguments.ip.is_some() || arguments.pcap.is_some();
        let kind = match &arguments.net {
            Some(kind) => kind.clone(),
            None if asked => NetworkKind::User,
            None => NetworkKind::None,
        };
        let backend = match kind {
            NetworkKind::None if asked => {
                return Err(Failure::new("-p, --ip and --pcap need a network, and --net none says that there is none"));
            }
            NetworkKind::None => return Ok(None),
            NetworkKind::User => {
                arguments.publish.iter().try_for_each(Forward::check)?;
                Backend::User(arguments.publish.clone())
            }
            NetworkKind::Tap(_) if !arguments.publish.is_empty() => {
                return Err(Failure::new("-p is for --net user: behind a tap device the machine has its own address"));
            }
            NetworkKind::Tap(name) => Backend::Tap(name),
        };
        let is_user = matches!(backend, Backend::User(_));
        let guest = match arguments.ip {
            Some(GuestAddress::Static { address, prefix, gateway }) => {
                let name_server = if is_user { Some(USER_NAME_SERVER) } else { gateway };
                handover::Network::Static { address, prefix, gateway, name_server }
            }
            None if is_user => handover::Network::Static {
                address: GUEST_ADDRESS,
                prefix: 24,
                gateway: Some(USER_GATEWAY),
                name_server: Some(USER_NAME_SERVER),
            },
            Some(GuestAddress::Dynamic) | None => handover::Network::Dynamic,
        };
        let device = machine::Network { backend, capture: arguments.pcap.clone() };
        Ok(Some(Self { device, guest }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_they_are_said() {
        let forward = |text: &str| Forward::from_str(text);
        let host = |address, port| SocketAddrV4::new(address, port);
        let local = Forward { protocol: Protocol::Tcp, host: host(Ipv4Addr::LOCALHOST, 8080), guest: 80 };
        assert_eq!(forward("8080:80"), Ok(local));
        assert_eq!(forward("8080:80/udp"), Ok(Forward { protocol: Protocol::Udp, ..local }));
        let any = Forward { host: host(Ipv4Addr::UNSPECIFIED, 8080), ..local };
        assert_eq!(forward("0.0.0.0:8080:80/tcp"), Ok(any));
        for bad in ["", "80", "0:80", "80:0", "80:99999", "x:1:2", "1:2:3:4", "1:2/sctp", "::1:1:2"] {
            assert!(forward(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_read() {
        let gateway = Some(Ipv4Addr::new(192, 168, 1, 1));
        let address = Ipv4Addr::new(192, 168, 1, 9);
        let fixed = GuestAddress::Static { address, prefix: 16, gateway };
        assert_eq!(GuestAddress::from_str("192.168.1.9/16,192.168.1.1"), Ok(fixed));
        assert_eq!(GuestAddress::from_str("dhcp"), Ok(GuestAddress::Dynamic));
        assert!(GuestAddress::from_str("192.168.1.9/33").is_err());
        assert_eq!(NetworkKind::from_str("tap=tap0"), Ok(NetworkKind::Tap("tap0".to_owned())));
        assert!(NetworkKind::from_str("tap").is_err());
    }

    #[test]
    fn a_port_in_use_is_told() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let host = SocketAddrV4::new(Ipv4Addr::LOCALHOST, taken.local_addr().expect("an address").port());
        assert!(Forward { protocol: Protocol::Tcp, host, guest: 1 }.check().is_err());
    }
}
