//! The stack against a peer on the other end of a wire: smoltcp once more, and frames that nobody should send.

use super::*;
use crate::argument::{Address, Fd};
use crate::machine::host::{bytes_of_user, set_network, spawn, test_process, user_bytes, user_pages};
use crate::socket::calls;
use crate::thread::Thread;
use crate::user::UserPtr;
use proptest::prelude::*;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp as peer_tcp;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, IpEndpoint};
use std::collections::VecDeque;
use std::sync::Mutex as HostMutex;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::Duration;
use std::vec;
use std::vec::Vec;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// The two directions of a wire.
#[derive(Default)]
struct Wire {
    in_coming: HostMutex<VecDeque<Vec<u8>>>,
    out_going: HostMutex<VecDeque<Vec<u8>>>,
    /// Of 1024 frames, so many are lost.
    loss: AtomicUsize,
    dice: AtomicU32,
}

static WIRE: std::sync::LazyLock<Wire> = std::sync::LazyLock::new(Wire::default);
/// The tests here share one stack, and take turns.
static TURN: HostMutex<()> = HostMutex::new(());

impl Wire {
    fn is_lost(&self) -> bool {
        let roll = self.dice.fetch_add(0x9e37_79b9, Ordering::Relaxed).wrapping_mul(0x85eb_ca6b) >> 22;
        (roll as usize) < self.loss.load(Ordering::Relaxed)
    }

    fn put(&self, queue: &HostMutex<VecDeque<Vec<u8>>>, frame: Vec<u8>) {
        if !self.is_lost() {
            queue.lock().unwrap().push_back(frame);
        }
    }
}

impl NetworkDevice for Wire {
    fn address(&self) -> [u8; 6] {
        [0x52, 0x54, 0, 0, 0, 2]
    }

    fn receive(&self, take: &mut dyn FnMut(&[u8])) -> bool {
        let frame = self.in_coming.lock().unwrap().pop_front();
        frame.is_some_and(|frame| {
            take(&frame);
            true
        })
    }

    fn can_send(&self) -> bool {
        self.out_going.lock().unwrap().len() < 64
    }

    fn send(&self, length: usize, fill: &mut dyn FnMut(&mut [u8])) {
        let mut frame = vec![0; length];
        fill(&mut frame);
        self.put(&self.out_going, frame);
    }

    fn flush(&self) {}
}

/// The other end.
struct PeerEnd;
struct PeerReceives(Vec<u8>);
struct PeerSends;

impl Device for PeerEnd {
    type RxToken<'a> = PeerReceives;
    type TxToken<'a> = PeerSends;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(PeerReceives, PeerSends)> {
        WIRE.out_going.lock().unwrap().pop_front().map(|frame| (PeerReceives(frame), PeerSends))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<PeerSends> {
        Some(PeerSends)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl RxToken for PeerReceives {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for PeerSends {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        WIRE.put(&WIRE.in_coming, frame);
        result
    }
}

struct Peer {
    interface: Interface,
    sockets: SocketSet<'static>,
    start: std::time::Instant,
}

impl Peer {
    fn new() -> Self {
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress([0x52, 0x54, 0, 0, 0, 1])));
        config.random_seed = 7;
        let mut interface = Interface::new(config, &mut PeerEnd, smoltcp::time::Instant::ZERO);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(THEIRS.into(), 24)).unwrap());
        Self { interface, sockets: SocketSet::new(vec![]), start: std::time::Instant::now() }
    }

    fn connect(&mut self, port: u16, own_port: u16) -> SocketHandle {
        let buffer = || peer_tcp::SocketBuffer::new(vec![0; 65536]);
        let mut socket = peer_tcp::Socket::new(buffer(), buffer());
        socket.connect(self.interface.context(), IpEndpoint::new(OURS.into(), port), own_port).unwrap();
        self.sockets.add(socket)
    }

    /// One turn of both stacks, without what only time brings about.
    fn turn(&mut self) {
        let now = smoltcp::time::Instant::from_micros(self.start.elapsed().as_micros() as i64);
        self.interface.poll(now, &mut PeerEnd, &mut self.sockets);
        poll();
        crate::time::expire(machine().monotonic());
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let late = std::time::Instant::now() + Duration::from_secs(30);
        while !is_so(self) {
            assert!(std::time::Instant::now() < late, "never: {what}");
            self.turn();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn tcp(&mut self, handle: SocketHandle) -> &mut peer_tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }
}

