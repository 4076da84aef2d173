//! Ports and who has them: `bind(2)`'s rules, and the socket that a packet is for.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// `net.ipv4.ip_local_port_range`: the ports that the kernel chooses from.
const EPHEMERAL: core::ops::RangeInclusive<u16> = 32768..=60999;

/// What a socket wants to have.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The socket's number.
    pub owner: u64,
    /// The address; unspecified: all.
    pub address: IpAddr,
    /// The port, 0 for any.
    pub port: u16,
    /// Whether an unspecified address of IPv6 leaves IPv4 out.
    pub only_v6: bool,
    /// The interface, 0 for all.
    pub interface: u32,
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// The user, who shares a port with itself alone.
    pub user: u32,
}

struct Binding<T> {
    wanted: Wanted,
    /// Whom it talks to, if it is connected.
    peer: Option<SocketAddr>,
    /// Who takes what comes.
    target: Option<Arc<T>>,
}

#[derive(Default)]
struct Port<T> {
    bindings: Vec<Binding<T>>,
    /// Connections that a listener of this port has accepted, and those of them without `SO_REUSEADDR`.
    accepted: usize,
    strict: usize,
}

/// The ports of one protocol.
pub struct Ports<T> {
    ports: BTreeMap<u16, Port<T>>,
}

/// How well a binding fits a packet: the address, the peer and the interface count, in this order of bits.
fn score<T>(binding: &Binding<T>, to: SocketAddr, from: SocketAddr, interface: u32) -> Option<u32> {
    let wanted = &binding.wanted;
    if wanted.interface != 0 && wanted.interface != interface {
        return None;
    }
    let mut score = if covers(wanted, to.ip())? { 2 } else { 0 };
    if let Some(peer) = binding.peer {
        if peer != from {
            return None;
        }
        score += 4;
    }
    Some(score + u32::from(wanted.interface != 0))
}

/// Whether a binding is for an address: `Some(true)` for exactly this one.
fn covers(wanted: &Wanted, address: IpAddr) -> Option<bool> {
    if wanted.address == address {
        return Some(true);
    }
    match (wanted.address, address) {
        (IpAddr::V4(own), IpAddr::V4(_)) if own.is_unspecified() => Some(false),
        (IpAddr::V6(own), IpAddr::V6(_)) if own.is_unspecified() => Some(false),
        (IpAddr::V6(own), IpAddr::V4(_)) if own.is_unspecified() && !wanted.only_v6 => Some(false),
        _ => None,
    }
}

/// Whether two bindings of one port get the same packets.
fn overlap(one: &Wanted, other: &Wanted) -> bool {
    if one.interface != 0 && other.interface != 0 && one.interface != other.interface {
        return false;
    }
    if one.address.is_unspecified() && other.address.is_unspecified() {
        let reaches_v4 = |wanted: &Wanted| wanted.address.is_ipv4() || !wanted.only_v6;
        return one.address.is_ipv4() == other.address.is_ipv4() || reaches_v4(one) && reaches_v4(other);
    }
    covers(one, other.address).is_some() || covers(other, one.address).is_some()
}

impl<T> Ports<T> {
    /// No port is taken.
    pub const fn new() -> Self {
        Self { ports: BTreeMap::new() }
    }

    /// Takes a port; gives its number. `may_share` says whether two sockets with `SO_REUSEADDR` may have it, one of
    /// which is the asker and the other has or lacks a target. `EADDRINUSE`.
    pub fn take(&mut self, wanted: Wanted, target: Option<Arc<T>>, may_share: fn(bool) -> bool) -> Result<u16> {
        let port = match wanted.port {
            0 => self.choose(&wanted, may_share)?,
            port if self.is_free(port, &wanted, may_share) => port,
            _ => return Err(Errno::EADDRINUSE),
        };
        let wanted = Wanted { port, ..wanted };
        let place = self.ports.entry(port).or_insert_with(|| Port { bindings: Vec::new(), accepted: 0, strict: 0 });
        place.bindings.push(Binding { wanted, peer: None, target });
        Ok(port)
    }

    fn is_free(&self, port: u16, wanted: &Wanted, may_share: fn(bool) -> bool) -> bool {
        let Some(place) = self.ports.get(&port) else { return true };
        if place.accepted > 0 && (place.strict > 0 || !wanted.reuse_address) && !wanted.reuse_port {
            return false;
        }
        place.bindings.iter().all(|other| {
            let shares_port = wanted.reuse_port && other.wanted.reuse_port && wanted.user == other.wanted.user;
            let shares_address =
                wanted.reuse_address && other.wanted.reuse_address && may_share(other.target.is_some());
            shares_port || shares_address || !overlap(wanted, &other.wanted)
        })
    }

    fn choose(&self, wanted: &Wanted, may_share: fn(bool) -> bool) -> Result<u16> {
        let mut random = [0; 2];
        machine().random(&mut random);
        let count = EPHEMERAL.end() - EPHEMERAL.start() + 1;
        let start = u16::from_ne_bytes(random) % count;
        // A port that nobody has at all, before one that could be shared.
        let all = || (0..count).map(|step| EPHEMERAL.start() + (start + step) % count);
        let is_unused = |port: &u16| !self.ports.contains_key(port);
        let shared = || all().find(|&port| self.is_free(port, wanted, may_share));
        all().find(is_unused).or_else(shared).ok_or(Errno::EADDRINUSE)
    }

