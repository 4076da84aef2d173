//! What a signal tells about itself: `siginfo_t`, `sigaction(2)`.

use super::Signal;
use crate::errno::{Errno, Result};
use linux_raw_sys::general as raw;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `siginfo_t`: 128 bytes, as a program sees them on x86-64.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigInfo {
    /// `si_signo`.
    pub number: i32,
    /// `si_errno`, 0 for all that the kernel sends.
    pub errno: i32,
    /// `si_code`: who sent it, or what happened.
    pub code: i32,
    padding: u32,
    // The union, in words: what stands in them depends on the code.
    fields: [u64; 14],
}

/// The CPU time that a child has used, for `SIGCHLD`, in clock ticks (1/100 s).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ChildTimes {
    /// `si_utime`.
    pub user: i64,
    /// `si_stime`.
    pub system: i64,
}

/// Two 32-bit fields that share a word, the lower address first.
const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

impl SigInfo {
    /// `SI_USER`: sent by `kill(2)`.
    pub const USER: i32 = raw::SI_USER as i32;
    /// `SI_KERNEL`: sent by the kernel.
    pub const KERNEL: i32 = raw::SI_KERNEL as i32;
    /// `SI_QUEUE`: sent by `sigqueue(3)`.
    pub const QUEUE: i32 = raw::SI_QUEUE;
    /// `SI_TIMER`: a POSIX timer.
    pub const TIMER: i32 = raw::SI_TIMER;
    /// `SI_TKILL`: sent by `tkill(2)` or `tgkill(2)`.
    pub const TKILL: i32 = raw::SI_TKILL;

    /// All zero.
    pub const EMPTY: Self = Self { number: 0, errno: 0, code: 0, padding: 0, fields: [0; 14] };

    pub(crate) const fn new(signal: Signal, code: i32) -> Self {
        Self { number: signal.number() as i32, code, ..Self::EMPTY }
    }

    /// From the kernel itself, with nothing more to say.
    pub const fn kernel(signal: Signal) -> Self {
        Self::new(signal, Self::KERNEL)
    }

    /// `SI_USER` or `SI_TKILL` from a process and its user.
    pub const fn user(signal: Signal, code: i32, process: i32, user: u32) -> Self {
        let mut info = Self::new(signal, code);
        info.fields[0] = pair(process as u32, user);
        info
    }

    /// With a value, as `sigqueue(3)` and `mq_notify(3)` send it.
    pub const fn with_value(signal: Signal, code: i32, process: i32, user: u32, value: u64) -> Self {
        let mut info = Self::user(signal, code, process, user);
        info.fields[1] = value;
        info
    }

    /// `SIGTRAP`, `SIGILL`, `SIGFPE`, `SIGSEGV`, `SIGBUS` because of an address.
    pub const fn fault(signal: Signal, code: i32, address: u64) -> Self {
        let mut info = Self::new(signal, code);
        info.fields[0] = address;
        info
    }

    /// `SIGCHLD`: `CLD_*`, the child, its user, its exit code or signal, its CPU time.
    pub const fn child(code: i32, process: i32, user: u32, status: i32, times: ChildTimes) -> Self {
        let mut info = Self::user(Signal::CHLD, code, process, user);
        info.fields[1] = status as u32 as u64;
        info.fields[2] = times.user as u64;
        info.fields[3] = times.system as u64;
        info
    }

    /// `SI_TIMER`: the timer's number and value; [`SigInfo::set_overrun`] comes when it is handled.
    pub const fn timer(signal: Signal, timer: i32, value: u64) -> Self {
        let mut info = Self::new(signal, Self::TIMER);
        info.fields[0] = pair(timer as u32, 0);
        info.fields[1] = value;
        info
    }

    /// `POLL_*`: a descriptor is ready (`F_SETSIG`), with its `poll(2)` events.
    pub const fn poll(signal: Signal, code: i32, band: i64, fd: i32) -> Self {
        let mut info = Self::new(signal, code);
        info.fields[0] = band as u64;
        info.fields[1] = fd as u32 as u64;
        info
    }

    /// `SIGSYS`: a system call that is forbidden.
    pub const fn system_call(code: i32, address: u64, number: i32) -> Self {
        /// `AUDIT_ARCH_X86_64` of `<linux/audit.h>`.
        const ARCHITECTURE: u32 = 0xc000_003e;
        let mut info = Self::new(Signal::SYS, code);
        info.fields[0] = address;
        info.fields[1] = pair(number as u32, ARCHITECTURE);
        info
    }

    /// The signal; `EINVAL` for a number out of a program's memory that is none.
    pub fn signal(&self) -> Result<Signal> {
        Signal::new(self.number)
    }

    /// `si_pid` or `si_tid`.
    pub const fn process(&self) -> i32 {
        self.fields[0] as i32
    }

    /// `si_uid`.
    pub const fn user_id(&self) -> u32 {
        (self.fields[0] >> 32) as u32
    }

    /// `si_overrun`, at `si_uid`'s place.
    pub const fn overrun(&self) -> i32 {
        (self.fields[0] >> 32) as i32
    }

    /// Sets `si_overrun`.
    pub const fn set_overrun(&mut self, overrun: i32) {
        self.fields[0] = pair(self.fields[0] as u32, overrun as u32);
    }

    /// `si_value`.
    pub const fn value(&self) -> u64 {
        self.fields[1]
    }

    /// `si_addr` or `si_band`.
    pub const fn address(&self) -> u64 {
        self.fields[0]
    }

    /// `si_fd`, `si_status` or `si_syscall`.
    pub const fn status(&self) -> i32 {
        self.fields[1] as i32
    }

    /// `si_utime` and `si_stime`.
    pub const fn times(&self) -> ChildTimes {
        ChildTimes { user: self.fields[2] as i64, system: self.fields[3] as i64 }
    }

    /// Whether an instruction of the program raised it, not another process.
    pub fn is_synchronous(&self) -> bool {
        self.code > Self::USER && self.signal().is_ok_and(|signal| super::SigSet::SYNCHRONOUS.contains(signal))
    }

    /// What the kernel keeps of a program's information: 48 bytes, the longest layout. `E2BIG` when there is more in
    /// one whose layout is not known.
    pub(super) fn kept(mut self) -> Result<Self> {
        let (_, rest) = self.fields.split_at_mut(4);
        if rest.iter().any(|&word| word != 0) && !self.has_known_layout() {
            return Err(Errno::E2BIG);
        }
        self.fields[4..].fill(0);
        Ok(self)
    }

    /// As Linux's `known_siginfo_layout`.
    fn has_known_layout(&self) -> bool {
        match self.code {
            Self::KERNEL | raw::SI_ASYNCNL => true,
            code @ 1.. => self.signal().is_ok_and(|signal| code <= highest_code(signal)),
            code => code >= raw::SI_DETHREAD,
        }
    }
}

/// The highest positive code that tells something of a signal (`NSIGSEGV` and the like of `<asm-generic/siginfo.h>`);
/// those that have none of their own may come of a descriptor (`F_SETSIG`).
pub(super) const fn highest_code(signal: Signal) -> i32 {
    match signal {
        Signal::ILL => 11,
        Signal::FPE => 15,
        Signal::SEGV => 10,
        Signal::BUS => 5,
        Signal::TRAP => 6,
        Signal::SYS => 2,
        _ => 6,
    }
}

impl core::fmt::Debug for SigInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigInfo {{ number: {}, code: {}, fields: {:x?} }}", self.number, self.code, &self.fields[..4])
    }
}
