//! Alternate signal stacks: `sigaltstack(2)`.

use crate::errno::{Errno, Result};
use crate::registers::Registers;
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general::{MINSIGSTKSZ, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `stack_t`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StackDescription {
    /// The lowest address.
    pub base: u64,
    /// `SS_*`.
    pub flags: u32,
    /// Nothing.
    pub padding: u32,
    /// Bytes.
    pub size: u64,
}

/// A thread's alternate stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AlternateStack {
    base: u64,
    size: u64,
    flags: u32,
}

impl Default for AlternateStack {
    fn default() -> Self {
        Self { base: 0, size: 0, flags: SS_DISABLE }
    }
}

impl AlternateStack {
    /// As a signal frame holds it.
    pub(super) fn description(&self) -> StackDescription {
        StackDescription { base: self.base, flags: self.flags, padding: 0, size: self.size }
    }

    /// The address behind it.
    pub(super) fn end(&self) -> u64 {
        self.base.wrapping_add(self.size)
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.size == 0
    }

    /// Whether a stack pointer lies on it. An empty stack's pointer is its end.
    pub(super) fn contains(&self, pointer: u64) -> bool {
        pointer > self.base && pointer - self.base <= self.size
    }

    /// Whether a program with this stack pointer is using it; never with `SS_AUTODISARM`, which disarms it instead.
    pub(super) fn is_in_use(&self, pointer: u64) -> bool {
        self.flags & SS_AUTODISARM == 0 && self.contains(pointer)
    }

    /// A handler begins: with `SS_AUTODISARM` the stack is free to be set anew.
    pub(super) fn disarm_for_handler(&mut self) {
        if self.flags & SS_AUTODISARM != 0 {
            *self = Self::default();
        }
    }

    fn state(&self, pointer: u64) -> u32 {
        match (self.is_disabled(), self.is_in_use(pointer)) {
            (true, _) => SS_DISABLE,
            (_, true) => SS_ONSTACK,
            _ => 0,
        }
    }

    /// `EPERM` while it is in use, `EINVAL`, `ENOMEM` for one that is too small.
    pub(super) fn set(&mut self, new: &StackDescription, pointer: u64) -> Result<()> {
        if self.is_in_use(pointer) {
            return Err(Errno::EPERM);
        }
        match new.flags & !SS_AUTODISARM {
            SS_DISABLE => *self = Self { base: 0, size: 0, flags: new.flags },
            0 | SS_ONSTACK if new.size < u64::from(MINSIGSTKSZ) => return Err(Errno::ENOMEM),
            0 | SS_ONSTACK => *self = Self { base: new.base, size: new.size, flags: new.flags },
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }
}

/// `sigaltstack(2)`.
pub fn sigaltstack(
    thread: &Thread,
    registers: &mut Registers,
    new: UserPtr<StackDescription>,
    old: UserPtr<StackDescription>,
) -> Result<()> {
    let new = new.non_null().map(|new| new.read(thread)).transpose()?;
    let before = {
        let mut alternate = thread.signals.alternate.lock();
        let flags = alternate.state(registers.rsp) | alternate.flags & SS_AUTODISARM;
        let before = StackDescription { flags, ..alternate.description() };
        if let Some(new) = new {
            alternate.set(&new, registers.rsp)?;
        }
        before
    };
    old.write_unless_null(thread, &before)
}
