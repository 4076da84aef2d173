//! A virtio device on PCI's bus 0, with interrupts by MSI-X (section 4.1). Firmware has given it its addresses.

use super::{Attachment, RECEIVE, TRANSMIT};
use crate::device::dma::Dma;
use crate::device::pci::{self, ConfigurationPorts, MessageTable};
use crate::memory::kernel_half::map_device;
use virtio_drivers::transport::pci::bus::{Command, ConfigurationAccess, DeviceFunction, PCI_CAP_ID_VNDR, PciRoot};
use virtio_drivers::transport::pci::{
    PciTransport, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_VENDOR_ID,
};

/// Offsets in the common configuration (4.1.4.3).
const QUEUE_SELECT: u64 = 22;
const QUEUE_MSIX_VECTOR: u64 = 26;
const QUEUE_NOTIFY_OFFSET: u64 = 30;

pub(in crate::device) struct PciAttachment {
    transport: PciTransport,
    configuration: CommonConfiguration,
    messages: MessageTable,
    /// Where each ring is announced. The transport would look that up each time, which costs two exits.
    bells: [u64; 2],
    vector: u8,
}

/// The first device of bus 0 that has one of these device numbers. Its interrupts go to `vector`.
pub(in crate::device) fn attach(numbers: [u16; 2], vector: u8) -> Option<PciAttachment> {
    if !ConfigurationPorts::are_there() {
        return None;
    }
    let function = pci::find(|vendor, device| vendor == VIRTIO_VENDOR_ID && numbers.contains(&device))?;
    let mut root = PciRoot::new(ConfigurationPorts);
    let (_, command) = root.get_status_command(function);
    root.set_command(function, command | Command::MEMORY_SPACE | Command::BUS_MASTER);
    let transport = PciTransport::new::<Dma, _>(&mut root, function).ok()?;
    let messages = MessageTable::enable(&root, function)?;
    let registers = map_structure(&root, function, VIRTIO_PCI_CAP_COMMON_CFG)?;
    let notifications = map_structure(&root, function, VIRTIO_PCI_CAP_NOTIFY_CFG)?;
    let configuration = CommonConfiguration(registers.address);
    let bells = [RECEIVE, TRANSMIT].map(|ring| {
        notifications.address + u64::from(configuration.notify_offset(ring)) * u64::from(notifications.multiplier)
    });
    Some(PciAttachment { transport, configuration, messages, bells, vector })
}

/// A part of the device's registers.
struct Structure {
    address: u64,
    /// Of notification offsets; of the other structures it has no meaning.
    multiplier: u32,
}

fn map_structure(root: &PciRoot<ConfigurationPorts>, function: DeviceFunction, kind: u8) -> Option<Structure> {
    let is_wanted = |header: u16| (header >> 8) as u8 == kind;
    let capability = root
        .capabilities(function)
        .find(|capability| capability.id == PCI_CAP_ID_VNDR && is_wanted(capability.private_header))?;
    let word = |at: u8| ConfigurationPorts.read_word(function, capability.offset + at);
    let place = pci::memory_bar(function, word(4) as u8)? + u64::from(word(8));
    let address = map_device(place, u64::from(word(12)))?;
    Some(Structure { address, multiplier: if kind == VIRTIO_PCI_CAP_NOTIFY_CFG { word(16) } else { 0 } })
}

/// What of the common configuration the transport does not show.
struct CommonConfiguration(u64);

impl CommonConfiguration {
    fn register(&self, offset: u64) -> *mut u16 {
        (self.0 + offset) as *mut u16
    }

    fn notify_offset(&self, ring: u16) -> u16 {
        // SAFETY: registers of the device, mapped uncached.
        unsafe {
            self.register(QUEUE_SELECT).write_volatile(ring);
            self.register(QUEUE_NOTIFY_OFFSET).read_volatile()
        }
    }

    /// Lets a ring send the messages of the table's entry 0; false if the device has no room for that.
    fn set_message(&self, ring: u16) -> bool {
        // SAFETY: as above.
        unsafe {
            self.register(QUEUE_SELECT).write_volatile(ring);
            self.register(QUEUE_MSIX_VECTOR).write_volatile(0);
            self.register(QUEUE_MSIX_VECTOR).read_volatile() == 0
        }
    }
}

impl Attachment for PciAttachment {
    type Transport = PciTransport;

    fn transport(&mut self) -> &mut Self::Transport {
        &mut self.transport
    }

    fn prepare(&mut self) -> Option<()> {
        self.configuration.set_message(RECEIVE).then_some(())
    }

    fn notify(&mut self, ring: u16) {
        // SAFETY: the ring's notification register, mapped uncached.
        unsafe { (self.bells[usize::from(ring)] as *mut u16).write_volatile(ring) };
    }

    fn listen(&mut self) {
        self.messages.set_first(self.vector);
    }

    /// A message needs no answer.
    fn acknowledge(&mut self) {}
}
