//! `futex(2)`.

use super::{ANY, inheritance, requeue, wait, wake};
use crate::errno::{Errno, Result};
use crate::machine::{Access, machine};
use crate::signal::restart;
use crate::thread::Thread;
use crate::time::{Instant, TimeSpec};
use crate::user::UserPtr;
use linux_raw_sys::general as raw;

/// How `FUTEX_WAKE_OP` changes the second word and what it then asks (`futex(2)`, "FUTEX_WAKE_OP").
struct WakeOperation(u32);

impl WakeOperation {
    fn operand(&self) -> u32 {
        let operand = ((self.0 << 8) as i32 >> 20) as u32;
        if self.0 >> 28 & 8 != 0 { 1 << (operand & 31) } else { operand }
    }

    fn apply(&self, old: u32) -> Result<u32> {
        let operand = self.operand();
        Ok(match self.0 >> 28 & 7 {
            0 => operand,
            1 => old.wrapping_add(operand),
            2 => old | operand,
            3 => old & !operand,
            4 => old ^ operand,
            _ => return Err(Errno::ENOSYS),
        })
    }

    fn compare(&self, old: u32) -> Result<bool> {
        let (old, against) = (old as i32, (self.0 << 20) as i32 >> 20);
        Ok(match self.0 >> 24 & 15 {
            0 => old == against,
            1 => old != against,
            2 => old < against,
            3 => old <= against,
            4 => old > against,
            5 => old >= against,
            _ => return Err(Errno::ENOSYS),
        })
    }
}

/// Changes the word atomically; gives what it was.
fn modify(thread: &Thread, address: u64, change: &WakeOperation) -> Result<u32> {
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let word = UserPtr::<u32>::new(address);
    let mut old = word.read(thread)?;
    loop {
        // A read-only page must fault as a write does.
        thread.process.memory().fault_in(address, Access::WRITE)?;
        let found = word.compare_exchange(thread, old, change.apply(old)?)?;
        if found == old {
            return Ok(old);
        }
        old = found;
    }
}

/// `futex(2)`. `timeout` is a pointer or a number, as the operation wants.
pub fn futex(
    thread: &Thread,
    address: u64,
    operation: i32,
    value: u32,
    timeout: u64,
    second: u64,
    third: u32,
) -> Result<u32> {
    let operation = operation as u32;
    let private = operation & raw::FUTEX_PRIVATE_FLAG != 0;
    let realtime = operation & raw::FUTEX_CLOCK_REALTIME != 0;
    let command = operation & !(raw::FUTEX_PRIVATE_FLAG | raw::FUTEX_CLOCK_REALTIME);
    let takes_realtime = matches!(command, raw::FUTEX_WAIT_BITSET | raw::FUTEX_WAIT_REQUEUE_PI | raw::FUTEX_LOCK_PI2);
    if realtime && !takes_realtime {
        return Err(Errno::ENOSYS);
    }
    let numbers = || {
        let (wake, moved) = (value as i32, timeout as i32);
        if wake < 0 || moved < 0 { Err(Errno::EINVAL) } else { Ok((wake as u32, moved as u32)) }
    };
    match command {
        raw::FUTEX_WAIT => {
            let deadline = deadline(thread, timeout, false, realtime)?;
            wait_restartable(thread, address, private, value, ANY, deadline).map(|()| 0)
        }
        raw::FUTEX_WAIT_BITSET => {
            let deadline = deadline(thread, timeout, true, realtime)?;
            wait_restartable(thread, address, private, value, third, deadline).map(|()| 0)
        }
        // As old as it is, it always counts by the clock of the wall.
        raw::FUTEX_LOCK_PI => {
            let deadline = deadline(thread, timeout, true, true)?;
            inheritance::lock(thread, address, private, deadline, true).map(|()| 0)
        }
        raw::FUTEX_LOCK_PI2 => {
            let deadline = deadline(thread, timeout, true, realtime)?;
            inheritance::lock(thread, address, private, deadline, true).map(|()| 0)
        }
        raw::FUTEX_TRYLOCK_PI => inheritance::lock(thread, address, private, None, false).map(|()| 0),
        raw::FUTEX_UNLOCK_PI => inheritance::unlock(thread, address, private).map(|()| 0),
        raw::FUTEX_WAIT_REQUEUE_PI => {
            let deadline = deadline(thread, timeout, true, realtime)?;
            inheritance::wait_requeue(thread, (address, second), private, value, ANY, deadline).map(|()| 0)
        }
        raw::FUTEX_CMP_REQUEUE_PI => inheritance::requeue(thread, (address, second), private, numbers()?, third),
        raw::FUTEX_WAKE => wake(thread, address, private, at_least_one(value), ANY),
        raw::FUTEX_WAKE_BITSET => wake(thread, address, private, at_least_one(value), third),
        raw::FUTEX_REQUEUE => requeue(thread, (address, second), private, numbers()?, None).map(|(woken, _)| woken),
        raw::FUTEX_CMP_REQUEUE => {
            requeue(thread, (address, second), private, numbers()?, Some(third)).map(|(woken, moved)| woken + moved)
        }
        raw::FUTEX_WAKE_OP => {
            let change = WakeOperation(third);
            let old = modify(thread, second, &change)?;
            let mut woken = wake(thread, address, private, at_least_one(value), ANY)?;
            if change.compare(old)? {
                woken += wake(thread, second, private, at_least_one(timeout as u32), ANY)?;
            }
            Ok(woken)
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// Linux wakes one even when asked for none or for a negative number.
pub(super) fn at_least_one(count: u32) -> u32 {
    (count as i32).max(1) as u32
}

/// The deadline that a `struct timespec` in the program tells, if there is one.
fn deadline(thread: &Thread, timeout: u64, absolute: bool, realtime: bool) -> Result<Option<Instant>> {
    let Some(timeout) = UserPtr::<TimeSpec>::new(timeout).non_null() else { return Ok(None) };
    let nanoseconds = timeout.read(thread)?.nanoseconds()?;
    Ok(Some(match (absolute, realtime) {
        (false, _) => machine().monotonic().after(nanoseconds),
        (true, false) => Instant(nanoseconds),
        (true, true) => Instant(nanoseconds.saturating_sub(machine().realtime_offset())),
    }))
}

/// A wait with a deadline goes on with the same deadline after a signal without handler.
fn wait_restartable(
    thread: &Thread,
    address: u64,
    private: bool,
    expected: u32,
    bits: u32,
    deadline: Option<Instant>,
) -> Result<()> {
    match wait(thread, address, private, expected, bits, deadline) {
        Err(Errno::ERESTARTSYS) if deadline.is_some() => Err(restart::interrupt(thread, move |thread| {
            wait_restartable(thread, address, private, expected, bits, deadline).map(|()| 0)
        })),
        outcome => outcome,
    }
}
