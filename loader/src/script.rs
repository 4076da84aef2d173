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
        let length = usize::try_from(file.len()).unwrap_or(usize::MAX).min(LINE_LIMIT);
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
        let path_end = line.iter().position(|&byte| ends_path(byte)).unwrap_or(line.len());
        let (path, rest) = line.split_at_checked(path_end)?;
        if path.is_empty() {
            return None;
        }
        let rest = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        let argument = trim_blanks_after(trim_blanks_before(rest));
        Some(Script { interpreter: path.to_vec(), argument: (!argument.is_empty()).then(|| argument.to_vec()) })
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

#[cfg(test)]
mod tests {
    use super::Script;
    use alloc::vec::Vec;

    fn parts(text: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        Script::of(text).map(|script| (script.interpreter, script.argument))
    }

    #[test]
    fn interpreter_and_argument() {
        let sh = || b"/bin/sh".to_vec();
        assert_eq!(parts(b"#!/bin/sh\n"), Some((sh(), None)));
        assert_eq!(parts(b"#! \t/bin/sh \t\nx"), Some((sh(), None)));
        assert_eq!(parts(b"#!/bin/sh  -e  -x \n"), Some((sh(), Some(b"-e  -x".to_vec()))));
        assert_eq!(parts(b"#!/bin/sh"), Some((sh(), None)), "ends with the file");
        assert_eq!(parts(b"#!/bin/sh -e"), Some((sh(), Some(b"-e".to_vec()))));
        assert_eq!(parts(b"#!/bin/sh\0rest\n"), Some((sh(), None)));
    }

    #[test]
    fn no_interpreter() {
        for text in [&b""[..], b"#", b"#!", b"#!\n", b"#! \t \n/bin/sh\n", b"# !/bin/sh\n", b"/bin/sh\n"] {
            assert_eq!(parts(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn only_256_bytes_count() {
        let long = |path: usize, rest: &[u8]| [&b"#!/"[..], &[b'x'; 999][..path - 1], rest].concat();
        assert_eq!(parts(&long(253, b"\n")).unwrap().0.len(), 253);
        assert_eq!(parts(&long(254, b"\n")), None, "the path may have been cut");
        assert_eq!(parts(&long(253, b" argument\n")), Some((long(253, b"")[2..].to_vec(), None)));
        let (_, argument) = parts(&long(100, &[&b" "[..], &[b'y'; 300]].concat())).unwrap();
        assert_eq!(argument.unwrap().len(), 153, "a cut argument is let through");
    }
}
