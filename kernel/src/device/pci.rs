//! PCI, as far as one virtio device on bus 0 asks for it: configuration by ports (PCI Local Bus Specification 3.0,
//! 3.2.2.3.2), which every PC has, and interrupts by MSI-X (6.8.2), which need no firmware tables to be understood.

use crate::cpu::apic;
use crate::memory::kernel_half::map_device;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, PciRoot};
use x86_64::instructions::port::Port;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;
const FIRST_BAR: u8 = 0x10;
const CAPABILITY_MSI_X: u8 = 0x11;

/// Configuration by ports.
pub(crate) struct ConfigurationPorts;

impl ConfigurationPorts {
    /// Whether there is such a mechanism: its address register keeps what is written to it.
    pub(crate) fn are_there() -> bool {
        let mut address = Port::<u32>::new(ADDRESS);
        // SAFETY: selects a register of the host bridge, which nothing reads in between.
        unsafe {
            address.write(ENABLE);
            address.read() == ENABLE
        }
    }

    fn select(function: DeviceFunction, register: u8) {
        let place =
            u32::from(function.bus) << 16 | u32::from(function.device) << 11 | u32::from(function.function) << 8;
        // SAFETY: selects the register that the next access of the data port is about; interrupts are off.
        unsafe { Port::new(ADDRESS).write(ENABLE | place | u32::from(register & !3)) };
    }
}

impl ConfigurationAccess for ConfigurationPorts {
    fn read_word(&self, function: DeviceFunction, register: u8) -> u32 {
        Self::select(function, register);
        // SAFETY: reading configuration registers has no effect on standard ones.
        unsafe { Port::new(DATA).read() }
    }

    fn write_word(&mut self, function: DeviceFunction, register: u8, data: u32) {
        Self::select(function, register);
        // SAFETY: the caller owns the device.
        unsafe { Port::new(DATA).write(data) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self
    }
}

/// The first device of bus 0 (function 0 alone) of which `wanted` likes vendor and device number.
pub(crate) fn find(wanted: impl Fn(u16, u16) -> bool) -> Option<DeviceFunction> {
    let functions = (0..32).map(|device| DeviceFunction { bus: 0, device, function: 0 });
    functions.into_iter().find(|&function| {
        let numbers = ConfigurationPorts.read_word(function, 0);
        wanted(numbers as u16, (numbers >> 16) as u16)
    })
}

/// Where firmware has put the memory behind a base address register. `None`: nowhere, or it is ports.
pub(crate) fn memory_bar(function: DeviceFunction, index: u8) -> Option<u64> {
    if index > 5 {
        return None;
    }
    let register = FIRST_BAR + 4 * index;
    let low = ConfigurationPorts.read_word(function, register);
    let high = if low & 0b110 == 0b100 && index < 5 { ConfigurationPorts.read_word(function, register + 4) } else { 0 };
    let address = u64::from(high) << 32 | u64::from(low & !0xf);
    (low & 1 == 0 && address != 0).then_some(address)
}

/// A device's MSI-X table. Entries are masked until they are set.
pub(crate) struct MessageTable {
    address: u64,
}

impl MessageTable {
    /// Turns MSI-X on. `None`: the device has none, or no memory to map the table.
    pub(crate) fn enable(root: &PciRoot<ConfigurationPorts>, function: DeviceFunction) -> Option<Self> {
        let capability = root.capabilities(function).find(|capability| capability.id == CAPABILITY_MSI_X)?;
        let mut ports = ConfigurationPorts;
        let place = ports.read_word(function, capability.offset + 4);
        let entries = u64::from(capability.private_header & 0x7ff) + 1;
        let table = memory_bar(function, (place & 7) as u8)? + u64::from(place & !7);
        let address = map_device(table, entries * 16)?;
        // Message control: bit 15 turns it on, bit 14 would mask all entries.
        let control = u32::from(capability.private_header) & !(1 << 14) | 1 << 15;
        // The identity and link in the lower half are read-only.
        ports.write_word(function, capability.offset, control << 16);
        Some(Self { address })
    }

    /// Leads the messages of entry 0 to a vector of the boot CPU (SDM volume 3, 11.11: message address and data).
    pub(crate) fn set_first(&self, vector: u8) {
        let words = [0xfee0_0000 | apic::id() << 12, 0, u32::from(vector), 0];
        for (index, word) in words.into_iter().enumerate() {
            // SAFETY: the table has at least one entry of four words and is mapped uncached.
            unsafe { (self.address as *mut u32).add(index).write_volatile(word) };
        }
    }
}
