//! The network device: virtio, Virtual I/O Device specification 1.2, section 5.1.
//!
//! Frames are received into buffers that the device has from the start, and read where they are. What is sent in one go
//! is announced once. The device does not interrupt for what it has sent: those buffers are taken back when new ones are
//! needed.

use super::dma::Dma;
use super::virtio::{Attachment, RECEIVE, TRANSMIT, mmio, pci};
use crate::cpu::Vector;
use alloc::boxed::Box;
use alloc::vec::Vec;
use birgus_loader::command_line::{CommandLine, VirtioMmioDevice};
use birgus_syscalls::network::NetworkDevice;
use spin::{Mutex, Once};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceType, Transport};

/// Entries of each ring, all of which wait for frames in that of reception.
const RING: usize = 64;
/// Bytes of a buffer: a header, and a frame of at most 1514.
const BUFFER: usize = 2048;
/// `struct virtio_net_hdr` (5.1.6); zeros say that nothing is left to the other side.
const HEADER: usize = 12;
/// A network device's device numbers on PCI: of a new one, and of one that speaks the old protocol too.
const PCI: [u16; 2] = [0x1041, 0x1000];

bitflags::bitflags! {
    /// What this driver understands (5.1.3, section 6).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Features: u64 {
        const MAC = 1 << 5;
        const VERSION_1 = 1 << 32;
    }
}

type Buffer = Box<[u8; BUFFER]>;

/// The driver.
struct VirtioNetwork<A> {
    address: [u8; 6],
    state: Mutex<State<A>>,
}

struct State<A> {
    attachment: A,
    receive: Box<VirtQueue<Dma, RING>>,
    transmit: Box<VirtQueue<Dma, RING>>,
    /// Buffers that the device has, by token.
    filling: Vec<Option<Buffer>>,
    sending: Vec<Option<Buffer>>,
    /// Sent, and free again.
    spare: Vec<Buffer>,
    /// Whether the rings have something that the device was not told of.
    has_offered: bool,
    has_queued: bool,
}

/// Where devices are, as the command line says it.
static PLACES: Once<Vec<VirtioMmioDevice>> = Once::new();

/// Takes note of where a device may be, without touching it.
pub(crate) fn expect(command_line: CommandLine<'_>) {
    PLACES.call_once(|| command_line.virtio_mmio_devices().collect());
}

/// Makes the device ready: one of those that the command line named; if it named none, the one on PCI's bus 0.
pub(crate) fn find() -> Option<&'static dyn NetworkDevice> {
    let places = PLACES.get()?;
    if places.is_empty() {
        return start(pci::attach(PCI, Vector::NETWORK)?);
    }
    // The console's comes first: the other end is nearer.
    let devices = places.iter().rev();
    devices.filter_map(|&place| mmio::attach(place, DeviceType::Network, Vector::NETWORK)).find_map(start)
}

fn start<A: Attachment + Send + 'static>(mut attachment: A) -> Option<&'static dyn NetworkDevice> {
    let transport = attachment.transport();
    let features = transport.begin_init(Features::MAC | Features::VERSION_1);
    let address = if features.contains(Features::MAC) { transport.read_config_space(0).ok()? } else { OWN_ADDRESS };
    let receive = ring(transport, RECEIVE)?;
    let mut transmit = ring(transport, TRANSMIT)?;
    transmit.set_dev_notify(false);
    attachment.prepare()?;
    attachment.transport().finish_init();
    let mut state = State {
        attachment,
        receive,
        transmit,
        filling: places(),
        sending: places(),
        spare: Vec::new(),
        has_offered: false,
        has_queued: false,
    };
    for _ in 0..RING {
        state.offer(Box::new([0; BUFFER]));
    }
    state.attachment.listen();
    state.attachment.notify(RECEIVE);
    state.has_offered = false;
    Some(Box::leak(Box::new(VirtioNetwork { address, state: Mutex::new(state) })))
}

/// A ring, on the heap: a kernel stack is small.
#[inline(never)]
fn ring<T: Transport>(transport: &mut T, number: u16) -> Option<Box<VirtQueue<Dma, RING>>> {
    VirtQueue::new(transport, number, false, false).ok().map(Box::new)
}