/// A process, and the stack up.
fn ready() -> Arc<Thread> {
    let thread = test_process();
    set_network(&*WIRE);
    let address = Some(Subnet { address: OURS.into(), prefix: 24 });
    configure(Configuration { address, gateway: Some(THEIRS), name_server: None });
    assert!(stack().is_some());
    thread
}

fn address(port: u16) -> u64 {
    let mut bytes = [0; 16];
    bytes[0] = 2;
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    user_bytes(&bytes)
}

/// A socket that listens at a port.
fn listener(thread: &Thread, port: u16) -> Fd {
    let fd = calls::socket(thread, 2, 1, 0).unwrap();
    calls::bind(thread, fd, UserPtr::new(address(port)), 16).unwrap();
    calls::listen(thread, fd, 64).unwrap();
    fd
}

#[test]
fn nothing_is_lost_on_a_bad_wire() {
    let _turn = TURN.lock();
    let thread = ready();
    let fd = listener(&thread, 4000);
    // An echo: what was read is written back, up to the end.
    let server = spawn(&thread.process, move |thread| {
        let buffer = Address(user_pages(4));
        let null = UserPtr::new(0);
        let served = calls::accept(thread, fd, null, UserPtr::new(0)).unwrap();
        loop {
            let count = calls::recvfrom(thread, served, buffer, 16384, 0, null, UserPtr::new(0)).unwrap();
            if count == 0 {
                break;
            }
            assert_eq!(calls::sendto(thread, served, buffer, count, 0, null, 0), Ok(count));
        }
        thread.files().remove(served).unwrap();
    });
    WIRE.loss.store(30, Ordering::Relaxed);
    let mut peer = Peer::new();
    let handle = peer.connect(4000, 50_000);
    let sent: Vec<u8> = (0..200_000_u32).map(|index| (index * 7 % 251) as u8).collect();
    let (mut done, mut got) = (0, Vec::new());
    peer.until("all is back", |peer| {
        let tcp = peer.tcp(handle);
        if tcp.can_send() && done < sent.len() {
            done += tcp.send_slice(&sent[done..]).unwrap();
        }
        while tcp.can_recv() {
            tcp.recv(|bytes| {
                got.extend_from_slice(bytes);
                (bytes.len(), ())
            })
            .unwrap();
        }
        got.len() >= sent.len()
    });
    assert!(got == sent);
    peer.tcp(handle).close();
    peer.until("the end", |peer| !peer.tcp(handle).is_open());
    WIRE.loss.store(0, Ordering::Relaxed);
    server.join().unwrap();
    thread.files().remove(fd).unwrap();
}

#[test]
fn a_flood_of_beginnings_leaves_connections_alone() {
    let _turn = TURN.lock();
    let thread = ready();
    let fd = listener(&thread, 4001);
    let mut peer = Peer::new();
    let handle = peer.connect(4001, 50_001);
    peer.until("connected", |peer| peer.tcp(handle).may_send());
    // Their answers go to nobody: each stays half open.
    let flood = Peer::new();
    drop(flood);
    for number in 0..2000_u32 {
        WIRE.in_coming.lock().unwrap().push_back(syn(number, 4001));
        if number % 50 == 0 {
            poll();
            WIRE.out_going.lock().unwrap().clear();
        }
    }
    poll();
    WIRE.out_going.lock().unwrap().clear();
    let null = UserPtr::new(0);
    let served = calls::accept(&thread, fd, null, UserPtr::new(0)).unwrap();
    peer.tcp(handle).send_slice(b"still here").unwrap();
    let stack = running().unwrap();
    assert!(stack.connection_count() < 400, "{}", stack.connection_count());
    let place = user_pages(1);
    peer.until("comes", |_| {
        calls::recvfrom(&thread, served, Address(place), 100, 0x40, null, UserPtr::new(0)) == Ok(10)
    });
    assert_eq!(bytes_of_user(place, 10), b"still here");
    // One that begins now is served, too.
    let late = peer.connect(4001, 50_002);
    peer.until("a new one", |peer| peer.tcp(late).may_send());
    thread.files().remove(served).unwrap();
    thread.files().remove(fd).unwrap();
}

