//! The content of a directory.

use crate::filesystem::{Entry, Item};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::hash::{BuildHasherDefault, Hasher};
use core::sync::atomic::Ordering;
use hashbrown::HashMap;
use spin::Mutex;

/// FNV-1a. Whoever makes names collide only slows itself down: the machine has one program.
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }

    fn finish(&self) -> u64 {
        // The map takes its seven tag bits from the top, where short names would differ little.
        self.0 ^ self.0 << 32
    }
}

#[derive(Default)]
struct Children {
    by_name: HashMap<Arc<[u8]>, Arc<Entry>, BuildHasherDefault<NameHasher>>,
    // By the position that a listing shows. Positions grow and are never used twice, so a listing that goes on after
    // entries came and went shows all that were there throughout, once.
    by_position: BTreeMap<u64, Arc<Entry>>,
    last: u64,
}

/// A directory's entries.
#[derive(Default)]
pub(super) struct Directory {
    children: Mutex<Children>,
}

impl Directory {
    /// The entry of a name.
    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<Entry>> {
        self.children.lock().by_name.get(name).cloned()
    }

    /// Whether this very entry is here.
    pub(super) fn holds(&self, entry: &Arc<Entry>) -> bool {
        let children = self.children.lock();
        children.by_position.get(&entry.position.load(Ordering::Relaxed)).is_some_and(|held| Arc::ptr_eq(held, entry))
    }

    /// Adds an entry; there is none of that name.
    pub(super) fn insert(&self, name: Arc<[u8]>, entry: Arc<Entry>) {
        let mut children = self.children.lock();
        children.last += 1;
        let position = children.last;
        entry.position.store(position, Ordering::Relaxed);
        children.by_position.insert(position, entry.clone());
        children.by_name.insert(name, entry);
    }

    /// Takes an entry off.
    pub(super) fn remove(&self, entry: &Arc<Entry>) {
        let name = entry.name();
        let mut children = self.children.lock();
        children.by_position.remove(&entry.position.load(Ordering::Relaxed));
        children.by_name.remove(&name);
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.children.lock().by_position.len()
    }

    /// Calls `each` with entries from a position on until it answers `false`. Not under the lock: `each` may fault.
    pub(super) fn list(&self, position: u64, each: &mut dyn FnMut(Item<'_>) -> bool) {
        let mut position = position;
        loop {
            let next = {
                let children = self.children.lock();
                let mut items = children.by_position.range(position..);
                items.next().map(|(position, entry)| (*position, entry.clone()))
            };
            let Some((at, entry)) = next else { return };
            position = at + 1;
            let attributes = entry.inode().attributes();
            let name = entry.name();
            if !each(Item { name: &name, inode: attributes.inode, kind: entry.kind(), next: position }) {
                return;
            }
        }
    }
}
