//! Inodes of a tmpfs.

use super::archived::Archived;
use super::directory::Directory;
use super::regular::Regular;
use super::{Tmpfs, is_special};
use crate::errno::{Errno, Result};
use crate::file::Pages;
use crate::file::{File, OpenFlags};
use crate::filesystem::extended::ExtendedAttributes;
use crate::filesystem::{
    Attributes, Change, Entry, FileSystem, Inode, Item, Kind, Link, Make, Ownership, Timestamp, Writers, device,
};
use crate::frame::{Frame, PAGE};
use crate::machine::machine;
use crate::memory::{Lost, invalidate, is_mapped_writable};
use crate::pipe::{Pipe, Side};
use crate::thread::Thread;
use crate::time::{Instant, SECOND};
use crate::transfer::{Destination, Source};
use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use linux_raw_sys::general as raw;
use spin::Mutex;

/// Names that one inode may have. Linux's tmpfs has no bound; the number shall fit.
const LINKS: u32 = u32::MAX - 1;

enum Content {
    Regular(Regular),
    Directory(Directory),
    Symlink(Arc<[u8]>),
    Special(u64),
    // The pipe lives as long as an end of it is open.
    Fifo(Mutex<Weak<Pipe>>),
}

struct State {
    mode: u16,
    uid: u32,
    gid: u32,
    links: u32,
    // A file of O_TMPFILE may get its first name later.
    linkable: bool,
    accessed: Timestamp,
    // When `accessed` was set last, for relatime's day.
    noted: Instant,
    modified: Timestamp,
    changed: Timestamp,
}

/// An inode; of a regular file or directory also what an open description stands on.
pub struct Node {
    filesystem: Arc<Tmpfs>,
    number: u64,
    kind: Kind,
    created: Timestamp,
    state: Mutex<State>,
    content: Content,
    // Whether it was ever mapped: only then somebody may have to be told that pages go.
    mapped: AtomicBool,
    writers: Writers,
    extended: ExtendedAttributes,
    this: Weak<Self>,
}

impl Node {
    /// An inode without a name, of mode, owner and group.
    pub(super) fn new(filesystem: &Arc<Tmpfs>, what: &Make<'_>, (mode, uid, gid): (u16, u32, u32)) -> Arc<Self> {
        let content = match what {
            Make::Regular => Content::Regular(Regular::empty()),
            Make::Directory => Content::Directory(Directory::default()),
            Make::Symlink(target) => Content::Symlink(Arc::from(*target)),
            Make::Special(Kind::Fifo, _) => Content::Fifo(Mutex::new(Weak::new())),
            Make::Special(_, device) => Content::Special(*device),
        };
        let now = Timestamp::now();
        let noted = machine().monotonic();
        let links = if what.kind() == Kind::Directory { 2 } else { 1 };
        let times = (now, now, now);
        let (accessed, modified, changed) = times;
        Arc::new_cyclic(|this| Self {
            filesystem: filesystem.clone(),
            number: filesystem.next_inode(),
            kind: what.kind(),
            created: now,
            state: Mutex::new(State { mode, uid, gid, links, linkable: false, accessed, noted, modified, changed }),
            content,
            mapped: AtomicBool::new(false),
            writers: Writers::default(),
            extended: ExtendedAttributes::default(),
            this: this.clone(),
        })
    }

    /// A regular file without a name that has these seals, `F_SEAL_*`.
    pub(super) fn sealable(filesystem: &Arc<Tmpfs>, ownership: (u16, u32, u32), seals: u32) -> Result<Arc<Self>> {
        let node = Self::new(filesystem, &Make::Regular, ownership);
        node.regular()?.become_memory(seals);
        node.state.lock().links = 0;
        Ok(node)
    }

