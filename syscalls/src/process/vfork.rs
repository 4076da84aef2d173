//! `vfork(2)`: the parent stands still while the child uses its memory.

use super::Process;
use crate::thread::Thread;
use crate::wait::{WaitQueue, wait_for};
use core::sync::atomic::{AtomicBool, Ordering};

/// A child's part.
#[derive(Default)]
pub(super) struct Lending {
    borrowed: AtomicBool,
    returned: WaitQueue,
}

impl Process {
    /// Says, before it runs, that its parent waits for the memory.
    pub(super) fn borrow_memory(&self) {
        self.lending.borrowed.store(true, Ordering::Relaxed);
    }

    /// The process has left the memory that it began with: a parent that waits goes on.
    pub(super) fn give_back_memory(&self) {
        if self.lending.borrowed.swap(false, Ordering::SeqCst) {
            self.lending.returned.wake_all();
        }
    }

    /// Waits, whatever signals come, until the child has given the memory back or the thread itself is to end.
    pub(super) fn await_memory(&self, thread: &Thread) {
        let lending = &self.lending;
        wait_for(thread, &lending.returned, || !lending.borrowed.load(Ordering::SeqCst));
    }
}
