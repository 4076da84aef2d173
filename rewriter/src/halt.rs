//! Whether a program has run a `hlt`.
//!
//! At ring 0 `hlt` does not fault: the CPU sleeps until an interrupt, which finds the instruction pointer behind a byte
//! `f4`. That byte may as well end another instruction (`mov eax, [rbp-12]`), and where it is a `hlt` the program may
//! have jumped to the place behind it (`test eax, eax; je 1f; hlt; 1:`). An innocent program must never be killed; so
//! two things have to be shown, and in doubt nothing is:
//!
//! 1. *It is an instruction.* Static programs have no table of their functions in memory. But decoding falls into step
//!    by itself: begun at any byte, it meets the real instructions after a few. So every decoding that begins well
//!    before must come by this byte: among them is the real one. See [`is_instruction`].
//! 2. *Nothing else leads behind it.* `hlt` and the jumps leave flags and registers alone: a conditional jump to there
//!    whose condition does not hold now was not taken. No other jump, call, pointer or jump table may lead there. See
//!    [`Behind`].

use crate::length::{LONGEST, length};
use alloc::vec::Vec;

/// The opcode.
pub const HLT: u8 = 0xf4;

/// How many bytes before the instruction pointer are looked at.
pub const WINDOW: usize = 256;

/// A decoding that begins this near may not have fallen into step.
const NEAR: usize = 64;

/// Decodings that must have come so far.
const ENOUGH: usize = 32;

/// Whether the last byte of `before`, which ends at the instruction pointer, is an instruction of its own: every
/// decoding comes by it. `known`: where in `before` an instruction is known to begin, if one is.
pub fn is_instruction(before: &[u8], known: Option<usize>) -> bool {
    let Some(last) = before.len().checked_sub(1) else { return false };
    if let Some(start) = known.filter(|&start| start <= last) {
        return comes_by(before, start, last) == Some(true);
    }
    let mut passed = 0;
    for start in last.saturating_sub(WINDOW)..last.saturating_sub(NEAR) {
        match comes_by(before, start, last) {
            Some(true) => passed += 1,
            Some(false) => return false,
            None => {}
        }
    }
    passed >= ENOUGH
}

/// Whether a decoding from `start` on has an instruction that begins at `at`. `None`: it comes to an end before, or to
/// an instruction that reaches beyond `code`. A byte that begins none is passed over, as disassemblers do.
fn comes_by(code: &[u8], start: usize, at: usize) -> Option<bool> {
    let mut next = start;
    while next < at {
        let rest = code.get(next..)?;
        next += match length(rest) {
            Some(length) => length,
            None if rest.len() >= LONGEST => 1,
            None => return None,
        };
    }
    Some(next == at)
}

/// The place behind a `hlt`, as one that something else may lead to.
#[derive(Clone, Copy, Debug)]
pub struct Behind {
    /// Its address.
    pub address: u64,
    /// RFLAGS, there.
    pub flags: u64,
}

/// The longest jump table that is thought of, in bytes.
const LONGEST_TABLE: u64 = 4096;
/// And the largest function.
const LARGEST_FUNCTION: u64 = 1 << 20;

