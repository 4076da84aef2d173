//! The `ioctl` requests of terminals (`ioctl_tty(2)`), decoded.

use linux_raw_sys::ioctl;

use super::{Termios, WindowSize};

/// In which structure the settings travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `struct termios` of the kernel.
    Termios,
    /// `struct termios2`, with speeds as numbers.
    Termios2,
    /// System V's `struct termio`.
    Termio,
}

/// When new settings take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// After all output has left (TCSADRAIN).
    Drained,
    /// After all output has left, with the input flushed (TCSAFLUSH).
    DrainedAndFlushed,
}

/// A request of a terminal, by who can answer it. Any other is `ENOTTY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalRequest {
    /// Answered by [`LineDiscipline::answer`](super::LineDiscipline::answer).
    Line(LineRequest),
    /// About sessions, process groups and openings: answered by whoever knows processes.
    Session(SessionRequest),
    /// About a pair of pseudo-terminals: answered by their file system.
    Master(MasterRequest),
}

/// Requests that concern the line alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineRequest {
    /// TCGETS, TCGETS2, TCGETA.
    GetSettings(Form),
    /// TCSETS, TCSETS2, TCSETA and their W and F kinds.
    SetSettings(Form, When),
    /// TCXONC: `tcflow(3)`.
    Flow,
    /// TCFLSH: `tcflush(3)`.
    Flush,
    /// TCSBRK: `tcsendbreak(3)` for 0, `tcdrain(3)` for others.
    SendBreak,
    /// TCSBRKP: a break of some tenths of a second.
    SendBreakFor,
    /// TIOCSBRK: a break begins.
    StartBreak,
    /// TIOCCBRK: it ends.
    EndBreak,
    /// TIOCINQ, also called FIONREAD.
    CountInput,
    /// TIOCOUTQ.
    CountOutput,
    /// TIOCSTI: a byte as if typed. (Who may is the caller's to check.)
    TypeByte,
    /// TIOCGWINSZ.
    GetWindowSize,
    /// TIOCSWINSZ.
    SetWindowSize,
    /// TIOCGETD: the number of the line discipline, always N_TTY.
    GetDiscipline,
    /// TIOCSETD.
    SetDiscipline,
    /// TIOCGSOFTCAR: is CLOCAL set?
    GetSoftCarrier,
    /// TIOCSSOFTCAR: sets or clears CLOCAL.
    SetSoftCarrier,
}

/// Requests that take knowledge of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRequest {
    /// TIOCGPGRP: `tcgetpgrp(3)`.
    GetForeground,
    /// TIOCSPGRP: `tcsetpgrp(3)`.
    SetForeground,
    /// TIOCGSID: `tcgetsid(3)`.
    GetSession,
    /// TIOCSCTTY: become the session's terminal.
    SetControlling,
    /// TIOCNOTTY: give the session's terminal up.
    GiveUpControlling,
    /// TIOCEXCL: no more openings.
    SetExclusive,
    /// TIOCNXCL: openings again.
    ClearExclusive,
    /// TIOCGEXCL: is it exclusive?
    GetExclusive,
    /// TIOCVHANGUP: `vhangup(2)` for this terminal.
    HangUp,
    /// TIOCCONS: takes the console's output.
    TakeConsole,
    /// TIOCGDEV: the device number.
    GetDevice,
}

/// Requests of a pseudo-terminal's master (TIOCGPTPEER aside, only it answers them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterRequest {
    /// TIOCGPTN: the number in `/dev/pts`.
    GetNumber,
    /// TIOCSPTLCK: locks or unlocks the slave.
    SetLock,
    /// TIOCGPTLCK.
    GetLock,
    /// TIOCGPTPEER: opens the slave; the argument is `open` flags.
    OpenPeer,
    /// TIOCPKT: packet mode on or off.
    SetPacketMode,
    /// TIOCGPKT.
    GetPacketMode,
    /// TIOCSIG: a signal to the slave's foreground group; the argument is its number.
    Signal,
}

/// What the third argument of `ioctl` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing, or a plain number.
    Value,
    /// The address of so many bytes that the request takes.
    Takes(usize),
    /// The address of so many bytes that the request fills in.
    Gives(usize),
}

/// `int` and `pid_t`.
const WORD: usize = 4;

