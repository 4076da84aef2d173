//! `futex_waitv(2)`, and the calls of Linux 6.7 that do one thing each: `futex_wait`, `futex_wake`, `futex_requeue`.

use super::calls::at_least_one;
use super::{ANY, Key, Role, Waiter, requeue_keys, wait, wake_key};
use crate::errno::{Errno, Result};
use crate::machine::{Access, machine};
use crate::signal::restart;
use crate::thread::Thread;
use crate::time::{Instant, TimeSpec};
use crate::user::UserPtr;
use crate::wait::{WaitError, wait_until};
use alloc::vec::Vec;
use linux_raw_sys::general as raw;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `FUTEX2_SIZE_U32`: the one size of words that Linux serves.
const SIZE_U32: u32 = 2;
/// `FUTEX2_PRIVATE`.
const PRIVATE: u32 = 128;
/// `FUTEX_WAITV_MAX`.
const MOST: u32 = 128;

/// `struct futex_waitv`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VectorEntry {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl VectorEntry {
    /// The word and whether it is private. `EINVAL`.
    fn check(&self) -> Result<(u64, bool)> {
        if self.reserved != 0 || u32::try_from(self.value).is_err() && self.flags & 3 == SIZE_U32 {
            return Err(Errno::EINVAL);
        }
        check_flags(self.flags).map(|private| (self.address, private))
    }
}

/// Whether the word is private. `EINVAL` for another size or an unknown flag.
fn check_flags(flags: u32) -> Result<bool> {
    if flags & !PRIVATE == SIZE_U32 { Ok(flags & PRIVATE != 0) } else { Err(Errno::EINVAL) }
}

/// The point of time that an absolute timeout on one of two clocks tells. `EINVAL`, `EFAULT`.
fn deadline(thread: &Thread, timeout: UserPtr<TimeSpec>, clock: i32) -> Result<Option<Instant>> {
    let Some(timeout) = timeout.non_null() else { return Ok(None) };
    let realtime = match clock as u32 {
        raw::CLOCK_REALTIME => true,
        raw::CLOCK_MONOTONIC => false,
        _ => return Err(Errno::EINVAL),
    };
    let nanoseconds = timeout.read(thread)?.nanoseconds()?;
    let moved = if realtime { machine().realtime_offset() } else { 0 };
    Ok(Some(Instant(nanoseconds.saturating_sub(moved))))
}

/// `futex_waitv(2)`: waits for the first of several words; gives the index of one whose waiters were woken. `EAGAIN`,
/// `EINVAL`, `ETIMEDOUT`, `EFAULT`, `ERESTARTSYS`.
pub fn futex_waitv(
    thread: &Thread,
    waiters: UserPtr<VectorEntry>,
    count: u32,
    flags: u32,
    timeout: UserPtr<TimeSpec>,
    clock: i32,
) -> Result<i32> {
    if flags != 0 || count == 0 || count > MOST || waiters.is_null() {
        return Err(Errno::EINVAL);
    }
    let deadline = deadline(thread, timeout, clock)?;
    let entries = waiters.read_array(thread, count as usize)?;
    let words: Vec<_> = entries.iter().map(VectorEntry::check).collect::<Result<_>>()?;
    let mut queued = Vec::new();
    let mut refused = None;
    for (&(address, private), entry) in words.iter().zip(&entries) {
        let outcome = Key::of(thread, address, private, Access::READ).and_then(|key| {
            let waiter = Waiter::new(key, ANY, Role::Waits);
            key.bucket().lock().push(waiter.clone());
            queued.push(waiter);
            UserPtr::<u32>::new(address).read(thread)
        });
        match outcome {
            Ok(found) if found == entry.value as u32 => {}
            Ok(_) => refused = Some(Errno::EAGAIN),
            Err(errno) => refused = Some(errno),
        }
        if refused.is_some() {
            break;
        }
    }
    let outcome =
        match refused {
            Some(errno) => Err(errno),
            None => wait_until(&[], deadline, || queued.iter().any(|waiter| waiter.is_woken()).then_some(())).map_err(
                |error| match error {
                    WaitError::TimedOut => Errno::ETIMEDOUT,
                    WaitError::Interrupted => Errno::ERESTARTSYS,
                },
            ),
        };
    // As on Linux the last one that was woken counts.
    let woken = (0..).zip(&queued).filter(|(_, waiter)| !waiter.leave()).map(|(index, _)| index).last();
    match woken {
        Some(index) => Ok(index),
        None => outcome.and(Err(Errno::EAGAIN)),
    }
}

/// `futex_wait(2)`: as `FUTEX_WAIT_BITSET`. `EAGAIN`, `EINVAL`, `ETIMEDOUT`, `EFAULT`, `ERESTARTSYS`.
pub fn futex_wait(
    thread: &Thread,
    word: u64,
    value: u64,
    mask: u64,
    flags: u32,
    timeout: UserPtr<TimeSpec>,
    clock: i32,
) -> Result<()> {
    let private = check_flags(flags)?;
    let (Ok(value), Ok(bits)) = (u32::try_from(value), u32::try_from(mask)) else { return Err(Errno::EINVAL) };
    let deadline = deadline(thread, timeout, clock)?;
    wait_on(thread, word, private, value, bits, deadline)
}

fn wait_on(thread: &Thread, word: u64, private: bool, value: u32, bits: u32, deadline: Option<Instant>) -> Result<()> {
    match wait(thread, word, private, value, bits, deadline) {
        Err(Errno::ERESTARTSYS) if deadline.is_some() => Err(restart::interrupt(thread, move |thread| {
            wait_on(thread, word, private, value, bits, deadline).map(|()| 0)
        })),
        outcome => outcome,
    }
}

/// `futex_wake(2)`: as `FUTEX_WAKE_BITSET`. `EINVAL`, `EFAULT`.
pub fn futex_wake(thread: &Thread, word: u64, mask: u64, count: i32, flags: u32) -> Result<u32> {
    let private = check_flags(flags)?;
    let bits = u32::try_from(mask).ok().filter(|&bits| bits != 0).ok_or(Errno::EINVAL)?;
    let key = Key::of(thread, word, private, Access::READ)?;
    wake_key(key, if count == 0 { 0 } else { at_least_one(count as u32) }, bits)
}

/// `futex_requeue(2)`: as `FUTEX_CMP_REQUEUE`, between the two words of an array. `EAGAIN`, `EINVAL`, `EFAULT`.
pub fn futex_requeue(
    thread: &Thread,
    waiters: UserPtr<VectorEntry>,
    flags: u32,
    wake_count: i32,
    move_count: i32,
) -> Result<u32> {
    if flags != 0 || waiters.is_null() {
        return Err(Errno::EINVAL);
    }
    let entries = waiters.read_array(thread, 2)?;
    let [from, to] = entries.as_slice() else { return Err(Errno::EINVAL) };
    let ((from_word, from_private), (to_word, to_private)) = (from.check()?, to.check()?);
    let (Ok(wake_count), Ok(move_count)) = (u32::try_from(wake_count), u32::try_from(move_count)) else {
        return Err(Errno::EINVAL);
    };
    let from_key = Key::of(thread, from_word, from_private, Access::READ)?;
    let to_key = Key::of(thread, to_word, to_private, Access::WRITE)?;
    if UserPtr::<u32>::new(from_word).read(thread)? != from.value as u32 {
        return Err(Errno::EAGAIN);
    }
    let (woken, moved) = requeue_keys(from_key, to_key, (wake_count, move_count))?;
    Ok(woken + moved)
}
