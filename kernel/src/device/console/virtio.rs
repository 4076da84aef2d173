//! A virtio console with one port: Virtual I/O Device specification 1.2, section 5.3.

use super::Device;
use crate::cpu::Vector;
use crate::device::dma::Dma;
use crate::device::virtio::{Attachment, RECEIVE, TRANSMIT, mmio, pci};
use crate::memory::layout::{KERNEL_BASE, direct};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use birgus_loader::command_line::CommandLine;
use birgus_syscalls::console::{CONSOLE, Port};
use core::cell::UnsafeCell;
use spin::Mutex;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceType, Transport};

/// A console's device numbers on PCI: of a new one, and of one that speaks the old protocol too.
const PCI: [u16; 2] = [0x1043, 0x1003];
/// Entries of each ring.
const RING: usize = 16;
/// Bytes of a receive buffer.
const BUFFER: usize = 2048;
/// How often a dying kernel looks whether its last words were taken.
const PATIENCE: usize = 100_000_000;

bitflags::bitflags! {
    /// What this driver understands (section 6). Not event indices: without them the transmit ring's interrupts can be
    /// turned off for good.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Features: u64 {
        const VERSION_1 = 1 << 32;
    }
}

/// The driver.
struct VirtioPort<A> {
    state: Mutex<State<A>>,
}

struct State<A> {
    attachment: A,
    receive: VirtQueue<Dma, RING>,
    transmit: VirtQueue<Dma, RING>,
    /// Buffers that the device fills, by token.
    filling: Vec<(u16, Box<[u8; BUFFER]>)>,
    /// What the device is still sending, by token, oldest first.
    sending: VecDeque<(u16, Vec<u8>)>,
    is_listening: bool,
}

