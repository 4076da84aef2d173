//! The terminal that the tool was started on, if any. The guest has a line discipline of its own, so the host's is
//! switched off while the machine runs.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};

use birgus_loader::handover;
use nix::libc;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

nix::ioctl_read_bad!(
    /// Reads the window's size, `ioctl_tty(2)`.
    get_window, libc::TIOCGWINSZ, libc::winsize
);

/// Standard input as a terminal. Gives the terminal back when dropped, in whatever way that happens.
#[derive(Debug)]
pub(crate) struct Terminal {
    is_terminal: bool,
    /// How the terminal was, while it is raw.
    before: Option<Termios>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self { is_terminal: stdin().is_terminal(), before: None }
    }

    /// Switches the line discipline off, unless the tool is in the background.
    pub(super) fn take_over(&mut self) {
        if self.before.is_some() || !self.is_terminal || !in_foreground() {
            return;
        }
        let Ok(before) = tcgetattr(stdin()) else { return };
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        if tcsetattr(stdin(), SetArg::TCSADRAIN, &raw).is_ok() {
            self.before = Some(before);
        }
    }

    /// Makes the terminal as it was.
    pub(super) fn give_back(&mut self) {
        if let Some(before) = self.before.take()
            && in_foreground()
        {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, &before);
        }
    }

    pub(super) fn is_raw(&self) -> bool {
        self.before.is_some()
    }

    /// Whether reading standard input would not stop the tool as a job in the background.
    pub(super) fn may_read(&self) -> bool {
        !self.is_terminal || in_foreground()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Which of the standard streams are a terminal, as the guest is told; `None` when none is.
pub(crate) fn record() -> Option<handover::Terminal> {
    let bits = [stdin().is_terminal(), stdout().is_terminal(), stderr().is_terminal()];
    let files = bits.iter().enumerate().fold(0, |files, (bit, is)| files | u8::from(*is) << bit);
    let (rows, columns) = window().unwrap_or((0, 0));
    (files != 0).then_some(handover::Terminal { files, rows, columns })
}

/// The size of the terminal: rows, columns.
pub(super) fn window() -> Option<(u16, u16)> {
    let (input, output, error) = (stdin(), stdout(), stderr());
    [output.as_fd(), input.as_fd(), error.as_fd()].into_iter().find_map(window_of)
}

fn window_of(file: BorrowedFd<'_>) -> Option<(u16, u16)> {
    use std::os::fd::AsRawFd;
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request writes a winsize, which `size` is.
    unsafe { get_window(file.as_raw_fd(), &raw mut size) }.ok()?;
    Some((size.ws_row, size.ws_col))
}

fn in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}
