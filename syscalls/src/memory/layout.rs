//! Where a program, its heap, its mappings and its stack are put: Linux's randomised layout of x86-64.

use super::page_of;
use crate::frame::PAGE;
use crate::machine::machine;
use crate::user::USER_END;

const MIB: u64 = 1 << 20;
/// `ELF_ET_DYN_BASE`: two thirds of the user half.
const PROGRAM_BASE: u64 = 0x5555_5555_4000;
/// `mmap_rnd_bits`: pages by which mappings and programs are moved.
const MAPPING_PAGES: u64 = 1 << 28;
/// `STACK_RND_MASK`: pages by which the stack is moved.
const STACK_PAGES: u64 = 1 << 22;
/// `stack_guard_gap`.
const STACK_GUARD: u64 = super::STACK_GUARD;

/// Places in an address space. All but [`Layout::stack_offset`] are page-aligned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Where a position-independent program begins.
    pub program_base: u64,
    /// Mappings are placed from here downwards.
    pub mapping_base: u64,
    /// Where `mapping_base` leaves no room, or with `ADDR_COMPAT_LAYOUT`: from here upwards.
    pub mapping_base_upwards: u64,
    /// What lies between the program's end and the heap.
    pub break_gap: u64,
    /// The address behind the stack.
    pub stack_top: u64,
    /// Bytes, a multiple of 16, by which the stack's content lies lower than it could.
    pub stack_offset: u64,
    /// Mappings with `MAP_32BIT` are placed from here upwards.
    pub low_base: u64,
}

impl Layout {
    /// A random one for this stack limit, `RLIMIT_STACK`'s.
    pub fn random(stack_limit: u64) -> Self {
        let mut bytes = [0; 56];
        machine().random(&mut bytes);
        let mut numbers =
            bytes.chunks_exact(8).map(|chunk| chunk.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)));
        Self::moved(stack_limit, |bound| numbers.next().unwrap_or(0) % bound)
    }

    /// The one without randomness: personality `ADDR_NO_RANDOMIZE`.
    pub fn fixed(stack_limit: u64) -> Self {
        Self::moved(stack_limit, |_| 0)
    }

    /// The layout where `random(n)` gives the moves, each below `n`.
    fn moved(stack_limit: u64, mut random: impl FnMut(u64) -> u64) -> Self {
        let mapping = random(MAPPING_PAGES) * PAGE;
        // Room for the stack, wherever it is put, but neither too little nor too much.
        let gap = stack_limit.saturating_add(STACK_PAGES * PAGE + STACK_GUARD).clamp(128 * MIB, USER_END / 6 * 5);
        Self {
            program_base: PROGRAM_BASE + random(MAPPING_PAGES) * PAGE,
            mapping_base: page_of(USER_END - gap - mapping),
            mapping_base_upwards: page_of(USER_END / 3) + mapping,
            break_gap: random(32 * MIB / PAGE) * PAGE,
            stack_top: USER_END - random(STACK_PAGES) * PAGE,
            stack_offset: random(8192) & !15,
            low_base: 0x4000_0000 + random(32 * MIB / PAGE) * PAGE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::host::host;

    #[test]
    fn without_randomness_it_is_what_gdb_users_know() {
        let layout = Layout::fixed(8 * MIB);
        assert_eq!(layout.program_base, 0x5555_5555_4000);
        assert_eq!(layout.stack_top, 0x7fff_ffff_f000);
        // 16 GiB for the stack's moves, 8 MiB for the stack, 1 MiB for the guard.
        assert_eq!(layout.mapping_base, 0x7fff_ffff_f000 - (16 << 30) - 9 * MIB);
        assert_eq!(layout.break_gap + layout.stack_offset, 0);
    }

    #[test]
    fn random_ones_differ_and_keep_their_bounds() {
        host();
        let fixed = Layout::fixed(8 * MIB);
        let all: std::vec::Vec<_> = (0..200).map(|_| Layout::random(8 * MIB)).collect();
        for layout in &all {
            assert!((fixed.program_base..fixed.program_base + (1 << 40)).contains(&layout.program_base));
            assert!((fixed.mapping_base - (1 << 40)..=fixed.mapping_base).contains(&layout.mapping_base));
            assert!((fixed.stack_top - (1 << 34)..=fixed.stack_top).contains(&layout.stack_top));
            assert!(layout.stack_offset < 8192 && layout.stack_offset % 16 == 0);
            assert!(layout.break_gap < 32 * MIB && layout.break_gap % PAGE == 0);
            assert!(layout.mapping_base + 9 * MIB <= layout.stack_top);
        }
        assert!(all.iter().any(|layout| layout.program_base != all[0].program_base));
        assert!(all.iter().any(|layout| layout.mapping_base != all[0].mapping_base));
        assert!(all.iter().any(|layout| layout.stack_top != all[0].stack_top));
    }

    #[test]
    fn an_endless_stack_still_leaves_room_for_mappings() {
        assert_eq!(Layout::fixed(u64::MAX).mapping_base, page_of(USER_END - USER_END / 6 * 5));
    }
}
