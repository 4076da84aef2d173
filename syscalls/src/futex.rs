//! `futex(2)`: threads that wait for a word in memory to change.
//!
//! A waiter enters its bucket first and looks at the word afterwards; a waker changes the word first and searches the
//! bucket afterwards. One of the two sees the other, so no wake-up is lost although no lock is held while the word is
//! read. Whether a waiter was woken is its own flag, set under the bucket's lock by whoever takes it out.

pub mod calls;
mod inheritance;
pub mod robust;
pub mod vector;

pub use inheritance::abandon as abandon_locks;

use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::{Access, machine};
use crate::thread::Thread;
use crate::time::Instant;
use crate::user::{USER_END, UserPtr};
use crate::wait::{WaitError, wait_until};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Mutex;

/// What a waiter waits for: a word, named so that everyone who shares it names it alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Key {
    /// In one address space: its identity and the address.
    Private(usize, u64),
    /// In shared memory: the frame and the offset in it.
    Shared(u32, u64),
}

/// Wakes all waiters, whatever their bits.
pub const ANY: u32 = u32::MAX;

/// What a waiter waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// A wake-up.
    Waits,
    /// A wake-up that makes it wait for the lock at another word.
    Requeues { target: Key },
    /// The lock that is the word; a thread with this number has it.
    Locks { owner: i32 },
    /// That lock is its own, but its owner died and could not write the word.
    Inherits,
}

struct Waiter {
    thread: Arc<Thread>,
    // Changes when the waiter is requeued.
    key: Mutex<Key>,
    bits: u32,
    role: Mutex<Role>,
    woken: AtomicBool,
}

const BUCKETS: usize = 64;
static WAITERS: [Mutex<Vec<Arc<Waiter>>>; BUCKETS] = [const { Mutex::new(Vec::new()) }; BUCKETS];

impl Key {
    /// Names the word at `address`. `EINVAL`: not aligned. `EFAULT`.
    fn of(thread: &Thread, address: u64, private: bool, access: Access) -> Result<Self> {
        if !address.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        if address >= USER_END {
            return Err(Errno::EFAULT);
        }
        let memory = thread.process.memory();
        if private {
            return Ok(Self::Private(Arc::as_ptr(&memory) as usize, address));
        }
        let page = address & !(PAGE - 1);
        loop {
            match memory.shared_frame(address) {
                Some(Some(frame)) => return Ok(Self::Shared(frame, address & (PAGE - 1))),
                // Not shared with anyone: the address names it.
                Some(None) => return Ok(Self::Private(Arc::as_ptr(&memory) as usize, address)),
                None => memory.fault_in(page, access)?,
            }
        }
    }

    fn bucket(self) -> &'static Mutex<Vec<Arc<Waiter>>> {
        let number = match self {
            Self::Private(space, address) => (address >> 2) ^ (space as u64 >> 4),
            Self::Shared(frame, offset) => u64::from(frame) ^ (offset >> 2),
        };
        &WAITERS[(number ^ (number >> 6)) as usize % BUCKETS]
    }
}

/// Waits until somebody wakes the word at `address`, which must hold `expected`.
///
/// `EAGAIN`: it does not. `ETIMEDOUT`. `ERESTARTSYS`: a signal. `EFAULT`, `EINVAL`.
pub fn wait(
    thread: &Thread,
    address: u64,
    private: bool,
    expected: u32,
    bits: u32,
    deadline: Option<Instant>,
) -> Result<()> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(thread, address, private, Access::READ)?;
    let waiter = Waiter::new(key, bits, Role::Waits);
    key.bucket().lock().push(waiter.clone());
    let outcome = match UserPtr::<u32>::new(address).read(thread) {
        Ok(found) if found == expected => {
            wait_until(&[], deadline, || waiter.woken.load(Ordering::SeqCst).then_some(())).map_err(|error| match error
            {
                WaitError::TimedOut => Errno::ETIMEDOUT,
                WaitError::Interrupted => Errno::ERESTARTSYS,
            })
        }
        Ok(_) => Err(Errno::EAGAIN),
        Err(errno) => Err(errno),
    };
    // Woken meanwhile after all: that wake-up was for us, and nobody else gets it.
    if outcome.is_err() && !waiter.leave() { Ok(()) } else { outcome }
}

