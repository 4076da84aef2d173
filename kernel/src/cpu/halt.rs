//! `hlt` in a program: a general protection fault on Linux, a nap at ring 0.
//!
//! The CPU sleeps until an interrupt, and a timer is always armed while a program runs. So an interrupt finds the
//! instruction pointer behind the `hlt`. `birgus_rewriter::halt` says how it is told from other code that is
//! interrupted there; this is only reached behind a byte `f4`, and the costly part only by a program that has halted.

use super::exceptions::{byte_at, current};
use super::vectors::Vector;
use alloc::vec::Vec;
use birgus_rewriter::halt::{Behind, HLT, WINDOW, is_instruction, uses_table};
use birgus_syscalls::memory::{AddressSpace, Description, Protection};
use birgus_syscalls::registers::Registers;
use birgus_syscalls::signal::{self, SigInfo, Signal, Trap};

/// Code and data are read in pieces of this many bytes.
const PIECE: usize = 4096;

/// Sees to a program that an interrupt has woken from `hlt`: `SIGSEGV`, at the instruction.
pub(super) fn see_to(frame: &mut Registers) {
    let instruction = frame.rip.wrapping_sub(1);
    if byte_at(instruction) != HLT || !has_run(frame, instruction).unwrap_or(false) {
        return;
    }
    frame.rip = instruction;
    let trap = Trap { number: Vector::GENERAL_PROTECTION.into(), error: 0, address: 0 };
    signal::fault(current(), SigInfo::kernel(Signal::SEGV), trap);
}

/// Whether the program has come behind its `hlt` by running it. `None`: that cannot be said, for want of memory or
/// because the code is of no file, and so perhaps made a moment ago.
fn has_run(frame: &Registers, instruction: u64) -> Option<bool> {
    let process = &current().process;
    let memory = process.memory();
    let own = memory.describe_at(instruction).filter(|area| is_code(area) && area.inode != 0)?;
    // From the window's beginning to behind the farthest short jump.
    let start = own.start.max(instruction.saturating_sub(WINDOW as u64));
    let near = read(&memory, start..frame.rip.saturating_add(WINDOW as u64).min(own.end))?;
    let entry = process.program().map(|program| program.entry_point.wrapping_sub(start) as usize);
    if !is_instruction(near.get(..(frame.rip - start) as usize)?, entry) {
        return Some(false);
    }
    let behind = Behind { address: frame.rip, flags: frame.rflags };
    if behind.is_target_in_code(&near, start) {
        return Some(false);
    }
    let mut areas = memory.describe().ok()?;
    areas.retain(|area| (area.device, area.inode) == (own.device, own.inode));
    let mut tables = Vec::new();
    for area in &areas {
        // Code may hold tables, too.
        let leads_here = in_pieces(&memory, area, |piece, address| {
            let by_code = is_code(area) && behind.is_target_in_code(piece, address);
            Some(by_code || behind.is_target_in_data(piece, address, &mut tables)?)
        });
        if leads_here? {
            return Some(false);
        }
    }
    tables.retain(|&table| {
        let mut first = [0; 4];
        memory.peek(table, &mut first) == first.len() && behind.may_begin_table(table, first)
    });
    tables.sort_unstable();
    for area in areas.iter().filter(|area| !tables.is_empty() && is_code(area)) {
        if in_pieces(&memory, area, |piece, address| Some(uses_table(piece, address, &tables)))? {
            return Some(false);
        }
    }
    Some(true)
}

/// Whether `holds` for any piece of an area.
fn in_pieces(
    memory: &AddressSpace,
    area: &Description,
    mut holds: impl FnMut(&[u8], u64) -> Option<bool>,
) -> Option<bool> {
    for start in (area.start..area.end).step_by(PIECE) {
        let end = start.saturating_add((PIECE + Behind::OVERLAP) as u64).min(area.end);
        // A reference that spans two pieces has its opcode before them.
        let start = start.saturating_sub(Behind::OVERLAP as u64).max(area.start);
        if holds(&read(memory, start..end)?, start)? {
            return Some(true);
        }
    }
    Some(false)
}

fn is_code(area: &Description) -> bool {
    area.protection.contains(Protection::EXECUTE)
}

/// All of a range.
fn read(memory: &AddressSpace, range: core::ops::Range<u64>) -> Option<Vec<u8>> {
    let length = range.end.checked_sub(range.start)? as usize;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    (memory.peek(range.start, &mut bytes) == length).then_some(bytes)
}
