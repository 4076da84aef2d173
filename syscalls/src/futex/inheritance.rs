//! Futexes that hand priority on, `FUTEX_LOCK_PI` and its relatives: the word holds its owner's number, and the kernel
//! gives the lock from one owner to the next.
//!
//! All threads are scheduled alike, so there is no priority to hand on; what remains is who owns the lock. The word and
//! the bucket change under the bucket's lock, by an exchange that faults nothing in: where the page is missing, the
//! lock is let go, the page brought in, and all looked at again.

use super::{ANY, Key, Role, Waiter};
use crate::errno::{Errno, Result};
use crate::machine::{Access, machine};
use crate::process::registry;
use crate::thread::Thread;
use crate::time::Instant;
use crate::user::UserPtr;
use crate::wait::{WaitError, wait_until};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use linux_raw_sys::general::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS};

// Those who wait for such locks: a thread that ends looks here first.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// What one look at a lock came to.
enum Attempt {
    Taken,
    /// The owner has it; `i32` is its number.
    Owned(i32),
    /// The word's page is missing.
    Missing,
    /// It changed meanwhile.
    Again,
}

/// Takes the lock for `taker` if it is free. The bucket's lock is held, and `queued` is who waits for it already.
/// `EDEADLK`: the taker has it. `ESRCH`: nobody has the owner's number. `EINVAL`: others wait for the word otherwise.
fn attempt(address: u64, taker: i32, queued: Option<&Waiter>, more_wait: bool) -> Result<Attempt> {
    let own = taker as u32 | if more_wait { FUTEX_WAITERS } else { 0 };
    let Ok(found) = machine().compare_exchange_user(address, 0, own) else { return Ok(Attempt::Missing) };
    if found == 0 {
        return Ok(Attempt::Taken);
    }
    let owner = found & FUTEX_TID_MASK;
    if owner == taker as u32 {
        return Err(Errno::EDEADLK);
    }
    if let Some(queued) = queued {
        return match *queued.role.lock() {
            Role::Locks { owner } => Ok(Attempt::Owned(owner)),
            Role::Inherits => Ok(Attempt::Owned(queued.thread.id)),
            _ => Err(Errno::EINVAL),
        };
    }
    let new = if owner == 0 { found & FUTEX_OWNER_DIED | own } else { found | FUTEX_WAITERS };
    match machine().compare_exchange_user(address, found, new) {
        Err(_) => Ok(Attempt::Missing),
        Ok(now) if now != found => Ok(Attempt::Again),
        Ok(_) if owner == 0 => Ok(Attempt::Taken),
        Ok(_) => registry::thread(owner as i32).map(|owner| Attempt::Owned(owner.id)).ok_or(Errno::ESRCH),
    }
}

/// The first who waits for a word.
fn first(bucket: &[Arc<Waiter>], key: Key) -> Option<&Arc<Waiter>> {
    bucket.iter().find(|waiter| *waiter.key.lock() == key)
}

/// `FUTEX_LOCK_PI`, and with `waits` false `FUTEX_TRYLOCK_PI`. `EAGAIN`, `EDEADLK`, `ESRCH`, `EINVAL`, `ETIMEDOUT`,
/// `ERESTARTNOINTR`, `EFAULT`.
pub(super) fn lock(thread: &Thread, address: u64, private: bool, deadline: Option<Instant>, waits: bool) -> Result<()> {
    let key = Key::of(thread, address, private, Access::WRITE)?;
    let waiter = loop {
        let mut bucket = key.bucket().lock();
        let queued = first(&bucket, key).cloned();
        let outcome = attempt(address, thread.id, queued.as_deref(), false);
        match outcome? {
            Attempt::Taken => return Ok(()),
            Attempt::Owned(_) if !waits => return Err(Errno::EAGAIN),
            Attempt::Owned(owner) => {
                let waiter = Waiter::new(key, ANY, Role::Locks { owner });
                bucket.push(waiter.clone());
                break waiter;
            }
            Attempt::Missing => {
                drop(bucket);
                thread.process.memory().fault_in(address, Access::WRITE)?;
            }
            Attempt::Again => {}
        }
    };
    WAITING.fetch_add(1, Ordering::SeqCst);
    let outcome = own(thread, &waiter, address, deadline);
    WAITING.fetch_sub(1, Ordering::SeqCst);
    outcome
}