impl Waiter {
    /// The current thread as one who waits.
    fn new(key: Key, bits: u32, role: Role) -> Arc<Self> {
        Arc::new(Self {
            thread: machine().current(),
            key: Mutex::new(key),
            bits,
            role: Mutex::new(role),
            woken: AtomicBool::new(false),
        })
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// Takes the waiter out of its bucket; `false` when somebody has woken it before.
    fn leave(&self) -> bool {
        loop {
            let key = *self.key.lock();
            let mut bucket = key.bucket().lock();
            if self.woken.load(Ordering::SeqCst) {
                return false;
            }
            // Requeued between the two locks: look again.
            if let Some(at) = bucket.iter().position(|other| core::ptr::eq(Arc::as_ptr(other), self)) {
                bucket.remove(at);
                return true;
            }
        }
    }

    fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Wakes up to `count` who wait for the word at `address` with some of these bits, first come first; gives how many.
pub fn wake(thread: &Thread, address: u64, private: bool, count: u32, bits: u32) -> Result<u32> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(thread, address, private, Access::READ)?;
    wake_key(key, count, bits)
}

/// `EINVAL` where somebody waits for the word as for a lock.
fn wake_key(key: Key, count: u32, bits: u32) -> Result<u32> {
    let mut woken = 0;
    let mut bucket = key.bucket().lock();
    let mut at = 0;
    while woken < count && at < bucket.len() {
        let waiter = &bucket[at];
        if *waiter.key.lock() == key && waiter.bits & bits != 0 {
            if *waiter.role.lock() != Role::Waits {
                return Err(Errno::EINVAL);
            }
            bucket.remove(at).wake();
            woken += 1;
        } else {
            at += 1;
        }
    }
    Ok(woken)
}

/// Wakes `wake_count` and lets up to `move_count` others wait for the second word instead; gives (woken, moved).
fn requeue(
    thread: &Thread,
    (from, to): (u64, u64),
    private: bool,
    (wake_count, move_count): (u32, u32),
    expected: Option<u32>,
) -> Result<(u32, u32)> {
    let (from_key, to_key) =
        (Key::of(thread, from, private, Access::READ)?, Key::of(thread, to, private, Access::WRITE)?);
    if let Some(expected) = expected
        && UserPtr::<u32>::new(from).read(thread)? != expected
    {
        return Err(Errno::EAGAIN);
    }
    requeue_keys(from_key, to_key, (wake_count, move_count))
}

fn requeue_keys(from_key: Key, to_key: Key, (wake_count, move_count): (u32, u32)) -> Result<(u32, u32)> {
    let woken = wake_key(from_key, wake_count, ANY)?;
    if from_key == to_key {
        let bucket = from_key.bucket().lock();
        let same = bucket.iter().filter(|waiter| *waiter.key.lock() == from_key).count() as u32;
        return Ok((woken, same.min(move_count)));
    }
    let mut moving = Vec::new();
    {
        let mut bucket = from_key.bucket().lock();
        let mut at = 0;
        while (moving.len() as u32) < move_count && at < bucket.len() {
            if *bucket[at].key.lock() == from_key {
                if *bucket[at].role.lock() != Role::Waits {
                    bucket.append(&mut moving);
                    return Err(Errno::EINVAL);
                }
                moving.push(bucket.remove(at));
            } else {
                at += 1;
            }
        }
        for waiter in &moving {
            *waiter.key.lock() = to_key;
        }
    }
    let moved = moving.len() as u32;
    to_key.bucket().lock().extend(moving);
    Ok((woken, moved))
}
