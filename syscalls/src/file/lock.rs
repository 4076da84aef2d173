//! Advisory locks: `flock(2)`, and `fcntl(2)`'s on ranges, of a process (POSIX) or of an open file description.

use super::{FileTable, OpenFile};
use crate::errno::{Errno, Result};
use crate::wait::{WaitQueue, wait_until};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::from_ref;
use core::sync::atomic::{AtomicUsize, Ordering};
use spin::Mutex;

/// Who holds a lock. As on Linux, a POSIX lock is the descriptor table's, so that threads share it and a child has
/// none of it. A description's address stands for it: it outlives its locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// All who use this descriptor table.
    Table(usize),
    /// All who use this open file description.
    Description(usize),
}

impl Owner {
    /// The users of a descriptor table.
    pub fn table(files: &FileTable) -> Self {
        Self::Table(files.identity())
    }

    /// The users of a description.
    pub fn description(open: &OpenFile) -> Self {
        Self::Description(from_ref(open).addr())
    }
}

/// A locked range of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Who holds it.
    pub owner: Owner,
    /// The process that asked for it.
    pub process: i32,
    /// Whether nobody else may hold any lock there.
    pub exclusive: bool,
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one; [`Range::END`] for all to come.
    pub end: u64,
}

impl Range {
    /// Behind the last byte that a file can have.
    pub const END: u64 = i64::MAX as u64 + 1;

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn conflicts(&self, other: &Self) -> bool {
        self.owner != other.owner && (self.exclusive || other.exclusive) && self.overlaps(other)
    }
}

#[derive(Default)]
struct Locks {
    /// Ranges by inode, which its address stands for.
    ranges: BTreeMap<usize, Vec<Range>>,
    /// `flock(2)`'s: holders by inode, and whether each is the only one.
    whole: BTreeMap<usize, Vec<(Owner, bool)>>,
    /// Who waits for whom: to find circles.
    waits: Vec<(Owner, Owner)>,
}

static LOCKS: Mutex<Locks> = Mutex::new(Locks { ranges: BTreeMap::new(), whole: BTreeMap::new(), waits: Vec::new() });
static QUEUE: WaitQueue = WaitQueue::new();
// Inodes with locks: closing a file looks here first.
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Locks {
    fn settle(&mut self) {
        self.ranges.retain(|_, ranges| !ranges.is_empty());
        self.whole.retain(|_, holders| !holders.is_empty());
        COUNT.store(self.ranges.len() + self.whole.len(), Ordering::Relaxed);
    }

    /// What is in the way: of the first owner's locks the one that begins first.
    fn conflict(&self, inode: usize, wanted: &Range) -> Option<Range> {
        let in_the_way = || self.ranges.get(&inode).into_iter().flatten().filter(|held| held.conflicts(wanted));
        let owner = in_the_way().next()?.owner;
        in_the_way().filter(|held| held.owner == owner).min_by_key(|held| held.start).copied()
    }

    /// Takes a range off what an owner holds.
    fn release(&mut self, inode: usize, gone: &Range) {
        let Some(ranges) = self.ranges.get_mut(&inode) else { return };
        let mut rest = Vec::new();
        ranges.retain(|held| {
            if held.owner != gone.owner || !held.overlaps(gone) {
                return true;
            }
            rest.push(Range { end: gone.start.max(held.start), ..*held });
            rest.push(Range { start: gone.end.min(held.end), ..*held });
            false
        });
        ranges.extend(rest.into_iter().filter(|piece| piece.start < piece.end));
    }

    /// Whether `holder` waits, by whatever detours, for `waiter`.
    fn is_circle(&self, waiter: Owner, holder: Owner) -> bool {
        let mut at = holder;
        for _ in 0..=self.waits.len() {
            if at == waiter {
                return true;
            }
            match self.waits.iter().find(|(waits, _)| *waits == at) {
                Some((_, next)) => at = *next,
                None => return false,
            }
        }
        false
    }
}

fn inode(open: &OpenFile) -> usize {
    Arc::as_ptr(open.entry().inode()).addr()
}

/// The first lock in the way of `wanted`.
pub fn find_conflict(open: &OpenFile, wanted: &Range) -> Option<Range> {
    LOCKS.lock().conflict(inode(open), wanted)
}

