//! From the queue to the program: lines in canonical mode, VMIN and VTIME in the other.

use core::time::Duration;

use linux_raw_sys::general::{EXTPROC, VEOF, VMIN, VTIME};

use super::LineDiscipline;

/// How one `read` stands. A new one begins with the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadProgress {
    copied: usize,
    deadline: Option<Duration>,
    begun: bool,
}

impl ReadProgress {
    /// The bytes copied so far: what a read returns that a signal or `O_NONBLOCK` ends, if it is not 0.
    pub fn copied(&self) -> usize {
        self.copied
    }
}

/// What came of a try to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The read is over with so many bytes. 0 bytes: an end of file was typed, or VTIME ran out.
    Bytes(usize),
    /// The terminal was hung up: the read returns 0.
    EndOfFile,
    /// The read is not over: wait until input comes in or the deadline passes, then try again with the same progress. With
    /// `O_NONBLOCK` or a signal pending return [`ReadProgress::copied`] instead, or if that is 0 `EAGAIN` or `EINTR`.
    WouldBlock {
        /// The time, on the clock of `now`, at which to try again without input; `None` for never.
        deadline: Option<Duration>,
    },
}

/// VTIME's unit.
const TENTH: Duration = Duration::from_millis(100);

impl LineDiscipline {
    fn reads_lines(&self) -> bool {
        self.is_canonical() && !self.termios.local(EXTPROC)
    }

    /// Would a read return without waiting (`POLLIN`)? Outside canonical mode with VTIME 0 that takes VMIN bytes.
    pub fn readable(&self) -> bool {
        let least = match (self.termios.control(VMIN), self.termios.control(VTIME)) {
            (minimum, 0) => usize::from(minimum).max(1),
            _ => 1,
        };
        self.hung_up || self.available() >= if self.reads_lines() { 1 } else { least }
    }

    fn available(&self) -> usize {
        if self.reads_lines() { self.queue.finished_len() } else { self.queue.len() }
    }

    /// Tries to read into `buffer`, which is the whole of the program's buffer or its first [`CAPACITY`](super::CAPACITY)
    /// bytes (a read never gives more), and the same one at each try. `now` is the time on any clock that only goes forward.
    ///
    /// A canonical read gives one line at most and leaves what does not fit. `termios(3)` has the four cases of VMIN and
    /// VTIME. Any bytes taken make room: offer the line again what [`receive`](Self::receive) refused.
    pub fn read(&mut self, buffer: &mut [u8], progress: &mut ReadProgress, now: Duration) -> ReadOutcome {
        if buffer.is_empty() {
            return ReadOutcome::Bytes(0);
        }
        // EXTPROC takes the lines from canonical mode, but not its waiting for the first byte.
        let (minimum, patience) = match self.is_canonical() {
            true => (1, Duration::ZERO),
            false => (usize::from(self.termios.control(VMIN)), TENTH * u32::from(self.termios.control(VTIME))),
        };
        if minimum == 0 && !progress.begun {
            progress.deadline = Some(now.saturating_add(patience));
        }
        progress.begun = true;
        if self.available() == 0 {
            return match progress.deadline {
                _ if self.hung_up && progress.copied == 0 => ReadOutcome::EndOfFile,
                _ if self.hung_up => ReadOutcome::Bytes(progress.copied),
                Some(deadline) if now >= deadline => ReadOutcome::Bytes(progress.copied),
                deadline => ReadOutcome::WouldBlock { deadline },
            };
        }
        let rest = buffer.get_mut(progress.copied..).unwrap_or_default();
        if self.reads_lines() {
            return ReadOutcome::Bytes(progress.copied + self.queue.take_line(rest));
        }
        let taken = self.queue.take(rest);
        if self.is_canonical() && taken == 1 && self.queue.len() == 0 {
            // Under EXTPROC the other end says end of file by VEOF alone.
            let eof = self.termios.control(VEOF);
            if rest.first() == Some(&eof) {
                return ReadOutcome::Bytes(progress.copied);
            }
        }
        progress.copied += taken;
        if progress.copied >= minimum.max(1) || progress.copied >= buffer.len() {
            return ReadOutcome::Bytes(progress.copied);
        }
        // The clock between two bytes starts with the first.
        progress.deadline = (!patience.is_zero()).then(|| now.saturating_add(patience));
        ReadOutcome::WouldBlock { deadline: progress.deadline }
    }
}
