//! `getdents64(2)`, `getdents(2)`.

use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::filesystem::watch::{self, Happening};
use crate::filesystem::{Item, Kind};
use crate::thread::Thread;
use crate::user::copy_out;
use alloc::vec::Vec;

/// How an entry is laid out for the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `struct linux_dirent64`: inode, offset, length, type, name.
    New,
    /// `struct linux_dirent`: inode, offset, length, name, type in the last byte.
    Old,
}

/// `getdents64(2)`.
pub fn getdents64(thread: &Thread, fd: Fd, entries: Address, count: u32) -> Result<usize> {
    list(thread, fd, entries, count, Layout::New)
}

/// `getdents(2)`.
pub fn getdents(thread: &Thread, fd: Fd, entries: Address, count: u32) -> Result<usize> {
    list(thread, fd, entries, count, Layout::Old)
}

fn list(thread: &Thread, fd: Fd, entries: Address, count: u32, layout: Layout) -> Result<usize> {
    let open = thread.files().get(fd)?;
    open.check_readable()?;
    let directory = open.entry();
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    if directory.is_removed() {
        return Err(Errno::ENOENT);
    }
    let mut out = Records { layout, room: count as usize, bytes: Vec::new(), full: false };
    let mut position = open.position();
    fill(&open, &mut position, &mut out)?;
    watch::report(&directory, Happening::ACCESS);
    if out.bytes.is_empty() {
        return if out.full { Err(Errno::EINVAL) } else { Ok(0) };
    }
    copy_out(thread, entries.0, &out.bytes)?;
    open.set_position(position);
    Ok(out.bytes.len())
}

/// Positions 0 and 1 are `.` and `..`; a file system's own begin at 2.
fn fill(open: &OpenFile, position: &mut u64, out: &mut Records) -> Result<()> {
    let directory = open.entry();
    for (at, name) in [(0, &b"."[..]), (1, b"..")] {
        if *position == at {
            let entry = if at == 0 { None } else { directory.parent() };
            let inode = entry.as_ref().unwrap_or(&directory).inode().attributes().inode;
            if !out.push(&Item { name, inode, kind: Kind::Directory, next: at + 1 }) {
                return Ok(());
            }
            *position = at + 1;
        }
    }
    directory.inode().list(*position - 2, &mut |item| {
        let next = item.next + 2;
        let fits = out.push(&Item { next, ..item });
        if fits {
            *position = next;
        }
        fits
    })
}

struct Records {
    layout: Layout,
    room: usize,
    bytes: Vec<u8>,
    full: bool,
}

impl Records {
    /// Adds an entry; `false` when there is no room left for it.
    fn push(&mut self, item: &Item<'_>) -> bool {
        let header = if self.layout == Layout::New { 19 } else { 18 };
        let tail = if self.layout == Layout::New { 1 } else { 2 };
        let length = (header + item.name.len() + tail).next_multiple_of(8);
        if self.bytes.len() + length > self.room || self.bytes.try_reserve(length).is_err() {
            self.full = true;
            return false;
        }
        let end = self.bytes.len() + length;
        self.bytes.extend_from_slice(&item.inode.to_le_bytes());
        self.bytes.extend_from_slice(&item.next.to_le_bytes());
        self.bytes.extend_from_slice(&(length as u16).to_le_bytes());
        if self.layout == Layout::New {
            self.bytes.push(item.kind.entry_type());
        }
        self.bytes.extend_from_slice(item.name);
        self.bytes.resize(end, 0);
        if self.layout == Layout::Old
            && let Some(last) = self.bytes.last_mut()
        {
            *last = item.kind.entry_type();
        }
        true
    }
}
