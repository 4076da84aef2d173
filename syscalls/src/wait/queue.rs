//! Wait queues: who wants to hear of a change.

use crate::file::Events;
use crate::thread::Thread;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicUsize, Ordering, fence};
use spin::Mutex;

/// Something that wants to hear of a change: an epoll instance's entry, for one.
pub trait Observer: Send + Sync {
    /// Called by the waker, with what may be possible now, under the queue's lock: must not block, poll a file or use
    /// that queue. Gives whether somebody was woken by it; an exclusive observer that says no lets the next one hear.
    fn notify(self: Arc<Self>, events: Events) -> bool;
}

enum Waiter {
    /// Woken by every change.
    Thread(Arc<Thread>),
    /// Woken one by one. `called`: it was, and has not looked since.
    InTurn { thread: Arc<Thread>, interest: Events, called: bool },
    /// `exclusive`: counts as one in turn.
    Observer { observer: Weak<dyn Observer>, exclusive: bool },
}

/// How many of those in turn a change is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Over,
    One,
    Everyone,
}

impl Waiter {
    /// Wakes it if it is to be; gives whether it stays in the queue.
    fn wake(&mut self, events: Events, turn: &mut Turn, woken: &mut bool) -> bool {
        let is_taken = match self {
            Self::Thread(thread) => {
                thread.unpark();
                *woken = true;
                return true;
            }
            Self::InTurn { thread, interest, called } => {
                if *turn == Turn::Over || *called || !interest.intersects(events) {
                    return true;
                }
                *called = true;
                thread.unpark();
                *woken = true;
                true
            }
            Self::Observer { exclusive: true, observer } if *turn == Turn::Over => return observer.strong_count() > 0,
            Self::Observer { observer, exclusive } => match observer.upgrade() {
                Some(observer) => observer.notify(events) && *exclusive,
                None => return false,
            },
        };
        if is_taken && *turn == Turn::One {
            *turn = Turn::Over;
        }
        true
    }

    fn is_thread(&self, thread: &Arc<Thread>) -> bool {
        matches!(self, Self::Thread(other) | Self::InTurn { thread: other, .. } if Arc::ptr_eq(other, thread))
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::Observer { observer, .. } if observer.strong_count() == 0)
    }
}

/// Those who wait for one condition. See [`wait`](super) for the rules.
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

    /// Changes who waits; whoever was put in looks at its condition after this.
    fn change<T>(&self, change: impl FnOnce(&mut VecDeque<Waiter>) -> T) -> T {
        let mut waiters = self.waiters.lock();
        let result = change(&mut waiters);
        self.count.store(waiters.len(), Ordering::Relaxed);
        drop(waiters);
        fence(Ordering::SeqCst);
        result
    }

    fn add(&self, waiter: Waiter) {
        self.change(|waiters| {
            // Before it grows: observers leave without a word when they end.
            if waiters.len() == waiters.capacity() {
                waiters.retain(|waiter| !waiter.is_gone());
            }
            waiters.push_back(waiter);
        });
    }

    fn remove(&self, is_it: impl Fn(&Waiter) -> bool) {
        self.change(|waiters| waiters.retain(|waiter| !is_it(waiter)));
    }

    /// Registers the thread; [`WaitQueue::unregister`] takes it off again.
    pub fn register(&self, thread: &Arc<Thread>) {
        self.add(Waiter::Thread(thread.clone()));
    }

    /// Takes the thread off, however often it is there.
    pub fn unregister(&self, thread: &Arc<Thread>) {
        self.remove(|waiter| waiter.is_thread(thread));
    }

    /// Registers the thread as one of those that are called one by one.
    pub(super) fn stand_in_line(&self, thread: &Arc<Thread>, interest: Events) {
        self.add(Waiter::InTurn { thread: thread.clone(), interest, called: false });
    }

    /// The thread looks at its condition after this and may be called again; one that was called goes to the end.
    pub(super) fn answer_call(&self, thread: &Arc<Thread>) {
        self.change(|waiters| {
            let Some(index) = waiters.iter().position(|waiter| waiter.is_thread(thread)) else { return };
            if let Some(Waiter::InTurn { called, .. }) = waiters.get_mut(index)
                && core::mem::take(called)
            {
                let waiter = waiters.remove(index);
                waiters.extend(waiter);
            }
        });
    }

    /// Takes the thread off; gives whether it was called since its last look.
    pub(super) fn leave_line(&self, thread: &Arc<Thread>) -> bool {
        self.change(|waiters| {
            let index = waiters.iter().position(|waiter| waiter.is_thread(thread));
            let waiter = index.and_then(|index| waiters.remove(index));
            matches!(waiter, Some(Waiter::InTurn { called: true, .. }))
        })
    }

    /// Registers an observer, which stays until it is dropped or [`WaitQueue::forget`]ten. An `exclusive` one counts
    /// among the threads that wait in turn.
    pub fn observe(&self, observer: Weak<dyn Observer>, exclusive: bool) {
        self.add(Waiter::Observer { observer, exclusive });
    }

    /// Takes an observer off.
    pub fn forget(&self, observer: &Weak<dyn Observer>) {
        // By address alone: the same object may have several vtables.
        let address = observer.as_ptr().cast::<()>();
        self.remove(
            |waiter| matches!(waiter, Waiter::Observer { observer, .. } if observer.as_ptr().cast::<()>() == address),
        );
    }

    /// Wakes everyone: the condition has changed for all.
    pub fn wake_all(&self) {
        self.wake_for(Events::all(), Turn::Everyone);
    }

    /// Wakes after a change that makes `events` possible for one: of those who wait in turn it wakes the first one that
    /// is interested, of the others all. Gives whether a thread was woken.
    #[inline]
    pub fn wake(&self, events: Events) -> bool {
        self.wake_for(events, Turn::One)
    }

    /// Wakes the first thread of those who wait in turn, as [`WaitQueue::wake`] does, and nobody else: nothing has
    /// changed, something is left.
    #[inline]
    pub fn hand_on(&self, events: Events) {
        if !self.is_empty() {
            self.hand_on_to_first(events);
        }
    }

    #[inline(never)]
    fn hand_on_to_first(&self, events: Events) {
        let (mut turn, mut woken) = (Turn::One, false);
        for waiter in self.waiters.lock().iter_mut() {
            if matches!(waiter, Waiter::InTurn { .. }) {
                waiter.wake(events, &mut turn, &mut woken);
            }
        }
    }

    /// Whether nobody waits, as far as it matters after a change.
    #[inline]
    pub fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.count.load(Ordering::Relaxed) == 0
    }

    #[inline]
    fn wake_for(&self, events: Events, turn: Turn) -> bool {
        !self.is_empty() && self.wake_some(events, turn)
    }

    #[inline(never)]
    fn wake_some(&self, events: Events, mut turn: Turn) -> bool {
        let mut woken = false;
        let mut waiters = self.waiters.lock();
        waiters.retain_mut(|waiter| waiter.wake(events, &mut turn, &mut woken));
        self.count.store(waiters.len(), Ordering::Relaxed);
        woken
    }
}
