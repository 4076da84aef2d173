//! What a rewritten call site can answer by itself: values that a thread carries where a load from its own [`Thread`]
//! finds them. The site needs no stack and no handler then.

use super::Thread;
use crate::process::Process;
use core::mem::offset_of;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use linux_raw_sys::general::{
    __NR_getegid, __NR_geteuid, __NR_getgid, __NR_getpid, __NR_getppid, __NR_gettid, __NR_getuid,
};

/// The values, each written whenever it changes.
#[repr(C)]
pub struct Answers {
    pub(super) id: AtomicI32,
    process: AtomicI32,
    parent: AtomicI32,
    user: AtomicU32,
    effective_user: AtomicU32,
    group: AtomicU32,
    effective_group: AtomicU32,
}

/// The calls, and where in a [`Thread`] their answers are: 32 bits each, which cannot be errors.
pub const ANSWERS: [(u32, usize); 7] = [
    (__NR_gettid, place(offset_of!(Answers, id))),
    (__NR_getpid, place(offset_of!(Answers, process))),
    (__NR_getppid, place(offset_of!(Answers, parent))),
    (__NR_getuid, place(offset_of!(Answers, user))),
    (__NR_geteuid, place(offset_of!(Answers, effective_user))),
    (__NR_getgid, place(offset_of!(Answers, group))),
    (__NR_getegid, place(offset_of!(Answers, effective_group))),
];

const fn place(within: usize) -> usize {
    offset_of!(Thread, answers) + within
}

impl Answers {
    pub(super) fn new(id: i32) -> Self {
        Self {
            id: AtomicI32::new(id),
            process: AtomicI32::new(0),
            parent: AtomicI32::new(0),
            user: AtomicU32::new(0),
            effective_user: AtomicU32::new(0),
            group: AtomicU32::new(0),
            effective_group: AtomicU32::new(0),
        }
    }

    /// Takes over what the process has.
    pub(super) fn follow(&self, process: &Process) {
        self.process.store(process.id, Ordering::Relaxed);
        self.parent.store(process.parent(), Ordering::Relaxed);
        let who = process.credentials();
        self.user.store(who.user.real, Ordering::Relaxed);
        self.effective_user.store(who.user.effective, Ordering::Relaxed);
        self.group.store(who.group.real, Ordering::Relaxed);
        self.effective_group.store(who.group.effective, Ordering::Relaxed);
    }
}

impl Process {
    /// Its parent or its credentials have changed: lets its threads answer so.
    pub(crate) fn tell_threads(&self) {
        for thread in self.threads() {
            thread.answers.follow(self);
        }
    }
}
