//! The options of the levels `SOL_IP` and `SOL_IPV6`, which TCP and UDP have in common: `ip(7)`, `ipv6(7)`.

use crate::errno::{Errno, Result};
use crate::network;
use crate::socket::Common;
use crate::socket::options::integer;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use linux_raw_sys::net as raw;

/// The options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// `IPV6_V6ONLY`.
    pub(super) only_v6: bool,
    /// `IP_TTL`, -1 for the default.
    pub(super) hop_limit: i32,
    /// `IPV6_UNICAST_HOPS`, -1 for the default.
    pub(super) hop_limit_v6: i32,
    pub(super) type_of_service: u8,
    pub(super) traffic_class: i32,
    pub(super) multicast_hops: u8,
    pub(super) multicast_loop: bool,
    pub(super) multicast_interface: u32,
    pub(super) wants_packet: bool,
    pub(super) wants_packet_v6: bool,
    pub(super) wants_hop_limit: bool,
    pub(super) wants_hop_limit_v6: bool,
    discovery: i32,
    discovery_v6: i32,
    wants_errors: bool,
    wants_errors_v6: bool,
    free_bind: bool,
    transparent: bool,
    late_port: bool,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            only_v6: false,
            hop_limit: -1,
            hop_limit_v6: -1,
            type_of_service: 0,
            traffic_class: 0,
            multicast_hops: 1,
            multicast_loop: true,
            multicast_interface: 0,
            wants_packet: false,
            wants_packet_v6: false,
            wants_hop_limit: false,
            wants_hop_limit_v6: false,
            discovery: raw::IP_PMTUDISC_WANT as i32,
            discovery_v6: raw::IPV6_PMTUDISC_WANT as i32,
            wants_errors: false,
            wants_errors_v6: false,
            free_bind: false,
            transparent: false,
            late_port: false,
        }
    }
}

/// `SO_PRIORITY` by bits 1 to 4 of the type of service: `tc-prio(8)`.
const PRIORITIES: [i32; 16] = [0, 1, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];

/// A change of membership in a group.
pub(super) struct Membership {
    pub(super) group: IpAddr,
    pub(super) joins: bool,
}

fn octets<const N: usize>(value: &[u8], at: usize) -> Result<[u8; N]> {
    value.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).ok_or(Errno::EINVAL)
}

/// A number that may be given as a byte or as an `int`.
fn small(value: &[u8]) -> Result<i32> {
    match value {
        [byte] => Ok((*byte).into()),
        value => integer(value),
    }
}

impl Levels {
    /// Whether an address can be bound that is not there.
    pub(super) fn is_free(&self) -> bool {
        self.free_bind || self.transparent
    }