/// Waits until the lock is this waiter's.
fn own(thread: &Thread, waiter: &Arc<Waiter>, address: u64, deadline: Option<Instant>) -> Result<()> {
    let outcome = wait_until(&[], deadline, || waiter.is_woken().then_some(()));
    if let Err(error) = outcome
        && waiter.leave()
    {
        return Err(match error {
            WaitError::TimedOut => Errno::ETIMEDOUT,
            WaitError::Interrupted => Errno::ERESTARTNOINTR,
        });
    }
    if *waiter.role.lock() == Role::Inherits { take_over(thread, waiter, address) } else { Ok(()) }
}

/// The owner died and this waiter is the next: it writes the word itself, and stands in its bucket until that is done.
fn take_over(thread: &Thread, waiter: &Arc<Waiter>, address: u64) -> Result<()> {
    let key = *waiter.key.lock();
    let word = UserPtr::<u32>::new(address);
    loop {
        let found = word.read(thread)?;
        let mut bucket = key.bucket().lock();
        let new = FUTEX_OWNER_DIED | FUTEX_WAITERS | thread.id as u32;
        match machine().compare_exchange_user(address, found, new) {
            Ok(now) if now == found => {
                bucket.retain(|other| !Arc::ptr_eq(other, waiter));
                return Ok(());
            }
            Ok(_) => {}
            Err(_) => {
                drop(bucket);
                thread.process.memory().fault_in(address, Access::WRITE)?;
            }
        }
    }
}

/// Says who owns the lock that others wait for.
fn set_owner(bucket: &[Arc<Waiter>], key: Key, owner: i32) {
    for waiter in bucket.iter().filter(|waiter| *waiter.key.lock() == key) {
        let mut role = waiter.role.lock();
        if let Role::Locks { .. } = *role {
            *role = Role::Locks { owner };
        }
    }
}

/// `FUTEX_UNLOCK_PI`: gives the lock to whoever came first. `EPERM`, `EINVAL`, `EFAULT`.
pub(super) fn unlock(thread: &Thread, address: u64, private: bool) -> Result<()> {
    let word = UserPtr::<u32>::new(address);
    loop {
        if !address.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        let value = word.read(thread)?;
        if value & FUTEX_TID_MASK != thread.id as u32 {
            return Err(Errno::EPERM);
        }
        let key = Key::of(thread, address, private, Access::WRITE)?;
        let mut bucket = key.bucket().lock();
        let next = first(&bucket, key).cloned();
        if next.as_ref().is_some_and(|next| !matches!(*next.role.lock(), Role::Locks { .. })) {
            return Err(Errno::EINVAL);
        }
        let new = next.as_ref().map_or(0, |next| next.thread.id as u32 | FUTEX_WAITERS);
        match machine().compare_exchange_user(address, value, new) {
            Ok(found) if found == value => {}
            Ok(_) => continue,
            Err(_) => {
                drop(bucket);
                thread.process.memory().fault_in(address, Access::WRITE)?;
                continue;
            }
        }
        if let Some(next) = next {
            bucket.retain(|other| !Arc::ptr_eq(other, &next));
            set_owner(&bucket, key, next.thread.id);
            next.wake();
        }
        return Ok(());
    }
}

/// A thread ends: each lock that it has and others wait for goes to the first of them.
pub fn abandon(thread: &Thread) {
    if WAITING.load(Ordering::SeqCst) == 0 {
        return;
    }
    for bucket in &super::WAITERS {
        let bucket = bucket.lock();
        let waits = |waiter: &Waiter| *waiter.role.lock() == Role::Locks { owner: thread.id };
        while let Some(next) = bucket.iter().find(|waiter| waits(waiter)) {
            let key = *next.key.lock();
            *next.role.lock() = Role::Inherits;
            set_owner(&bucket, key, next.thread.id);
            next.wake();
        }
    }
}

