//! Waiting: one primitive for everything that blocks.
//!
//! # Why no wake-up is lost
//!
//! Whoever waits registers with the queue first and looks at the condition afterwards; whoever changes the condition
//! changes it first and wakes afterwards. Between the two steps of either side stands a sequentially consistent fence,
//! so at least one side sees the other: the waker the registration, or the waiter the change. A wake-up between look
//! and [`park`](crate::machine::Machine::park) is kept as a token that lets `park` return at once.
//!
//! Where one waiter is enough for a change, those who wait [in turn](wait_in_turn) are called one by one. One who was
//! called looks at the condition again; from that look on it can be called anew. If it leaves with a call that it has
//! not answered by a look – because of a signal, its deadline, or since an earlier change was enough – it hands the
//! call on. So a change is never left with somebody who has gone.
//!
//! # Lock order
//!
//! A queue wakes under its lock, without any allocation. What is called there takes locks that are below: the
//! machine's scheduler's, an epoll instance's list of what is ready and then that instance's own queue. As epoll
//! instances never watch each other in a circle and no deeper than five levels, this ends. None of them looks at a
//! file's state: observers take note, and poll later without a lock. So a waker may hold the lock of its own state.

mod queue;
#[cfg(test)]
mod tests;

pub use queue::{Observer, WaitQueue};

use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::machine::machine;
use crate::thread::Thread;
use crate::time::Instant;
use alloc::sync::Arc;

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
    let outcome = sleep_until(&thread, deadline, condition);
    for queue in queues {
        queue.unregister(&thread);
    }
    outcome
}

/// Waits until the condition holds, whatever signals come; gives up only when the thread, the current one, is to end.
pub fn wait_for(thread: &Thread, queue: &WaitQueue, mut condition: impl FnMut() -> bool) {
    let current = machine().current();
    queue.register(&current);
    while !condition() && !thread.is_leaving() {
        machine().park(None);
    }
    queue.unregister(&current);
}

/// [`wait_until`] in turn: of those who wait like this, [`WaitQueue::wake`] calls one for each change, in the order
/// they came. So an operation that leaves something for the next one has to [hand on](WaitQueue::hand_on).
///
/// Only for queues whose wakers name the events that they bring about; the thread is called for those in `interest`.
pub fn wait_in_turn<T>(
    queue: &WaitQueue,
    interest: Events,
    deadline: Option<Instant>,
    mut condition: impl FnMut() -> Option<T>,
) -> core::result::Result<T, WaitError> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    let thread = machine().current();
    queue.stand_in_line(&thread, interest);
    let outcome = sleep_until(&thread, deadline, || {
        queue.answer_call(&thread);
        condition()
    });
    if queue.leave_line(&thread) {
        queue.hand_on(Events::all());
    }
    outcome
}

fn sleep_until<T>(
    thread: &Arc<Thread>,
    deadline: Option<Instant>,
    mut condition: impl FnMut() -> Option<T>,
) -> core::result::Result<T, WaitError> {
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if thread.is_interrupted() {
            return Err(WaitError::Interrupted);
        }
        if deadline.is_some_and(|deadline| machine().monotonic() >= deadline) {
            return Err(WaitError::TimedOut);
        }
        machine().park(deadline);
    }
}

/// [`wait_until`] for an operation that says `EAGAIN` while it would block: try, register, try again.
pub fn retry_while_blocked<T>(queues: &[&WaitQueue], mut operation: impl FnMut() -> Result<T>) -> Result<T> {
    wait_until(queues, None, || unless_blocked(operation()))?
}

/// [`retry_while_blocked`] up to a deadline: `EAGAIN` then, and `EINTR` for a signal, since starting again would begin
/// the time anew.
pub fn retry_until<T>(queues: &[&WaitQueue], deadline: Instant, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
    match wait_until(queues, Some(deadline), || unless_blocked(operation())) {
        Ok(outcome) => outcome,
        Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
        Err(WaitError::Interrupted) => Err(Errno::EINTR),
    }
}

/// [`wait_in_turn`] for an operation that says `EAGAIN` while it would block.
pub fn retry_in_turn<T>(queue: &WaitQueue, interest: Events, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
    wait_in_turn(queue, interest, None, || unless_blocked(operation()))?
}

fn unless_blocked<T>(outcome: Result<T>) -> Option<Result<T>> {
    match outcome {
        Err(Errno::EAGAIN) => None,
        outcome => Some(outcome),
    }
}