impl TerminalRequest {
    /// The request with this number; `None` for one that no terminal of ours knows.
    pub fn parse(request: u32) -> Option<Self> {
        use {LineRequest as L, MasterRequest as M, SessionRequest as S};
        Some(match request {
            ioctl::TCGETS => Self::Line(L::GetSettings(Form::Termios)),
            ioctl::TCGETS2 => Self::Line(L::GetSettings(Form::Termios2)),
            ioctl::TCGETA => Self::Line(L::GetSettings(Form::Termio)),
            ioctl::TCSETS => Self::Line(L::SetSettings(Form::Termios, When::Now)),
            ioctl::TCSETSW => Self::Line(L::SetSettings(Form::Termios, When::Drained)),
            ioctl::TCSETSF => Self::Line(L::SetSettings(Form::Termios, When::DrainedAndFlushed)),
            ioctl::TCSETS2 => Self::Line(L::SetSettings(Form::Termios2, When::Now)),
            ioctl::TCSETSW2 => Self::Line(L::SetSettings(Form::Termios2, When::Drained)),
            ioctl::TCSETSF2 => Self::Line(L::SetSettings(Form::Termios2, When::DrainedAndFlushed)),
            ioctl::TCSETA => Self::Line(L::SetSettings(Form::Termio, When::Now)),
            ioctl::TCSETAW => Self::Line(L::SetSettings(Form::Termio, When::Drained)),
            ioctl::TCSETAF => Self::Line(L::SetSettings(Form::Termio, When::DrainedAndFlushed)),
            ioctl::TCXONC => Self::Line(L::Flow),
            ioctl::TCFLSH => Self::Line(L::Flush),
            ioctl::TCSBRK => Self::Line(L::SendBreak),
            ioctl::TCSBRKP => Self::Line(L::SendBreakFor),
            ioctl::TIOCSBRK => Self::Line(L::StartBreak),
            ioctl::TIOCCBRK => Self::Line(L::EndBreak),
            ioctl::TIOCINQ => Self::Line(L::CountInput),
            ioctl::TIOCOUTQ => Self::Line(L::CountOutput),
            ioctl::TIOCSTI => Self::Line(L::TypeByte),
            ioctl::TIOCGWINSZ => Self::Line(L::GetWindowSize),
            ioctl::TIOCSWINSZ => Self::Line(L::SetWindowSize),
            ioctl::TIOCGETD => Self::Line(L::GetDiscipline),
            ioctl::TIOCSETD => Self::Line(L::SetDiscipline),
            ioctl::TIOCGSOFTCAR => Self::Line(L::GetSoftCarrier),
            ioctl::TIOCSSOFTCAR => Self::Line(L::SetSoftCarrier),
            ioctl::TIOCGPGRP => Self::Session(S::GetForeground),
            ioctl::TIOCSPGRP => Self::Session(S::SetForeground),
            ioctl::TIOCGSID => Self::Session(S::GetSession),
            ioctl::TIOCSCTTY => Self::Session(S::SetControlling),
            ioctl::TIOCNOTTY => Self::Session(S::GiveUpControlling),
            ioctl::TIOCEXCL => Self::Session(S::SetExclusive),
            ioctl::TIOCNXCL => Self::Session(S::ClearExclusive),
            ioctl::TIOCGEXCL => Self::Session(S::GetExclusive),
            ioctl::TIOCVHANGUP => Self::Session(S::HangUp),
            ioctl::TIOCCONS => Self::Session(S::TakeConsole),
            ioctl::TIOCGDEV => Self::Session(S::GetDevice),
            ioctl::TIOCGPTN => Self::Master(M::GetNumber),
            ioctl::TIOCSPTLCK => Self::Master(M::SetLock),
            ioctl::TIOCGPTLCK => Self::Master(M::GetLock),
            ioctl::TIOCGPTPEER => Self::Master(M::OpenPeer),
            ioctl::TIOCPKT => Self::Master(M::SetPacketMode),
            ioctl::TIOCGPKT => Self::Master(M::GetPacketMode),
            ioctl::TIOCSIG => Self::Master(M::Signal),
            _ => return None,
        })
    }

    /// What the request's argument is.
    pub fn argument(self) -> Argument {
        use {LineRequest as L, MasterRequest as M, SessionRequest as S};
        match self {
            Self::Line(request) => match request {
                L::GetSettings(form) => Argument::Gives(form.size()),
                L::SetSettings(form, _) => Argument::Takes(form.size()),
                L::Flow | L::Flush | L::SendBreak | L::SendBreakFor | L::StartBreak | L::EndBreak => Argument::Value,
                L::CountInput | L::CountOutput | L::GetDiscipline | L::GetSoftCarrier => Argument::Gives(WORD),
                L::SetDiscipline | L::SetSoftCarrier => Argument::Takes(WORD),
                L::TypeByte => Argument::Takes(1),
                L::GetWindowSize => Argument::Gives(WindowSize::SIZE),
                L::SetWindowSize => Argument::Takes(WindowSize::SIZE),
            },
            Self::Session(request) => match request {
                S::GetForeground | S::GetSession | S::GetExclusive | S::GetDevice => Argument::Gives(WORD),
                S::SetForeground => Argument::Takes(WORD),
                S::SetControlling | S::GiveUpControlling | S::SetExclusive | S::ClearExclusive => Argument::Value,
                S::HangUp | S::TakeConsole => Argument::Value,
            },
            Self::Master(request) => match request {
                M::GetNumber | M::GetLock | M::GetPacketMode => Argument::Gives(WORD),
                M::SetLock | M::SetPacketMode => Argument::Takes(WORD),
                M::OpenPeer | M::Signal => Argument::Value,
            },
        }
    }
}

impl Form {
    /// The size of the structure in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Termios => Termios::SIZE,
            Self::Termios2 => Termios::SIZE_2,
            Self::Termio => Termios::SIZE_OLD,
        }
    }
}

impl LineRequest {
    /// Does the request wait until the device is empty? (The caller does, before it asks for the answer.)
    pub fn waits_for_output(self) -> bool {
        match self {
            Self::SetSettings(_, when) => when != When::Now,
            Self::SendBreak | Self::SendBreakFor | Self::StartBreak | Self::SetDiscipline => true,
            _ => false,
        }
    }

    /// Does the request, made from a background process group, bring `SIGTTOU` first (`termios(3)`, `tcsetpgrp(3)`)?
    pub fn is_for_foreground(self) -> bool {
        use LineRequest as L;
        let sets = matches!(self, L::SetSettings(..) | L::Flow | L::Flush | L::SetDiscipline);
        sets || matches!(self, L::SendBreak | L::SendBreakFor | L::StartBreak | L::EndBreak)
    }
}

/// The number of the one line discipline there is.
pub(super) const N_TTY: u32 = 0;
