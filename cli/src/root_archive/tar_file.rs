//! A tar file as an archive of the machine.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};

use tar::{Archive, Entry, EntryType};

use super::ReadFromStart;
use super::newc::{Attributes, BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, REGULAR, SYMLINK, Writer};

type Input<'a> = BufReader<ReadFromStart<'a>>;

fn archive(file: &File) -> Archive<Input<'_>> {
    Archive::new(BufReader::with_capacity(1 << 16, ReadFromStart { file, at: 0 }))
}

/// Writes what is in the tar file `input` to `output`, in its order; directories that it only implies are added.
pub(super) fn write(input: &File, output: &File) -> io::Result<()> {
    let link_targets = link_targets(input)?;
    let mut packer = Packer {
        writer: Writer::new(output),
        next_inode: 1,
        link_targets,
        files: HashMap::new(),
        directories: HashSet::new(),
    };
    for entry in archive(input).entries()? {
        packer.pack(entry?)?;
    }
    packer.writer.finish()
}

/// The files that have more than one name: a cpio archive says so at the first of them, a tar file at the second.
fn link_targets(input: &File) -> io::Result<HashSet<Vec<u8>>> {
    let mut targets = HashSet::new();
    for entry in archive(input).entries()? {
        let entry = entry?;
        if entry.header().entry_type() == EntryType::Link
            && let Some(target) = entry.link_name_bytes()
        {
            targets.insert(clean(&target));
        }
    }
    Ok(targets)
}

struct Packer<'a> {
    writer: Writer<&'a File>,
    next_inode: u32,
    link_targets: HashSet<Vec<u8>>,
    /// Files with several names, as they were written.
    files: HashMap<Vec<u8>, Attributes>,
    directories: HashSet<Vec<u8>>,
}

impl Packer<'_> {
    fn pack(&mut self, entry: Entry<'_, Input<'_>>) -> io::Result<()> {
        let header = entry.header();
        let kind = header.entry_type();
        let name = clean(&entry.path_bytes());
        if name.is_empty() && kind != EntryType::Directory {
            return Ok(());
        }
        self.parents(&name)?;
        let file_type = match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => REGULAR,
            EntryType::Link => return self.link(&entry, name),
            EntryType::Symlink => SYMLINK,
            EntryType::Char => CHARACTER_DEVICE,
            EntryType::Block => BLOCK_DEVICE,
            EntryType::Directory => DIRECTORY,
            EntryType::Fifo => FIFO,
            _ => return Ok(()), // Remarks about the archive itself.
        };
        let attributes = Attributes {
            inode: self.next_inode,
            mode: file_type | header.mode()? & 0o7777,
            uid: narrow(header.uid()?),
            gid: narrow(header.gid()?),
            links: if self.link_targets.contains(&name) { 2 } else { 1 },
            modified: narrow(header.mtime()?),
            device: match file_type {
                CHARACTER_DEVICE | BLOCK_DEVICE => {
                    (header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0))
                }
                _ => (0, 0),
            },
        };
        self.next_inode += 1;
        match file_type {
            REGULAR => {
                if attributes.links > 1 {
                    self.files.insert(name.clone(), attributes);
                }
                let size = entry.size();
                self.writer.entry(&name, attributes, size, entry)
            }
            SYMLINK => {
                let target = entry.link_name_bytes().unwrap_or_default();
                self.writer.entry(&name, attributes, target.len() as u64, &*target)
            }
            DIRECTORY => {
                let name = if name.is_empty() { b".".to_vec() } else { name };
                self.writer.entry(&name, attributes, 0, io::empty())?;
                self.directories.insert(name);
                Ok(())
            }
            _ => self.writer.entry(&name, attributes, 0, io::empty()),
        }
    }

    /// One more name of a file that was there before.
    fn link(&mut self, entry: &Entry<'_, impl Read>, name: Vec<u8>) -> io::Result<()> {
        let target = clean(&entry.link_name_bytes().unwrap_or_default());
        let Some(attributes) = self.files.get(&target).copied() else {
            let (name, target) = (String::from_utf8_lossy(&name), String::from_utf8_lossy(&target));
            return Err(io::Error::other(format!("{name} is a link to {target}, which is no file before it")));
        };
        self.writer.entry(&name, attributes, 0, io::empty())
    }

    /// Adds the directories on the way to `name` that have not been there.
    fn parents(&mut self, name: &[u8]) -> io::Result<()> {
        for end in (0..name.len()).filter(|at| name[*at] == b'/') {
            let parent = &name[..end];
            if self.directories.insert(parent.to_vec()) {
                let attributes =
                    Attributes { inode: self.next_inode, mode: DIRECTORY | 0o755, links: 1, ..Attributes::default() };
                self.next_inode += 1;
                self.writer.entry(parent, attributes, 0, io::empty())?;
            }
        }
        Ok(())
    }
}

/// A name relative to the root, without `.` and `..` and doubled slashes.
fn clean(name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> =
        name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"." | b"..")).collect();
    parts.join(&b'/')
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
