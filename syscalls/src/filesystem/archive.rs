//! Filling a tree from an archive in memory: `cpio(5)`'s new format and `tar(5)`.
//!
//! Only headers are read; contents stay where they are until they are touched (see [`Archived`]).

mod cpio;
mod tar;

use super::tmpfs::{Archived, Module, Node};
use super::{Change, Entry, Kind, Last, Make, Timestamp, Walk};
use crate::errno::Errno;
use crate::process::Credentials;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::ops::Range;

/// What is wrong with an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not of a known format.
    Unknown,
    /// It is compressed, by the program of this name.
    Compressed(&'static str),
    /// It ends within an entry.
    Truncated,
    /// A header does not begin as it must.
    Header,
    /// A number in a header is none.
    Number,
    /// A header's checksum is wrong.
    Checksum,
    /// A name in a header is empty or not ended.
    Name,
    /// An entry is of a kind that cannot be made.
    Kind,
    /// An entry could not be made.
    Entry(Errno),
}

/// An archive that cannot be unpacked, and where: a byte's offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchiveError {
    /// The offset of the entry.
    pub offset: usize,
    /// The reason.
    pub fault: Fault,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Unknown => f.write_str("neither a cpio (newc) nor a tar archive"),
            Fault::Compressed(by) => write!(f, "compressed by {by}: unpack it first"),
            Fault::Truncated => write!(f, "ends within the entry at byte {}", self.offset),
            Fault::Header => write!(f, "no entry where one should begin, at byte {}", self.offset),
            Fault::Number => write!(f, "a number in the header at byte {} is none", self.offset),
            Fault::Checksum => write!(f, "the checksum of the header at byte {} is wrong", self.offset),
            Fault::Name => write!(f, "the entry at byte {} has no proper name", self.offset),
            Fault::Kind => write!(f, "the entry at byte {} is of an unknown kind", self.offset),
            Fault::Entry(errno) => write!(f, "the entry at byte {} cannot be made: {errno:?}", self.offset),
        }
    }
}

/// One entry of an archive.
struct Record<'a> {
    offset: usize,
    path: Cow<'a, [u8]>,
    kind: Kind,
    mode: u16,
    uid: u32,
    gid: u32,
    modified: Timestamp,
    device: u64,
    /// The content, or a symbolic link's target.
    content: Content<'a>,
    link: HardLink<'a>,
}

/// Where an entry's content is.
enum Content<'a> {
    /// In the archive.
    At(Range<usize>),
    /// Here.
    Text(Cow<'a, [u8]>),
}

/// Whether an entry is one more name of another.
enum HardLink<'a> {
    /// It is not.
    None,
    /// Of whatever has the same number.
    Number(u64, u32),
    /// Of an entry with this path.
    Path(Cow<'a, [u8]>),
    /// Numbers begin anew.
    Reset,
}

type Records<'a> = dyn Iterator<Item = Result<Record<'a>, ArchiveError>> + 'a;

/// Fills `root` from the archive in `module`: cpio (newc, also with checksums, which are not looked at; several in a
/// row), or tar. Gives the number of entries. What was unpacked before a fault stays.
pub fn unpack(module: &Arc<dyn Module>, root: &Arc<Entry>) -> Result<usize, ArchiveError> {
    let bytes = module.bytes();
    let mut unpacker = Unpacker { module, root, linked: BTreeMap::new() };
    let records = records(bytes)?;
    let mut count = 0;
    for record in records {
        let record = record?;
        let offset = record.offset;
        unpacker.place(record).map_err(|errno| ArchiveError { offset, fault: Fault::Entry(errno) })?;
        count += 1;
    }
    Ok(count)
}

