//! Signal numbers, `signal(7)`.

use crate::errno::{Errno, Result};
use linux_raw_sys::general as raw;

/// A signal, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal(u8);

/// What a signal does to a process that has no handler for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Ends the process.
    Terminate,
    /// Ends the process and leaves a core dump, which Birgus never writes.
    Core,
    /// Nothing.
    Ignore,
    /// Stops the process.
    Stop,
    /// Lets a stopped process go on, otherwise nothing.
    Continue,
}

impl Signal {
    /// How many there are.
    pub const COUNT: usize = 64;

    /// From a program's number. `EINVAL` for 0 too, which only some calls take.
    pub fn new(number: i32) -> Result<Self> {
        match number {
            1..=64 => Ok(Self(number as u8)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its place in an array of all signals.
    pub(super) const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// Whether it is queued as often as it is sent, with its order kept.
    pub const fn is_realtime(self) -> bool {
        self.0 as u32 >= raw::SIGRTMIN
    }

    /// What it does without a handler.
    pub const fn disposition(self) -> Disposition {
        match self {
            Self::QUIT | Self::ILL | Self::TRAP | Self::ABRT | Self::BUS | Self::FPE | Self::SEGV => Disposition::Core,
            Self::XCPU | Self::XFSZ | Self::SYS => Disposition::Core,
            Self::STOP | Self::TSTP | Self::TTIN | Self::TTOU => Disposition::Stop,
            Self::CHLD | Self::URG | Self::WINCH => Disposition::Ignore,
            Self::CONT => Disposition::Continue,
            _ => Disposition::Terminate,
        }
    }

    /// Whether nothing happens when no handler is set; Linux drops such a signal as it is sent.
    pub const fn is_ignored_by_default(self) -> bool {
        matches!(self.disposition(), Disposition::Ignore | Disposition::Continue)
    }
}

macro_rules! signals {
    ($($name:ident $constant:ident)*) => {
        #[allow(missing_docs)]
        impl Signal {
            $(pub const $name: Self = Self(raw::$constant as u8);)*

            /// The constant's name; `None` for the real-time signals.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($constant)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    HUP SIGHUP INT SIGINT QUIT SIGQUIT ILL SIGILL TRAP SIGTRAP ABRT SIGABRT BUS SIGBUS FPE SIGFPE KILL SIGKILL
    USR1 SIGUSR1 SEGV SIGSEGV USR2 SIGUSR2 PIPE SIGPIPE ALRM SIGALRM TERM SIGTERM STKFLT SIGSTKFLT CHLD SIGCHLD
    CONT SIGCONT STOP SIGSTOP TSTP SIGTSTP TTIN SIGTTIN TTOU SIGTTOU URG SIGURG XCPU SIGXCPU XFSZ SIGXFSZ
    VTALRM SIGVTALRM PROF SIGPROF WINCH SIGWINCH IO SIGIO PWR SIGPWR SYS SIGSYS
}

impl core::fmt::Display for Signal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "SIGRT_{}", u32::from(self.0) - raw::SIGRTMIN),
        }
    }
}

impl core::fmt::Debug for Signal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self}")
    }
}
