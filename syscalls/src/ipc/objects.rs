//! Objects by key and by number.

use super::{CREATE, EXCLUSIVE, PRIVATE, Permissions};
use crate::errno::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
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
    last_place: i32,
    sequence: i32,
}

/// All objects of one kind.
pub(super) struct Objects<T> {
    table: Mutex<Table<T>>,
    most: i32,
}

impl<T: Object> Objects<T> {
    /// None yet, and never more than `most`.
    pub(super) const fn new(most: i32) -> Self {
        Self { table: Mutex::new(Table { by_place: BTreeMap::new(), last_place: -1, sequence: 0 }), most }
    }

    fn tidy(table: &mut Table<T>) -> Vec<Arc<T>> {
        let over: Vec<_> =
            table.by_place.iter().filter(|(_, (_, object))| object.is_over()).map(|(place, _)| *place).collect();
        over.iter().filter_map(|place| table.by_place.remove(place)).map(|(_, object)| object).collect()
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
        let found = (key != PRIVATE)
            .then(|| table.by_place.values().find(|(_, object)| object.permissions().key == key).cloned());
        let outcome = match found.flatten() {
            Some(_) if flags & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE => Err(Errno::EEXIST),
            Some((id, object)) => accept(&object).map(|()| id),
            None if key != PRIVATE && flags & CREATE == 0 => Err(Errno::ENOENT),
            None => Self::add(&mut table, self.most, make),
        };
        drop(table);
        drop(gone);
        outcome
    }

    fn add(table: &mut Table<T>, most: i32, make: impl FnOnce() -> Result<T>) -> Result<i32> {
        let place = (0..most).find(|place| !table.by_place.contains_key(place)).ok_or(Errno::ENOSPC)?;
        let object = Arc::new(make()?);
        if place <= table.last_place {
            table.sequence = (table.sequence + 1) % (i32::MAX / PLACES);
        }
        table.last_place = place;
        let sequence = table.sequence;
        object.change(&mut |permissions| permissions.sequence = sequence as u16);
        let id = sequence * PLACES + place;
        table.by_place.insert(place, (id, object));
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

    /// Number and object at a place: `*_STAT`. `EINVAL`.
    pub(super) fn at(&self, place: i32) -> Result<(i32, Arc<T>)> {
        let mut table = self.table.lock();
        let gone = Self::tidy(&mut table);
        let found = table.by_place.get(&place).cloned();
        drop(table);
        drop(gone);
        found.ok_or(Errno::EINVAL)
    }

    /// Takes an object out.
    pub(super) fn remove(&self, object: &Arc<T>) {
        self.table.lock().by_place.retain(|_, (_, other)| !Arc::ptr_eq(other, object));
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