fn records(bytes: &[u8]) -> Result<Box<Records<'_>>, ArchiveError> {
    const COMPRESSIONS: [(&[u8], &str); 5] = [
        (&[0x1f, 0x8b], "gzip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        (b"BZh", "bzip2"),
        (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    ];
    if cpio::is_cpio(bytes) {
        return Ok(Box::new(cpio::records(bytes)));
    }
    if tar::is_tar(bytes) {
        return Ok(Box::new(tar::records(bytes)));
    }
    let compressed = COMPRESSIONS.iter().find(|(magic, _)| bytes.starts_with(magic));
    let fault = compressed.map_or(Fault::Unknown, |(_, by)| Fault::Compressed(by));
    Err(ArchiveError { offset: 0, fault })
}

struct Unpacker<'a> {
    module: &'a Arc<dyn Module>,
    root: &'a Arc<Entry>,
    linked: BTreeMap<(u64, u32), Arc<Entry>>,
}

impl Unpacker<'_> {
    fn walk(&self) -> Walk {
        Walk::from(self.root.clone(), self.root.clone(), Credentials::root())
    }

    /// Makes one entry, with the directories above it.
    fn place(&mut self, record: Record<'_>) -> Result<(), Errno> {
        if let HardLink::Reset = record.link {
            self.linked.clear();
            return Ok(());
        }
        let mut walk = self.walk();
        let last = match walk.parent(&record.path) {
            Err(Errno::ENOENT) => {
                self.make_parents(&record.path)?;
                walk = self.walk();
                walk.parent(&record.path)?
            }
            last => last?,
        };
        let there = walk.look_up(&last).ok();
        let entry = match (there, &record.link) {
            (Some(there), _) if there.kind() == Kind::Directory && record.kind == Kind::Directory => there,
            // `..` and `/` are what they are.
            (_, _) if last.last != Last::Name => return Err(Errno::EINVAL),
            (there, link) => {
                if let Some(there) = there {
                    last.directory.inode().remove(&there)?;
                }
                let earlier = match link {
                    HardLink::Number(number, device) => self.linked.get(&(*number, *device)).cloned(),
                    HardLink::Path(path) => Some(self.walk().entry(path, false)?),
                    HardLink::None | HardLink::Reset => None,
                };
                if let Some(earlier) = earlier {
                    last.directory.inode().link(&last.directory, last.name(), &earlier)?;
                    earlier
                } else {
                    let what = match (record.kind, &record.content) {
                        (Kind::Regular, _) => Make::Regular,
                        (Kind::Directory, _) => Make::Directory,
                        (Kind::Symlink, content) => Make::Symlink(self.text(content)?),
                        (kind, _) => Make::Special(kind, record.device),
                    };
                    let ownership = (record.mode, record.uid, record.gid);
                    let entry = last.directory.inode().make(&last.directory, last.name(), what, ownership)?;
                    if let HardLink::Number(number, device) = link {
                        self.linked.insert((*number, *device), entry.clone());
                    }
                    entry
                }
            }
        };
        if let Content::At(range) = &record.content
            && record.kind == Kind::Regular
            && !range.is_empty()
        {
            let archived = Archived::new(self.module.clone(), range.start as u64, range.len() as u64)?;
            let any: &dyn Any = &**entry.inode();
            any.downcast_ref::<Node>().ok_or(Errno::EXDEV)?.set_archived(archived)?;
        }
        let (mode, uid, gid) = (Some(record.mode), Some(record.uid), Some(record.gid));
        let (accessed, modified) = (Some(record.modified), Some(record.modified));
        entry.inode().change(&Change { mode, uid, gid, accessed, modified })
    }

    fn text<'t>(&'t self, content: &'t Content<'_>) -> Result<&'t [u8], Errno> {
        match content {
            Content::Text(text) => Ok(text),
            Content::At(range) => self.module.bytes().get(range.clone()).ok_or(Errno::EINVAL),
        }
    }

    /// Makes the directories above a path that an archive left out.
    fn make_parents(&self, path: &[u8]) -> Result<(), Errno> {
        for (end, _) in path.iter().enumerate().filter(|&(at, &byte)| at > 0 && byte == b'/') {
            let above = path.get(..end).unwrap_or_default();
            match self.walk().entry(above, true) {
                Err(Errno::ENOENT) => {
                    let last = self.walk().parent(above)?;
                    let directory = &last.directory;
                    directory.inode().make(directory, last.name(), Make::Directory, (0o755, 0, 0))?;
                }
                found => drop(found?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
