//! The number of a call, from the instructions before it.

use iced_x86::{Code, Instruction, InstructionInfoFactory, OpAccess, OpKind, Register};

use super::flow::{Flow, is_site};

/// What an instruction does to the number in `rax`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It stays what it is.
    None,
    /// It becomes this.
    Becomes(u32),
    /// It becomes something.
    Unknown,
}

impl Effect {
    pub(super) fn of(instruction: &Instruction) -> Effect {
        if let Some(number) = loaded(instruction) {
            return Effect::Becomes(number);
        }
        if leaves_rax(instruction) { Effect::None } else { Effect::Unknown }
    }
}

/// The number that the instruction puts into the whole of `rax`.
fn loaded(instruction: &Instruction) -> Option<u32> {
    let register = instruction.op0_register();
    let number = match (instruction.code(), register) {
        (Code::Mov_r32_imm32 | Code::Mov_rm32_imm32, Register::EAX) => u64::from(instruction.immediate32()),
        (Code::Mov_rm64_imm32, Register::RAX) => instruction.immediate32to64().cast_unsigned(),
        (Code::Mov_r64_imm64, Register::RAX) => instruction.immediate64(),
        (Code::Xor_r32_rm32 | Code::Xor_rm32_r32, Register::EAX)
            if instruction.op1_kind() == OpKind::Register && instruction.op1_register() == Register::EAX =>
        {
            0
        }
        _ => return None,
    };
    // All ones stand for an unknown one in a plan.
    u32::try_from(number).ok().filter(|&number| number != u32::MAX)
}

/// Whether the instruction writes no part of `rax`, on no path.
fn leaves_rax(instruction: &Instruction) -> bool {
    let writes =
        |access| !matches!(access, OpAccess::None | OpAccess::NoMemAccess | OpAccess::Read | OpAccess::CondRead);
    let mut factory = InstructionInfoFactory::new();
    let used = factory.info(instruction).used_registers();
    // A call's info does not tell what the callee does.
    !matches!(Flow::of(instruction), Flow::Call(_) | Flow::CallIndirect)
        && !is_site(instruction)
        && !used.iter().any(|used| used.register().full_register() == Register::RAX && writes(used.access()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions};

    fn effect(code: &[u8]) -> Effect {
        Effect::of(&Decoder::new(64, code, DecoderOptions::NONE).decode())
    }

    #[test]
    fn loads_of_the_whole_register_are_known() {
        assert_eq!(effect(&[0xb8, 39, 0, 0, 0]), Effect::Becomes(39));
        assert_eq!(effect(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0]), Effect::Becomes(15));
        assert_eq!(effect(&[0x31, 0xc0]), Effect::Becomes(0));
        assert_eq!(effect(&[0x33, 0xc0]), Effect::Becomes(0));
        // mov rax, -1; mov al, 1; xor eax, ecx; mov ecx, 1
        assert_eq!(effect(&[0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff]), Effect::Unknown);
        assert_eq!(effect(&[0xb0, 1]), Effect::Unknown);
        assert_eq!(effect(&[0x31, 0xc8]), Effect::Unknown);
        assert_eq!(effect(&[0xb9, 1, 0, 0, 0]), Effect::None);
    }

    #[test]
    fn what_may_write_rax_is_not_trusted() {
        // mov [rax], eax; cmp eax, 1; push rax; mov r8, rax: none does.
        for code in [&[0x89, 0x00][..], &[0x83, 0xf8, 0x01], &[0x50], &[0x49, 0x89, 0xc0]] {
            assert_eq!(effect(code), Effect::None, "{code:x?}");
        }
        // cpuid; pop rax; mul ecx; xchg rbx, rax; cdqe; lodsb; cmpxchg [rdi], ecx: each does.
        let writes: [&[u8]; 7] =
            [&[0x0f, 0xa2], &[0x58], &[0xf7, 0xe1], &[0x48, 0x93], &[0x48, 0x98], &[0xac], &[0x0f, 0xb1, 0x0f]];
        for code in writes {
            assert_eq!(effect(code), Effect::Unknown, "{code:x?}");
        }
    }
}