    /// Gives a new regular file its content: a part of the boot archive. `EINVAL` for anything else.
    pub fn set_archived(&self, archived: Archived) -> Result<()> {
        match &self.content {
            Content::Regular(regular) => {
                regular.set_archived(archived);
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn regular(&self) -> Result<&Regular> {
        match &self.content {
            Content::Regular(regular) => Ok(regular),
            Content::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    fn directory(&self) -> Result<&Directory> {
        match &self.content {
            Content::Directory(directory) => {
                self.filesystem.complete();
                Ok(directory)
            }
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Adds a new inode under a name that is free.
    fn add(
        &self,
        children: &Directory,
        directory: &Arc<Entry>,
        name: &[u8],
        what: &Make<'_>,
        ownership: (u16, u32, u32),
    ) -> Arc<Entry> {
        let node = Self::new(&self.filesystem, what, ownership);
        let name: Arc<[u8]> = Arc::from(name);
        let entry = Entry::new(directory, name.clone(), node);
        children.insert(name, entry.clone());
        if what.kind() == Kind::Directory {
            self.add_links(1);
        }
        self.touch();
        entry
    }

    /// Adds an inode to a root that nobody sees yet.
    pub(super) fn add_first(root: &Arc<Entry>, name: &[u8], what: &Make<'_>, mode: u16) -> Option<Arc<Entry>> {
        if let Ok(node) = node(root)
            && let Content::Directory(children) = &node.content
        {
            return Some(node.add(children, root, name, what, (mode, 0, 0)));
        }
        None
    }

    /// Notes a write to the content.
    fn touch(&self) {
        let now = Timestamp::now();
        let mut state = self.state.lock();
        state.modified = now;
        state.changed = now;
    }

    /// Notes a read, as `relatime` does: when the last one is older than the last write, or than a day.
    fn note_read(&self) {
        let now = machine().monotonic();
        let mut state = self.state.lock();
        let accessed = state.accessed;
        if accessed <= state.modified || accessed <= state.changed || now.since(state.noted) >= 24 * 3600 * SECOND {
            state.accessed = Timestamp::now();
            state.noted = now;
        }
    }

    /// Takes pages that the file loses off those who map it.
    fn invalidate(&self, lost: Range<u64>, how: Lost) {
        if self.mapped.load(Ordering::Relaxed) && !lost.is_empty() {
            invalidate(self, lost, how);
        }
    }

    /// `F_ADD_SEALS`. `EINVAL`, `EPERM`, `EBUSY` while somebody maps the file to write.
    fn add_seals(&self, seals: u32) -> Result<()> {
        const WRITES: u32 = raw::F_SEAL_SHRINK | raw::F_SEAL_GROW | raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE;
        if seals & !(WRITES | raw::F_SEAL_SEAL | raw::F_SEAL_EXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        let regular = self.regular()?;
        let present = regular.seals();
        if present & raw::F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        if seals & !present & raw::F_SEAL_WRITE != 0 && is_mapped_writable(self) {
            return Err(Errno::EBUSY);
        }
        let runs = self.state.lock().mode & 0o111 != 0;
        let implied = if seals & raw::F_SEAL_EXEC != 0 && runs { WRITES } else { 0 };
        regular.add_seals(seals | implied)
    }

    /// `EPERM` when a seal keeps the mode's permission to run.
    fn check_mode_seal(&self, mode: u16) -> Result<()> {
        let sealed = self.regular().is_ok_and(|regular| regular.seals() & raw::F_SEAL_EXEC != 0);
        if sealed && (self.state.lock().mode ^ mode) & 0o111 != 0 { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn add_links(&self, count: i32) {
        let mut state = self.state.lock();
        state.links = state.links.saturating_add_signed(count);
        state.changed = Timestamp::now();
    }

    /// Whether a directory has been removed: nothing may be made in it.
    fn is_gone(&self) -> bool {
        self.state.lock().links == 0
    }

    /// Whether an entry keeps its directory from being removed.
    fn is_full(entry: &Arc<Entry>) -> bool {
        node(entry).and_then(Self::directory).is_ok_and(|directory| directory.len() > 0)
    }

    /// Takes what an entry stood for off: it has one name less.
    fn drop_name(&self, entry: &Arc<Entry>) {
        entry.set_removed();
        let Ok(gone) = node(entry) else { return };
        if gone.kind == Kind::Directory {
            gone.state.lock().links = 0;
            self.add_links(-1);
        } else {
            gone.add_links(-1);
        }
    }
}

/// Opens an end of a fifo's pipe, which may wait for the other one.
fn open_fifo(pipe: &Mutex<Weak<Pipe>>, flags: OpenFlags) -> Result<Arc<dyn File>> {
    let pipe = {
        let mut present = pipe.lock();
        let found = present.upgrade();
        let pipe = found.unwrap_or_else(Pipe::new);
        *present = Arc::downgrade(&pipe);
        pipe
    };
    let side = match (flags.reads(), flags.writes()) {
        (true, false) => Side::Read,
        (false, true) => Side::Write,
        _ => Side::Both,
    };
    let end = pipe.open_fifo(side, flags.contains(OpenFlags::O_NONBLOCK))?;
    end.set_packets(flags.contains(OpenFlags::O_DIRECT));
    Ok(Arc::new(end))
}

/// The node behind an entry. `EXDEV` when it is another file system's.
fn node(entry: &Arc<Entry>) -> Result<&Node> {
    let any: &dyn Any = &**entry.inode();
    any.downcast_ref().ok_or(Errno::EXDEV)
}

impl Inode for Node {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn attributes(&self) -> Attributes {
        if self.kind == Kind::Directory {
            // Size, links and times tell of the content.
            self.filesystem.complete();
        }
        let (size, blocks, special) = match &self.content {
            Content::Regular(regular) => {
                let (size, blocks) = regular.size();
                (size, blocks, 0)
            }
            // As Linux's tmpfs counts them: two for itself and its parent, one for each entry, each of 20 bytes.
            Content::Directory(directory) => ((directory.len() as u64 + 2) * 20, 0, 0),
            Content::Symlink(target) => (target.len() as u64, 0, 0),
            Content::Special(device) => (0, 0, *device),
            Content::Fifo(_) => (0, 0, 0),
        };
        let state = self.state.lock();
        Attributes {
            device: self.filesystem.device(),
            inode: self.number,
            kind: self.kind,
            mode: state.mode,
            links: state.links,
            uid: state.uid,
            gid: state.gid,
            special,
            size,
            blocks,
            block_size: 4096,
            accessed: state.accessed,
            modified: state.modified,
            changed: state.changed,
            created: self.created,
        }
    }

    fn ownership(&self) -> Ownership {
        let state = self.state.lock();
        Ownership { kind: self.kind, mode: state.mode, uid: state.uid, gid: state.gid }
    }

    fn filesystem(&self) -> Arc<dyn FileSystem> {
        self.filesystem.clone()
    }

    fn extended(&self) -> Option<&ExtendedAttributes> {
        Some(&self.extended)
    }

    fn change(&self, change: &Change) -> Result<()> {
        if let Some(mode) = change.mode {
            self.check_mode_seal(mode)?;
        }
        let now = Timestamp::now();
        let mut state = self.state.lock();
        let State { mode, uid, gid, accessed, modified, changed, .. } = &mut *state;
        *mode = change.mode.unwrap_or(*mode);
        *uid = change.uid.unwrap_or(*uid);
        *gid = change.gid.unwrap_or(*gid);
        *accessed = change.accessed.unwrap_or(*accessed);
        *modified = change.modified.unwrap_or(*modified);
        *changed = now;
        Ok(())
    }

    fn open(self: Arc<Self>, _: &Arc<Entry>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        match &self.content {
            Content::Regular(_) | Content::Directory(_) => Ok(self),
            Content::Symlink(_) => Err(Errno::ELOOP),
            Content::Special(number) => device::open(self.kind, *number, flags),
            Content::Fifo(pipe) => open_fifo(pipe, flags),
        }
    }

    fn writers(&self) -> Option<&Writers> {
        matches!(self.content, Content::Regular(_)).then_some(&self.writers)
    }

    fn resize(&self, size: u64) -> Result<()> {
        let regular = self.regular()?;
        let (before, _) = regular.size();
        regular.resize(size)?;
        if size < before {
            self.invalidate(size.div_ceil(PAGE)..u64::MAX, Lost::Cut);
        }
        self.touch();
        Ok(())
    }

    fn lookup(&self, _: &Arc<Entry>, name: &[u8]) -> Result<Arc<Entry>> {
        self.directory()?.get(name).ok_or(Errno::ENOENT)
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(Item<'_>) -> bool) -> Result<()> {
        self.note_read();
        self.directory()?.list(position, each);
        Ok(())
    }

    fn make(
        &self,
        directory: &Arc<Entry>,
        name: &[u8],
        what: Make<'_>,
        ownership: (u16, u32, u32),
    ) -> Result<Arc<Entry>> {
        if let Make::Special(kind, _) = what
            && !is_special(kind)
        {
            return Err(Errno::EINVAL);
        }
        let children = self.directory()?;
        let _names = self.filesystem.names.lock();
        if self.is_gone() {
            return Err(Errno::ENOENT);
        }
        if children.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        Ok(self.add(children, directory, name, &what, ownership))
    }

    fn make_nameless(&self, _: &Arc<Entry>, ownership: (u16, u32, u32), linkable: bool) -> Result<Arc<Entry>> {
        self.directory()?;
        let node = Self::new(&self.filesystem, &Make::Regular, ownership);
        {
            let mut state = node.state.lock();
            state.links = 0;
            state.linkable = linkable;
        }
        let name = alloc::format!("/#{} (deleted)", node.number);
        Ok(Entry::nameless(Arc::from(name.as_bytes()), node))
    }

    fn link(&self, directory: &Arc<Entry>, name: &[u8], target: &Arc<Entry>) -> Result<()> {
        let linked = node(target)?;
        if linked.kind == Kind::Directory {
            return Err(Errno::EPERM);
        }
        let children = self.directory()?;
        let _names = self.filesystem.names.lock();
        if self.is_gone() {
            return Err(Errno::ENOENT);
        }
        if children.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        {
            let mut state = linked.state.lock();
            match state.links {
                0 if !state.linkable => return Err(Errno::ENOENT),
                LINKS.. => return Err(Errno::EMLINK),
                _ => state.links += 1,
            }
            state.changed = Timestamp::now();
        }
        let name: Arc<[u8]> = Arc::from(name);
        children.insert(name.clone(), Entry::new(directory, name, target.inode().clone()));
        self.touch();
        Ok(())
    }

    fn remove(&self, entry: &Arc<Entry>) -> Result<()> {
        let children = self.directory()?;
        let _names = self.filesystem.names.lock();
        if !children.holds(entry) {
            return Err(Errno::ENOENT);
        }
        if Self::is_full(entry) {
            return Err(Errno::ENOTEMPTY);
        }
        children.remove(entry);
        self.drop_name(entry);
        self.touch();
        Ok(())
    }

    fn rename(
        &self,
        entry: &Arc<Entry>,
        to_directory: &Arc<Entry>,
        to_name: &[u8],
        replaced: Option<&Arc<Entry>>,
        exchange: bool,
    ) -> Result<()> {
        let to = node(to_directory)?;
        let (children, to_children) = (self.directory()?, to.directory()?);
        let _names = self.filesystem.names.lock();
        if !children.holds(entry) || to.is_gone() {
            return Err(Errno::ENOENT);
        }
        // Looked at again under the lock: the caller's view may be old.
        if entry.kind() == Kind::Directory && entry.contains(to_directory) {
            return Err(Errno::EINVAL);
        }
        match (replaced, to_children.get(to_name)) {
            (None, Some(_)) => return Err(Errno::EEXIST),
            (Some(replaced), Some(found)) if Arc::ptr_eq(replaced, &found) => {}
            (Some(_), _) => return Err(Errno::ENOENT),
            (None, None) => {}
        }
        let name = entry.name();
        let moves = |entry: &Arc<Entry>, from: &Self, to: &Self| {
            if entry.kind() == Kind::Directory && !core::ptr::eq(from, to) {
                from.add_links(-1);
                to.add_links(1);
            }
        };
        if let Some(replaced) = replaced {
            if exchange {
                if replaced.contains(&self.entry_of(entry)?) {
                    return Err(Errno::EINVAL);
                }
                to_children.remove(replaced);
                children.remove(entry);
                moves(replaced, to, self);
                replaced.set_place(&self.entry_of(entry)?, name.clone());
                children.insert(name, replaced.clone());
                node(replaced)?.add_links(0);
            } else {
                if Self::is_full(replaced) {
                    return Err(Errno::ENOTEMPTY);
                }
                to_children.remove(replaced);
                to.drop_name(replaced);
                children.remove(entry);
            }
        } else {
            children.remove(entry);
        }
        moves(entry, self, to);
        let to_name: Arc<[u8]> = Arc::from(to_name);
        entry.set_place(to_directory, to_name.clone());
        to_children.insert(to_name, entry.clone());
        node(entry)?.add_links(0);
        self.touch();
        to.touch();
        Ok(())
    }

    fn follow(&self) -> Result<Link> {
        match &self.content {
            Content::Symlink(target) => Ok(Link::Path(target.clone())),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl Node {
    /// The entry of the directory that holds `entry`.
    fn entry_of(&self, entry: &Arc<Entry>) -> Result<Arc<Entry>> {
        entry.parent().ok_or(Errno::ENOENT)
    }
}

impl File for Node {
    fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let count = self.regular()?.read(to, offset)?;
        self.note_read();
        Ok(count)
    }

    fn write(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        let (count, _) = self.regular()?.write(from, Some(offset))?;
        self.touch();
        Ok(count)
    }

    fn append(&self, from: &mut Source<'_>) -> Result<(usize, u64)> {
        let written = self.regular()?.write(from, None)?;
        self.touch();
        Ok(written)
    }

    fn seek_data(&self, offset: u64) -> Result<u64> {
        self.regular()?.seek_data(offset)
    }

    fn seek_hole(&self, offset: u64) -> Result<u64> {
        self.regular()?.seek_hole(offset)
    }

    fn allocate(&self, start: u64, end: u64, grow: bool) -> Result<()> {
        self.regular()?.allocate(start, end, grow)?;
        self.touch();
        Ok(())
    }

    fn punch(&self, start: u64, end: u64) -> Result<()> {
        let regular = self.regular()?;
        let whole = start.div_ceil(PAGE)..end / PAGE;
        // Before, for private mappings, which know the file's own pages by comparing; afterwards for what came in since.
        self.invalidate(whole.clone(), Lost::Punched);
        regular.punch(start, end)?;
        self.invalidate(whole, Lost::Punched);
        self.touch();
        Ok(())
    }

    fn control(&self, _: &Thread, command: u32, argument: u64) -> Result<i64> {
        let regular = self.regular()?;
        match command {
            raw::F_GET_SEALS => Ok(i64::from(regular.seals())),
            raw::F_ADD_SEALS => self.add_seals(argument as u32).map(|()| 0),
            _ => Err(Errno::EINVAL),
        }
    }

    fn may_write_shared(&self, writable: bool) -> Result<bool> {
        let sealed = self.regular()?.seals() & (raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE) != 0;
        if sealed && writable { Err(Errno::EPERM) } else { Ok(!sealed) }
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn pages(&self) -> Result<Arc<dyn Pages>> {
        self.regular().map_err(|_| Errno::ENODEV)?;
        self.mapped.store(true, Ordering::Relaxed);
        let this: Arc<Self> = self.this.upgrade().ok_or(Errno::ENODEV)?;
        Ok(this)
    }
}

impl Pages for Node {
    fn page(&self, index: u64, for_write: bool) -> Result<Option<Frame>> {
        self.regular()?.mapped_page(index, for_write)
    }

    fn present(&self, index: u64) -> Option<Frame> {
        self.regular().ok()?.present_page(index)
    }

    fn holds(&self, index: u64, frame: &Frame) -> bool {
        self.regular().is_ok_and(|regular| regular.holds_page(index, frame))
    }

    fn remove(&self, first: u64, end: u64) -> Result<()> {
        self.punch(first * PAGE, end * PAGE)
    }
}
