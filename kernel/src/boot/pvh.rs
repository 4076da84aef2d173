//! PVH: Xen's `hvm_start_info` (xen/include/public/arch-x86/hvm/start_info.h), as QEMU, Firecracker and Cloud
//! Hypervisor give it.

use super::{Information, Module, bytes};

const MAGIC: u32 = 0x336e_c578;
const USABLE: u32 = 1;

/// # Safety
/// `block` is what EBX held at the PVH entry.
pub(super) unsafe fn read(block: u64) -> Option<Information> {
    // SAFETY: the magic is checked before anything else is believed.
    unsafe {
        let word = |at: u64| u32::from_le_bytes(bytes(at..at + 4).try_into().expect("four bytes"));
        let long = |at: u64| u64::from_le_bytes(bytes(at..at + 8).try_into().expect("eight bytes"));
        if word(block) != MAGIC {
            return None;
        }
        let mut information = Information::default();
        let (modules, list) = (u64::from(word(block + 12)), long(block + 16));
        for module in (0..modules).map(|index| list + 32 * index) {
            let start = long(module);
            let place = start..start.saturating_add(long(module + 8));
            let command_line = information.take_string(long(module + 16));
            information.modules.push(Module { place, command_line });
        }
        information.command_line = information.take_string(long(block + 24));
        // The memory map is there from version 1 on.
        if word(block + 4) >= 1 {
            let (map, entries) = (long(block + 40), u64::from(word(block + 48)));
            for entry in (0..entries).map(|index| map + 24 * index) {
                if word(entry + 16) == USABLE {
                    let start = long(entry);
                    information.memory.push(start..start.saturating_add(long(entry + 8)));
                }
            }
        }
        Some(information)
    }
}