/// Locks a range, in the place of what the owner holds there. `EAGAIN` when somebody else has it, or with `wait`
/// `EDEADLK`, `ERESTARTSYS`.
pub fn lock(open: &OpenFile, wanted: &Range, wait: bool) -> Result<()> {
    let inode = inode(open);
    let attempt = || {
        let mut locks = LOCKS.lock();
        locks.waits.retain(|(waiter, _)| *waiter != wanted.owner);
        if let Some(held) = locks.conflict(inode, wanted) {
            let by_process = matches!(wanted.owner, Owner::Table(_));
            if wait && by_process {
                if locks.is_circle(wanted.owner, held.owner) {
                    return Some(Err(Errno::EDEADLK));
                }
                locks.waits.push((wanted.owner, held.owner));
            }
            return if wait { None } else { Some(Err(Errno::EAGAIN)) };
        }
        locks.release(inode, wanted);
        locks.ranges.entry(inode).or_default().push(*wanted);
        locks.settle();
        Some(Ok(()))
    };
    let outcome = wait_until(&[&QUEUE], None, attempt);
    LOCKS.lock().waits.retain(|(waiter, _)| *waiter != wanted.owner);
    if matches!(wanted.owner, Owner::Description(_)) {
        open.note_lock();
    }
    // A lock that was taken down to a shared one lets others in.
    QUEUE.wake_all();
    outcome?
}

/// Unlocks a range of what its owner holds.
pub fn unlock(open: &OpenFile, range: &Range) {
    let mut locks = LOCKS.lock();
    locks.release(inode(open), range);
    locks.settle();
    drop(locks);
    QUEUE.wake_all();
}

/// `flock(2)`: the whole file, for a description. `EAGAIN`, or with `wait` `ERESTARTSYS`.
pub fn lock_whole(open: &OpenFile, exclusive: bool, wait: bool) -> Result<()> {
    let (inode, owner) = (inode(open), Owner::description(open));
    // As on Linux, a change of kind gives the old lock up first.
    unlock_whole(open);
    let attempt = || {
        let mut locks = LOCKS.lock();
        let holders = locks.whole.entry(inode).or_default();
        let taken = holders.iter().any(|(_, only)| *only || exclusive);
        if !taken {
            holders.push((owner, exclusive));
        }
        locks.settle();
        match taken {
            false => Some(Ok(())),
            true if wait => None,
            true => Some(Err(Errno::EAGAIN)),
        }
    };
    open.note_lock();
    wait_until(&[&QUEUE], None, attempt)?
}

/// `flock(2)`'s `LOCK_UN`.
pub fn unlock_whole(open: &OpenFile) {
    let owner = Owner::description(open);
    let mut locks = LOCKS.lock();
    if let Some(holders) = locks.whole.get_mut(&inode(open)) {
        holders.retain(|(holder, _)| *holder != owner);
    }
    locks.settle();
    drop(locks);
    QUEUE.wake_all();
}

/// A descriptor is closed: a process loses all its locks on the file, whichever descriptor they came by.
pub(super) fn release_on_close(files: &FileTable, open: &OpenFile) {
    if COUNT.load(Ordering::Relaxed) > 0 {
        unlock(open, &all_of(Owner::table(files)));
    }
}

/// A description goes, with its locks.
pub(super) fn release_description(open: &OpenFile) {
    unlock_whole(open);
    unlock(open, &all_of(Owner::description(open)));
}

/// A descriptor table goes, with its locks.
pub(super) fn release_table(files: &FileTable) {
    if COUNT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let owner = Owner::table(files);
    let mut locks = LOCKS.lock();
    locks.ranges.values_mut().for_each(|ranges| ranges.retain(|held| held.owner != owner));
    locks.settle();
    drop(locks);
    QUEUE.wake_all();
}

/// Whether somebody waits for a range.
#[cfg(test)]
pub fn is_waiting(owner: Owner) -> bool {
    LOCKS.lock().waits.iter().any(|(waiter, _)| *waiter == owner)
}

fn all_of(owner: Owner) -> Range {
    Range { owner, process: 0, exclusive: false, start: 0, end: Range::END }
}
