//! Waiting: one primitive for everything that blocks.
//!
//! Whoever waits registers with the queue first and looks at the condition afterwards; whoever changes the condition
//! changes it first and wakes afterwards. A wake-up between look and [`park`](crate::machine::Machine::park) is kept as
//! a token that lets `park` return at once. So none is lost, whatever the order.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicUsize, Ordering};
use spin::Mutex;

/// Something that wants to hear of a change: an epoll instance's entry, for one.
pub trait Observer: Send + Sync {
    /// Called by the waker, without the queue's lock. Must not block.
    fn notify(&self);
}

#[derive(Clone)]
enum Waiter {
    Thread(Arc<Thread>),
    Observer(Weak<dyn Observer>),
}

/// Those who wait for one condition.
#[derive(Default)]
pub struct WaitQueue {
    waiters: Mutex<VecDeque<Waiter>>,
    // So that waking nobody costs one load.
    count: AtomicUsize,
}

impl WaitQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { waiters: Mutex::new(VecDeque::new()), count: AtomicUsize::new(0) }
    }

    fn add(&self, waiter: Waiter) {
        let mut waiters = self.waiters.lock();
        waiters.push_back(waiter);
        self.count.store(waiters.len(), Ordering::SeqCst);
    }

    fn remove(&self, is_it: impl Fn(&Waiter) -> bool) {
        let mut waiters = self.waiters.lock();
        waiters.retain(|waiter| !is_it(waiter));
        self.count.store(waiters.len(), Ordering::SeqCst);
    }

    /// Registers the thread; [`WaitQueue::unregister`] takes it off again.
    pub fn register(&self, thread: &Arc<Thread>) {
        self.add(Waiter::Thread(thread.clone()));
    }

    /// Takes the thread off, however often it is there.
    pub fn unregister(&self, thread: &Arc<Thread>) {
        self.remove(|waiter| matches!(waiter, Waiter::Thread(other) if Arc::ptr_eq(other, thread)));
    }

    /// Registers an observer, which stays until it is dropped or [`WaitQueue::forget`]ten.
    pub fn observe(&self, observer: Weak<dyn Observer>) {
        self.add(Waiter::Observer(observer));
    }

    /// Takes an observer off.
    pub fn forget(&self, observer: &Weak<dyn Observer>) {
        self.remove(|waiter| matches!(waiter, Waiter::Observer(other) if other.ptr_eq(observer)));
    }

    /// Wakes everyone: the condition has changed.
    pub fn wake_all(&self) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let waiters: VecDeque<Waiter> = self.waiters.lock().clone();
        for waiter in waiters {
            match waiter {
                Waiter::Thread(thread) => thread.unpark(),
                Waiter::Observer(observer) => {
                    if let Some(observer) = observer.upgrade() {
                        observer.notify();
                    }
                }
            }
        }
    }
}

/// How a wait ended without its condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitError {
    /// A signal is to be handled first.
    Interrupted,
    /// The deadline has passed.
    TimedOut,
}

impl From<WaitError> for Errno {
    /// What calls without a timeout answer: `ERESTARTSYS`, and `ETIMEDOUT`.
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Interrupted => Self::ERESTARTSYS,
            WaitError::TimedOut => Self::ETIMEDOUT,
        }
    }
}

/// Waits until `condition` gives something, a signal arrives for the current thread, or the deadline passes.
/// The condition may be looked at any number of times. No lock may be held.
pub fn wait_until<T>(
    queues: &[&WaitQueue],
    deadline: Option<Instant>,
    mut condition: impl FnMut() -> Option<T>,
) -> core::result::Result<T, WaitError> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    let thread = machine().current();
    for queue in queues {
        queue.register(&thread);
    }
    let outcome = loop {
        if let Some(value) = condition() {
            break Ok(value);
        }
        if thread.is_interrupted() {
            break Err(WaitError::Interrupted);
        }
        if deadline.is_some_and(|deadline| machine().monotonic() >= deadline) {
            break Err(WaitError::TimedOut);
        }
        machine().park(deadline);
    };
    for queue in queues {
        queue.unregister(&thread);
    }
    outcome
}

/// [`wait_until`] for an operation that says `EAGAIN` while it would block: try, register, try again.
pub fn retry_while_blocked<T>(queues: &[&WaitQueue], mut operation: impl FnMut() -> Result<T>) -> Result<T> {
    wait_until(queues, None, || match operation() {
        Err(Errno::EAGAIN) => None,
        outcome => Some(outcome),
    })?
}
