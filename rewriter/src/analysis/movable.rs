//! Instructions made ready to stand in a trampoline.

use alloc::vec::Vec;
use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register};

use super::flow::Flow;
use super::map::Map;
use crate::plan::{Moved, Relative};

/// The instruction as it would stand in a trampoline, or none where it has to stay: calls push their own address,
/// short branches that have no long form, and what is about interrupts or single steps. `patch` is the address of the
/// patch that it is moved out of.
pub(super) fn movable(map: &mut Map<'_>, instruction: &Instruction, patch: u64) -> Option<Moved> {
    let offset = u8::try_from(instruction.ip().checked_sub(patch)?).ok()?;
    let length = u8::try_from(instruction.len()).ok()?;
    let bytes = map.bytes(instruction.ip()).get(..instruction.len())?;
    match Flow::of(instruction) {
        Flow::Next => {
            if must_stay(instruction, bytes) {
                return None;
            }
            with_displacement(map, instruction, bytes, offset, length)
        }
        Flow::Branch(target) => {
            if !instruction.is_jcc_short_or_near() {
                return None;
            }
            // A 66 prefix cuts the instruction pointer on some CPUs.
            let is_64 = matches!(instruction.op0_kind(), OpKind::NearBranch64);
            // `jcc`: 7x in the short form, 0f 8x in the long one, with the condition in x.
            let opcode = bytes.len().checked_sub(if instruction.is_jcc_short() { 2 } else { 5 })?;
            let condition = bytes.get(opcode)? & 0xf;
            let moved = branch(instruction, offset, length, &[0x0f, 0x80 | condition], target)?;
            is_64.then_some(moved)
        }
        Flow::Jump(target) => {
            if !matches!(instruction.code(), Code::Jmp_rel8_64 | Code::Jmp_rel32_64) {
                return None;
            }
            let moved = branch(instruction, offset, length, &[0xe9], target)?;
            Some(moved.ending())
        }
        Flow::End => {
            let is_plain = matches!(instruction.code(), Code::Retnq | Code::Retnq_imm16 | Code::Jmp_rm64);
            let moved = with_displacement(map, instruction, bytes, offset, length)?;
            is_plain.then_some(moved.ending())
        }
        Flow::Call(_) | Flow::CallIndirect => None,
    }
}

/// A branch in its long form.
fn branch(instruction: &Instruction, offset: u8, length: u8, opcode: &[u8], target: u64) -> Option<Moved> {
    let mut code = Vec::from(opcode);
    code.extend([0; 4]);
    let position = u8::try_from(opcode.len()).ok()?;
    let displacement = i32::try_from(target.wrapping_sub(instruction.next_ip()).cast_signed()).ok()?;
    Some(Moved::new(offset, length, &code)?.with_relative(Relative { position, displacement }))
}

/// A copy, with a note where its displacement is relative to its place.
fn with_displacement(
    map: &mut Map<'_>,
    instruction: &Instruction,
    bytes: &[u8],
    offset: u8,
    length: u8,
) -> Option<Moved> {
    let moved = Moved::new(offset, length, bytes)?;
    match instruction.memory_base() {
        Register::RIP => {
            let constants = map.constant_offsets(instruction)?;
            let position = constants.displacement_offset();
            let field = bytes.get(position..position + 4).filter(|_| constants.displacement_size() == 4)?;
            let displacement = i32::from_le_bytes(field.try_into().ok()?);
            Some(moved.with_relative(Relative { position: u8::try_from(position).ok()?, displacement }))
        }
        Register::EIP => None,
        _ => Some(moved),
    }
}

/// Whether an instruction that control passes through cannot be moved.
fn must_stay(instruction: &Instruction, bytes: &[u8]) -> bool {
    let stays = matches!(
        instruction.mnemonic(),
        Mnemonic::Syscall
            | Mnemonic::Sysenter
            | Mnemonic::Int
            | Mnemonic::Into
            | Mnemonic::Hlt
            | Mnemonic::Popf
            | Mnemonic::Popfd
            | Mnemonic::Popfq
            | Mnemonic::Cli
            | Mnemonic::Sti
            | Mnemonic::Endbr64
            | Mnemonic::Endbr32
            | Mnemonic::In
            | Mnemonic::Out
            | Mnemonic::Xend
            | Mnemonic::Xabort
    );
    let segment = instruction.op_count() > 0 && instruction.op0_register().is_segment_register();
    stays || segment || is_x87(bytes)
}

/// Whether it is an x87 instruction, whose address the FPU remembers and `fnstenv` tells.
fn is_x87(bytes: &[u8]) -> bool {
    let is_prefix =
        |byte: u8| matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3);
    let opcode = bytes.iter().find(|&&byte| !is_prefix(byte));
    matches!(opcode, Some(0x9b | 0xd8..=0xdf))
}
