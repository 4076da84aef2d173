//! `/proc/net`: the network as files. Numbers that are not counted are 0.

use super::super::Kind;
use super::super::generated::{Directory, Object, Owned};
use super::put;
use super::subject::Subject;
use crate::errno::{Errno, Result};
use crate::network::ioctl::{Interface, interfaces, mask};
use crate::network::{ETHERNET, interface_name, stack};
use crate::socket::inet::{Listed, listed};
use crate::socket::unix;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// `/proc/PID/net`.
pub(super) struct Net(pub(super) Subject);

type Generate = fn(&mut Vec<u8>) -> Result<()>;

const FILES: [(&str, Generate); 14] = [
    ("arp", |to| line(to, "IP address       HW type     Flags       HW address            Mask     Device\n")),
    ("dev", devices),
    ("if_inet6", addresses),
    ("igmp", |to| line(to, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n")),
    ("ipv6_route", |_| Ok(())),
    ("netlink", |to| {
        line(to, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n")
    }),
    ("raw", |to| table(to, &[], false)),
    ("raw6", |to| table(to, &[], true)),
    ("route", routes),
    ("tcp", |to| connections(to, true, false)),
    ("tcp6", |to| connections(to, true, true)),
    ("udp", |to| connections(to, false, false)),
    ("udp6", |to| connections(to, false, true)),
    ("unix", |to| {
        unix::describe(to);
        Ok(())
    }),
];

impl Directory for Net {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        let found = FILES.iter().find(|(known, _)| known.as_bytes() == name);
        found.map(|&(_, generate)| Object::text(generate)).ok_or(Errno::ENOENT)
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        for (index, (name, _)) in (0..).zip(FILES).skip(position as usize) {
            if !each(index + 1, name.as_bytes(), Kind::Regular) {
                return;
            }
        }
    }

    fn owned(&self) -> Owned {
        self.0.owned(0o555)
    }
}

fn line(to: &mut Vec<u8>, line: &str) -> Result<()> {
    to.extend_from_slice(line.as_bytes());
    Ok(())
}

fn name(interface: &Interface) -> &'static str {
    core::str::from_utf8(interface_name(interface.number)).unwrap_or_default()
}

fn devices(to: &mut Vec<u8>) -> Result<()> {
    line(to, "Inter-|   Receive                                                |  Transmit\n")?;
    line(to, " face |bytes    packets errs drop fifo frame compressed multicast|")?;
    line(to, "bytes    packets errs drop fifo colls carrier compressed\n")?;
    for interface in interfaces() {
        let zeros = "       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0";
        put(to, format_args!("{:>6}:{zeros}\n", name(&interface)));
    }
    Ok(())
}

fn addresses(to: &mut Vec<u8>) -> Result<()> {
    for interface in interfaces() {
        for subnet in &interface.addresses {
            let IpAddr::V6(address) = subnet.address else { continue };
            // IPV6_ADDR_LOOPBACK, IPV6_ADDR_LINKLOCAL, or of the whole net; IFA_F_PERMANENT.
            let scope = match () {
                () if address.is_loopback() => 0x10,
                () if address.is_unicast_link_local() => 0x20,
                () => 0,
            };
            put(
                to,
                format_args!(
                    "{:032x} {:02x} {:02x} {scope:02x} 80 {:>8}\n",
                    address.to_bits(),
                    interface.number,
                    subnet.prefix,
                    name(&interface)
                ),
            );
        }
    }
    Ok(())
}

/// An address as memory holds it, read as a number.
fn word(address: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(address.octets())
}

fn routes(to: &mut Vec<u8>) -> Result<()> {
    line(to, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")?;
    put(to, format_args!("{:56}\n", ""));
    let mut route = |destination: Ipv4Addr, gateway: Ipv4Addr, flags: u32, mask: Ipv4Addr| {
        let start = to.len();
        put(
            to,
            format_args!(
                "eth0\t{:08X}\t{:08X}\t{flags:04X}\t0\t0\t0\t{:08X}\t0\t0\t0",
                word(destination),
                word(gateway),
                word(mask)
            ),
        );
        // Linux fills the line with blanks up to 127 bytes.
        to.resize((start + 127).max(to.len()), b' ');
        to.push(b'\n');
    };
    let Some(stack) = stack() else { return Ok(()) };
    // RTF_UP, and RTF_GATEWAY.
    if let Some(gateway) = stack.gateway() {
        route(Ipv4Addr::UNSPECIFIED, gateway, 3, Ipv4Addr::UNSPECIFIED);
    }
    for interface in interfaces().iter().filter(|interface| interface.number == ETHERNET) {
        for subnet in &interface.addresses {
            let IpAddr::V4(address) = subnet.address else { continue };
            let mask = mask(subnet.prefix);
            route(Ipv4Addr::from_bits(address.to_bits() & mask.to_bits()), Ipv4Addr::UNSPECIFIED, 1, mask);
        }
    }
    Ok(())
}

/// An address and port as Linux writes them: words as memory holds them.
fn address(of: SocketAddr, is_v6: bool) -> String {
    let octets = match of.ip() {
        IpAddr::V4(address) if !is_v6 => return alloc::format!("{:08X}:{:04X}", word(address), of.port()),
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let mut text = String::new();
    for word in octets.chunks_exact(4) {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        text.push_str(&alloc::format!("{word:08X}"));
    }
    text.push_str(&alloc::format!(":{:04X}", of.port()));
    text
}

fn connections(to: &mut Vec<u8>, is_tcp: bool, is_v6: bool) -> Result<()> {
    let all: Vec<Listed> = listed(is_tcp).into_iter().filter(|socket| socket.is_v6 == is_v6).collect();
    table(to, &all, is_v6)
}

fn table(to: &mut Vec<u8>, sockets: &[Listed], is_v6: bool) -> Result<()> {
    if is_v6 {
        line(to, "  sl  local_address                         remote_address                        st ")?;
    } else {
        line(to, "  sl  local_address rem_address   st ")?;
    }
    line(to, "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")?;
    line(to, if is_v6 { "\n" } else { "                                                     \n" })?;
    for (index, socket) in sockets.iter().enumerate() {
        let start = to.len();
        put(
            to,
            format_args!(
                "{index:4}: {} {} {:02X} {:08X}:{:08X} 00:00000000 00000000 {:5} {:8} {} 1 0000000000000000 100 0 0 10 0",
                address(socket.local, is_v6),
                address(socket.remote, is_v6),
                socket.state,
                socket.unsent,
                socket.unread,
                0,
                0,
                socket.number
            ),
        );
        if !is_v6 {
            to.resize((start + 149).max(to.len()), b' ');
        }
        to.push(b'\n');
    }
    Ok(())
}