/// The console among the devices that the command line names; if it names none, the one on PCI's bus 0.
pub(super) fn find(command_line: CommandLine<'_>) -> Option<&'static dyn Device> {
    if command_line.virtio_mmio_devices().next().is_some() {
        command_line
            .virtio_mmio_devices()
            .find_map(|place| start(mmio::attach(place, DeviceType::Console, Vector::CONSOLE)?))
    } else {
        start(pci::attach(PCI, Vector::CONSOLE)?)
    }
}

fn start<A: Attachment + 'static>(mut attachment: A) -> Option<&'static dyn Device> {
    let transport = attachment.transport();
    transport.begin_init(Features::VERSION_1);
    let receive = VirtQueue::new(transport, RECEIVE, false, false).ok()?;
    let mut transmit = VirtQueue::new(transport, TRANSMIT, false, false).ok()?;
    transmit.set_dev_notify(false);
    attachment.prepare()?;
    attachment.transport().finish_init();
    let (filling, sending) = (Vec::new(), VecDeque::new());
    let state = State { attachment, receive, transmit, filling, sending, is_listening: false };
    Some(Box::leak(Box::new(VirtioPort { state: Mutex::new(state) })))
}

impl<A: Attachment> State<A> {
    /// Drops what the device has sent. With `all`, waits until that is everything.
    fn reclaim(&mut self, all: bool) {
        while !self.sending.is_empty() {
            match self.transmit.peek_used() {
                Some(token) => {
                    let Some(at) = self.sending.iter().position(|(other, _)| *other == token) else { return };
                    let Some((_, bytes)) = self.sending.remove(at) else { return };
                    // SAFETY: this is the buffer that was added under this token.
                    let _ = unsafe { self.transmit.pop_used(token, &[&bytes], &mut []) };
                }
                None if all => core::hint::spin_loop(),
                None => return,
            }
        }
    }

    fn offer(&mut self, mut buffer: Box<[u8; BUFFER]>) {
        // SAFETY: the buffer is kept in `filling` until the device has used it.
        if let Ok(token) = unsafe { self.receive.add(&[], &mut [&mut buffer[..]]) } {
            self.filling.push((token, buffer));
        }
    }

    /// The next filled buffer and the number of bytes in it.
    fn take_filled(&mut self) -> Option<(Box<[u8; BUFFER]>, usize)> {
        let token = self.receive.peek_used()?;
        let at = self.filling.iter().position(|(other, _)| *other == token)?;
        let (_, mut buffer) = self.filling.swap_remove(at);
        // SAFETY: this is the buffer that was added under this token.
        let length = unsafe { self.receive.pop_used(token, &[], &mut [&mut buffer[..]]) }.ok()?;
        Some((buffer, (length as usize).min(BUFFER)))
    }
}

impl<A: Attachment> Port for VirtioPort<A> {
    fn send(&self, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        state.reclaim(false);
        if state.transmit.available_desc() == 0 {
            state.reclaim(true);
        }
        // SAFETY: the bytes are kept in `sending` until the device has used them.
        let Ok(token) = (unsafe { state.transmit.add(&[&bytes], &mut []) }) else { return };
        state.sending.push_back((token, bytes));
        if state.transmit.should_notify() {
            state.attachment.notify(TRANSMIT);
        }
    }

    fn is_framed(&self) -> bool {
        true
    }
}

impl<A: Attachment> Device for VirtioPort<A> {
    fn poll(&self) -> bool {
        let mut state = self.state.lock();
        if !state.receive.can_pop() {
            return false;
        }
        // Before the ring is emptied: what comes in behind the last look interrupts again.
        state.attachment.acknowledge();
        while let Some((buffer, length)) = state.take_filled() {
            drop(state);
            CONSOLE.receive(&buffer[..length]);
            state = self.state.lock();
            state.offer(buffer);
            if state.receive.should_notify() {
                state.attachment.notify(RECEIVE);
            }
        }
        true
    }

    fn interrupt(&self) {
        self.poll();
    }

    fn listen(&self) {
        let mut state = self.state.lock();
        if state.is_listening {
            return;
        }
        state.is_listening = true;
        for _ in 0..2 {
            state.offer(Box::new([0; BUFFER]));
        }
        state.attachment.listen();
        state.attachment.notify(RECEIVE);
    }

    fn flush(&self) {
        self.state.lock().reclaim(true);
    }

    fn send_last(&self, pieces: &[&[u8]]) {
        // SAFETY: nothing else runs any more; whoever holds the lock never goes on.
        unsafe { self.state.force_unlock() };
        let mut state = self.state.lock();
        // SAFETY: this function is called once, by a dying kernel.
        let Some(place) = (unsafe { LAST_WORDS.fill(pieces) }) else { return };
        // SAFETY: the buffer is static.
        if unsafe { state.transmit.add(&[place], &mut []) }.is_err() {
            // All descriptors are in use: the device has to take what it has first.
            for _ in 0..PATIENCE {
                if state.transmit.can_pop() {
                    break;
                }
                core::hint::spin_loop();
            }
            state.reclaim(false);
            // SAFETY: as above.
            if unsafe { state.transmit.add(&[place], &mut []) }.is_err() {
                return;
            }
        }
        state.attachment.notify(TRANSMIT);
        // Buffers are used in order; the ring is empty when these are through.
        for _ in 0..PATIENCE {
            state.reclaim(false);
            if state.sending.is_empty() && state.transmit.can_pop() {
                break;
            }
            core::hint::spin_loop();
        }
    }
}

/// Memory that the last words are sent from: a panic may come while the heap is locked.
struct LastWords(UnsafeCell<[u8; 4096]>);

// SAFETY: used by a dying kernel alone.
unsafe impl Sync for LastWords {}

static LAST_WORDS: LastWords = LastWords(UnsafeCell::new([0; 4096]));

impl LastWords {
    /// Copies the pieces to where devices can see them. `None`: there is no room, or nothing to copy.
    ///
    /// # Safety
    /// Nobody else uses it.
    unsafe fn fill(&self, pieces: &[&[u8]]) -> Option<&'static [u8]> {
        let start = self.0.get() as u64;
        // SAFETY: the image is also in the direct map, where its data is writable.
        let place = unsafe { &mut *(direct(start - KERNEL_BASE) as *mut [u8; 4096]) };
        let mut length = 0;
        for piece in pieces {
            place.get_mut(length..length + piece.len())?.copy_from_slice(piece);
            length += piece.len();
        }
        (length > 0).then_some(&place[..length])
    }
}
