//! What a handler finds on its stack: Linux's `struct rt_sigframe` for x86-64 (`arch/x86/include/asm/sigframe.h`,
//! `arch/x86/include/uapi/asm/sigcontext.h`).

use super::stack::StackDescription;
use super::{SigInfo, SigSet, Trap};
use crate::registers::Registers;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `UC_FP_XSTATE`: the vector registers are in XSAVE's format.
pub(super) const FP_XSTATE: u64 = 1;
/// `UC_SIGCONTEXT_SS`: `ss` is saved.
const SIGCONTEXT_SS: u64 = 2;
/// `UC_STRICT_RESTORE_SS`: `ss` is restored as it stands.
const STRICT_RESTORE_SS: u64 = 4;

/// The selectors that a 64-bit program has on Linux. Birgus runs it with others, which it never gets to see here.
const LINUX_CS: u16 = 0x33;
const LINUX_SS: u16 = 0x2b;

/// The flags that `rt_sigreturn(2)` takes from the frame: AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF. All others stay as
/// they are, IF, IOPL and NT among them.
pub(super) const RESTORED_FLAGS: u64 = 0x5_0dd5;

/// `struct sigcontext`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SigContext {
    pub(super) r8: u64,
    pub(super) r9: u64,
    pub(super) r10: u64,
    pub(super) r11: u64,
    pub(super) r12: u64,
    pub(super) r13: u64,
    pub(super) r14: u64,
    pub(super) r15: u64,
    pub(super) rdi: u64,
    pub(super) rsi: u64,
    pub(super) rbp: u64,
    pub(super) rbx: u64,
    pub(super) rdx: u64,
    pub(super) rax: u64,
    pub(super) rcx: u64,
    pub(super) rsp: u64,
    pub(super) rip: u64,
    pub(super) rflags: u64,
    pub(super) cs: u16,
    pub(super) gs: u16,
    pub(super) fs: u16,
    pub(super) ss: u16,
    pub(super) error: u64,
    pub(super) trap: u64,
    pub(super) old_mask: u64,
    pub(super) cr2: u64,
    /// Where the vector registers are; 0 for their initial state.
    pub(super) extended: u64,
    pub(super) reserved: [u64; 8],
}

/// `struct ucontext`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct UserContext {
    pub(super) flags: u64,
    pub(super) link: u64,
    pub(super) stack: StackDescription,
    pub(super) context: SigContext,
    pub(super) mask: SigSet,
}

/// `struct rt_sigframe`. The vector registers lie above it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SignalFrame {
    pub(super) return_address: u64,
    pub(super) user: UserContext,
    pub(super) info: SigInfo,
}

impl SignalFrame {
    /// Where the parts begin that the handler gets pointers to.
    pub(super) const USER_OFFSET: u64 = core::mem::offset_of!(Self, user) as u64;
    pub(super) const INFO_OFFSET: u64 = core::mem::offset_of!(Self, info) as u64;
}

impl UserContext {
    /// `uc_flags`, told whether there is an XSAVE image.
    pub(super) const fn flags(xsave: bool) -> u64 {
        SIGCONTEXT_SS | STRICT_RESTORE_SS | if xsave { FP_XSTATE } else { 0 }
    }
}

impl SigContext {
    /// What the program was doing.
    pub(super) fn save(registers: &Registers, trap: Trap, mask: SigSet, extended: u64) -> Self {
        let Registers { r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, .. } = *registers;
        let Registers { rbp, rbx, rdx, rax, rcx, rsp, rip, rflags, .. } = *registers;
        Self {
            r8,
            r9,
            r10,
            r11,
            r12,
            r13,
            r14,
            r15,
            rdi,
            rsi,
            rbp,
            rbx,
            rdx,
            rax,
            rcx,
            rsp,
            rip,
            rflags,
            cs: LINUX_CS,
            gs: 0,
            fs: 0,
            ss: LINUX_SS,
            error: trap.error,
            trap: trap.number,
            old_mask: mask.0,
            cr2: trap.address,
            extended,
            reserved: [0; 8],
        }
    }

    /// Lets the program go on there. Selectors are ignored; flags that are not the program's
    /// stay as they are.
    pub(super) fn restore(&self, registers: &mut Registers) {
        let rflags = registers.rflags & !RESTORED_FLAGS | self.rflags & RESTORED_FLAGS;
        *registers = Registers {
            rbx: self.rbx,
            rbp: self.rbp,
            r12: self.r12,
            r13: self.r13,
            r14: self.r14,
            r15: self.r15,
            rcx: self.rcx,
            r11: self.r11,
            rax: self.rax,
            r9: self.r9,
            r8: self.r8,
            r10: self.r10,
            rdx: self.rdx,
            rsi: self.rsi,
            rdi: self.rdi,
            number: Registers::NO_CALL,
            rip: self.rip,
            rflags,
            rsp: self.rsp,
        };
    }
}
