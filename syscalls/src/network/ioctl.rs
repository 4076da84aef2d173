//! `netdevice(7)`: what a socket tells of the interfaces by `ioctl(2)`.

use super::{ETHERNET, LOOPBACK, Subnet, interface_by_name, interface_name, stack};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::{UserPtr, copy_in, copy_out};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use linux_raw_sys::net::AF_INET;

/// Requests, `<linux/sockios.h>`.
const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCGIFDSTADDR: u32 = 0x8917;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCGIFMETRIC: u32 = 0x891d;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCGIFINDEX: u32 = 0x8933;
const SIOCGIFTXQLEN: u32 = 0x8942;

/// `sizeof(struct ifreq)`, and of its name.
const REQUEST: usize = 40;
const NAME: usize = 16;

/// Flags of an interface, `<linux/if.h>`.
pub(crate) const UP: u32 = 0x1;
pub(crate) const BROADCAST: u32 = 0x2;
pub(crate) const IS_LOOPBACK: u32 = 0x8;
pub(crate) const RUNNING: u32 = 0x40;
pub(crate) const MULTICAST: u32 = 0x1000;
pub(crate) const LOWER_UP: u32 = 0x1_0000;

/// An interface.
pub(crate) struct Interface {
    pub(crate) number: u32,
    pub(crate) flags: u32,
    pub(crate) mtu: u32,
    pub(crate) address: [u8; 6],
    pub(crate) addresses: Vec<Subnet>,
}

/// All interfaces, by number.
pub(crate) fn interfaces() -> Vec<Interface> {
    let local = |address: IpAddr, prefix| Subnet { address, prefix };
    let mut all = Vec::new();
    all.push(Interface {
        number: LOOPBACK,
        flags: UP | IS_LOOPBACK | RUNNING | LOWER_UP,
        mtu: 65536,
        address: [0; 6],
        addresses: alloc::vec![
            local(IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
            local(IpAddr::V6(core::net::Ipv6Addr::LOCALHOST), 128),
        ],
    });
    if let Some(stack) = stack() {
        all.push(Interface {
            number: ETHERNET,
            flags: UP | BROADCAST | RUNNING | MULTICAST | LOWER_UP,
            mtu: 1500,
            address: stack.hardware_address(),
            addresses: stack.addresses(),
        });
    }
    all
}

fn first_v4(interface: &Interface) -> Option<(Ipv4Addr, u8)> {
    interface.addresses.iter().find_map(|subnet| match subnet.address {
        IpAddr::V4(address) => Some((address, subnet.prefix)),
        IpAddr::V6(_) => None,
    })
}

/// The mask of a prefix.
pub(crate) fn mask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

/// `struct sockaddr_in` without a port.
fn address_bytes(address: Ipv4Addr) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&(AF_INET as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&address.octets());
    bytes
}

/// Answers a request of a socket, with `is_inet` one of the Internet's families. `ENODEV`, `EADDRNOTAVAIL`, `ENOTTY`.
pub(crate) fn ioctl(thread: &Thread, request: u32, argument: u64, is_inet: bool) -> Result<i64> {
    if request == SIOCGIFCONF {
        return list(thread, argument);
    }
    let is_address = matches!(request, SIOCGIFADDR | SIOCGIFDSTADDR | SIOCGIFBRDADDR | SIOCGIFNETMASK);
    if !(0x8910..0x8980).contains(&request) || is_address && !is_inet {
        return Err(Errno::ENOTTY);
    }
    let mut bytes = [0; REQUEST];
    copy_in(thread, argument, &mut bytes)?;
    let all = interfaces();
    let number = if request == SIOCGIFNAME {
        u32::from_ne_bytes([bytes[16], bytes[17], bytes[18], bytes[19]])
    } else {
        let name = bytes[..NAME].split(|&byte| byte == 0).next().unwrap_or_default();
        interface_by_name(name).ok_or(Errno::ENODEV)?
    };
    let interface = all.iter().find(|interface| interface.number == number).ok_or(Errno::ENODEV)?;
    let v4 = || first_v4(interface).ok_or(Errno::EADDRNOTAVAIL);
    let is_loopback = number == LOOPBACK;
    let mut put = |value: &[u8]| bytes[NAME..NAME + value.len()].copy_from_slice(value);
    match request {
        SIOCGIFNAME => {
            let name = interface_name(number);
            bytes[..NAME].fill(0);
            bytes[..name.len()].copy_from_slice(name);
        }
        SIOCGIFFLAGS => put(&(interface.flags as u16).to_ne_bytes()),
        SIOCGIFADDR | SIOCGIFDSTADDR => put(&address_bytes(v4()?.0)),
        SIOCGIFBRDADDR => {
            let (address, prefix) = v4()?;
            let broadcast = Ipv4Addr::from_bits(address.to_bits() | !mask(prefix).to_bits());
            put(&address_bytes(if is_loopback { Ipv4Addr::UNSPECIFIED } else { broadcast }));
        }
        SIOCGIFNETMASK => put(&address_bytes(mask(v4()?.1))),
        SIOCGIFMETRIC => put(&0_i32.to_ne_bytes()),
        SIOCGIFMTU => put(&interface.mtu.to_ne_bytes()),
        SIOCGIFTXQLEN => put(&1000_i32.to_ne_bytes()),
        SIOCGIFINDEX => put(&number.to_ne_bytes()),
        SIOCGIFHWADDR => {
            let mut value = [0; 16];
            // ARPHRD_LOOPBACK and ARPHRD_ETHER.
            value[..2].copy_from_slice(&(if is_loopback { 772_u16 } else { 1 }).to_ne_bytes());
            value[2..8].copy_from_slice(&interface.address);
            put(&value);
        }
        _ => return Err(Errno::ENOTTY),
    }
    copy_out(thread, argument, &bytes)?;
    Ok(0)
}

/// `SIOCGIFCONF`: the interfaces with an address of IPv4.
fn list(thread: &Thread, argument: u64) -> Result<i64> {
    let place = UserPtr::<[u64; 2]>::new(argument);
    let [length, buffer] = place.read(thread)?;
    let length = length as u32 as usize;
    let mut bytes = Vec::new();
    for interface in interfaces() {
        let Some((address, _)) = first_v4(&interface) else { continue };
        let mut entry = [0; REQUEST];
        let name = interface_name(interface.number);
        entry[..name.len()].copy_from_slice(name);
        entry[NAME..NAME + 16].copy_from_slice(&address_bytes(address));
        bytes.extend_from_slice(&entry);
    }
    if buffer != 0 {
        bytes.truncate(length / REQUEST * REQUEST);
        copy_out(thread, buffer, &bytes)?;
    }
    UserPtr::new(argument).write(thread, &(bytes.len() as i32))?;
    Ok(0)
}
