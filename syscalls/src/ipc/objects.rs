//! Objects by key and by number.

use super::{CREATE, EXCLUSIVE, PRIVATE, Permissions};
use crate::errno::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};
use spin::Mutex;

/// The place of an object is the lower part of its number, the upper part tells those apart that had it.
const PLACES: i32 = 1 << 15;

/// What a kind of object has.
pub(super) trait Object: Send + Sync {
    /// Owner, mode, key.
    fn permissions(&self) -> Permissions;
    /// Changes them.
    fn change(&self, change: &mut dyn FnMut(&mut Permissions));
    /// Whether it goes now: nobody uses it any more, and it was removed.
    fn is_over(&self) -> bool {
        false
    }
}

struct Table<T> {
    by_place: BTreeMap<i32, (i32, Arc<T>)>,
    /// Places by keys; an object may have lost its key since.
    by_key: BTreeMap<i32, i32>,
    last_place: i32,
    sequence: i32,
}

/// All objects of one kind.
pub(super) struct Objects<T> {
    table: Mutex<Table<T>>,
    most: AtomicI32,
    /// The number that the next object shall have; -1 when nobody has asked for one.
    next: AtomicI32,
}

impl<T: Object> Objects<T> {
    /// None yet, and never more than `most`.
    pub(super) const fn new(most: i32) -> Self {
        let table = Table { by_place: BTreeMap::new(), by_key: BTreeMap::new(), last_place: -1, sequence: 0 };
        Self { table: Mutex::new(table), most: AtomicI32::new(most), next: AtomicI32::new(-1) }
    }

    /// How many there may be.
    pub(super) fn most(&self) -> i32 {
        self.most.load(Ordering::Relaxed)
    }

    /// Sets that. `EINVAL`.
    pub(super) fn set_most(&self, most: i64) -> Result<()> {
        let most = i32::try_from(most).ok().filter(|most| (0..=PLACES).contains(most)).ok_or(Errno::EINVAL)?;
        self.most.store(most, Ordering::Relaxed);
        Ok(())
    }

    /// The number that was asked for and not given yet, or -1.
    pub(super) fn next(&self) -> i32 {
        self.next.load(Ordering::Relaxed)
    }

    /// Asks for the next object's number, as who restores processes does. `EINVAL`.
    pub(super) fn set_next(&self, next: i64) -> Result<()> {
        let next = i32::try_from(next).ok().filter(|&next| next >= 0).ok_or(Errno::EINVAL)?;
        self.next.store(next, Ordering::Relaxed);
        Ok(())
    }

    fn tidy(table: &mut Table<T>) -> Vec<Arc<T>> {
        let over: Vec<_> =
            table.by_place.iter().filter(|(_, (_, object))| object.is_over()).map(|(place, _)| *place).collect();
        let gone = over.iter().filter_map(|place| table.by_place.remove(place)).map(|(_, object)| object).collect();
        if !over.is_empty() {
            table.by_key.retain(|_, place| !over.contains(place));
        }
        gone
    }

    /// The number of the object with this key: found and `accept`ed, or made. `ENOENT`, `EEXIST`, `ENOSPC`, and what
    /// the two say.
    pub(super) fn get(
        &self,
        key: i32,
        flags: i32,
        accept: impl FnOnce(&T) -> Result<()>,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<i32> {
        let mut table = self.table.lock();
        let gone = Self::tidy(&mut table);
        let place = table.by_key.get(&key).filter(|_| key != PRIVATE);
        let found = place.and_then(|place| table.by_place.get(place)).cloned();
        let outcome = match found.filter(|(_, object)| object.permissions().key == key) {
            Some(_) if flags & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE => Err(Errno::EEXIST),
            Some((id, object)) => accept(&object).map(|()| id),
            None if key != PRIVATE && flags & CREATE == 0 => Err(Errno::ENOENT),
            None => self.add(&mut table, key, make),
        };
        drop(table);
        drop(gone);
        outcome
    }

    fn add(&self, table: &mut Table<T>, key: i32, make: impl FnOnce() -> Result<T>) -> Result<i32> {
        let count = table.by_place.len() as i32;
        if count >= self.most() {
            return Err(Errno::ENOSPC);
        }
        let asked = self.next();
        let first = if asked < 0 { 0 } else { asked % PLACES };
        // Mostly there is no gap.
        let place = match table.by_place.last_key_value() {
            Some((&last, _)) if asked < 0 && last == count - 1 => count,
            _ => (first..PLACES).find(|place| !table.by_place.contains_key(place)).ok_or(Errno::ENOSPC)?,
        };
        let object = Arc::new(make()?);
        if asked >= 0 {
            table.sequence = asked / PLACES;
            self.next.store(-1, Ordering::Relaxed);
        } else if place <= table.last_place {
            table.sequence = (table.sequence + 1) % (i32::MAX / PLACES);
        }
        table.last_place = place;
        let sequence = table.sequence;
        object.change(&mut |permissions| permissions.sequence = sequence as u16);
        let id = sequence * PLACES + place;
        table.by_place.insert(place, (id, object));
        if key != PRIVATE {
            table.by_key.insert(key, place);
        }
        Ok(id)
    }

    /// The object with a number. `EINVAL`, `EIDRM` for one that another has followed.
    pub(super) fn find(&self, id: i32) -> Result<Arc<T>> {
        let mut table = self.table.lock();
        let gone = Self::tidy(&mut table);
        let found = if id < 0 { None } else { table.by_place.get(&(id % PLACES)).cloned() };
        drop(table);
        drop(gone);
        match found {
            None => Err(Errno::EINVAL),
            Some((own, _)) if own != id => Err(Errno::EIDRM),
            Some((_, object)) => Ok(object),
        }
    }

    /// Number and object at a place, which a number holds, too: `*_STAT`. `EINVAL`.
    pub(super) fn at(&self, place: i32) -> Result<(i32, Arc<T>)> {
        let mut table = self.table.lock();
        let gone = Self::tidy(&mut table);
        let found = table.by_place.get(&(place % PLACES)).cloned();
        drop(table);
        drop(gone);
        found.ok_or(Errno::EINVAL)
    }

    /// Takes an object out.
    pub(super) fn remove(&self, object: &Arc<T>) {
        let mut table = self.table.lock();
        let is_it = |(_, (_, other)): &(&i32, &(i32, Arc<T>))| Arc::ptr_eq(other, object);
        let place = table.by_place.iter().find(is_it).map(|(&place, _)| place);
        let Some(place) = place else { return };
        let gone = table.by_place.remove(&place);
        let key = object.permissions().key;
        if table.by_key.get(&key) == Some(&place) {
            table.by_key.remove(&key);
        }
        drop(table);
        drop(gone);
    }

    /// All objects with their numbers.
    pub(super) fn numbered(&self) -> Vec<(i32, Arc<T>)> {
        self.table.lock().by_place.values().cloned().collect()
    }

    /// The highest place in use, and all objects.
    pub(super) fn all(&self) -> (i32, Vec<Arc<T>>) {
        let mut table = self.table.lock();
        let gone = Self::tidy(&mut table);
        let highest = table.by_place.keys().next_back().copied().unwrap_or(0);
        let all = table.by_place.values().map(|(_, object)| object.clone()).collect();
        drop(table);
        drop(gone);
        (highest, all)
    }
}