/// `FUTEX_WAIT_REQUEUE_PI`: waits for a word like `FUTEX_WAIT_BITSET`, then for the lock at `second`, which the caller
/// has at the end. `EAGAIN`, `EINVAL`, `ETIMEDOUT`, `ERESTARTNOINTR`, `EFAULT`.
pub(super) fn wait_requeue(
    thread: &Thread,
    (address, second): (u64, u64),
    private: bool,
    expected: u32,
    bits: u32,
    deadline: Option<Instant>,
) -> Result<()> {
    if bits == 0 || address == second {
        return Err(Errno::EINVAL);
    }
    let target = Key::of(thread, second, private, Access::WRITE)?;
    let key = Key::of(thread, address, private, Access::READ)?;
    if key == target {
        return Err(Errno::EINVAL);
    }
    let waiter = Waiter::new(key, bits, Role::Requeues { target });
    key.bucket().lock().push(waiter.clone());
    let found = UserPtr::<u32>::new(address).read(thread);
    if found != Ok(expected) && waiter.leave() {
        return found.and(Err(Errno::EAGAIN));
    }
    WAITING.fetch_add(1, Ordering::SeqCst);
    let outcome = own(thread, &waiter, second, deadline);
    WAITING.fetch_sub(1, Ordering::SeqCst);
    outcome
}

/// `FUTEX_CMP_REQUEUE_PI`: the first who waits gets the lock at the second word, if it is free; up to `move_count`
/// others wait for it from now on. Gives how many that were. `EAGAIN`, `EINVAL`, `EDEADLK`, `ESRCH`, `EFAULT`.
pub(super) fn requeue(
    thread: &Thread,
    (from, to): (u64, u64),
    private: bool,
    (wake_count, move_count): (u32, u32),
    expected: u32,
) -> Result<u32> {
    if from == to || wake_count != 1 {
        return Err(Errno::EINVAL);
    }
    let from_key = Key::of(thread, from, private, Access::READ)?;
    let to_key = Key::of(thread, to, private, Access::WRITE)?;
    if from_key == to_key {
        return Err(Errno::EINVAL);
    }
    if UserPtr::<u32>::new(from).read(thread)? != expected {
        return Err(Errno::EAGAIN);
    }
    let mut moving = Vec::new();
    {
        let mut bucket = from_key.bucket().lock();
        let count = move_count.saturating_add(1) as usize;
        let waiting = bucket.iter().filter(|waiter| *waiter.key.lock() == from_key);
        let all: Vec<_> = waiting.take(count).cloned().collect();
        if all.iter().any(|waiter| *waiter.role.lock() != Role::Requeues { target: to_key }) {
            return Err(Errno::EINVAL);
        }
        bucket.retain(|waiter| !all.iter().any(|other| Arc::ptr_eq(waiter, other)));
        moving.extend(all);
    }
    let outcome = hand_over(thread, to, to_key, &mut moving, move_count);
    // Those who were not moved wait on where they were.
    from_key.bucket().lock().extend(moving);
    outcome
}

/// Gives the lock, or a place in its queue, to those in `moving`; those that are left in it got neither.
fn hand_over(thread: &Thread, address: u64, key: Key, moving: &mut Vec<Arc<Waiter>>, move_count: u32) -> Result<u32> {
    let mut count = 0;
    while let Some(waiter) = moving.first().cloned() {
        let mut bucket = key.bucket().lock();
        let queued = first(&bucket, key).cloned();
        let role = match attempt(address, waiter.thread.id, queued.as_deref(), moving.len() > 1)? {
            Attempt::Taken => None,
            Attempt::Owned(_) if count >= move_count => break,
            Attempt::Owned(owner) => Some(Role::Locks { owner }),
            Attempt::Missing => {
                drop(bucket);
                thread.process.memory().fault_in(address, Access::WRITE)?;
                continue;
            }
            Attempt::Again => continue,
        };
        moving.remove(0);
        count += 1;
        *waiter.key.lock() = key;
        match role {
            None => {
                *waiter.role.lock() = Role::Locks { owner: waiter.thread.id };
                waiter.wake();
            }
            Some(role) => {
                *waiter.role.lock() = role;
                bucket.push(waiter);
            }
        }
    }
    Ok(count)
}
