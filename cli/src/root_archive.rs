//! The files a machine starts with: a cpio archive ("newc") as a boot module, out of a directory or an archive.
//!
//! In what is written here each regular file's data begins on a page boundary, so that the guest maps it in place. A
//! cpio archive is taken as it is: the guest copies what it needs from one that is not laid out so.

mod directory;
mod newc;
mod tar_file;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::failure::{Context, Failure, Result};
use crate::libraries::Collection;
use crate::memory_file;

/// An archive with the files of `path`: a directory, a tar file or a cpio file.
pub(crate) fn of(path: &Path) -> Result<File> {
    let name = path.display();
    let metadata = fs::metadata(path).context(format_args!("cannot use {name} as root"))?;
    if metadata.is_dir() {
        let file = memory_file::create().context("cannot make a file in memory")?;
        directory::write(path, &file).context(format_args!("cannot pack {name}"))?;
        return Ok(file);
    }
    let file = File::open(path).context(format_args!("cannot read {name}"))?;
    // What can be read only once, such as a pipe, is copied: its kind is found out by a look at its beginning.
    let file = if metadata.is_file() {
        file
    } else {
        memory_file::copy_of(file).context(format_args!("cannot read {name}"))?
    };
    match Kind::of(&file).context(format_args!("cannot read {name}"))? {
        Kind::Newc => Ok(file),
        Kind::Tar => {
            let archive = memory_file::create().context("cannot make a file in memory")?;
            tar_file::write(&file, &archive).context(format_args!("cannot unpack {name}"))?;
            Ok(archive)
        }
        Kind::Packed(program) => {
            Err(Failure::new(format!("{name} is compressed")).mend(format!("unpack it first with {program} -d")))
        }
        Kind::Unknown => Err(Failure::new(format!("{name} is no archive that a machine can start with"))
            .mend("a directory, a tar file, or a cpio file made with cpio -H newc")),
    }
}

/// An archive with these files of the host under their own absolute paths.
pub(crate) fn of_files(files: &Collection) -> Result<File> {
    let archive = memory_file::create().context("cannot make a file in memory")?;
    directory::write_files(files.files(), &archive).context("cannot pack the program's files")?;
    Ok(archive)
}

/// What a file is, by its first bytes.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Newc,
    Tar,
    Packed(&'static str),
    Unknown,
}

impl Kind {
    fn of(file: &File) -> std::io::Result<Self> {
        let mut start = Vec::with_capacity(512);
        ReadFromStart { file, at: 0 }.take(512).read_to_end(&mut start)?;
        Ok(match &*start {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => Self::Newc,
            [0x1f, 0x8b, ..] => Self::Packed("gzip"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Packed("zstd"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Packed("xz"),
            [b'B', b'Z', b'h', ..] => Self::Packed("bzip2"),
            start if start.get(257..262) == Some(b"ustar") => Self::Tar,
            _ => Self::Unknown,
        })
    }
}

/// Reads a file from its start whatever its own position is, and leaves that alone.
struct ReadFromStart<'a> {
    file: &'a File,
    at: u64,
}

impl Read for ReadFromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
