//! Instances that watch instances: never in a circle, never too deep.

use super::{Epoll, entry::Entry};
use crate::errno::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use spin::{Mutex, MutexGuard};

/// The longest chain of instances, as `epoll_ctl(2)` gives it.
const DEEPEST: usize = 5;

/// Held while an instance is added to another one.
static NESTING: Mutex<()> = Mutex::new(());

/// Whether `parent` may watch `child`: the lock under which it is to be added. `ELOOP`.
pub(super) fn check(parent: &Epoll, child: &Epoll) -> Result<MutexGuard<'static, ()>> {
    let guard = NESTING.lock();
    let below = height(child, parent, &mut BTreeMap::new())?;
    let above = depth(parent);
    if above + below > DEEPEST { Err(Errno::ELOOP) } else { Ok(guard) }
}

/// Instances in the longest chain from `epoll` down. `ELOOP` when one of them is `forbidden`, or there are too many.
fn height(epoll: &Epoll, forbidden: &Epoll, known: &mut BTreeMap<usize, usize>) -> Result<usize> {
    if core::ptr::eq(epoll, forbidden) {
        return Err(Errno::ELOOP);
    }
    let address = core::ptr::from_ref(epoll).addr();
    if let Some(&height) = known.get(&address) {
        return Ok(height);
    }
    let entries: Vec<Arc<Entry>> = epoll.state.lock().entries.values().cloned().collect();
    let mut highest = 0;
    for open in entries.iter().filter_map(|entry| entry.open()) {
        if let Some(child) = Epoll::of(&open) {
            highest = highest.max(height(child, forbidden, known)?);
        }
    }
    known.insert(address, highest + 1);
    Ok(highest + 1)
}

/// Instances in the longest chain from `epoll` up.
fn depth(epoll: &Epoll) -> usize {
    let parents: Vec<Arc<Epoll>> = epoll.state.lock().parents.iter().filter_map(Weak::upgrade).collect();
    parents.iter().map(|parent| depth(parent)).max().unwrap_or(0) + 1
}
