//! File systems whose content is made by code when it is asked for: what `/proc` and `/sys` are built of.
//!
//! A [`Directory`] gives [`Object`]s by name: further directories, files with a [`Content`], links with a [`Target`].
//! Nothing is kept between two lookups but the inode numbers, which follow from the names.

use super::mounts::unused_device;
use super::{Attributes, Change, Entry, FileSystem, Inode, Item, Kind, Link, Make, Ownership, Statistics, Timestamp};
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::frame::PAGE_SIZE;
use crate::transfer::{Destination, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use spin::{Mutex, Once};

/// Mode, owner and group of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owned {
    /// The lower twelve bits of `st_mode`.
    pub mode: u16,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Owned {
    /// The super-user's.
    pub const fn root(mode: u16) -> Self {
        Self { mode, uid: 0, gid: 0 }
    }
}

/// A directory made by code.
pub trait Directory: Send + Sync {
    /// The object of a name. `ENOENT`.
    fn lookup(&self, name: &[u8]) -> Result<Object>;

    /// Calls `each` with the next position, a name and a kind, from `position` on, until it answers `false`.
    /// Positions are the directory's own, above 0; they should stay with a name when others come and go.
    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool);

    /// Mode and owner.
    fn owned(&self) -> Owned {
        Owned::root(0o555)
    }

    /// The number of names that `stat(2)` shows.
    fn links(&self) -> u32 {
        2
    }

    /// The size that `stat(2)` shows.
    fn size(&self) -> u64 {
        0
    }
}

/// A file made by code.
pub trait Content: Send + Sync {
    /// Adds the whole text to `to`. Done anew whenever a program reads from offset 0.
    fn generate(&self, to: &mut Vec<u8>) -> Result<()>;

    /// What stands behind a new description of a file that is no text, such as `/proc/PID/mem`; `None`: the text is
    /// [generated](Content::generate). `EACCES`, `ESRCH`.
    fn open(&self, flags: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        let _ = flags;
        Ok(None)
    }

    /// Takes what a program writes, at most a page of it; gives how much was taken. `EACCES` from the mode comes first.
    /// `EINVAL`, `EIO`.
    fn store(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        let _ = (bytes, offset);
        Err(Errno::EIO)
    }

    /// Mode and owner.
    fn owned(&self) -> Owned {
        Owned::root(0o444)
    }

    /// The size that `stat(2)` shows: 0 in `/proc`, a page in `/sys`.
    fn size(&self) -> u64 {
        0
    }
}

impl<F: Fn(&mut Vec<u8>) -> Result<()> + Send + Sync> Content for F {
    fn generate(&self, to: &mut Vec<u8>) -> Result<()> {
        self(to)
    }
}

/// A symbolic link made by code.
pub trait Target: Send + Sync {
    /// Where it leads: to a path, or straight to an object. `ENOENT`, `EACCES`.
    fn follow(&self) -> Result<Link>;

    /// What `readlink(2)` gives; by default what [`Target::follow`] leads to.
    fn text(&self) -> Result<Arc<[u8]>> {
        match self.follow()? {
            Link::Path(path) => Ok(path),
            Link::Object(entry) => {
                let root = crate::machine::machine().current().process.context.root();
                Ok(entry.path(Some(&root)).into())
            }
        }
    }

    /// Mode and owner.
    fn owned(&self) -> Owned {
        Owned::root(0o777)
    }

    /// The size that `stat(2)` shows.
    fn size(&self) -> u64 {
        0
    }
}