impl Behind {
    /// Whether something in these bytes of code may lead here: at any of them, an instruction or not, something that is
    /// to be read as a jump, a call or an address. Bytes at the end that belong to a longer reference are looked at
    /// with the next piece, if pieces overlap by [`OVERLAP`](Self::OVERLAP).
    pub fn is_target_in_code(&self, code: &[u8], address: u64) -> bool {
        let at = |index: usize| address.wrapping_add(index as u64);
        // What an indirect branch may go to says so, if the program was built so: `endbr64`.
        let here = usize::try_from(self.address.wrapping_sub(address)).unwrap_or(usize::MAX);
        if code.get(here..).is_some_and(|code| code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa])) {
            return true;
        }
        code.iter().enumerate().any(|(index, &byte)| {
            let before = |count: usize| index.checked_sub(count).and_then(|index| code.get(index)).copied();
            let near = at(index + 1).wrapping_add_signed(i64::from(byte as i8)) == self.address;
            let far = word(code, index)
                .is_some_and(|word| at(index + 4).wrapping_add_signed(i64::from(word as i32)) == self.address);
            near && match before(1) {
                Some(opcode @ 0x70..=0x7f) => self.holds(opcode),
                Some(opcode) => matches!(opcode, 0xeb | 0xe0..=0xe3),
                None => false,
            } || far
                && match (before(2), before(1)) {
                    (Some(0x0f), Some(opcode @ 0x80..=0x8f)) => self.holds(opcode),
                    _ => true,
                }
                || self.is_pointer(code, index)
        })
    }

    /// Whether a pointer in these bytes of data leads here. Adds to `tables` where jump tables would begin that have one
    /// of these words as an entry for here: entries count from their table's beginning. Most are none, see
    /// [`uses_table`]. `None`: no memory for them.
    pub fn is_target_in_data(&self, data: &[u8], address: u64, tables: &mut Vec<u64>) -> Option<bool> {
        let first = address.wrapping_neg() as usize % 4;
        for index in (first..data.len()).step_by(4) {
            if self.is_pointer(data, index) {
                return Some(true);
            }
            let Some(word) = word(data, index) else { continue };
            let table = self.address.wrapping_add_signed(-i64::from(word as i32));
            let within = address.wrapping_add(index as u64).wrapping_sub(table);
            if within < LONGEST_TABLE && within % 4 == 0 {
                tables.try_reserve(1).ok()?;
                tables.push(table);
            }
        }
        Some(false)
    }

    /// Whether a jump table may begin at `table` with this entry: it leads to somewhere near, as all of one function's
    /// do.
    pub fn may_begin_table(&self, table: u64, entry: [u8; 4]) -> bool {
        table.wrapping_add_signed(i64::from(i32::from_le_bytes(entry))).abs_diff(self.address) < LARGEST_FUNCTION
    }

    /// By how many bytes pieces of code or data must overlap, so that no reference is missed between two.
    pub const OVERLAP: usize = 8;

    /// Whether the address stands here: all of it, or its lower half if that is all.
    fn is_pointer(&self, bytes: &[u8], index: usize) -> bool {
        let (low, high) = (self.address as u32, (self.address >> 32) as u32);
        word(bytes, index) == Some(low) && (high == 0 || word(bytes, index + 4) == Some(high))
    }

    /// Whether the condition in the lower four bits of an opcode holds (SDM volume 1, appendix B).
    fn holds(&self, opcode: u8) -> bool {
        let flag = |bit: u32| self.flags >> bit & 1 != 0;
        let (carry, parity, zero, sign, overflow) = (flag(0), flag(2), flag(6), flag(7), flag(11));
        let condition = match opcode >> 1 & 7 {
            0 => overflow,
            1 => carry,
            2 => zero,
            3 => carry || zero,
            4 => sign,
            5 => parity,
            6 => sign != overflow,
            _ => zero || sign != overflow,
        };
        condition != (opcode & 1 != 0)
    }
}

/// Whether something in these bytes of code is to be read as one that loads the address of one of these tables, which
/// are in order: `lea` relative to the instruction pointer, or a plain address.
pub fn uses_table(code: &[u8], address: u64, tables: &[u64]) -> bool {
    let is_table = |address: u64| tables.binary_search(&address).is_ok();
    (0..code.len()).any(|index| {
        let Some(word) = word(code, index) else { return false };
        let end = address.wrapping_add(index as u64 + 4);
        // ModR/M: no base but the instruction pointer.
        let is_lea = index
            .checked_sub(2)
            .and_then(|start| code.get(start..index))
            .is_some_and(|bytes| matches!(bytes, [0x8d, operand] if operand & 0xc7 == 0x05));
        is_lea && is_table(end.wrapping_add_signed(i64::from(word as i32))) || is_table(word.into())
    })
}

/// Four bytes.
fn word(bytes: &[u8], index: usize) -> Option<u32> {
    let bytes = bytes.get(index..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
