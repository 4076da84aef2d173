//! The signals that are meant for the program.

use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What is passed on, or dealt with in the program's place.
const WANTED: [Signal; 10] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
    Signal::SIGTSTP,
    Signal::SIGWINCH,
];

#[derive(Debug)]
pub(super) struct Signals {
    file: SignalFd,
}

impl Signals {
    /// From now on these signals are read here and do nothing else. Those that were ignored when the tool was started,
    /// as by `nohup`, stay ignored.
    pub(super) fn take() -> nix::Result<Self> {
        let set: SigSet = WANTED.into_iter().filter(|signal| !is_ignored(*signal)).collect();
        set.thread_block()?;
        let file = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { file })
    }

    /// The next signal that has come.
    pub(super) fn next(&self) -> Option<Signal> {
        let info = self.file.read_signal().ok()??;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Stops this process until it is continued.
pub(super) fn stop_self() {
    // SIGSTOP cannot fail for the process itself.
    let _ = raise(Signal::SIGSTOP);
}

fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the old one to memory that is large enough for it.
    let result = unsafe { libc::sigaction(signal as i32, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all zeros is a sigaction, and so is what the call wrote.
    let action = unsafe { action.assume_init() };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}
