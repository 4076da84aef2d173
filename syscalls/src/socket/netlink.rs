//! `AF_NETLINK`, `netlink(7)`, with the protocol of routes, `rtnetlink(7)`, as far as programs ask what there is:
//! interfaces, addresses, routes. Nothing can be changed.

mod reply;

use super::message::{Incoming, MessageFlags, Outgoing};
use super::{Common, Shutdown, Socket, Style};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::machine::machine;
use crate::thread::Thread;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::net::{AF_NETLINK, MSG_TRUNC};
use spin::Mutex;

/// `NETLINK_ROUTE`.
const ROUTE: i32 = 0;
/// The other protocols that Linux knows, up to this number.
const LAST_PROTOCOL: i32 = 22;
/// Longest request.
const LONGEST: usize = 65536;
/// `sizeof(struct sockaddr_nl)`.
const ADDRESS: usize = 12;
/// `SOL_NETLINK`.
const LEVEL: u32 = 270;

#[derive(Default)]
struct State {
    /// Its number among those of the protocol, 0 for none yet.
    port: u32,
    groups: u32,
    waiting: VecDeque<Vec<u8>>,
    is_closed: bool,
}

/// A socket of `AF_NETLINK`.
struct Netlink {
    common: Arc<Common>,
    state: Mutex<State>,
}

static PORTS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// `socket(2)` for `AF_NETLINK`. `EPROTONOSUPPORT`, `ESOCKTNOSUPPORT`.
pub(super) fn socket(style: Style, protocol: i32) -> Result<Arc<dyn Socket>> {
    if !matches!(style, Style::Raw | Style::Datagram) {
        return Err(Errno::ESOCKTNOSUPPORT);
    }
    if !(0..=LAST_PROTOCOL).contains(&protocol) || protocol != ROUTE {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let common = Common::new(AF_NETLINK as u16, style, protocol as u16);
    Ok(Arc::new(Netlink { common, state: Mutex::default() }))
}

fn address(port: u32, groups: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ADDRESS);
    bytes.extend_from_slice(&(AF_NETLINK as u16).to_ne_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&port.to_ne_bytes());
    bytes.extend_from_slice(&groups.to_ne_bytes());
    bytes
}

/// Port and groups of an address. `EINVAL`.
fn parse(address: &[u8]) -> Result<(u32, u32)> {
    let word = |at: usize| address.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
    let family = address.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes));
    match (family, word(4), word(8)) {
        (Some(family), Some(port), Some(groups)) if u32::from(family) == AF_NETLINK => Ok((port, groups)),
        _ => Err(Errno::EINVAL),
    }
}

impl Netlink {
    /// Takes a port: the wanted one, the process's number, or any. `EADDRINUSE`.
    fn take_port(&self, thread: &Thread, wanted: u32) -> Result<u32> {
        let mut state = self.state.lock();
        if state.port != 0 {
            return if wanted == 0 || wanted == state.port { Ok(state.port) } else { Err(Errno::EINVAL) };
        }
        let mut ports = PORTS.lock();
        let port = match wanted {
            0 => {
                let own = thread.process.id as u32;
                // Linux counts down from here when the process has it already.
                let mut others = (0..u32::MAX - 4096).rev();
                if ports.contains(&own) { others.find(|port| !ports.contains(port)).unwrap_or(own) } else { own }
            }
            wanted if ports.contains(&wanted) => return Err(Errno::EADDRINUSE),
            wanted => wanted,
        };
        ports.insert(port);
        state.port = port;
        Ok(port)
    }
}

impl Socket for Netlink {
    fn common(&self) -> &Arc<Common> {
        &self.common
    }

    fn bind(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let (port, groups) = parse(address)?;
        self.take_port(thread, port)?;
        // Nothing ever changes, so that the groups have nothing to hear.
        self.state.lock().groups = groups;
        Ok(())
    }

    fn connect(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let (port, _) = parse(address)?;
        self.take_port(thread, 0)?;
        // The kernel is the only one to talk to.
        if port == 0 { Ok(()) } else { Err(Errno::ECONNREFUSED) }
    }

    fn local_address(&self) -> Result<Vec<u8>> {
        let state = self.state.lock();
        Ok(address(state.port, state.groups))
    }

    fn peer_address(&self) -> Result<Vec<u8>> {
        Ok(address(0, 0))
    }

    fn send(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(to) = message.to
            && parse(to)?.0 != 0
        {
            return Err(Errno::ECONNREFUSED);
        }
        let length = message.data.remaining();
        if length > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        let port = self.take_port(&machine().current(), 0)?;
        let mut bytes = alloc::vec![0; length];
        message.data.take(&mut bytes)?;
        let answers = reply::answer(&bytes, port);
        self.state.lock().waiting.extend(answers);
        self.common.queue.wake(Events::IN);
        Ok(length)
    }

    fn receive(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        let next = self.state.lock().waiting.pop_front().ok_or(Errno::EAGAIN)?;
        let outcome = message.put_message(&next);
        message.received.from = Some(address(0, 0));
        if message.peeks() {
            self.state.lock().waiting.push_front(next);
        } else if message.received.flags & MSG_TRUNC != 0 {
            // The rest is lost, as on Linux.
            drop(next);
        }
        outcome
    }

    fn shutdown(&self, _: Shutdown) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn poll(&self) -> Events {
        let mut events = Events::OUT;
        events.set(Events::IN, !self.state.lock().waiting.is_empty());
        events
    }

    /// Nothing is ever told unasked, so whether and how makes no difference.
    fn set_option(&self, _: &Thread, level: u32, option: u32, _: &[u8]) -> Result<()> {
        if level == LEVEL && (1..=12).contains(&option) { Ok(()) } else { Err(Errno::ENOPROTOOPT) }
    }

    fn readable_bytes(&self) -> Result<usize> {
        Ok(self.state.lock().waiting.front().map_or(0, Vec::len))
    }

    fn close(&self) {
        let mut state = self.state.lock();
        if !core::mem::replace(&mut state.is_closed, true) && state.port != 0 {
            PORTS.lock().remove(&state.port);
        }
    }
}
