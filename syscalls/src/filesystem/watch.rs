//! Who wants to hear of what happens to files: the hub between those who change them and `inotify(7)`.
//!
//! While nobody watches anything, an event costs one load.

use super::{Entry, Inode, Kind};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use spin::Mutex;

bitflags::bitflags! {
    /// What happened: the bits of `inotify(7)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Happening: u32 {
        /// It was read.
        const ACCESS = 0x1;
        /// It was written or cut.
        const MODIFY = 0x2;
        /// Owner, mode, times, extended attributes or the number of names changed.
        const ATTRIBUTES = 0x4;
        /// A description that could write was closed.
        const CLOSE_WRITE = 0x8;
        /// Another one was closed.
        const CLOSE_OTHER = 0x10;
        /// It was opened.
        const OPEN = 0x20;
        /// A name left the directory.
        const MOVED_FROM = 0x40;
        /// A name came into the directory.
        const MOVED_TO = 0x80;
        /// A name was made.
        const CREATE = 0x100;
        /// A name was removed.
        const DELETE = 0x200;
        /// It is gone for good.
        const DELETE_SELF = 0x400;
        /// It has another name.
        const MOVE_SELF = 0x800;
        /// Its file system was unmounted.
        const UNMOUNT = 0x2000;
        /// It is not watched any more.
        const IGNORED = 0x8000;
        /// It is about a directory.
        const IS_DIRECTORY = 0x4000_0000;
    }
}

/// One who watches.
pub trait Watcher: Send + Sync {
    /// Hears what happened to what this watch is on; `name` is that of an entry of a watched directory, or empty.
    fn notice(&self, watch: i32, what: Happening, cookie: u32, name: &[u8]);
    /// The watch is over.
    fn forget(&self, watch: i32);
}

struct Watch {
    watcher: Weak<dyn Watcher>,
    number: i32,
    mask: Happening,
    once: bool,
    // No events of entries that are removed.
    only_linked: bool,
}

struct Watched {
    // Holds the address, which is the key, for this inode.
    _inode: Arc<dyn Inode>,
    watches: Vec<Watch>,
}