/// A link to a fixed path.
pub struct PathLink(pub &'static str);

impl Target for PathLink {
    fn follow(&self) -> Result<Link> {
        Ok(Link::Path(Arc::from(self.0.as_bytes())))
    }
}

/// What a name in a generated directory stands for.
#[derive(Clone)]
pub enum Object {
    /// A directory.
    Directory(Arc<dyn Directory>),
    /// A file.
    File(Arc<dyn Content>),
    /// A symbolic link.
    Link(Arc<dyn Target>),
}

impl Object {
    /// A directory.
    pub fn directory(directory: impl Directory + 'static) -> Self {
        Self::Directory(Arc::new(directory))
    }

    /// A file; a closure that adds the text to a buffer will do.
    pub fn file(content: impl Content + 'static) -> Self {
        Self::File(Arc::new(content))
    }

    /// A file whose text a closure adds to a buffer.
    pub fn text(generate: impl Fn(&mut Vec<u8>) -> Result<()> + Send + Sync + 'static) -> Self {
        Self::File(Arc::new(generate))
    }

    /// A symbolic link.
    pub fn link(target: impl Target + 'static) -> Self {
        Self::Link(Arc::new(target))
    }

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Directory(_) => Kind::Directory,
            Self::File(_) => Kind::Regular,
            Self::Link(_) => Kind::Symlink,
        }
    }

    fn owned(&self) -> Owned {
        match self {
            Self::Directory(directory) => directory.owned(),
            Self::File(content) => content.owned(),
            Self::Link(target) => target.owned(),
        }
    }
}

/// The entries of a directory, in the order of its listing.
pub type Entries = Vec<(&'static str, Object)>;

/// A directory with the same entries at all times.
pub struct Fixed {
    entries: Once<Entries>,
    make: fn() -> Entries,
}

impl Fixed {
    /// These entries, listed in this order.
    pub fn new(entries: Entries) -> Self {
        Self { entries: Once::initialized(entries), make: Vec::new }
    }

    /// The entries that `make` gives, called when somebody first looks: a start should not pay for files that nobody
    /// reads.
    pub const fn later(make: fn() -> Entries) -> Self {
        Self { entries: Once::new(), make }
    }

    fn entries(&self) -> &Entries {
        self.entries.call_once(self.make)
    }

    /// The number of entries.
    pub fn len(&self) -> u64 {
        self.entries().len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }
}

impl Directory for Fixed {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        let found = self.entries().iter().find(|(known, _)| known.as_bytes() == name);
        found.map(|(_, object)| object.clone()).ok_or(Errno::ENOENT)
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        for (index, (name, object)) in (0..).zip(self.entries()).skip(position as usize) {
            if !each(index + 1, name.as_bytes(), object.kind()) {
                return;
            }
        }
    }

    fn links(&self) -> u32 {
        let directories = self.entries().iter().filter(|(_, object)| object.kind() == Kind::Directory);
        2 + directories.count() as u32
    }
}

/// A generated file system.
pub struct Generated {
    name: &'static str,
    magic: u32,
    device: u64,
    made: Timestamp,
}

impl Generated {
    /// A file system of this name and magic number; gives it with its root.
    pub fn mountable(name: &'static str, magic: u32, root: impl Directory + 'static) -> (Arc<Self>, Arc<Entry>) {
        let filesystem = Arc::new(Self { name, magic, device: unused_device(), made: Timestamp::now() });
        let node = Node { filesystem: filesystem.clone(), number: 1, object: Object::directory(root) };
        (filesystem, Entry::root(Arc::new(node)))
    }
}

impl FileSystem for Generated {
    fn name(&self) -> &'static str {
        self.name
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn statistics(&self) -> Statistics {
        Statistics { magic: self.magic.into(), block_size: PAGE_SIZE as u64, ..Statistics::default() }
    }
}

struct Node {
    filesystem: Arc<Generated>,
    number: u64,
    object: Object,
}

impl Node {
    /// The number of the inode of a name in here: the same each time (FNV-1a over this number and the name).
    fn number_of(&self, name: &[u8]) -> u64 {
        let bytes = self.number.to_le_bytes();
        let bytes = bytes.iter().chain(name);
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // As small as Linux's, for programs that print it; 1 is the root's.
        (hash >> 32).max(2)
    }
}

impl Inode for Node {
    fn kind(&self) -> Kind {
        self.object.kind()
    }

