//! Taking events from the list of what may be ready.

use super::{Entry, Epoll};
use crate::errno::Result;
use crate::file::{Events, OpenFile};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct epoll_event`, which is packed on this architecture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub struct EpollEvent {
    /// `EPOLL*` bits.
    pub events: u32,
    /// What the program wants to get back.
    pub data: u64,
}

impl Epoll {
    /// Hands up to `limit` events to `report`, in the order in which the files became ready; gives their number. An
    /// error of the first report is the call's; a later one only ends it, and the event stays. No lock is held while a
    /// file is polled or an event is reported.
    pub(super) fn harvest(
        &self,
        limit: usize,
        mut report: impl FnMut(usize, &EpollEvent) -> Result<()>,
    ) -> Result<usize> {
        let round = {
            let mut state = self.state.lock();
            if state.ready.is_empty() {
                return Ok(0);
            }
            state.round += 1;
            state.round
        };
        let mut count = 0;
        while count < limit {
            let Some((entry, open, wish)) = self.take_first(round) else { break };
            let events = wish.wants(open.poll());
            if events == 0 {
                continue;
            }
            if let Err(errno) = report(count, &EpollEvent { events, data: wish.data }) {
                self.put_back(entry);
                if count == 0 {
                    return Err(errno);
                }
                break;
            }
            count += 1;
            entry.round.store(round, Ordering::Relaxed);
            if wish.is_level_triggered() {
                if entry.mark_queued() {
                    self.push(entry);
                }
            } else if wish.is_one_shot() {
                let _state = self.state.lock();
                entry.disarm(wish);
            }
        }
        if !self.queue.is_empty() && !self.state.lock().ready.is_empty() {
            self.queue.hand_on(Events::IN);
        }
        Ok(count)
    }

    /// Takes the first entry off that is alive and that no harvest since `round` has reported.
    fn take_first(&self, round: u64) -> Option<(Arc<Entry>, Arc<OpenFile>, super::entry::Wish)> {
        let mut state = self.state.lock();
        loop {
            let first = state.ready.front()?;
            if first.round.load(Ordering::Relaxed) >= round {
                return None;
            }
            let entry = state.ready.pop_front()?;
            entry.clear_queued();
            if entry.has_ended() {
                continue;
            }
            match entry.open() {
                Some(open) => {
                    let wish = entry.wish();
                    return Some((entry, open, wish));
                }
                None => {
                    state.entries.remove(&entry.key());
                }
            }
        }
    }

    /// Puts an entry back to where it was.
    fn put_back(&self, entry: Arc<Entry>) {
        if entry.mark_queued() {
            self.state.lock().ready.push_front(entry);
        }
    }

    /// Whether a harvest would find something. What turns out not to be ready leaves the list.
    pub(super) fn has_ready(&self) -> bool {
        let mut is_ready = false;
        let round = {
            let mut state = self.state.lock();
            if state.ready.is_empty() {
                return false;
            }
            state.round += 1;
            state.round
        };
        while !is_ready && let Some((entry, open, wish)) = self.take_first(round) {
            if wish.wants(open.poll()) != 0 {
                is_ready = true;
                self.put_back(entry);
            }
        }
        is_ready
    }
}