/// The first segment of a connection from a made-up address.
fn syn(number: u32, port: u16) -> Vec<u8> {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::*;
    let from = Ipv4Address::new(10, 9, 1, (number % 250) as u8 + 1);
    let tcp = TcpRepr {
        src_port: 1024 + (number / 250 * 250 + number % 250) as u16,
        dst_port: port,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(number as i32),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: Some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let ip = Ipv4Repr {
        src_addr: from,
        dst_addr: OURS,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let mut frame = vec![0; 14 + ip.buffer_len() + tcp.buffer_len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame);
    EthernetRepr {
        src_addr: EthernetAddress([0x52, 0x54, 0, 0, 0, 1]),
        dst_addr: EthernetAddress(WIRE.address()),
        ethertype: EthernetProtocol::Ipv4,
    }
    .emit(&mut ethernet);
    let mut packet = Ipv4Packet::new_unchecked(ethernet.payload_mut());
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
    tcp.emit(&mut segment, &from.into(), &OURS.into(), &ChecksumCapabilities::default());
    frame
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// No frame brings the stack down, whatever is in it.
    #[test]
    fn any_frame_is_survived(
        changes in prop::collection::vec((0..80_usize, any::<u8>()), 0..12),
        cut in 0..100_usize,
        tail in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let _turn = TURN.lock();
        let thread = ready();
        let _ = &thread;
        let mut frame = syn(5, 4009);
        frame.extend(tail);
        for (at, value) in changes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(cut.max(1));
        WIRE.in_coming.lock().unwrap().push_back(frame);
        poll();
        WIRE.out_going.lock().unwrap().clear();
    }
}

#[test]
fn ports_are_shared_as_linux_shares_them() {
    test_process();
    let any4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let any6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let one = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let wanted = |owner, address, port| ports::Wanted {
        owner,
        address,
        port,
        only_v6: false,
        interface: 0,
        reuse_address: false,
        reuse_port: false,
        user: 0,
    };
    let mut all: Ports<u8> = Ports::new();
    let never = |_| false;
    assert_eq!(all.take(wanted(1, any4, 80), Some(Arc::new(1)), never), Ok(80));
    assert!(all.take(wanted(2, one, 80), None, never).is_err());
    assert!(all.take(wanted(2, any6, 80), None, never).is_err());
    assert_eq!(all.take(ports::Wanted { only_v6: true, ..wanted(2, any6, 80) }, Some(Arc::new(2)), never), Ok(80));
    let from = (Ipv4Addr::new(1, 2, 3, 4), 5).into();
    assert_eq!(all.find((Ipv4Addr::LOCALHOST, 80).into(), from, 1).as_deref(), Some(&1));
    assert_eq!(all.find((Ipv6Addr::LOCALHOST, 80).into(), (Ipv6Addr::LOCALHOST, 9).into(), 1).as_deref(), Some(&2));
    all.release(80, 1);
    assert_eq!(all.find((Ipv4Addr::LOCALHOST, 80).into(), from, 1), None);
    // The exact address comes before all addresses.
    assert_eq!(all.take(wanted(3, one, 81), Some(Arc::new(3)), never), Ok(81));
    let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(all.take(wanted(4, other, 81), Some(Arc::new(4)), never), Ok(81));
    assert_eq!(all.find((other, 81).into(), from, 1).as_deref(), Some(&4));
    let port = all.take(wanted(5, any4, 0), None, never).unwrap();
    assert!((32768..=60999).contains(&port));
}
