//! Where control goes from an instruction.

use iced_x86::{Code, Instruction, Mnemonic, Register};

/// Where control goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// To the next instruction.
    Next,
    /// To the next instruction or there.
    Branch(u64),
    /// There.
    Jump(u64),
    /// There, and back to the next instruction (unless the callee never returns).
    Call(u64),
    /// Somewhere, and back to the next instruction.
    CallIndirect,
    /// Somewhere, or nowhere.
    End,
}

impl Flow {
    pub(super) fn of(instruction: &Instruction) -> Flow {
        let target = instruction.near_branch_target();
        if instruction.is_jcc_short_or_near() || instruction.is_loop() || instruction.is_loopcc() {
            return Flow::Branch(target);
        }
        if instruction.is_jcx_short() || instruction.code() == Code::Xbegin_rel32 {
            return Flow::Branch(target);
        }
        if instruction.is_jmp_short_or_near() {
            return Flow::Jump(target);
        }
        if instruction.is_call_near() {
            return Flow::Call(target);
        }
        if instruction.is_call_near_indirect() || instruction.is_call_far() || instruction.is_call_far_indirect() {
            return Flow::CallIndirect;
        }
        if instruction.is_jmp_near_indirect() || instruction.is_jmp_far() || instruction.is_jmp_far_indirect() {
            return Flow::End;
        }
        match instruction.mnemonic() {
            Mnemonic::Ret | Mnemonic::Retf | Mnemonic::Iret | Mnemonic::Iretd | Mnemonic::Iretq => Flow::End,
            Mnemonic::Ud0 | Mnemonic::Ud1 | Mnemonic::Ud2 | Mnemonic::Int3 | Mnemonic::Int1 => Flow::End,
            Mnemonic::Sysret | Mnemonic::Sysretq | Mnemonic::Sysexit | Mnemonic::Sysexitq => Flow::End,
            _ => Flow::Next,
        }
    }

    /// Whether control may go on behind the instruction.
    pub(super) fn goes_on(self) -> bool {
        !matches!(self, Flow::Jump(_) | Flow::End)
    }
}

/// Whether it does nothing: what compilers fill gaps with.
pub(super) fn is_padding(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
}

/// Whether it is `syscall`.
pub(super) fn is_site(instruction: &Instruction) -> bool {
    instruction.code() == Code::Syscall
}

/// Whether compilers never emit it, so that its bytes are likely to be data.
pub(super) fn is_improbable(instruction: &Instruction) -> bool {
    let far = instruction.is_jmp_far()
        || instruction.is_jmp_far_indirect()
        || instruction.is_call_far()
        || instruction.is_call_far_indirect();
    let odd = matches!(
        instruction.mnemonic(),
        Mnemonic::In
            | Mnemonic::Out
            | Mnemonic::Insb
            | Mnemonic::Insd
            | Mnemonic::Outsb
            | Mnemonic::Outsd
            | Mnemonic::Cli
            | Mnemonic::Sti
            | Mnemonic::Cmc
            | Mnemonic::Int
            | Mnemonic::Int1
            | Mnemonic::Iret
            | Mnemonic::Iretd
            | Mnemonic::Iretq
            | Mnemonic::Retf
            | Mnemonic::Enter
            | Mnemonic::Xlatb
            | Mnemonic::Loop
            | Mnemonic::Loope
            | Mnemonic::Loopne
            | Mnemonic::Jrcxz
            | Mnemonic::Sysret
            | Mnemonic::Sysexit
            | Mnemonic::Sysenter
            | Mnemonic::Lsl
            | Mnemonic::Lar
            | Mnemonic::Str
            | Mnemonic::Lldt
            | Mnemonic::Wait
    );
    let segment = matches!(instruction.segment_prefix(), Register::ES | Register::SS | Register::DS);
    far || odd || segment
}
