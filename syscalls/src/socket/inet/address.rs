//! `struct sockaddr_in` and `struct sockaddr_in6`.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use linux_raw_sys::net::{AF_INET, AF_INET6, AF_UNSPEC};

/// Lengths of the two, and the least that Linux takes of the second (RFC 2133's).
const LENGTH_V4: usize = 16;
const LENGTH_V6: usize = 28;
const LEAST_V6: usize = 24;

/// The family of an address. `EINVAL` when there is none.
pub(super) fn family(address: &[u8]) -> Result<u32> {
    address.first_chunk().map(|bytes| u32::from(u16::from_ne_bytes(*bytes))).ok_or(Errno::EINVAL)
}

fn part<const N: usize>(address: &[u8], at: usize) -> Result<[u8; N]> {
    address.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).ok_or(Errno::EINVAL)
}

/// An address for a socket of `of`: of its family, or with `any_for_v4` also `AF_UNSPEC` with all zeros, which `bind(2)`
/// takes. An address of IPv4 within IPv6 stands for itself. `EINVAL`, `EAFNOSUPPORT`.
pub(super) fn parse(of: u16, address: &[u8], any_for_v4: bool) -> Result<SocketAddr> {
    let (of, is) = (u32::from(of), family(address)?);
    let is_v4 = match (of, is) {
        (AF_INET, AF_INET) => true,
        (AF_INET, AF_UNSPEC) if any_for_v4 => {
            if address.len() < LENGTH_V4 {
                return Err(Errno::EINVAL);
            }
            if part::<4>(address, 4)? != [0; 4] {
                return Err(Errno::EAFNOSUPPORT);
            }
            true
        }
        (AF_INET6, AF_INET6) => false,
        _ if address.len() < if of == AF_INET { LENGTH_V4 } else { LEAST_V6 } => return Err(Errno::EINVAL),
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    let port = u16::from_be_bytes(part(address, 2)?);
    if is_v4 {
        if address.len() < LENGTH_V4 {
            return Err(Errno::EINVAL);
        }
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(part::<4>(address, 4)?)), port));
    }
    if address.len() < LEAST_V6 {
        return Err(Errno::EINVAL);
    }
    Ok(SocketAddr::new(Ipv6Addr::from(part::<16>(address, 8)?).to_canonical(), port))
}

/// An address as a socket of `family` shows it.
pub(super) fn format(family: u16, address: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH_V6);
    bytes.extend_from_slice(&family.to_ne_bytes());
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match (u32::from(family), address.ip()) {
        (AF_INET, IpAddr::V4(address)) => {
            bytes.extend_from_slice(&address.octets());
            bytes.resize(LENGTH_V4, 0);
        }
        (AF_INET, IpAddr::V6(_)) => bytes.resize(LENGTH_V4, 0),
        (_, address) => {
            let octets = match address {
                // "All of IPv4" does not show on a socket of IPv6.
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&octets);
            bytes.resize(LENGTH_V6, 0);
            if octets.starts_with(&[0xfe, 0x80]) {
                bytes[24..].copy_from_slice(&crate::network::ETHERNET.to_ne_bytes());
            }
        }
    }
    bytes
}

/// The unspecified address of a family.
pub(super) const fn unspecified(family: u16) -> IpAddr {
    match family as u32 {
        AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