    fn binding(&mut self, port: u16, owner: u64) -> Option<&mut Binding<T>> {
        self.ports.get_mut(&port)?.bindings.iter_mut().find(|binding| binding.wanted.owner == owner)
    }

    /// Lets a socket that has the port take what comes. `EADDRINUSE` when another takes it already.
    pub fn set_target(&mut self, port: u16, owner: u64, target: Option<Arc<T>>) -> Result<()> {
        if target.is_some()
            && let Some(place) = self.ports.get(&port)
            && let Some(own) = place.bindings.iter().find(|binding| binding.wanted.owner == owner)
        {
            let is_taken = place.bindings.iter().any(|other| {
                other.wanted.owner != owner
                    && other.target.is_some()
                    && !(other.wanted.reuse_port && own.wanted.reuse_port)
                    && overlap(&own.wanted, &other.wanted)
            });
            if is_taken {
                return Err(Errno::EADDRINUSE);
            }
        }
        if let Some(binding) = self.binding(port, owner) {
            binding.target = target;
        }
        Ok(())
    }

    /// Sets whether others may have a socket's port: `SO_REUSEADDR`, `SO_REUSEPORT`.
    pub fn set_sharing(&mut self, port: u16, owner: u64, reuse_address: bool, reuse_port: bool) {
        if let Some(binding) = self.binding(port, owner) {
            binding.wanted.reuse_address = reuse_address;
            binding.wanted.reuse_port = reuse_port;
        }
    }

    /// Sets whom a socket talks to, and the address that it does so from.
    pub fn set_peer(&mut self, port: u16, owner: u64, address: IpAddr, peer: Option<SocketAddr>) {
        if let Some(binding) = self.binding(port, owner) {
            binding.peer = peer;
            binding.wanted.address = address;
        }
    }

    /// Notes a connection that a listener of the port has accepted.
    pub fn accepted(&mut self, port: u16, reuse_address: bool) {
        let place = self.ports.entry(port).or_insert_with(|| Port { bindings: Vec::new(), accepted: 0, strict: 0 });
        place.accepted += 1;
        place.strict += usize::from(!reuse_address);
    }

    /// Such a connection has ended.
    pub fn ended(&mut self, port: u16, reuse_address: bool) {
        if let Some(place) = self.ports.get_mut(&port) {
            place.accepted = place.accepted.saturating_sub(1);
            place.strict = place.strict.saturating_sub(usize::from(!reuse_address));
            self.forget_if_unused(port);
        }
    }

    /// Gives a port back.
    pub fn release(&mut self, port: u16, owner: u64) {
        if let Some(place) = self.ports.get_mut(&port) {
            place.bindings.retain(|binding| binding.wanted.owner != owner);
            self.forget_if_unused(port);
        }
    }

    fn forget_if_unused(&mut self, port: u16) {
        if self.ports.get(&port).is_some_and(|place| place.bindings.is_empty() && place.accepted == 0) {
            self.ports.remove(&port);
        }
    }

    /// Who takes a packet. Of several that fit equally well and share the port, each sender has its own.
    pub fn find(&self, to: SocketAddr, from: SocketAddr, interface: u32) -> Option<Arc<T>> {
        let place = self.ports.get(&to.port())?;
        let scored = || {
            place.bindings.iter().filter_map(|binding| {
                let target = binding.target.as_ref()?;
                Some((score(binding, to, from, interface)?, target))
            })
        };
        let best = scored().map(|(score, _)| score).max()?;
        let count = scored().filter(|&(score, _)| score == best).count();
        let index = if count > 1 { spread(to, from) % count } else { 0 };
        scored().filter(|&(score, _)| score == best).nth(index).map(|(_, target)| target.clone())
    }

    /// All who take a packet that is for many.
    pub fn find_all(&self, to: SocketAddr, from: SocketAddr, interface: u32) -> Vec<Arc<T>> {
        let Some(place) = self.ports.get(&to.port()) else { return Vec::new() };
        let fits = |binding: &&Binding<T>| score(binding, to, from, interface).is_some();
        place.bindings.iter().filter(fits).filter_map(|binding| binding.target.clone()).collect()
    }

    /// Calls `each` with the address and port of all bindings, and the target.
    pub fn visit(&self, mut each: impl FnMut(&Wanted, Option<&Arc<T>>)) {
        for place in self.ports.values() {
            place.bindings.iter().for_each(|binding| each(&binding.wanted, binding.target.as_ref()));
        }
    }
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A number that the same pair of addresses always has.
fn spread(to: SocketAddr, from: SocketAddr) -> usize {
    let fold = |address: SocketAddr| {
        let bits = match address.ip() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => Ipv6Addr::to_bits(address),
        };
        (bits ^ bits >> 64) as u64 ^ u64::from(address.port()).rotate_left(32)
    };
    let mixed = (fold(to) ^ fold(from).rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 33) as usize
}