    fn attributes(&self) -> Attributes {
        let Owned { mode, uid, gid } = self.object.owned();
        let (size, links) = match &self.object {
            Object::Directory(directory) => (directory.size(), directory.links()),
            Object::File(content) => (content.size(), 1),
            Object::Link(target) => (target.size(), 1),
        };
        let made = self.filesystem.made;
        Attributes {
            device: self.filesystem.device,
            inode: self.number,
            kind: self.kind(),
            mode,
            links,
            uid,
            gid,
            special: 0,
            size,
            blocks: 0,
            block_size: 1024,
            accessed: made,
            modified: made,
            changed: made,
            created: made,
        }
    }

    fn ownership(&self) -> Ownership {
        let Owned { mode, uid, gid } = self.object.owned();
        Ownership { kind: self.kind(), mode, uid, gid }
    }

    fn filesystem(&self) -> Arc<dyn FileSystem> {
        self.filesystem.clone()
    }

    fn change(&self, _: &Change) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn open(self: Arc<Self>, _: &Arc<Entry>, flags: OpenFlags) -> Result<Arc<dyn File>> {
        match &self.object {
            Object::File(content) => match content.open(flags)? {
                Some(file) => Ok(file),
                None => Ok(Arc::new(Text { content: content.clone(), generated: Mutex::new(None) })),
            },
            Object::Directory(_) => Ok(Arc::new(Listing)),
            Object::Link(_) => Err(Errno::ELOOP),
        }
    }

