//! What a program did, and how two such differ.

use std::fmt::Write;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// What is seen of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) ending: Ending,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this exit code; 128 + n after signal n.
    Code(i32),
    /// It was killed after this time.
    TimedOut(Duration),
}

impl Ending {
    fn told(self) -> String {
        match self {
            Self::Code(code) => format!("exit code {code}"),
            Self::TimedOut(limit) => format!("no end within {} s", limit.as_secs()),
        }
    }
}

/// Whether a program's standard error is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stderr {
    /// Byte for byte.
    Same,
    /// Not at all: the machine reports a crash there.
    Any,
    /// The guest's is this; `*` stands for any bytes.
    Like(&'static str),
}

/// Whether `text` is `pattern`, in which `*` stands for any bytes.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(end)
}

/// How `guest` differs from `wanted`, for a reader; `None` when it does not.
pub(crate) fn difference(wanted: &Outcome, guest: &Outcome, stderr: Stderr) -> Option<String> {
    let mut text = String::new();
    if wanted.ending != guest.ending {
        let _ = writeln!(text, "wanted {}, the guest: {}", wanted.ending.told(), guest.ending.told());
    }
    stream(&mut text, "stdout", &wanted.stdout, &guest.stdout);
    match stderr {
        Stderr::Same => stream(&mut text, "stderr", &wanted.stderr, &guest.stderr),
        Stderr::Like(pattern) => {
            let found = String::from_utf8_lossy(&guest.stderr);
            if !is_like(&found, pattern) {
                let _ = writeln!(text, "stderr should be like: {pattern}");
            }
            if !text.is_empty() {
                quote(&mut text, &guest.stderr);
            }
        }
        // Not compared, but the first thing to look at.
        Stderr::Any if !text.is_empty() => quote(&mut text, &guest.stderr),
        Stderr::Any => {}
    }
    (!text.is_empty()).then_some(text)
}

/// The most lines of a difference that are shown, of each side.
const SHOWN: usize = 25;

fn stream(text: &mut String, name: &str, wanted: &[u8], guest: &[u8]) {
    if wanted == guest {
        return;
    }
    let _ = writeln!(text, "{name}: - wanted, + guest");
    let (wanted, guest) = (printable(wanted), printable(guest));
    let diff = TextDiff::configure().timeout(Duration::from_secs(2)).diff_lines(&wanted, &guest);
    let (mut deleted, mut inserted) = (0, 0);
    for change in diff.iter_all_changes() {
        let count = match change.tag() {
            ChangeTag::Equal => continue,
            ChangeTag::Delete => &mut deleted,
            ChangeTag::Insert => &mut inserted,
        };
        *count += 1;
        if *count <= SHOWN {
            let _ = writeln!(text, "{}{}", change.tag(), shortened(change.value().trim_end_matches('\n')));
        }
    }
    if deleted > SHOWN || inserted > SHOWN {
        let _ = writeln!(text, "… {deleted} lines wanted, {inserted} lines of the guest");
    }
}

fn quote(text: &mut String, bytes: &[u8]) {
    for line in printable(bytes).lines().take(SHOWN) {
        let _ = writeln!(text, "stderr: {}", shortened(line));
    }
}

/// The bytes as text: what is not printable ASCII, newline apart, is escaped.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\n' => text.push('\n'),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.extend(byte.escape_ascii().map(char::from)),
        }
    }
    text
}

/// At most 200 characters of a line of ASCII.
fn shortened(line: &str) -> String {
    match line.get(..200) {
        Some(start) if line.len() > 200 => format!("{start}… ({} characters)", line.len()),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(stdout: &str, code: i32) -> Outcome {
        Outcome { stdout: stdout.into(), stderr: Vec::new(), ending: Ending::Code(code) }
    }

    #[test]
    fn equal_is_no_difference() {
        assert_eq!(difference(&outcome("a\n", 0), &outcome("a\n", 0), Stderr::Same), None);
    }

    #[test]
    fn each_part_is_told() {
        let told = difference(&outcome("a\nb\n", 0), &outcome("a\nc\x01\n", 1), Stderr::Same).unwrap();
        assert_eq!(told, "wanted exit code 0, the guest: exit code 1\nstdout: - wanted, + guest\n-b\n+c\\x01\n");
    }

    #[test]
    fn a_pattern_is_anchored_at_both_ends() {
        for (text, pattern, expected) in [
            ("a1b22c", "a*b*c", true),
            ("a1b22cd", "a*b*c", false),
            ("xa1b22c", "a*b*c", false),
            ("ac", "a*b*c", false),
            ("abc", "abc", true),
            ("abcd", "abc", false),
            ("ab", "ab*b", false),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn standard_error_counts_unless_any() {
        let loud = Outcome { stderr: b"crash\n".to_vec(), ..outcome("", 139) };
        assert!(difference(&outcome("", 139), &loud, Stderr::Same).unwrap().contains("+crash"));
        assert_eq!(difference(&outcome("", 139), &loud, Stderr::Any), None);
        assert!(difference(&outcome("", 0), &loud, Stderr::Any).unwrap().contains("stderr: crash"));
    }
}
