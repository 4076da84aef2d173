//! Multiboot 1, section 3.3: the information block.

use super::{Information, Module, bytes};

/// What EAX holds at entry.
pub(super) const MAGIC: u32 = 0x2bad_b002;

const HAS_COMMAND_LINE: u32 = 1 << 2;
const HAS_MODULES: u32 = 1 << 3;
const HAS_MEMORY_MAP: u32 = 1 << 6;
const USABLE: u32 = 1;

/// # Safety
/// A multiboot loader left its information block there.
pub(super) unsafe fn read(block: u64) -> Information {
    // SAFETY: the block and what it points to are memory below 4 GiB that the loader has filled; flags tell which
    // fields are there.
    unsafe {
        let word = |at: u64| u32_at(bytes(at..at + 4), 0);
        let flags = word(block);
        let mut information = Information::default();
        if flags & HAS_COMMAND_LINE != 0 {
            let line = information.take_string(word(block + 16).into());
            // The first word is the kernel's own path.
            information.command_line = line.iter().position(|&byte| byte == b' ').map_or(&[], |at| &line[at + 1..]);
        }
        if flags & HAS_MODULES != 0 {
            let (count, list) = (u64::from(word(block + 20)), u64::from(word(block + 24)));
            for module in (0..count).map(|index| list + 16 * index) {
                let place = word(module).into()..word(module + 4).into();
                let command_line = information.take_string(word(module + 8).into());
                information.modules.push(Module { place, command_line });
            }
        }
        if flags & HAS_MEMORY_MAP != 0 {
            let (length, start) = (u64::from(word(block + 44)), u64::from(word(block + 48)));
            let mut entry = start;
            while entry < start + length {
                let fields = bytes(entry..entry + 24);
                let (base, size) = (u64_at(fields, 4), u64_at(fields, 12));
                if u32_at(fields, 20) == USABLE && size != 0 {
                    information.memory.push(base..base.saturating_add(size));
                }
                entry += u64::from(u32_at(fields, 0)) + 4;
            }
        }
        information
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
