//! `kcmp(2)`: whether two processes share something.

use super::{Process, registry};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use alloc::sync::Arc;

/// `KCMP_FILE` and its followers, `<linux/kcmp.h>`. `KCMP_EPOLL_TFD` is not there.
const FILE: i32 = 0;
const MEMORY: i32 = 1;
const FILES: i32 = 2;
const CONTEXT: i32 = 3;
const SIGNAL_ACTIONS: i32 = 4;
const IO: i32 = 5;
const SEMAPHORES: i32 = 6;

/// How two addresses compare: 0 alike, 1 less, 2 more. The order means nothing but that it stays.
fn order(one: usize, other: usize) -> i32 {
    match one.cmp(&other) {
        core::cmp::Ordering::Equal => 0,
        core::cmp::Ordering::Less => 1,
        core::cmp::Ordering::Greater => 2,
    }
}

fn process(id: i32) -> Result<Arc<Process>> {
    registry::thread(id).map(|thread| thread.process.clone()).or_else(|| registry::find(id)).ok_or(Errno::ESRCH)
}

/// `kcmp(2)`.
pub fn kcmp(_: &Thread, first: i32, second: i32, kind: i32, first_index: u64, second_index: u64) -> Result<i32> {
    let (one, other) = (process(first)?, process(second)?);
    let by_process = || order(Arc::as_ptr(&one).addr(), Arc::as_ptr(&other).addr());
    Ok(match kind {
        FILE => {
            let open = |process: &Process, index: u64| {
                let index = i32::try_from(index).map_err(|_| Errno::EBADF)?;
                process.files.get(Fd(index)).map(|open| Arc::as_ptr(&open).addr())
            };
            order(open(&one, first_index)?, open(&other, second_index)?)
        }
        MEMORY => order(Arc::as_ptr(&one.memory()).addr(), Arc::as_ptr(&other.memory()).addr()),
        FILES => order(Arc::as_ptr(&one.files).addr(), Arc::as_ptr(&other.files).addr()),
        CONTEXT => order(Arc::as_ptr(&one.context).addr(), Arc::as_ptr(&other.context).addr()),
        // Threads of a process share these, processes never do.
        SIGNAL_ACTIONS | IO | SEMAPHORES => by_process(),
        _ => return Err(Errno::EINVAL),
    })
}
