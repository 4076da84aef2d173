//! `select(2)`, `pselect6(2)`.

use super::poll::{finish, wait_for_any};
use super::reported;
use super::timeout::Timeout;
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::signal::{SigSet, mask};
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::time::clock::TimeVal;
use crate::user::UserPtr;
use alloc::vec::Vec;
use linux_raw_sys::general::{
    POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What each of the three sets means in the terms of `poll(2)`.
const MEANINGS: [u32; 3] =
    [POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR, POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR, POLLPRI];

/// Bits in a word of a set.
const WORD: usize = 64;

/// `select(2)` takes more than a second of microseconds.
fn normalised(span: TimeVal) -> TimeSpec {
    TimeSpec {
        seconds: span.seconds.wrapping_add(span.microseconds / 1_000_000),
        nanoseconds: span.microseconds % 1_000_000 * 1000,
    }
}

/// What `pselect6(2)`'s last argument points to.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SizedSet {
    /// Address of the set; 0 leaves the mask alone.
    pub set: u64,
    /// Its size.
    pub size: u64,
}

/// `select(2)`: what is left of the time is written back. Gives how many bits are set in the answers.
pub fn select(
    thread: &Thread,
    count: i32,
    read: UserPtr<u64>,
    write: UserPtr<u64>,
    except: UserPtr<u64>,
    span: UserPtr<TimeVal>,
) -> Result<i32> {
    let wanted = span.non_null().map(|span| span.read(thread)).transpose()?;
    let timeout = Timeout::from_timespec(wanted.map(normalised))?;
    let outcome = select_files(thread, count, [read, write, except], timeout);
    finish(outcome, timeout, |left| tell_left(thread, || span.write(thread, &TimeVal::new(left))))
}

/// Says what is left of the time, unless the program's personality wants its timeouts as they are.
fn tell_left(thread: &Thread, tell: impl FnOnce() -> Result<()>) -> Result<()> {
    /// `STICKY_TIMEOUTS` of `<sys/personality.h>`.
    const STICKY_TIMEOUTS: u32 = 0x400_0000;
    if thread.attributes.personality() & STICKY_TIMEOUTS == 0 { tell() } else { Ok(()) }
}

/// `pselect6(2)`.
pub fn pselect6(
    thread: &Thread,
    count: i32,
    read: UserPtr<u64>,
    write: UserPtr<u64>,
    except: UserPtr<u64>,
    span: UserPtr<TimeSpec>,
    sized_set: UserPtr<SizedSet>,
) -> Result<i32> {
    let sized_set = sized_set.non_null().map(|sized| sized.read(thread)).transpose()?;
    let timeout = Timeout::from_timespec(span.non_null().map(|span| span.read(thread)).transpose()?)?;
    if let Some(SizedSet { set, size }) = sized_set {
        mask::begin_temporary(thread, UserPtr::<SigSet>::new(set), size as usize)?;
    }
    let outcome = select_files(thread, count, [read, write, except], timeout);
    mask::end_temporary(thread, outcome == Err(Errno::ERESTARTNOHAND));
    finish(outcome, timeout, |left| tell_left(thread, || span.write(thread, &TimeSpec::new(left))))
}

/// Waits for what the sets name and writes the answers back. `EINVAL`, `EFAULT`, `EBADF`, `ENOMEM`, `ERESTARTNOHAND`.
fn select_files(thread: &Thread, count: i32, places: [UserPtr<u64>; 3], timeout: Timeout) -> Result<i32> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    // What lies behind the table's end is neither read nor written.
    let count = count.min(table_size(thread));
    let words = count.div_ceil(WORD);
    let mut wanted: [Vec<u64>; 3] = Default::default();
    for (set, place) in wanted.iter_mut().zip(places) {
        if let Some(place) = place.non_null() {
            *set = place.read_array(thread, words)?;
        }
    }
    let mut answers = wanted.clone();
    let (mut numbers, mut files) = (Vec::new(), Vec::new());
    for fd in 0..count {
        if wanted.iter().any(|set| has(set, fd)) {
            numbers.push(fd);
            files.push(Some(thread.files().get(Fd(fd as i32))?));
        }
    }
    let ready = wait_for_any(&files, timeout, || {
        answers.iter_mut().for_each(|answer| answer.fill(0));
        let mut ready = 0;
        for (&fd, open) in numbers.iter().zip(files.iter().flatten()) {
            let possible = reported(open.poll());
            for ((set, answer), meaning) in wanted.iter().zip(&mut answers).zip(MEANINGS) {
                if has(set, fd) && possible & meaning != 0 {
                    answer[fd / WORD] |= 1 << (fd % WORD);
                    ready += 1;
                }
            }
        }
        ready
    })?;
    for (answer, place) in answers.iter().zip(places) {
        if !place.is_null() {
            place.write_array(thread, answer)?;
        }
    }
    Ok(ready)
}

fn has(set: &[u64], fd: usize) -> bool {
    set.get(fd / WORD).is_some_and(|word| word >> (fd % WORD) & 1 != 0)
}

/// How many descriptors Linux's table would have room for: 64 at first, then by powers of two from 256 on.
fn table_size(thread: &Thread) -> usize {
    match thread.files().size() {
        0..=64 => 64,
        size => size.next_power_of_two().max(256),
    }
}
