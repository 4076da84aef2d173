//! Sets of signals: `sigset_t` as the kernel knows it, one word.

use super::Signal;
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::UserPtr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A set of signals; bit `n - 1` stands for signal `n`.
#[derive(Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// What nothing can catch, block or ignore.
    pub const UNBLOCKABLE: Self = Self::of(&[Signal::KILL, Signal::STOP]);
    /// What an instruction of the program may raise; these are handled before others.
    pub const SYNCHRONOUS: Self =
        Self::of(&[Signal::SEGV, Signal::BUS, Signal::ILL, Signal::TRAP, Signal::FPE, Signal::SYS]);
    /// What stops a process.
    pub const STOPPING: Self = Self::of(&[Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU]);

    /// These signals.
    pub const fn of(signals: &[Signal]) -> Self {
        let mut set = 0;
        let mut index = 0;
        while index < signals.len() {
            set |= 1 << signals[index].index();
            index += 1;
        }
        Self(set)
    }

    /// Reads a program's set. `EINVAL` when `size` is not 8, `EFAULT`.
    pub fn read(thread: &Thread, from: UserPtr<Self>, size: usize) -> Result<Self> {
        Self::check_size(size)?;
        from.read(thread)
    }

    /// `EINVAL` for a `sigsetsize` argument that is not 8.
    pub fn check_size(size: usize) -> Result<()> {
        if size == size_of::<Self>() { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Without what cannot be blocked: as a mask.
    pub const fn blockable(self) -> Self {
        self.without(Self::UNBLOCKABLE)
    }

    /// Whether the signal is in it.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 >> signal.index() & 1 != 0
    }

    /// Whether it has no signal.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The signals in either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The signals here that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The signals in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// All others.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Adds one.
    pub const fn add(&mut self, signal: Signal) {
        self.0 |= 1 << signal.index();
    }

    /// Takes one out.
    pub const fn remove(&mut self, signal: Signal) {
        self.0 &= !(1 << signal.index());
    }

    /// The one to handle first: a synchronous one, otherwise the lowest number.
    pub fn first(self) -> Option<Signal> {
        let synchronous = self.and(Self::SYNCHRONOUS);
        let set = if synchronous.is_empty() { self } else { synchronous };
        Signal::new(set.0.trailing_zeros() as i32 + 1).ok()
    }
}

impl FromIterator<Signal> for SigSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        signals.into_iter().fold(Self::EMPTY, |set, signal| set.with(Self::of(&[signal])))
    }
}

impl core::fmt::Debug for SigSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let members = (1..=64).filter_map(|number| Signal::new(number).ok()).filter(|&signal| self.contains(signal));
        f.debug_set().entries(members).finish()
    }
}
