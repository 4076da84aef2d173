//! Whether a fetched file is a program at all.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// The first bytes of an ELF file, up to and with `e_machine` (System V ABI, chapter 4).
const HEADER: usize = 20;

/// Checks that `file`, which the recipe calls `name`, is an ELF program for x86-64. The loader checks the
/// rest; this is so that a wrong `path` or a compiler for another machine is told before anything is kept.
pub(crate) fn check(file: &Path, name: &Path) -> Result<(), Error> {
    let mut start = Vec::with_capacity(HEADER);
    File::open(file)
        .and_then(|open| open.take(HEADER as u64).read_to_end(&mut start))
        .map_err(Error::io("read", file))?;
    match verdict(&start) {
        None => Ok(()),
        Some(why) => Err(Error::NotAProgram { path: name.to_owned(), why }),
    }
}

/// Why these first bytes are not those of an x86-64 program.
fn verdict(start: &[u8]) -> Option<&'static str> {
    let Some((identity, rest)) = start.split_first_chunk::<16>() else {
        return Some("not an ELF file");
    };
    let [0x7f, b'E', b'L', b'F', class, order, ..] = *identity else {
        return Some("not an ELF file");
    };
    // ELFCLASS64, ELFDATA2LSB; e_type ET_EXEC (2) or ET_DYN (3); e_machine EM_X86_64 (62).
    match (class, order, rest) {
        (2, 1, [2 | 3, 0, 62, 0]) => None,
        (2, 1, [_, _, 62, 0]) => Some("an ELF file, but no program"),
        _ => Some("built for another machine than x86-64"),
    }
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn only_programs_for_x86_64_pass() {
        let header = |class, kind, machine| {
            let mut bytes = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0";
            (bytes[4], bytes[16], bytes[18]) = (class, kind, machine);
            bytes
        };
        assert_eq!(verdict(&header(2, 2, 62)), None);
        assert_eq!(verdict(&header(2, 3, 62)), None);
        assert!(verdict(&header(2, 1, 62)).unwrap().contains("no program"));
        assert!(verdict(&header(2, 2, 183)).unwrap().contains("another machine"));
        assert!(verdict(&header(1, 2, 3)).unwrap().contains("another machine"));
        assert!(verdict(b"").unwrap().contains("not an ELF"));
        assert!(verdict(b"#!/bin/sh\necho hello, script\n").unwrap().contains("not an ELF"));
    }
}
