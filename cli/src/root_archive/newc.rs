//! Writes cpio archives of the kind "newc" (`cpio(5)`, and `driver-api/early-userspace/buffer-format` of Linux).

use std::io::{self, Read, Write};

/// Bytes of an entry's header.
const HEADER_LEN: u64 = 110;
/// Where file data begins: a page of the machine.
const PAGE: u64 = 4096;
/// The longest name, with its NULs, that Linux takes.
const LONGEST_NAME: u64 = 4096;

pub(super) const DIRECTORY: u32 = 0o040_000;
pub(super) const REGULAR: u32 = 0o100_000;
pub(super) const SYMLINK: u32 = 0o120_000;
pub(super) const CHARACTER_DEVICE: u32 = 0o020_000;
pub(super) const BLOCK_DEVICE: u32 = 0o060_000;
pub(super) const FIFO: u32 = 0o010_000;

/// What an archive says about a file beside its name and data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    /// Entries with the same number are one file. Counted here, not the host's: those have 64 bits.
    pub(super) inode: u32,
    /// Type and permissions, as in `inode(7)`.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// How many names the file has in this archive; at least 1.
    pub(super) links: u32,
    /// Seconds since 1970.
    pub(super) modified: u32,
    /// Major and minor number of the device that this file is.
    pub(super) device: (u32, u32),
}

/// Writes an archive.
pub(super) struct Writer<W> {
    output: W,
    position: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(output: W) -> Self {
        Self { output, position: 0 }
    }

    /// Writes an entry of `size` bytes, which `data` must have. The data of a file with several names goes with the
    /// first of them, the others have none.
    pub(super) fn entry(&mut self, name: &[u8], attributes: Attributes, size: u64, data: impl Read) -> io::Result<()> {
        let size32 = u32::try_from(size).map_err(|_| {
            let name = String::from_utf8_lossy(name);
            io::Error::other(format!("{name}: a cpio archive holds files of less than 4 GiB"))
        })?;
        let is_data = attributes.mode & 0o170_000 == REGULAR && size > 0;
        let mut padding = if is_data { self.padding_to_page(name) } else { self.padding_to_word(name) };
        if is_data && name.len() as u64 + padding > LONGEST_NAME {
            // The root once more, which changes nothing, moves the entry to a better place.
            let root = Attributes { mode: DIRECTORY | 0o755, links: 1, ..Attributes::default() };
            self.header(b".", root, 0, self.padding_to_page(b"."))?;
            padding = self.padding_to_page(name);
        }
        self.header(name, attributes, size32, padding)?;
        let copied = io::copy(&mut data.take(size), &mut self.output)?;
        if copied != size {
            let name = String::from_utf8_lossy(name);
            return Err(io::Error::other(format!("{name}: {copied} bytes, not {size}; it has changed meanwhile")));
        }
        self.position += size;
        self.zeros(self.position.next_multiple_of(4) - self.position)
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let padding = self.padding_to_word(b"TRAILER!!!");
        self.header(b"TRAILER!!!", Attributes { links: 1, ..Attributes::default() }, 0, padding)?;
        self.output.flush()
    }

    /// NULs behind the name, one at least, with which the data begins on a page.
    fn padding_to_page(&self, name: &[u8]) -> u64 {
        let end = self.position + HEADER_LEN + name.len() as u64;
        (end + 1).next_multiple_of(PAGE) - end
    }

    /// NULs behind the name, one at least, with which the data begins at a multiple of 4.
    fn padding_to_word(&self, name: &[u8]) -> u64 {
        let end = self.position + HEADER_LEN + name.len() as u64;
        (end + 1).next_multiple_of(4) - end
    }

    /// Writes a header and the name with its NULs, which count as the name's.
    fn header(&mut self, name: &[u8], attributes: Attributes, size: u32, padding: u64) -> io::Result<()> {
        let Attributes { inode, mode, uid, gid, links, modified, device: (major, minor) } = attributes;
        let name_size = name.len() as u64 + padding;
        write!(
            self.output,
            "070701{inode:08x}{mode:08x}{uid:08x}{gid:08x}{links:08x}{modified:08x}{size:08x}\
             {zero:08x}{zero:08x}{major:08x}{minor:08x}{name_size:08x}{zero:08x}",
            zero = 0,
        )?;
        self.output.write_all(name)?;
        self.position += HEADER_LEN + name.len() as u64;
        self.zeros(padding)
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        self.position += count;
        io::copy(&mut io::repeat(0).take(count), &mut self.output).map(|_| ())
    }
}