fn places() -> Vec<Option<Buffer>> {
    (0..RING).map(|_| None).collect()
}

/// The address of a device that has none: one of those that anyone may use.
const OWN_ADDRESS: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

impl<A: Attachment> State<A> {
    /// Gives the device a buffer to fill.
    fn offer(&mut self, mut buffer: Buffer) {
        // SAFETY: the buffer is kept in `filling` until the device has used it.
        if let Ok(token) = unsafe { self.receive.add(&[], &mut [&mut buffer[..]]) }
            && let Some(place) = self.filling.get_mut(usize::from(token))
        {
            *place = Some(buffer);
            self.has_offered = true;
        }
    }

    /// The next filled buffer and the number of bytes in it.
    fn take_filled(&mut self) -> Option<(Buffer, usize)> {
        let token = self.receive.peek_used()?;
        let mut buffer = self.filling.get_mut(usize::from(token))?.take()?;
        // SAFETY: this is the buffer that was added under this token.
        let length = unsafe { self.receive.pop_used(token, &[], &mut [&mut buffer[..]]) }.ok()?;
        Some((buffer, (length as usize).min(BUFFER)))
    }

    /// Takes back what the device has sent.
    fn reclaim(&mut self) {
        while let Some(token) = self.transmit.peek_used() {
            let Some((buffer, length)) =
                self.sending.get_mut(usize::from(token)).and_then(Option::take).map(|buffer| {
                    let length = sent_length(&buffer);
                    (buffer, length)
                })
            else {
                return;
            };
            // SAFETY: these are the bytes that were added under this token.
            let _ = unsafe { self.transmit.pop_used(token, &[&buffer[..length]], &mut []) };
            self.spare.push(buffer);
        }
    }

    fn has_room(&mut self) -> bool {
        if self.transmit.available_desc() == 0 {
            self.reclaim();
        }
        self.transmit.available_desc() > 0
    }
}

/// Where a buffer that is sent keeps its length: behind the longest frame.
const LENGTH_AT: usize = BUFFER - 2;

fn sent_length(buffer: &Buffer) -> usize {
    usize::from(u16::from_ne_bytes([buffer[LENGTH_AT], buffer[LENGTH_AT + 1]])).min(LENGTH_AT)
}

impl<A: Attachment> NetworkDevice for VirtioNetwork<A> {
    fn address(&self) -> [u8; 6] {
        self.address
    }

    fn receive(&self, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut state = self.state.lock();
        if !state.receive.can_pop() {
            return false;
        }
        // Before the ring is looked at: what comes in behind the last look interrupts again.
        state.attachment.acknowledge();
        while let Some((buffer, length)) = state.take_filled() {
            drop(state);
            if let Some(frame) = buffer.get(HEADER..length) {
                take(frame);
            }
            state = self.state.lock();
            state.offer(buffer);
        }
        true
    }

    fn can_send(&self) -> bool {
        self.state.lock().has_room()
    }

    fn send(&self, length: usize, fill: &mut dyn FnMut(&mut [u8])) {
        let mut state = self.state.lock();
        let end = HEADER + length;
        if end > LENGTH_AT || !state.has_room() {
            return;
        }
        let mut buffer = state.spare.pop().unwrap_or_else(|| Box::new([0; BUFFER]));
        buffer[..HEADER].fill(0);
        fill(&mut buffer[HEADER..end]);
        buffer[LENGTH_AT..].copy_from_slice(&(end as u16).to_ne_bytes());
        // SAFETY: the buffer is kept in `sending` until the device has used it.
        if let Ok(token) = unsafe { state.transmit.add(&[&buffer[..end]], &mut []) }
            && let Some(place) = state.sending.get_mut(usize::from(token))
        {
            *place = Some(buffer);
            state.has_queued = true;
        }
    }

    fn flush(&self) {
        let mut state = self.state.lock();
        if core::mem::take(&mut state.has_queued) && state.transmit.should_notify() {
            state.attachment.notify(TRANSMIT);
        }
        if core::mem::take(&mut state.has_offered) && state.receive.should_notify() {
            state.attachment.notify(RECEIVE);
        }
    }
}
