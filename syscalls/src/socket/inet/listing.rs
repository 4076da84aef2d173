//! Which sockets there are, for `/proc/net`.

use super::tcp::Tcp;
use super::udp::Udp;
use alloc::collections::BTreeMap;
use alloc::sync::Weak;
use alloc::vec::Vec;
use core::net::SocketAddr;
use spin::Mutex;

/// What `/proc/net` shows of a socket.
pub(crate) struct Listed {
    pub(crate) is_v6: bool,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Linux's number of the state.
    pub(crate) state: u8,
    pub(crate) unsent: usize,
    pub(crate) unread: usize,
    /// The inode's number.
    pub(crate) number: u64,
}

static TCP: Mutex<BTreeMap<u64, Weak<Tcp>>> = Mutex::new(BTreeMap::new());
static UDP: Mutex<BTreeMap<u64, Weak<Udp>>> = Mutex::new(BTreeMap::new());

pub(super) fn enter_tcp(number: u64, socket: &Weak<Tcp>) {
    TCP.lock().insert(number, socket.clone());
}

pub(super) fn leave_tcp(number: u64) {
    TCP.lock().remove(&number);
}

pub(super) fn enter_udp(number: u64, socket: &Weak<Udp>) {
    UDP.lock().insert(number, socket.clone());
}

pub(super) fn leave_udp(number: u64) {
    UDP.lock().remove(&number);
}

/// The sockets of TCP or UDP that have a port.
pub(crate) fn listed(is_tcp: bool) -> Vec<Listed> {
    // Upgraded without the lock: the last reference may go here.
    if is_tcp {
        let all: Vec<Weak<Tcp>> = TCP.lock().values().cloned().collect();
        all.iter().filter_map(Weak::upgrade).filter_map(|socket| socket.listed()).collect()
    } else {
        let all: Vec<Weak<Udp>> = UDP.lock().values().cloned().collect();
        all.iter().filter_map(Weak::upgrade).filter_map(|socket| socket.listed()).collect()
    }
}
