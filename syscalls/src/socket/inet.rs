//! `AF_INET` and `AF_INET6`, `ip(7)`, `ipv6(7)`: TCP, UDP and raw ICMP over the [network](crate::network).

mod address;
mod levels;
mod listing;
mod raw;
mod tcp;
mod udp;

pub(crate) use listing::{Listed, listed};

use super::{Socket, Style};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use alloc::sync::Arc;
use linux_raw_sys::general::{CAP_NET_BIND_SERVICE, CAP_NET_RAW};
use linux_raw_sys::net::{_bindgen_ty_1 as number, AF_INET, AF_INET6};

const TCP: u32 = number::IPPROTO_TCP as u32;
const UDP: u32 = number::IPPROTO_UDP as u32;
const ICMP: u32 = number::IPPROTO_ICMP as u32;
const ICMP_V6: u32 = 58;

/// The protocol that a type and a number of `socket(2)` mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
    /// ICMP by packets, for IPv4.
    Raw,
}

/// `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`, `EINVAL`.
fn transport(family: u16, style: u32, protocol: i32) -> Result<Transport> {
    if !(0..=255).contains(&protocol) && protocol != 262 {
        return Err(Errno::EINVAL);
    }
    let protocol = protocol as u32;
    match Style::from_number(style)? {
        Style::Stream if matches!(protocol, 0 | TCP) => Ok(Transport::Tcp),
        Style::Datagram if matches!(protocol, 0 | UDP) => Ok(Transport::Udp),
        Style::Stream | Style::Datagram => Err(Errno::EPROTONOSUPPORT),
        Style::Raw if protocol == 0 => Err(Errno::EPROTONOSUPPORT),
        Style::Raw if protocol == ICMP && u32::from(family) == AF_INET => Ok(Transport::Raw),
        Style::SequencedPacket | Style::Raw => Err(Errno::ESOCKTNOSUPPORT),
    }
}

/// Whether `socket(2)` would make such a socket.
pub(super) fn check(family: u16, style: u32, protocol: i32) -> Result<()> {
    transport(family, style, protocol).map(drop)
}

/// `socket(2)` for these families. `EPROTONOSUPPORT`, `ESOCKTNOSUPPORT`, `EPERM`, `EINVAL`.
pub(super) fn socket(thread: &Thread, family: u16, style: u32, protocol: i32) -> Result<Arc<dyn Socket>> {
    debug_assert!(matches!(u32::from(family), AF_INET | AF_INET6));
    // The device comes up with the first socket, so that who knocks finds somebody.
    let made: Result<Arc<dyn Socket>> = match transport(family, style, protocol) {
        Ok(Transport::Tcp) => Ok(tcp::Tcp::new(family)),
        Ok(Transport::Udp) => Ok(udp::Udp::new(family)),
        Ok(Transport::Raw) if thread.process.credentials().has(CAP_NET_RAW) => Ok(raw::Raw::new(family)),
        Ok(Transport::Raw) => Err(Errno::EPERM),
        Err(Errno::ESOCKTNOSUPPORT)
            if matches!(Style::from_number(style), Ok(Style::Raw))
                && matches!(protocol as u32, ICMP | ICMP_V6)
                && !thread.process.credentials().has(CAP_NET_RAW) =>
        {
            Err(Errno::EPERM)
        }
        Err(errno) => Err(errno),
    };
    if made.is_ok() {
        crate::network::stack();
    }
    made
}

/// `EACCES` for a port below `net.ipv4.ip_unprivileged_port_start` without the privilege.
fn check_privileged(thread: &Thread, port: u16) -> Result<()> {
    if (1..1024).contains(&port) && !thread.process.credentials().has(CAP_NET_BIND_SERVICE) {
        return Err(Errno::EACCES);
    }
    Ok(())
}
