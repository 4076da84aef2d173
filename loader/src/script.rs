//! The first line of a script: `#!interpreter argument`.

use crate::source::Source;
use alloc::vec::Vec;

/// How many bytes of a file Linux looks at (`BINPRM_BUF_SIZE`).
const LINE_LIMIT: usize = 256;

/// What a script's first line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Path of the program that runs the script; not empty.
    pub interpreter: Vec<u8>,
    /// The rest of the line, one argument whatever blanks it holds.
    pub argument: Option<Vec<u8>>,
}

impl Script {
    /// Reads the line as Linux's `fs/binfmt_script.c` does: the first 256 bytes count, blanks and tabs around the
    /// parts do not, and a path that may have been cut off there is none. None if `file` is no such script.
    pub fn of(file: &(impl Source + ?Sized)) -> Option<Script> {
        let mut buffer = [0; LINE_LIMIT];
        let length = usize::try_from(file.len())
            .unwrap_or(usize::MAX)
            .min(LINE_LIMIT);
        if !file.read_at(0, buffer.get_mut(..length)?) {
            return None;
        }
        let text = buffer.strip_prefix(b"#!")?;
        let line = match text.iter().position(|&byte| byte == b'\n') {
            Some(end) => text.get(..end)?,
            // No line's end in sight: the path must end by itself, a cut argument is let through.
            None if trim_blanks_before(text).iter().any(|&byte| ends_path(byte)) => text,
            None => return None,
        };
        let line = trim_blanks_before(line);
        let path_end = line
            .iter()
            .position(|&byte| ends_path(byte))
            .unwrap_or(line.len());
        let (path, rest) = line.split_at_checked(path_end)?;
        if path.is_empty() {
            return None;
        }
        let rest = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        let argument = trim_blanks_after(trim_blanks_before(rest));
        Some(Script {
            interpreter: path.to_vec(),
            argument: (!argument.is_empty()).then(|| argument.to_vec()),
        })
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn ends_path(byte: u8) -> bool {
    is_blank(byte) || byte == 0
}

fn trim_blanks_before(mut line: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = line
        && is_blank(*first)
    {
        line = rest;
    }
    line
}

fn trim_blanks_after(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., last] = line
        && is_blank(*last)
    {
        line = rest;
    }
    line
}
