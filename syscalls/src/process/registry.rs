//! Which processes there are, by number.

use super::Process;
use crate::thread::Thread;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use spin::RwLock;

static PROCESSES: RwLock<BTreeMap<i32, Weak<Process>>> = RwLock::new(BTreeMap::new());

/// Takes a new process in.
pub(super) fn add(process: &Arc<Process>) {
    PROCESSES.write().insert(process.id, Arc::downgrade(process));
}

/// Takes a process out whose number is free again.
pub(super) fn remove(process: &Process) {
    let mut processes = PROCESSES.write();
    // Nothing can upgrade it any more; a successor with the same number stays.
    if processes.get(&process.id).is_some_and(|entry| core::ptr::eq(entry.as_ptr(), process)) {
        processes.remove(&process.id);
    }
}

/// The process with this number.
pub fn find(id: i32) -> Option<Arc<Process>> {
    PROCESSES.read().get(&id)?.upgrade()
}

/// All processes that `is_wanted` names, by number.
pub fn all(is_wanted: impl Fn(&Process) -> bool) -> Vec<Arc<Process>> {
    let all: Vec<_> = PROCESSES.read().values().filter_map(Weak::upgrade).collect();
    all.into_iter().filter(|process| is_wanted(process)).collect()
}

/// The thread with this number, of whatever process.
pub fn thread(id: i32) -> Option<Arc<Thread>> {
    find(id)
        .and_then(|process| process.thread(id))
        .or_else(|| all(|_| true).iter().find_map(|process| process.thread(id)))
}
