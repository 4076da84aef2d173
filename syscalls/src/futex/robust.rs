//! Robust futexes, `get_robust_list(2)`: locks of a thread that ends are marked and handed on.

use super::{ANY, wake};
use crate::errno::{Errno, Result};
use crate::process::registry;
use crate::thread::Thread;
use crate::user::UserPtr;
use core::sync::atomic::Ordering;
use linux_raw_sys::general::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct robust_list_head`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Head {
    /// The first entry; the head's own address ends the list.
    next: u64,
    /// From an entry to its futex word.
    offset: u64,
    /// The entry that is being taken or given up.
    pending: u64,
}

/// As many entries as Linux looks at.
const LIMIT: usize = 2048;
/// The lowest bit of an entry's address says that it is a priority-inheritance futex.
const PI: u64 = 1;

/// `set_robust_list(2)`.
pub fn set_robust_list(thread: &Thread, head: UserPtr<Head>, size: usize) -> Result<()> {
    if size != size_of::<Head>() {
        return Err(Errno::EINVAL);
    }
    thread.robust_list.store(head.address(), Ordering::Relaxed);
    Ok(())
}

/// `get_robust_list(2)`.
pub fn get_robust_list(thread: &Thread, id: i32, head: UserPtr<u64>, size: UserPtr<u64>) -> Result<()> {
    let list = match id {
        0 => thread.robust_list.load(Ordering::Relaxed),
        _ => {
            let other = registry::thread(id).ok_or(Errno::ESRCH)?;
            if !thread.process.credentials().may_inspect(&other.process.credentials()) {
                return Err(Errno::EPERM);
            }
            other.robust_list.load(Ordering::Relaxed)
        }
    };
    size.write(thread, &(size_of::<Head>() as u64))?;
    head.write(thread, &list)
}

/// Walks the list of a thread that ends. What cannot be read ends the walk.
pub fn abandon(thread: &Thread) {
    let list = thread.robust_list.swap(0, Ordering::Relaxed);
    if list == 0 {
        return;
    }
    let Ok(head) = UserPtr::<Head>::new(list).read(thread) else { return };
    let mut entry = head.next;
    for _ in 0..LIMIT {
        if entry & !PI == list {
            break;
        }
        let next = UserPtr::<u64>::new(entry & !PI).read(thread);
        if entry != head.pending
            && give_up(thread, (entry & !PI).wrapping_add(head.offset), entry & PI != 0, false).is_err()
        {
            return;
        }
        let Ok(next) = next else { return };
        entry = next;
    }
    if head.pending != 0 {
        let _ = give_up(thread, (head.pending & !PI).wrapping_add(head.offset), head.pending & PI != 0, true);
    }
}

/// Marks one lock that the thread holds and wakes one who waits for it.
fn give_up(thread: &Thread, word: u64, inherits_priority: bool, pending: bool) -> Result<()> {
    let pointer = UserPtr::<u32>::new(word);
    let mut value = pointer.read(thread)?;
    loop {
        // The thread died between giving the lock free and waking: somebody may wait for a wake-up that never comes.
        if pending && !inherits_priority && value == 0 {
            let _ = wake(thread, word, false, 1, ANY);
            let _ = wake(thread, word, true, 1, ANY);
            return Ok(());
        }
        if value & FUTEX_TID_MASK != thread.id() as u32 {
            return Ok(());
        }
        let found = pointer.compare_exchange(thread, value, value & FUTEX_WAITERS | FUTEX_OWNER_DIED)?;
        if found == value {
            break;
        }
        value = found;
    }
    if value & FUTEX_WAITERS != 0 && !inherits_priority {
        // Robust mutexes may be shared or private; the list does not tell.
        let _ = wake(thread, word, false, 1, ANY);
        let _ = wake(thread, word, true, 1, ANY);
    }
    Ok(())
}