    /// Sets an option; gives a membership that changes. `ENOPROTOOPT`, `EINVAL`.
    pub(super) fn set(&mut self, common: &Common, level: u32, option: u32, value: &[u8]) -> Result<Option<Membership>> {
        match level {
            raw::SOL_IP => {
                let membership = self.set_v4(option, value)?;
                if option == raw::IP_TOS {
                    common.settings.lock().priority = PRIORITIES[usize::from(self.type_of_service >> 1 & 0xf)];
                }
                Ok(membership)
            }
            raw::SOL_IPV6 if u32::from(common.family) == raw::AF_INET6 => self.set_v6(option, value),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn set_v4(&mut self, option: u32, value: &[u8]) -> Result<Option<Membership>> {
        if matches!(option, raw::IP_ADD_MEMBERSHIP | raw::IP_DROP_MEMBERSHIP) {
            let group = Ipv4Addr::from(octets::<4>(value, 0)?);
            if !group.is_multicast() {
                return Err(Errno::EINVAL);
            }
            return Ok(Some(Membership { group: group.into(), joins: option == raw::IP_ADD_MEMBERSHIP }));
        }
        if option == raw::IP_MULTICAST_IF {
            self.multicast_interface = match value.len() {
                12.. => u32::from_ne_bytes(octets(value, 8)?),
                _ => 0,
            };
            return Ok(None);
        }
        let number = small(value)?;
        let on = number != 0;
        match option {
            raw::IP_TTL => match number {
                -1 | 1..=255 => self.hop_limit = number,
                _ => return Err(Errno::EINVAL),
            },
            raw::IP_TOS => self.type_of_service = number as u8,
            raw::IP_MULTICAST_TTL => match number {
                -1 => self.multicast_hops = 1,
                0..=255 => self.multicast_hops = number as u8,
                _ => return Err(Errno::EINVAL),
            },
            raw::IP_MULTICAST_LOOP => self.multicast_loop = on,
            raw::IP_PKTINFO => self.wants_packet = on,
            raw::IP_RECVTTL => self.wants_hop_limit = on,
            raw::IP_RECVERR => self.wants_errors = on,
            raw::IP_MTU_DISCOVER => match number {
                0..=5 => self.discovery = number,
                _ => return Err(Errno::EINVAL),
            },
            raw::IP_FREEBIND => self.free_bind = on,
            raw::IP_BIND_ADDRESS_NO_PORT => self.late_port = on,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(None)
    }

    fn set_v6(&mut self, option: u32, value: &[u8]) -> Result<Option<Membership>> {
        if matches!(option, raw::IPV6_ADD_MEMBERSHIP | raw::IPV6_DROP_MEMBERSHIP) {
            let group = Ipv6Addr::from(octets::<16>(value, 0)?);
            if !group.is_multicast() {
                return Err(Errno::EINVAL);
            }
            return Ok(Some(Membership { group: group.into(), joins: option == raw::IPV6_ADD_MEMBERSHIP }));
        }
        let number = integer(value)?;
        let on = number != 0;
        match option {
            raw::IPV6_V6ONLY => self.only_v6 = on,
            raw::IPV6_UNICAST_HOPS => match number {
                -1..=255 => self.hop_limit_v6 = number,
                _ => return Err(Errno::EINVAL),
            },
            raw::IPV6_MULTICAST_HOPS => match number {
                -1 => self.multicast_hops = 1,
                0..=255 => self.multicast_hops = number as u8,
                _ => return Err(Errno::EINVAL),
            },
            raw::IPV6_MULTICAST_LOOP => self.multicast_loop = on,
            raw::IPV6_MULTICAST_IF => self.multicast_interface = number as u32,
            raw::IPV6_TCLASS => match number {
                -1..=255 => self.traffic_class = number.max(0),
                _ => return Err(Errno::EINVAL),
            },
            raw::IPV6_RECVPKTINFO => self.wants_packet_v6 = on,
            raw::IPV6_RECVHOPLIMIT => self.wants_hop_limit_v6 = on,
            raw::IPV6_RECVERR => self.wants_errors_v6 = on,
            raw::IPV6_MTU_DISCOVER => match number {
                0..=5 => self.discovery_v6 = number,
                _ => return Err(Errno::EINVAL),
            },
            raw::IPV6_FREEBIND => self.free_bind = on,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(None)
    }

    /// An option's value. `ENOPROTOOPT`.
    pub(super) fn get(&self, family: u16, level: u32, option: u32) -> Result<Vec<u8>> {
        let number = match (level, option) {
            (raw::SOL_IP, raw::IP_TTL) => {
                if self.hop_limit < 0 {
                    64
                } else {
                    self.hop_limit
                }
            }
            (raw::SOL_IP, raw::IP_TOS) => self.type_of_service.into(),
            (raw::SOL_IP, raw::IP_MULTICAST_TTL) => self.multicast_hops.into(),
            (raw::SOL_IP, raw::IP_MULTICAST_LOOP) => self.multicast_loop.into(),
            (raw::SOL_IP, raw::IP_PKTINFO) => self.wants_packet.into(),
            (raw::SOL_IP, raw::IP_RECVTTL) => self.wants_hop_limit.into(),
            (raw::SOL_IP, raw::IP_RECVERR) => self.wants_errors.into(),
            (raw::SOL_IP, raw::IP_MTU_DISCOVER) => self.discovery,
            (raw::SOL_IP, raw::IP_FREEBIND) => self.free_bind.into(),
            (raw::SOL_IP, raw::IP_BIND_ADDRESS_NO_PORT) => self.late_port.into(),
            (raw::SOL_IPV6, _) if u32::from(family) != raw::AF_INET6 => return Err(Errno::ENOPROTOOPT),
            (raw::SOL_IPV6, raw::IPV6_V6ONLY) => self.only_v6.into(),
            (raw::SOL_IPV6, raw::IPV6_UNICAST_HOPS) => {
                if self.hop_limit_v6 < 0 {
                    64
                } else {
                    self.hop_limit_v6
                }
            }
            (raw::SOL_IPV6, raw::IPV6_MULTICAST_HOPS) => self.multicast_hops.into(),
            (raw::SOL_IPV6, raw::IPV6_MULTICAST_LOOP) => self.multicast_loop.into(),
            (raw::SOL_IPV6, raw::IPV6_MULTICAST_IF) => self.multicast_interface as i32,
            (raw::SOL_IPV6, raw::IPV6_TCLASS) => self.traffic_class,
            (raw::SOL_IPV6, raw::IPV6_RECVPKTINFO) => self.wants_packet_v6.into(),
            (raw::SOL_IPV6, raw::IPV6_RECVHOPLIMIT) => self.wants_hop_limit_v6.into(),
            (raw::SOL_IPV6, raw::IPV6_RECVERR) => self.wants_errors_v6.into(),
            (raw::SOL_IPV6, raw::IPV6_MTU_DISCOVER) => self.discovery_v6,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(number.to_ne_bytes().to_vec())
    }

    /// The hop limit that packets to an address get, where it is not the default.
    pub(super) fn hops(&self, to: IpAddr) -> Option<u8> {
        if to.is_multicast() {
            return Some(self.multicast_hops);
        }
        u8::try_from(if to.is_ipv4() { self.hop_limit } else { self.hop_limit_v6 }).ok().filter(|&limit| limit > 0)
    }
}

/// Whether an address can be bound. `EADDRNOTAVAIL`.
pub(super) fn check_bindable(address: IpAddr, levels: &Levels) -> Result<()> {
    let is_fine = address.is_unspecified() || levels.is_free() || network::is_own(address);
    if is_fine || network::is_for_many(address) { Ok(()) } else { Err(Errno::EADDRNOTAVAIL) }
}