static WATCHED: Mutex<BTreeMap<usize, Watched>> = Mutex::new(BTreeMap::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn address(inode: &Arc<dyn Inode>) -> usize {
    Arc::as_ptr(inode).cast::<()>().addr()
}

/// How a watch is set.
pub struct Terms {
    /// Its number.
    pub number: i32,
    /// What is to be heard of.
    pub mask: Happening,
    /// Only the first time.
    pub once: bool,
    /// Not of entries that were removed from the watched directory.
    pub only_linked: bool,
}

/// Sets a watch on an inode, in the place of one with the same number.
pub fn set(inode: &Arc<dyn Inode>, watcher: &Arc<dyn Watcher>, terms: &Terms) {
    let mut watched = WATCHED.lock();
    let place = watched.entry(address(inode));
    let place = place.or_insert_with(|| Watched { _inode: inode.clone(), watches: Vec::new() });
    place.watches.retain(|watch| !is(watch, watcher, terms.number));
    let Terms { number, mask, once, only_linked } = *terms;
    place.watches.push(Watch { watcher: Arc::downgrade(watcher), number, mask, once, only_linked });
    COUNT.store(watched.len(), Ordering::Relaxed);
}

fn is(watch: &Watch, watcher: &Arc<dyn Watcher>, number: i32) -> bool {
    watch.number == number && watch.watcher.as_ptr().cast::<()>() == Arc::as_ptr(watcher).cast::<()>()
}

/// Takes a watch off.
pub fn clear(inode: &Arc<dyn Inode>, watcher: *const (), number: i32) {
    let gone = {
        let mut watched = WATCHED.lock();
        let Some(place) = watched.get_mut(&address(inode)) else { return };
        place.watches.retain(|watch| watch.number != number || watch.watcher.as_ptr().cast::<()>() != watcher);
        let gone = if place.watches.is_empty() { watched.remove(&address(inode)) } else { None };
        COUNT.store(watched.len(), Ordering::Relaxed);
        gone
    };
    // An inode's end may take locks.
    drop(gone);
}

/// Whether anything is watched at all.
#[inline]
pub fn is_in_use() -> bool {
    COUNT.load(Ordering::Relaxed) > 0
}

/// Tells those who watch an inode.
fn tell(inode: &Arc<dyn Inode>, what: Happening, cookie: u32, name: &[u8], is_linked: bool) {
    let kind = what.difference(Happening::IS_DIRECTORY);
    let heard: Vec<_> = {
        let watched = WATCHED.lock();
        let Some(place) = watched.get(&address(inode)) else { return };
        let wants = |watch: &&Watch| watch.mask.intersects(kind) && (is_linked || !watch.only_linked);
        let interested = place.watches.iter().filter(wants);
        interested.filter_map(|watch| Some((watch.watcher.upgrade()?, watch.number, watch.once))).collect()
    };
    for (watcher, number, once) in heard {
        watcher.notice(number, what, cookie, name);
        if once {
            clear(inode, Arc::as_ptr(&watcher).cast(), number);
            watcher.forget(number);
        }
    }
}

/// The bit that says that it is about a directory.
fn marked(entry: &Entry, what: Happening) -> Happening {
    if entry.kind() == Kind::Directory { what | Happening::IS_DIRECTORY } else { what }
}

/// Something happened to a file: its directory hears of it by the name, then itself.
#[inline]
pub fn report(entry: &Arc<Entry>, what: Happening) {
    if is_in_use() {
        report_to_watchers(entry, what);
    }
}

#[inline(never)]
fn report_to_watchers(entry: &Arc<Entry>, what: Happening) {
    let what = marked(entry, what);
    if let Some(parent) = entry.parent() {
        tell(parent.inode(), what, 0, &entry.name(), !entry.is_removed());
    }
    tell(entry.inode(), what, 0, b"", true);
}

/// Something happened to an inode that is no matter of its directory's.
pub fn report_self(entry: &Arc<Entry>, what: Happening) {
    if is_in_use() {
        tell(entry.inode(), marked(entry, what), 0, b"", true);
    }
}

/// An entry of this name came or went.
pub fn report_name(directory: &Arc<Entry>, name: &[u8], entry: &Arc<Entry>, what: Happening) {
    if is_in_use() {
        tell(directory.inode(), marked(entry, what), 0, name, true);
    }
}

/// An entry has moved: from one directory and name to another.
pub fn report_move(from: (&Arc<Entry>, &[u8]), to: (&Arc<Entry>, &[u8]), entry: &Arc<Entry>) {
    static COOKIES: AtomicU32 = AtomicU32::new(1);
    if !is_in_use() {
        return;
    }
    let cookie = COOKIES.fetch_add(1, Ordering::Relaxed);
    tell(from.0.inode(), marked(entry, Happening::MOVED_FROM), cookie, from.1, true);
    tell(to.0.inode(), marked(entry, Happening::MOVED_TO), cookie, to.1, true);
    tell(entry.inode(), marked(entry, Happening::MOVE_SELF), 0, b"", true);
}

/// An inode lost a name, or a description of it was closed: when nobody has it any more, its watches hear that it is
/// gone, and end. The caller holds so many references itself.
pub fn report_gone(inode: &Arc<dyn Inode>, own_references: usize) {
    if !is_in_use() || inode.attributes().links > 0 {
        return;
    }
    let gone = {
        let mut watched = WATCHED.lock();
        // The hub has one, and each watcher one for each of its watches.
        let watches = watched.get(&address(inode)).map_or(0, |place| place.watches.len());
        if watches == 0 || Arc::strong_count(inode) > own_references + 1 + watches {
            return;
        }
        let gone = watched.remove(&address(inode));
        COUNT.store(watched.len(), Ordering::Relaxed);
        gone
    };
    let Some(gone) = gone else { return };
    for watch in &gone.watches {
        let Some(watcher) = watch.watcher.upgrade() else { continue };
        if watch.mask.contains(Happening::DELETE_SELF) {
            watcher.notice(watch.number, Happening::DELETE_SELF, 0, b"");
        }
        watcher.forget(watch.number);
    }
}
