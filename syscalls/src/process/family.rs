//! Parents and children: who made whom, who takes orphans over, who hears of a parent's end.

use super::session::is_orphaned;
use super::usage::Spent;
use super::{Process, registry};
use crate::signal::kill::{may_signal, send_to_group};
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal, stop};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};
use spin::Mutex;

/// A process's relatives.
pub(super) struct Family {
    parent: AtomicI32,
    /// The parent's thread that made the process, or has taken it over.
    parent_thread: AtomicI32,
    /// What the end of the process sends to the parent; 0 for nothing.
    exit_signal: AtomicI32,
    /// All that live and those that nobody has waited for. A process that has ended lives on here alone.
    children: Mutex<Vec<Arc<Process>>>,
    /// What the children have used that were waited for.
    spent: Mutex<Spent>,
}

impl Family {
    /// A process with this parent, which sends `SIGCHLD` in the end.
    pub(super) const fn new(parent: i32) -> Self {
        Self::with_signal(parent, parent, Signal::CHLD.number() as i32)
    }

    /// A process with this parent and its thread, and the signal that is sent in the end.
    pub(super) const fn with_signal(parent: i32, parent_thread: i32, exit_signal: i32) -> Self {
        Self {
            parent: AtomicI32::new(parent),
            parent_thread: AtomicI32::new(parent_thread),
            exit_signal: AtomicI32::new(exit_signal),
            children: Mutex::new(Vec::new()),
            spent: Mutex::new(Spent::NOTHING),
        }
    }
}

impl Process {
    /// The parent's number.
    pub fn parent(&self) -> i32 {
        self.family.parent.load(Ordering::Relaxed)
    }

    /// The parent's thread that made it.
    pub(super) fn parent_thread(&self) -> i32 {
        self.family.parent_thread.load(Ordering::Relaxed)
    }

    /// The number of the signal that its end sends; 0 for none.
    pub fn exit_signal(&self) -> i32 {
        self.family.exit_signal.load(Ordering::Relaxed)
    }

    /// Its end sends `SIGCHLD` from now on, as after `execve(2)`.
    pub(super) fn reset_exit_signal(&self) {
        self.family.exit_signal.store(Signal::CHLD.number().into(), Ordering::Relaxed);
    }

    /// Makes a process that is there a child of another, as `fork(2)` would.
    #[cfg(test)]
    pub(crate) fn become_child_of(self: &Arc<Self>, parent: &Self) {
        self.family.parent.store(parent.id, Ordering::Relaxed);
        self.tell_threads();
        self.membership.join(&parent.membership);
        self.set_group(parent.group());
        parent.add_child(self.clone());
    }

    /// The children, those that have ended included.
    pub(super) fn children(&self) -> Vec<Arc<Self>> {
        self.family.children.lock().clone()
    }

    /// Takes a child in.
    pub(super) fn add_child(&self, child: Arc<Self>) {
        self.family.children.lock().push(child);
    }

    /// Takes a child off, which is gone for good when its threads are; `None` when it is not there any more.
    pub(super) fn remove_child(&self, child: &Self) -> Option<Arc<Self>> {
        let mut children = self.family.children.lock();
        let at = children.iter().position(|other| core::ptr::eq(&**other, child))?;
        Some(children.remove(at))
    }

    /// What its children have used that were waited for.
    pub fn spent_by_children(&self) -> Spent {
        *self.family.spent.lock()
    }

    /// Adds what a child, and its children, have used.
    pub(super) fn charge_child(&self, child: &Self) {
        let spent = child.spent().and(child.spent_by_children());
        let mut sum = self.family.spent.lock();
        *sum = sum.and(spent);
    }

    /// Who takes its children over: the nearest ancestor that asked for it (`PR_SET_CHILD_SUBREAPER`). `None`: the
    /// kernel, which waits for nothing and forgets them at once.
    fn reaper(&self) -> Option<Arc<Self>> {
        let mut id = self.parent();
        // Ancestors never form a circle; the bound is for numbers that are used again.
        for _ in 0..registry::count() {
            let ancestor = registry::find(id)?;
            if ancestor.attributes.is_subreaper() && ancestor.end().is_none() {
                return Some(ancestor);
            }
            id = ancestor.parent();
        }
        None
    }

    /// A thread ends: the children that it made hear of it. While others of its process live they become theirs.
    pub(super) fn leave_children_of(&self, thread: i32) {
        for child in self.children() {
            if child.parent_thread() == thread {
                child.family.parent_thread.store(self.id, Ordering::Relaxed);
                child.hear_of_parents_end(self);
            }
        }
    }

    /// The process ends: its children get another parent, and groups that nobody can let go on any more are told.
    pub(super) fn give_children_away(&self) {
        let children = core::mem::take(&mut *self.family.children.lock());
        if children.is_empty() {
            return;
        }
        let reaper = self.reaper();
        let parent = reaper.as_ref().map_or(registry::KERNEL, |reaper| reaper.id);
        for child in children {
            child.family.parent.store(parent, Ordering::Relaxed);
            child.family.parent_thread.store(parent, Ordering::Relaxed);
            child.tell_threads();
            child.hear_of_parents_end(self);
            child.reset_exit_signal();
            let group = child.group();
            if self.group() != group && self.session() == child.session() {
                release_orphans(group);
            }
            if let Some(reaper) = &reaper {
                reaper.add_child(child.clone());
                if child.is_zombie() {
                    super::exit::tell_parent(&child);
                }
            }
        }
    }

    /// `PR_SET_PDEATHSIG`.
    fn hear_of_parents_end(&self, parent: &Self) {
        for thread in self.threads() {
            if let Ok(signal) = Signal::new(thread.attributes.parent_death_signal() as i32)
                && may_signal(parent, self, Some(signal))
            {
                let user = parent.credentials().user.real;
                // A standard signal needs no room; a real-time one may find none.
                let _ = send(Target::Process(self), SigInfo::user(signal, SigInfo::USER, parent.id, user));
            }
        }
    }

    /// Its own end may leave its group orphaned.
    pub(super) fn leave_group(&self) {
        let group = self.group();
        let keeps = registry::find(self.parent())
            .is_some_and(|parent| parent.group() != group && parent.session() == self.session());
        if keeps {
            release_orphans(group);
        }
    }
}

/// Lets a group that has just become orphaned hear of it if a process of it is stopped: `SIGHUP`, `SIGCONT`.
fn release_orphans(group: i32) {
    let is_stopped = || !registry::all(|process| process.group() == group && stop::is_stopped(process)).is_empty();
    if is_orphaned(group) && is_stopped() {
        for signal in [Signal::HUP, Signal::CONT] {
            // An empty group hears nothing.
            let _ = send_to_group(group, SigInfo::kernel(signal));
        }
    }
}
