//! The network: interfaces, addresses, and the TCP/IP stack behind the sockets of the Internet families.
//!
//! What stays in this machine never becomes a packet: a datagram goes from socket to socket, a connection is a
//! [stream](crate::socket) in memory. What leaves it goes through [`Stack`], which is smoltcp with a table in front:
//! each connection is a set of sockets of its own, so a packet costs the same however many there are.
//!
//! The device is touched when the first socket of these families is made, not before. From then on the machine calls
//! [`poll`] when the device has something, and the stack's own [`Alarm`](crate::time::timers::Alarm) rings for what is
//! due by time.

mod connection;
mod device;
pub mod files;
pub(crate) mod ioctl;
pub mod listener;
mod packet;
pub mod ports;
pub mod raw;
mod stack;
#[cfg(test)]
mod tests;

pub use connection::{Connection, Flow, Possible, Progress};
pub use stack::{DatagramPort, Stack};

use crate::machine::machine;
use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::{AtomicBool, Ordering};
use listener::{Inbox, Listener};
use ports::Ports;
use spin::{Mutex, Once};

/// The number of the loopback interface, `lo`.
pub const LOOPBACK: u32 = 1;
/// The number of the network device, `eth0`.
pub const ETHERNET: u32 = 2;

/// A network device: frames of Ethernet. It never waits.
pub trait NetworkDevice: Send + Sync {
    /// Its address.
    fn address(&self) -> [u8; 6];
    /// Passes the next frame that came to `take`; `false` when there is none. `take` may send.
    fn receive(&self, take: &mut dyn FnMut(&[u8])) -> bool;
    /// Whether there is room to send a frame.
    fn can_send(&self) -> bool;
    /// Queues a frame of `length` bytes, which `fill` writes. Without room it is lost, as on a wire.
    fn send(&self, length: usize, fill: &mut dyn FnMut(&mut [u8]));
    /// Lets the device know of all that was queued.
    fn flush(&self);
}

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subnet {
    /// The address.
    pub address: IpAddr,
    /// Bits.
    pub prefix: u8,
}

impl Subnet {
    /// Whether an address lies in it.
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                (one.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                (one.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// How the network device is to be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Configuration {
    /// Its address; `None`: to be asked for by DHCP.
    pub address: Option<Subnet>,
    /// Where everything else goes.
    pub gateway: Option<Ipv4Addr>,
    /// Who knows names.
    pub name_server: Option<Ipv4Addr>,
}

static CONFIGURATION: Once<Configuration> = Once::new();
static STACK: Once<Option<Arc<Stack>>> = Once::new();
static IS_UP: AtomicBool = AtomicBool::new(false);
static TCP: Mutex<Ports<Listener>> = Mutex::new(Ports::new());
static UDP: Mutex<Ports<Inbox>> = Mutex::new(Ports::new());

/// Says once how the network device is to be used; without it there is none.
pub fn configure(configuration: Configuration) {
    CONFIGURATION.call_once(|| configuration);
}

/// What was said.
pub fn configuration() -> Option<&'static Configuration> {
    CONFIGURATION.get()
}

/// The ports of TCP.
pub fn tcp() -> &'static Mutex<Ports<Listener>> {
    &TCP
}

/// The ports of UDP.
pub fn udp() -> &'static Mutex<Ports<Inbox>> {
    &UDP
}

/// The stack, brought up at the first call; `None` without a device.
pub fn stack() -> Option<&'static Arc<Stack>> {
    let make = || {
        let configuration = CONFIGURATION.get()?;
        let device = machine().network()?;
        let stack = Stack::start(device, configuration);
        IS_UP.store(true, Ordering::Release);
        Some(stack)
    };
    STACK.call_once(make).as_ref()
}

/// The stack, if it is up already.
pub fn running() -> Option<&'static Arc<Stack>> {
    if IS_UP.load(Ordering::Acquire) { STACK.get()?.as_ref() } else { None }
}

/// Takes what the device has received. The machine calls this for the device's interrupt and before it halts; no lock of
/// this crate may be held. Gives whether there was anything.
pub fn poll() -> bool {
    running().is_some_and(|stack| stack.poll())
}

/// Whether something that was sent has not arrived yet: worth a moment before the machine ends.
pub fn is_delivering() -> bool {
    running().is_some_and(|stack| stack.is_delivering())
}

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// To this machine itself, from this address.
    Local(IpAddr),
    /// Out, from this address.
    Out(IpAddr),
}

impl Route {
    /// The address that packets have as their source.
    pub const fn source(self) -> IpAddr {
        match self {
            Self::Local(address) | Self::Out(address) => address,
        }
    }
}

/// Where packets to an address go. `None`: nowhere.
pub fn route(to: IpAddr) -> Option<Route> {
    if to.is_unspecified() || is_loopback(to) {
        // All of 127.0.0.0/8 is reached from its first address.
        return Some(Route::Local(if to.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { loopback_of(to) }));
    }
    let stack = stack()?;
    if stack.has_address(to) { Some(Route::Local(to)) } else { stack.source_for(to).map(Route::Out) }
}

/// Whether an address is one of loopback.
pub fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

/// What the unspecified address means as a destination: this machine.
pub const fn loopback_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    }
}

/// Whether a socket can be bound to an address: it is this machine's.
pub fn is_own(address: IpAddr) -> bool {
    is_loopback(address) || stack().is_some_and(|stack| stack.has_address(address))
}

/// Whether an address is for many: multicast, or the broadcast of the whole network.
pub fn is_for_many(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// The number of an interface by its name.
pub fn interface_by_name(name: &[u8]) -> Option<u32> {
    match name {
        b"lo" => Some(LOOPBACK),
        b"eth0" => stack().map(|_| ETHERNET),
        _ => None,
    }
}

/// An interface's name; empty for a number that none has.
pub const fn interface_name(number: u32) -> &'static [u8] {
    match number {
        LOOPBACK => b"lo",
        ETHERNET => b"eth0",
        _ => b"",
    }
}
