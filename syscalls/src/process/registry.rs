//! Which processes there are, by number.

use super::Process;
use crate::errno::{Errno, Result};
use crate::file::FileTable;
use crate::machine::machine;
use crate::memory::AddressSpace;
use crate::thread::Thread;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use spin::{Once, RwLock};

/// Numbers of processes and threads below this are handed out; Linux's default `kernel.pid_max` on a small machine.
const HIGHEST: i32 = 4_194_304;
static LAST: AtomicI32 = AtomicI32::new(1);

// Whether numbers above the last one may be in use: they have come round, or `clone3` has chosen some.
static IS_SCATTERED: AtomicBool = AtomicBool::new(false);

/// A number that no process or thread has. The first one is 2: 1 is the kernel itself, the reaper.
pub fn next_id() -> i32 {
    loop {
        let last = LAST.load(Ordering::Relaxed);
        let next = if last + 1 >= HIGHEST { 300 } else { last + 1 };
        if next < last {
            IS_SCATTERED.store(true, Ordering::Relaxed);
        }
        LAST.store(next, Ordering::Relaxed);
        if !IS_SCATTERED.load(Ordering::Relaxed) || !is_taken(next) {
            return next;
        }
    }
}

/// Whether it is the number of a process, a thread, a group or a session.
fn is_taken(id: i32) -> bool {
    let is_it = |process: &Process| process.id == id || process.group() == id || process.session() == id;
    id == KERNEL || !all(is_it).is_empty() || thread(id).is_some()
}

/// This number, for a process that is to have it. `EEXIST`, `EINVAL`.
pub fn claim(id: i32) -> Result<i32> {
    match id {
        _ if id >= HIGHEST => Err(Errno::EINVAL),
        _ if is_taken(id) => Err(Errno::EEXIST),
        _ => {
            IS_SCATTERED.store(true, Ordering::Relaxed);
            Ok(id)
        }
    }
}

/// The number that was handed out last; 1 before the first.
pub fn last_id() -> i32 {
    LAST.load(Ordering::Relaxed)
}

// CPU time of the processes that are no more, in nanoseconds.
static PAST_TIME: AtomicU64 = AtomicU64::new(0);

pub(super) fn add_past_time(nanoseconds: u64) {
    PAST_TIME.fetch_add(nanoseconds, Ordering::Relaxed);
}

/// CPU time that all processes have used, those that are no more included, in nanoseconds.
pub fn cpu_time() -> u64 {
    let living: u64 = all(|_| true).iter().map(|process| process.cpu_time()).sum();
    living + PAST_TIME.load(Ordering::Relaxed)
}

/// The number of threads of all processes.
pub fn thread_count() -> usize {
    all(|_| true).iter().map(|process| process.threads().len()).sum()
}

static PROCESSES: RwLock<BTreeMap<i32, Weak<Process>>> = RwLock::new(BTreeMap::new());

/// The number of the kernel's own process, the reaper.
pub const KERNEL: i32 = 1;

/// The kernel as a process, which programs see as number 1: the super-user's, without a program, asleep for ever. No
/// signal reaches it, and it is none of [`all`]. `None` when there is no memory for it.
fn kernel() -> Option<Arc<Thread>> {
    static THREAD: Once<Option<Arc<Thread>>> = Once::new();
    let make = || {
        let memory = AddressSpace::new(machine().new_page_table().ok()?);
        let process = Process::new(KERNEL, 0, memory, FileTable::new(0));
        let thread = Thread::new(KERNEL, process);
        thread.set_name(*b"birgus\0\0\0\0\0\0\0\0\0\0");
        Some(thread)
    };
    THREAD.call_once(make).clone()
}

/// The process with this number, the kernel's included.
pub fn visible(id: i32) -> Option<Arc<Process>> {
    match id {
        KERNEL => kernel().map(|thread| thread.process.clone()),
        _ => find(id),
    }
}

/// Takes a new process in.
pub(super) fn add(process: &Arc<Process>) {
    if process.id == KERNEL {
        return;
    }
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

/// How many processes there are.
pub fn count() -> usize {
    PROCESSES.read().len()
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

/// The thread with this number, of whatever process, the kernel's included.
pub fn thread(id: i32) -> Option<Arc<Thread>> {
    if id == KERNEL {
        return kernel();
    }
    find(id)
        .and_then(|process| process.thread(id))
        .or_else(|| all(|_| true).iter().find_map(|process| process.thread(id)))
}
