//! When the user insists that the machine ends.
//!
//! *A signal*: the second SIGINT within two seconds.
//!
//! *A key*: with a terminal the guest has the line discipline, and Ctrl-C is first of all a key: a shell answers it with
//! a new prompt, an editor takes it as data, Emacs wants it twice for some commands. So it ends the machine only when
//! pressed three times within two seconds, with no other key and no output between; the echo `^C` is no output.

use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(2);
const CTRL_C: u8 = 3;
const SIGNALS: usize = 2;
const KEYS: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Insistence {
    signals: Vec<Instant>,
    keys: Vec<Instant>,
}

impl Insistence {
    /// A SIGINT has come; whether it is one too many.
    pub(super) fn interrupt(&mut self, now: Instant) -> bool {
        count(&mut self.signals, now) >= SIGNALS
    }

    /// Keys have been pressed on a raw terminal; whether the machine is to end.
    pub(super) fn keys(&mut self, bytes: &[u8], now: Instant) -> bool {
        for byte in bytes {
            if *byte != CTRL_C {
                self.keys.clear();
            } else if count(&mut self.keys, now) >= KEYS {
                return true;
            }
        }
        false
    }

    /// The program has given a sign of life.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        if !bytes.iter().all(|byte| b"^C\r\n".contains(byte)) {
            self.keys.clear();
        }
    }
}

/// Notes a moment and gives how many there were of late.
fn count(moments: &mut Vec<Instant>, now: Instant) -> usize {
    moments.retain(|moment| now.duration_since(*moment) < PERIOD);
    moments.push(now);
    moments.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_signals_within_two_seconds_are_enough() {
        let mut insistence = Insistence::default();
        let start = Instant::now();
        assert!(!insistence.interrupt(start));
        assert!(!insistence.interrupt(start + PERIOD));
        assert!(insistence.interrupt(start + PERIOD + Duration::from_millis(1999)));
    }

    #[test]
    fn three_keys_are_needed_without_an_answer() {
        let now = Instant::now();
        let mut insistence = Insistence::default();
        assert!(!insistence.keys(b"\x03\x03x\x03", now));
        assert!(!insistence.keys(b"\x03", now));
        insistence.output(b"^C\r\n");
        assert!(insistence.keys(b"\x03", now));

        let mut insistence = Insistence::default();
        assert!(!insistence.keys(b"\x03\x03", now));
        insistence.output(b"$ ");
        assert!(!insistence.keys(b"\x03\x03", now));
        assert!(!insistence.keys(b"\x03", now + PERIOD));
    }
}
