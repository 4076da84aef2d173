//! A virtio device at fixed registers, with an interrupt line of its own (section 4.2).

use super::Attachment;
use crate::cpu::apic;
use crate::memory::kernel_half::map_device;
use birgus_loader::command_line::VirtioMmioDevice;
use core::ptr::NonNull;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};

/// Where the device's type is told (4.2.2).
const DEVICE_ID: u64 = 8;

pub(in crate::device) struct MmioAttachment {
    transport: MmioTransport<'static>,
    gsi: u32,
    vector: u8,
}

/// The device at that place, if there is one and it is of this kind. Its interrupts go to `vector`.
pub(in crate::device) fn attach(place: VirtioMmioDevice, kind: DeviceType, vector: u8) -> Option<MmioAttachment> {
    let registers = map_device(place.address, place.size)?;
    let header = NonNull::new(registers as *mut VirtIOHeader)?;
    if !header.is_aligned() {
        return None;
    }
    // Not asked by a transport: that resets the device when it goes, which may be somebody else's.
    // SAFETY: as below.
    let number = unsafe { ((registers + DEVICE_ID) as *const u32).read_volatile() };
    if number != kind as u32 {
        return None;
    }
    // SAFETY: the command line says that this is a virtio device's register block; it is mapped for good. Where there
    // is no device, reads give some number or other, and the magic number is checked first.
    let transport = unsafe { MmioTransport::new(header, place.size as usize) }.ok()?;
    (transport.device_type() == kind).then_some(MmioAttachment { transport, gsi: place.gsi, vector })
}

impl Attachment for MmioAttachment {
    type Transport = MmioTransport<'static>;

    fn transport(&mut self) -> &mut Self::Transport {
        &mut self.transport
    }

    fn prepare(&mut self) -> Option<()> {
        Some(())
    }

    fn notify(&mut self, ring: u16) {
        self.transport.notify(ring);
    }

    fn listen(&mut self) {
        apic::route(self.gsi, self.vector);
    }

    fn acknowledge(&mut self) {
        self.transport.ack_interrupt();
    }
}
