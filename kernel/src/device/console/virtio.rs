//! A virtio console with one port: Virtual I/O Device specification 1.2, section 5.3.

use super::Device;
use crate::command_line::CommandLine;
use crate::cpu::{Vector, apic};
use crate::device::dma::Dma;
use crate::memory::kernel_half::map_device;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use birgus_syscalls::console::{CONSOLE, Port};
use core::ptr::NonNull;
use spin::{Mutex, Once};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};

const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
/// Entries of each ring.
const RING: usize = 16;
/// Bytes of a receive buffer.
const BUFFER: usize = 2048;

bitflags::bitflags! {
    /// What this driver understands (section 6).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Features: u64 {
        const EVENT_INDEX = 1 << 29;
        const VERSION_1 = 1 << 32;
    }
}

/// The port, if there is one.
pub(super) static PORT: Once<VirtioPort> = Once::new();

/// The driver.
pub(super) struct VirtioPort {
    state: Mutex<State>,
}

struct State {
    transport: MmioTransport<'static>,
    receive: VirtQueue<Dma, RING>,
    transmit: VirtQueue<Dma, RING>,
    /// Buffers that the device fills, by token.
    filling: Vec<(u16, Box<[u8; BUFFER]>)>,
    /// What the device is still sending, by token, oldest first.
    sending: VecDeque<(u16, Vec<u8>)>,
    gsi: u32,
}

/// The device that `virtio_mmio.device=` names, if it is a console.
pub(super) fn find(command_line: &CommandLine) -> Option<&'static dyn Device> {
    for place in command_line.virtio_mmio_devices() {
        let registers = map_device(place.address, place.size)?;
        let header = NonNull::new(registers as *mut VirtIOHeader)?;
        // SAFETY: the command line says that this is a virtio device's register block; it is mapped for good.
        let Ok(transport) = (unsafe { MmioTransport::new(header, place.size as usize) }) else { continue };
        if transport.device_type() == DeviceType::Console
            && let Some(state) = start(transport, place.gsi)
        {
            let port = PORT.call_once(|| VirtioPort { state: Mutex::new(state) });
            return Some(port);
        }
    }
    None
}

fn start(mut transport: MmioTransport<'static>, gsi: u32) -> Option<State> {
    let features = transport.begin_init(Features::EVENT_INDEX | Features::VERSION_1);
    let event_index = features.contains(Features::EVENT_INDEX);
    let receive = VirtQueue::new(&mut transport, RECEIVE, false, event_index).ok()?;
    let transmit = VirtQueue::new(&mut transport, TRANSMIT, false, event_index).ok()?;
    transport.finish_init();
    Some(State { transport, receive, transmit, filling: Vec::new(), sending: VecDeque::new(), gsi })
}

impl State {
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

impl Port for VirtioPort {
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
            state.transport.notify(TRANSMIT);
        }
    }

    fn is_framed(&self) -> bool {
        true
    }
}

impl Device for VirtioPort {
    fn poll(&self) -> bool {
        let mut any = false;
        loop {
            let mut state = self.state.lock();
            let Some((buffer, length)) = state.take_filled() else { break };
            drop(state);
            CONSOLE.receive(&buffer[..length]);
            let mut state = self.state.lock();
            state.offer(buffer);
            if state.receive.should_notify() {
                state.transport.notify(RECEIVE);
            }
            any = true;
        }
        if any {
            self.state.lock().transport.ack_interrupt();
        }
        any
    }

    fn listen(&self) {
        let mut state = self.state.lock();
        if !state.filling.is_empty() {
            return;
        }
        state.transmit.set_dev_notify(false);
        for _ in 0..2 {
            state.offer(Box::new([0; BUFFER]));
        }
        if apic::route(state.gsi, Vector::CONSOLE).is_some() {
            state.transport.notify(RECEIVE);
        }
    }

    fn flush(&self) {
        self.state.lock().reclaim(true);
    }
}
