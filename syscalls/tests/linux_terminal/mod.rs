//! A pseudo-terminal of the host: keys go into its master, programs use its slave.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use birgus_syscalls::terminal::{Flow, Queues, Termios};
use linux_raw_sys::ioctl as numbers;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::ioctl::{Getter, Setter, ioctl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Action, QueueSelector, tcflow, tcflush};

/// Longer than the host needs to carry a byte from one end to the other.
const PATIENCE: Duration = Duration::from_millis(500);

pub(crate) struct LinuxTerminal {
    master: OwnedFd,
    slave: OwnedFd,
}

fn now() -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: 0 }
}

impl LinuxTerminal {
    /// A new pseudo-terminal, or `None`, with a line on standard error, where there is none to be had.
    pub(crate) fn open() -> Option<Self> {
        match Self::try_open() {
            Ok(terminal) => Some(terminal),
            Err(error) => {
                eprintln!("SKIPPED: no pseudo-terminal of Linux to compare with: {error}");
                None
            }
        }
    }

    fn try_open() -> Result<Self, Errno> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        fcntl_setfl(&master, OFlags::NONBLOCK)?;
        fcntl_setfl(&slave, OFlags::NONBLOCK)?;
        Ok(Self { master, slave })
    }

    pub(crate) fn set_termios(&self, bytes: &[u8; Termios::SIZE]) {
        self.set::<{ numbers::TCSETS }, _>(*bytes);
    }

    pub(crate) fn set_termios_2(&self, bytes: &[u8; Termios::SIZE_2]) {
        self.set::<{ numbers::TCSETS2 }, _>(*bytes);
    }

    pub(crate) fn set_termios_old(&self, bytes: &[u8; Termios::SIZE_OLD]) {
        self.set::<{ numbers::TCSETA }, _>(*bytes);
    }

    pub(crate) fn termios(&self) -> [u8; Termios::SIZE] {
        self.get::<{ numbers::TCGETS }, _>()
    }

    pub(crate) fn termios_2(&self) -> [u8; Termios::SIZE_2] {
        self.get::<{ numbers::TCGETS2 }, _>()
    }

    pub(crate) fn termios_old(&self) -> [u8; Termios::SIZE_OLD] {
        self.get::<{ numbers::TCGETA }, _>()
    }

    fn set<const REQUEST: u32, T>(&self, bytes: T) {
        // SAFETY: each caller hands over an array of the size that its request reads.
        unsafe { ioctl(&self.slave, Setter::<REQUEST, T>::new(bytes)) }.expect("settings are taken");
    }

    fn get<const REQUEST: u32, T>(&self) -> T {
        // SAFETY: each caller asks for an array of the size that its request fills, at most.
        unsafe { ioctl(&self.slave, Getter::<REQUEST, T>::new()) }.expect("settings are told")
    }

    pub(crate) fn type_keys(&self, bytes: &[u8]) {
        assert_eq!(rustix::io::write(&self.master, bytes), Ok(bytes.len()));
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> usize {
        match rustix::io::write(&self.slave, bytes) {
            Ok(count) => count,
            Err(Errno::AGAIN) => 0,
            Err(error) => panic!("write: {error}"),
        }
    }

    /// What a read that does not wait gives; `None` for `EAGAIN`.
    pub(crate) fn read(&self, size: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; size];
        match rustix::io::read(&self.slave, &mut buffer[..]) {
            Ok(count) => {
                buffer.truncate(count);
                Some(buffer)
            }
            Err(Errno::AGAIN) => None,
            Err(error) => panic!("read: {error}"),
        }
    }

    pub(crate) fn flush(&self, queues: Queues) {
        let selector = match queues {
            Queues::Input => QueueSelector::IFlush,
            Queues::Output => QueueSelector::OFlush,
            Queues::Both => QueueSelector::IOFlush,
        };
        tcflush(&self.slave, selector).unwrap();
    }

    pub(crate) fn flow(&self, flow: Flow) {
        let action = match flow {
            Flow::StopOutput => Action::OOff,
            Flow::StartOutput => Action::OOn,
            Flow::StopInput => Action::IOff,
            Flow::StartInput => Action::IOn,
        };
        tcflow(&self.slave, action).unwrap();
    }

    /// Waits until the keys are through, as far as that can be known, and not for long where it never comes true.
    pub(crate) fn settle(&self, screen: usize, input: usize) {
        // Polling an end with nothing to read first carries all bytes on their way to it.
        let end = Instant::now() + PATIENCE;
        loop {
            let waits = self.readable();
            let arrived = {
                poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&now())).unwrap();
                rustix::io::ioctl_fionread(&self.master).unwrap() as usize >= screen
            };
            if arrived && self.input_count() == input {
                if waits {
                    std::thread::sleep(Duration::from_millis(2));
                }
                return;
            }
            if Instant::now() > end {
                return;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// All that the screen got since the last time.
    pub(crate) fn take_screen(&self) -> Vec<u8> {
        let mut screen = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match rustix::io::read(&self.master, &mut buffer) {
                Ok(count) => screen.extend_from_slice(&buffer[..count]),
                Err(Errno::AGAIN) => return screen,
                Err(error) => panic!("read of the screen: {error}"),
            }
        }
    }

    pub(crate) fn readable(&self) -> bool {
        let mut fds = [PollFd::new(&self.slave, PollFlags::IN)];
        poll(&mut fds, Some(&now())).unwrap();
        fds[0].revents().contains(PollFlags::IN)
    }

    pub(crate) fn input_count(&self) -> usize {
        usize::try_from(rustix::io::ioctl_fionread(&self.slave).unwrap()).unwrap()
    }
}
