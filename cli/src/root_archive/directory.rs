//! A directory of the host as an archive: modes, owners, times, symbolic links, hard links and devices as they are.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use crate::libraries::Taken;

use super::newc::{Attributes, REGULAR, SYMLINK, Writer};

/// Packs `root` into `output`: each directory before what is in it, in the order of the names.
pub(super) fn write(root: &Path, output: &File) -> io::Result<()> {
    let mut packer = Packer { writer: Writer::new(output), next_inode: 1, seen: HashMap::new() };
    // The names still to be packed, the next one last.
    let mut waiting = vec![PathBuf::new()];
    while let Some(name) = waiting.pop() {
        let path = root.join(&name);
        packer
            .pack(&path, &name, &mut waiting)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    }
    packer.writer.finish()
}

/// Packs files by their absolute paths, which come in order, with the directories that lead there.
pub(super) fn write_files<'p>(files: impl Iterator<Item = (&'p Path, Taken)>, output: &File) -> io::Result<()> {
    let mut packer = Packer { writer: Writer::new(output), next_inode: 1, seen: HashMap::new() };
    let mut made = HashSet::new();
    for (path, taken) in files {
        let about = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let above: Vec<_> = path.ancestors().skip(1).collect();
        for folder in above.into_iter().rev() {
            if made.insert(folder.to_owned()) {
                packer.folder(folder).map_err(about)?;
            }
        }
        match taken {
            Taken::Followed => packer.file(path).map_err(about)?,
            Taken::AsItIs if made.insert(path.to_owned()) => {
                packer.pack(path, Path::new(OsStr::from_bytes(entry_name(path))), &mut Vec::new()).map_err(about)?;
            }
            Taken::AsItIs => {}
        }
    }
    packer.writer.finish()
}

/// The name in an archive.
fn entry_name(path: &Path) -> &[u8] {
    match path.as_os_str().as_bytes().strip_prefix(b"/") {
        Some(b"") | None => b".",
        Some(name) => name,
    }
}

struct Packer<'a> {
    writer: Writer<&'a File>,
    next_inode: u32,
    /// Files with several names: the host's device and inode, and the number in the archive.
    seen: HashMap<(u64, u64), u32>,
}

impl Packer<'_> {
    fn pack(&mut self, path: &Path, name: &Path, waiting: &mut Vec<PathBuf>) -> io::Result<()> {
        let is_root = name.as_os_str().is_empty();
        // The root may be given by a symbolic link.
        let metadata = if is_root { fs::metadata(path)? } else { path.symlink_metadata()? };
        let (inode, is_first) = self.inode(&metadata);
        let attributes = Attributes { inode, ..attributes(&metadata) };
        let entry = if is_root { b"." } else { name.as_os_str().as_bytes() };
        match metadata.mode() & 0o170_000 {
            REGULAR if is_first => {
                let file = File::open(path)?;
                self.writer.entry(entry, attributes, metadata.len(), &file)
            }
            SYMLINK => {
                let target = fs::read_link(path)?;
                let target = target.as_os_str().as_bytes();
                self.writer.entry(entry, attributes, target.len() as u64, target)
            }
            _ => {
                if metadata.is_dir() {
                    let start = waiting.len();
                    for child in fs::read_dir(path)? {
                        waiting.push(name.join(child?.file_name()));
                    }
                    waiting[start..].sort_unstable_by(|a, b| b.cmp(a));
                }
                self.writer.entry(entry, attributes, 0, io::empty())
            }
        }
    }

    /// A directory, without what is in it.
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.next_inode;
        self.next_inode += 1;
        let attributes = Attributes { inode, ..attributes(&fs::metadata(path)?) };
        self.writer.entry(entry_name(path), attributes, 0, io::empty())
    }

    /// What a path leads to.
    fn file(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let inode = self.next_inode;
        self.next_inode += 1;
        let attributes = Attributes { inode, links: 1, ..attributes(&metadata) };
        self.writer.entry(entry_name(path), attributes, metadata.len(), &file)
    }

    /// The number of this file in the archive, and whether it is new there.
    fn inode(&mut self, metadata: &Metadata) -> (u32, bool) {
        let new = self.next_inode;
        let inode = if metadata.is_dir() || metadata.nlink() < 2 {
            new
        } else {
            *self.seen.entry((metadata.dev(), metadata.ino())).or_insert(new)
        };
        if inode == new {
            self.next_inode += 1;
        }
        (inode, inode == new)
    }
}

fn attributes(metadata: &Metadata) -> Attributes {
    Attributes {
        inode: 0,
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        links: u32::try_from(metadata.nlink()).unwrap_or(u32::MAX),
        modified: u32::try_from(metadata.mtime().max(0)).unwrap_or(u32::MAX),
        device: (narrow(major(metadata.rdev())), narrow(minor(metadata.rdev()))),
    }
}

/// Linux's device numbers fit: 12 bits and 20.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
