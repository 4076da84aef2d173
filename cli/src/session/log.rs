//! The third stream: the kernel's log, or the traced calls.

use std::collections::VecDeque;
use std::fs::File;

/// How much of the log is kept for the case that the machine fails.
const KEPT: usize = 16 * 1024;

/// Who reads the log while the machine runs.
#[derive(Debug)]
pub(crate) enum LogReader {
    Nobody,
    /// Standard error, each line marked as Birgus' own.
    Marked,
    /// Standard error, as it is.
    StandardError,
    File(File),
}

/// The log's last lines.
#[derive(Debug)]
pub(super) struct Log {
    last: VecDeque<u8>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { last: VecDeque::new() }
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.last.extend(bytes);
        self.last.drain(..self.last.len().saturating_sub(KEPT));
    }

    /// The last lines, without the end of the last of them.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.last.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}

/// Makes lines fit to be shown between a program's own.
#[derive(Debug)]
pub(super) struct Lines {
    at_start: bool,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { at_start: true }
    }

    /// Marks each line's beginning, and ends lines so that a raw terminal shows them as lines.
    pub(super) fn prepare(&mut self, bytes: &[u8], mark: &[u8], raw_terminal: bool) -> Vec<u8> {
        let mut prepared = Vec::with_capacity(bytes.len() + mark.len());
        for byte in bytes {
            if std::mem::take(&mut self.at_start) {
                prepared.extend(mark);
            }
            if *byte == b'\n' {
                self.at_start = true;
                if raw_terminal {
                    prepared.push(b'\r');
                }
            }
            prepared.push(*byte);
        }
        prepared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_marked_wherever_they_are_cut() {
        let mut lines = Lines::new();
        let text: Vec<u8> =
            [&b"on"[..], b"e\ntw", b"o\n", b"\n"].iter().flat_map(|piece| lines.prepare(piece, b"> ", false)).collect();
        assert_eq!(text, b"> one\n> two\n> \n");
        assert_eq!(lines.prepare(b"a\nb", b"", true), b"a\r\nb");
    }

    #[test]
    fn the_end_of_the_log_is_kept() {
        let mut log = Log::new();
        log.keep(&[b'x'; KEPT]);
        log.keep(b"end\n");
        assert!(log.text().ends_with("xend") && log.text().len() == KEPT - 1);
    }
}
