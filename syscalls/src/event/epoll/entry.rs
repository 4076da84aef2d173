//! One watched open file.

use super::{Epoll, EpollEvent, Key};
use crate::event::{ALWAYS, reported};
use crate::file::{Events, OpenFile};
use crate::wait::{Observer, WaitQueue};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use linux_raw_sys::general::{EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, EPOLLWAKEUP};

/// What is no event but says how to report them.
const MODES: u32 = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;

/// One watched open file. The atomics with `Relaxed` accesses change under the instance's lock alone.
pub(super) struct Entry {
    epoll: Weak<Epoll>,
    open: Weak<OpenFile>,
    fd: i32,
    events: AtomicU32,
    data: AtomicU64,
    /// Counts the changes of the event, so that a one-shot report does not end a later wish.
    changes: AtomicU32,
    /// On the list of what may be ready.
    queued: AtomicBool,
    /// No longer watched.
    ended: AtomicBool,
    /// The harvest that reported it last.
    pub(super) round: AtomicU64,
}

/// An entry's event as a harvest found it.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) events: u32,
    pub(super) data: u64,
    change: u32,
}

/// The key of an open file under a descriptor.
pub(super) fn key(open: &Arc<OpenFile>, fd: i32) -> Key {
    (Arc::as_ptr(open).addr(), fd)
}

impl Entry {
    pub(super) fn new(epoll: &Weak<Epoll>, open: &Arc<OpenFile>, fd: i32, event: EpollEvent) -> Arc<Self> {
        Arc::new(Self {
            epoll: epoll.clone(),
            open: Arc::downgrade(open),
            fd,
            events: AtomicU32::new(event.events | ALWAYS),
            data: AtomicU64::new(event.data),
            changes: AtomicU32::new(0),
            queued: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            round: AtomicU64::new(0),
        })
    }

    pub(super) fn key(&self) -> Key {
        (self.open.as_ptr().addr(), self.fd)
    }

    /// The open file, unless its last descriptor is gone.
    pub(super) fn open(&self) -> Option<Arc<OpenFile>> {
        self.open.upgrade()
    }

    pub(super) fn is_alive(&self) -> bool {
        self.open.strong_count() > 0
    }

    pub(super) fn is_exclusive(&self) -> bool {
        self.events.load(Ordering::Relaxed) & EPOLLEXCLUSIVE != 0
    }

    /// Registers with the file's queue.
    pub(super) fn watch(self: &Arc<Self>, queue: &WaitQueue) {
        let weak: Weak<Self> = Arc::downgrade(self);
        queue.observe(weak, self.is_exclusive());
    }

    /// Takes itself off the file's queue.
    pub(super) fn unwatch(self: &Arc<Self>, queue: &WaitQueue) {
        let weak: Weak<dyn Observer> = Arc::<Self>::downgrade(self);
        queue.forget(&weak);
    }

    /// Under the instance's lock.
    pub(super) fn set_event(&self, event: EpollEvent) {
        self.events.store(event.events | ALWAYS, Ordering::Relaxed);
        self.data.store(event.data, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Relaxed);
        // Who changes the file after this sees it, or this side's poll sees the file's change.
        fence(Ordering::SeqCst);
    }

    /// Under the instance's lock.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            events: self.events.load(Ordering::Relaxed),
            data: self.data.load(Ordering::Relaxed),
            change: self.changes.load(Ordering::Relaxed),
        }
    }

    /// Reported once: waits for nothing more until it is modified. Under the instance's lock.
    pub(super) fn disarm(&self, wish: Wish) {
        if self.changes.load(Ordering::Relaxed) == wish.change {
            self.events.store(wish.events & MODES, Ordering::Relaxed);
        }
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The bits among what is possible that it waits for.
    pub(super) fn wants(&self, possible: Events) -> u32 {
        let events = self.events.load(Ordering::Relaxed);
        Wish { events, data: 0, change: 0 }.wants(possible)
    }

    /// Marks it as being on the list; gives whether it was not.
    pub(super) fn mark_queued(&self) -> bool {
        !self.queued.swap(true, Ordering::AcqRel)
    }

    /// It has been taken off the list; its file is polled after this.
    pub(super) fn clear_queued(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wish {
    pub(super) fn wants(self, possible: Events) -> u32 {
        reported(possible) & self.events & !MODES
    }

    pub(super) fn is_level_triggered(self) -> bool {
        self.events & (EPOLLET | EPOLLONESHOT) == 0
    }

    pub(super) fn is_one_shot(self) -> bool {
        self.events & EPOLLONESHOT != 0
    }
}

impl Observer for Entry {
    fn notify(self: Arc<Self>, events: Events) -> bool {
        if self.wants(events) == 0 || self.has_ended() {
            return false;
        }
        let Some(epoll) = self.epoll.upgrade() else { return false };
        if self.mark_queued() {
            epoll.push(self);
        }
        epoll.queue.wake(Events::IN)
    }
}
