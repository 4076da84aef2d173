//! A thread's general registers as the kernel keeps them while it serves the thread.

/// The registers of a program that called or was interrupted.
///
/// The order is the entry stub's: first what its fast path leaves out, then what it pushes, so a plain system
/// call pays for its arguments alone. Selectors are missing: every program has the same. The first group is valid only for calls whose row says `registers`, and on
/// the slow way back to the program.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct Registers {
    pub rbx: u64,
    pub rbp: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rcx: u64,
    pub r11: u64,
    /// The result on the way back from a call.
    pub rax: u64,

    pub r9: u64,
    pub r8: u64,
    pub r10: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system call's number; [`Registers::NO_CALL`] when an interrupt or exception led here.
    pub number: u64,
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
}

impl Registers {
    /// [`Registers::number`] of a thread that was interrupted outside of a system call.
    pub const NO_CALL: u64 = u64::MAX;

    /// The six arguments of the call, in order.
    pub fn arguments(&self) -> [u64; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }
}
