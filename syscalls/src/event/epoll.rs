//! `epoll(7)`: an instance watches open files and keeps a list of those that may be ready.
//!
//! A file's queue tells the `Entry` that watches it, and the entry puts itself on its instance's list: this costs the
//! same however many files are watched. `epoll_wait(2)` takes entries off the list and asks each file what is possible
//! now; what is still possible goes back to the end of the list unless it is edge-triggered, so busy files take turns.
//!
//! An entry holds its open file weakly: when the last descriptor goes, the entry is dead, and swept out later.
//!
//! An entry's `queued` mark is cleared before its file is polled and set by the file's waker after the change, both by
//! atomic swaps. So a change that finds the mark set comes before the poll that sees it.

pub mod calls;
mod entry;
mod harvest;
mod nesting;
#[cfg(test)]
mod tests;

pub use harvest::EpollEvent;

use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile};
use crate::wait::WaitQueue;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use entry::Entry;
use spin::Mutex;

/// What an entry goes by: its open file's address, which cannot come again while the entry refers to it, and the
/// descriptor's number.
type Key = (usize, i32);

struct State {
    entries: BTreeMap<Key, Arc<Entry>>,
    /// Entries that may be ready, or are dead. Has room for all, so that a waker never allocates.
    ready: VecDeque<Arc<Entry>>,
    /// Counts the harvests, so that none takes what it has put back itself.
    round: u64,
    /// When there are more entries than this, the dead ones are swept out.
    sweep_at: usize,
    /// The instances that watch this one.
    parents: Vec<Weak<Epoll>>,
}

/// An epoll instance.
pub struct Epoll {
    this: Weak<Epoll>,
    state: Mutex<State>,
    queue: WaitQueue,
}

impl Epoll {
    /// An instance that watches nothing.
    pub fn new() -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            state: Mutex::new(State {
                entries: BTreeMap::new(),
                ready: VecDeque::new(),
                round: 0,
                sweep_at: 16,
                parents: Vec::new(),
            }),
            queue: WaitQueue::new(),
        })
    }

    /// The instance that an open file is, if it is one.
    pub fn of(open: &OpenFile) -> Option<&Self> {
        let file: &dyn core::any::Any = &**open.file();
        file.downcast_ref()
    }

    /// Begins to watch. `EEXIST`, `ELOOP`, `EPERM`, `ENOMEM`.
    fn add(&self, fd: i32, open: &Arc<OpenFile>, event: EpollEvent) -> Result<()> {
        let queue = open.file().queue().ok_or(Errno::EPERM)?;
        let entry = Entry::new(&self.this, open, fd, event);
        let child = Self::of(open);
        // Held so that no two additions make a circle together.
        let nesting = child.map(|child| nesting::check(self, child)).transpose()?;
        {
            let mut state = self.state.lock();
            if state.entries.contains_key(&entry.key()) {
                return Err(Errno::EEXIST);
            }
            if state.entries.len() >= state.sweep_at {
                state.entries.retain(|_, entry| entry.is_alive());
                state.sweep_at = 2 * state.entries.len().max(8);
            }
            let entries = state.entries.len();
            state.ready.try_reserve(entries + 1).map_err(|_| Errno::ENOMEM)?;
            state.entries.insert(entry.key(), entry.clone());
        }
        if let Some(child) = child {
            let mut state = child.state.lock();
            state.parents.retain(|parent| parent.strong_count() > 0);
            state.parents.push(self.this.clone());
        }
        drop(nesting);
        entry.watch(queue);
        self.look_at(&entry, open);
        Ok(())
    }

    /// Changes what is waited for. `ENOENT`, `EINVAL` for an exclusive entry.
    fn modify(&self, fd: i32, open: &Arc<OpenFile>, event: EpollEvent) -> Result<()> {
        let entry = {
            let state = self.state.lock();
            let entry = state.entries.get(&entry::key(open, fd)).ok_or(Errno::ENOENT)?.clone();
            if entry.is_exclusive() {
                return Err(Errno::EINVAL);
            }
            entry.set_event(event);
            entry
        };
        self.look_at(&entry, open);
        Ok(())
    }

    /// Ends to watch. `ENOENT`.
    fn remove(&self, fd: i32, open: &Arc<OpenFile>) -> Result<()> {
        let entry = {
            let mut state = self.state.lock();
            let entry = state.entries.remove(&entry::key(open, fd)).ok_or(Errno::ENOENT)?;
            entry.end();
            entry
        };
        if let Some(queue) = open.file().queue() {
            entry.unwatch(queue);
        }
        if let Some(child) = Self::of(open) {
            let mut state = child.state.lock();
            if let Some(index) = state.parents.iter().position(|parent| parent.ptr_eq(&self.this)) {
                state.parents.swap_remove(index);
            }
        }
        Ok(())
    }

    /// After a change of what is waited for: it may be there already.
    fn look_at(&self, entry: &Arc<Entry>, open: &OpenFile) {
        if entry.wants(open.poll()) != 0 && entry.mark_queued() {
            self.push(entry.clone());
            self.queue.wake(Events::IN);
        }
    }

    /// Puts an entry that was just marked as queued on the list.
    fn push(&self, entry: Arc<Entry>) {
        self.state.lock().ready.push_back(entry);
    }
}

impl File for Epoll {
    fn poll(&self) -> Events {
        if self.has_ready() { Events::IN } else { Events::empty() }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn label(&self) -> String {
        String::from("anon_inode:[eventpoll]")
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // An entry may outlive this for a moment in a waker's hands. The queues of files drop what is gone by
        // themselves: this may run under the lock of one of them.
        self.state.get_mut().ready.clear();
    }
}