    fn resize(&self, _: u64) -> Result<()> {
        // A shell's `>` cuts a file before it writes: nothing to cut here.
        match self.object {
            Object::File(_) => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn lookup(&self, directory: &Arc<Entry>, name: &[u8]) -> Result<Arc<Entry>> {
        let Object::Directory(code) = &self.object else { return Err(Errno::ENOTDIR) };
        let object = code.lookup(name)?;
        let node = Self { filesystem: self.filesystem.clone(), number: self.number_of(name), object };
        Ok(Entry::new(directory, Arc::from(name), Arc::new(node)))
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(Item<'_>) -> bool) -> Result<()> {
        let Object::Directory(code) = &self.object else { return Err(Errno::ENOTDIR) };
        code.list(position, &mut |next, name, kind| each(Item { name, inode: self.number_of(name), kind, next }));
        Ok(())
    }

    fn make(&self, _: &Arc<Entry>, _: &[u8], _: Make<'_>, _: (u16, u32, u32)) -> Result<Arc<Entry>> {
        // As in Linux's `/proc`, where the name is looked for first.
        Err(Errno::ENOENT)
    }

    fn follow(&self) -> Result<Link> {
        match &self.object {
            Object::Link(target) => target.follow(),
            _ => Err(Errno::EINVAL),
        }
    }

    fn link_text(&self) -> Result<Arc<[u8]>> {
        match &self.object {
            Object::Link(target) => target.text(),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// An open directory: nothing of it can be read as bytes.
struct Listing;

impl File for Listing {
    fn read(&self, _: &mut Destination<'_>, _: u64) -> Result<usize> {
        Err(Errno::EISDIR)
    }
}

/// An open file: its text stays as it was generated until somebody reads from the beginning again.
struct Text {
    content: Arc<dyn Content>,
    generated: Mutex<Option<Arc<[u8]>>>,
}

impl File for Text {
    fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let kept = self.generated.lock().clone().filter(|_| offset > 0);
        let text = match kept {
            Some(text) => text,
            None => {
                let mut text = Vec::new();
                self.content.generate(&mut text)?;
                let text: Arc<[u8]> = text.into();
                *self.generated.lock() = Some(text.clone());
                text
            }
        };
        to.put(usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default())
    }

    fn write(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(PAGE_SIZE).map_err(|_| Errno::ENOMEM)?;
        bytes.resize(from.remaining().min(PAGE_SIZE), 0);
        let taken = from.take(&mut bytes)?;
        bytes.truncate(taken);
        self.content.store(&bytes, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::{How, Mount, MountFlags, Walk, namespace, open_entry};
    use crate::machine::host::test_process;
    use crate::process::Credentials;
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::vec;

    /// Counts how often it was read, or from where it was told to.
    struct Counter(AtomicU32);

    impl Content for Counter {
        fn generate(&self, to: &mut Vec<u8>) -> Result<()> {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            to.extend_from_slice(alloc::format!("{count}\n").as_bytes());
            Ok(())
        }

        fn store(&self, bytes: &[u8], _: u64) -> Result<usize> {
            let number = core::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok());
            self.0.store(number.ok_or(Errno::EINVAL)?, Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn owned(&self) -> Owned {
            Owned::root(0o644)
        }
    }

    fn root() -> Arc<Entry> {
        let inner = Fixed::new(vec![("count", Object::file(Counter(AtomicU32::new(0))))]);
        let entries = vec![
            ("inner", Object::directory(inner)),
            (
                "hello",
                Object::text(|to| {
                    to.extend_from_slice(b"hello, world");
                    Ok(())
                }),
            ),
            ("link", Object::link(PathLink("inner/count"))),
        ];
        Generated::mountable("test", 7, Fixed::new(entries)).1
    }

    fn find(root: &Arc<Entry>, path: &[u8]) -> Result<Arc<Entry>> {
        Walk::from(root.clone(), root.clone(), Credentials::root()).entry(path, true)
    }

    fn read(file: &Arc<dyn File>, offset: u64) -> Vec<u8> {
        let mut bytes = vec![0; 100];
        let count = file.read(&mut Destination::kernel(&mut bytes), offset).unwrap();
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn a_text_is_made_anew_from_the_beginning_alone() {
        test_process();
        let root = root();
        let entry = find(&root, b"link").unwrap();
        let how = How::open(OpenFlags::O_RDWR, 0).unwrap();
        let open = open_entry(&Credentials::root(), entry, false, how).unwrap();
        assert_eq!(read(open.file(), 0), b"0\n");
        assert_eq!(read(open.file(), 1), b"\n");
        assert_eq!(read(open.file(), 0), b"1\n");
        assert_eq!(open.file().write(&mut Source::kernel(b"40\n"), 0), Ok(3));
        assert_eq!(open.file().write(&mut Source::kernel(b"x\n"), 0), Err(Errno::EINVAL));
        assert_eq!(read(open.file(), 0), b"40\n");
        assert_eq!(read(open.file(), u64::MAX), b"");
    }

    #[test]
    fn names_keep_their_inodes() {
        test_process();
        let root = root();
        let inode = |path: &[u8]| find(&root, path).unwrap().inode().attributes().inode;
        assert_eq!(inode(b"inner/count"), inode(b"inner/count"));
        assert_ne!(inode(b"inner/count"), inode(b"hello"));
        assert_eq!(find(&root, b"missing").err(), Some(Errno::ENOENT));
        assert_eq!(find(&root, b"hello/x").err(), Some(Errno::ENOTDIR));
        let mut names = Vec::new();
        root.inode()
            .list(1, &mut |item| {
                names.push((item.name.to_vec(), item.kind, item.next));
                true
            })
            .unwrap();
        assert_eq!(names, [(b"hello".to_vec(), Kind::Regular, 2), (b"link".to_vec(), Kind::Symlink, 3)]);
        assert_eq!(root.inode().attributes().links, 3);
    }

    #[test]
    fn a_mounted_root_takes_its_mount_points_place() {
        test_process();
        let (filesystem, root) = Generated::mountable("test", 7, Fixed::new(vec![("f", Object::text(|_| Ok(())))]));
        let mount = Mount { source: "test".into(), filesystem, root, flags: MountFlags::empty() };
        namespace().mount_at(b"/mounted/here", mount.clone()).unwrap();
        let all = namespace().root();
        let file = find(&all, b"/mounted/here/f").unwrap();
        assert_eq!(file.path(None), b"/mounted/here/f");
        let above = find(&all, b"/mounted/here/..").unwrap();
        assert!(Arc::ptr_eq(&above, &find(&all, b"/mounted").unwrap()));
        assert_eq!(namespace().mount_at(b"/mounted/here/f", mount), Err(Errno::ENOTDIR));
    }
}
