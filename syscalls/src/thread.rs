//! Threads: what runs.

pub mod answers;
pub mod calls;
pub mod clone;

use self::answers::Answers;
use crate::file::FileTable;
use crate::machine::{Task, machine};
use crate::process::Process;
use crate::process::attributes::ThreadAttributes;
use crate::signal::ThreadSignals;
use crate::time::Instant;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use spin::{Mutex, Once};

bitflags::bitflags! {
    /// What a thread has to see to before it goes back to its program.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Work: u32 {
        /// A signal is to be handled.
        const SIGNAL = 1;
        /// Another thread should run.
        const RESCHEDULE = 2;
        /// The saved registers are to be loaded as a whole: they are not the ones the program came with.
        const REGISTERS = 4;
        /// The thread is to end.
        const EXIT = 8;
        /// Never done: the thread's GS is its own, so it always goes back the long way.
        const OWN_GS = 16;
    }
}

/// A thread of a program.
#[repr(C)]
pub struct Thread {
    /// Bits of [`Work`]; the entry stub looks at this word on each way back.
    pub work: AtomicU32,
    answers: Answers,
    /// The process it belongs to.
    pub process: Arc<Process>,
    /// `set_tid_address(2)`: zeroed and woken when the thread ends; 0 for none.
    pub clear_child_tid: AtomicU64,
    /// `set_robust_list(2)`; 0 for none.
    pub robust_list: AtomicU64,
    /// When it began.
    pub started: Instant,
    name: Mutex<[u8; 16]>,
    /// Its signals.
    pub signals: ThreadSignals,
    /// What `prctl(2)` keeps.
    pub attributes: ThreadAttributes,
    task: Once<Weak<dyn Task>>,
}

impl Thread {
    /// A thread that does not run yet; the machine [binds](Thread::bind) its task to it.
    pub fn new(id: i32, process: Arc<Process>) -> Arc<Self> {
        let thread = Arc::new(Self {
            work: AtomicU32::new(0),
            answers: Answers::new(id),
            process,
            clear_child_tid: AtomicU64::new(0),
            robust_list: AtomicU64::new(0),
            started: machine().monotonic(),
            name: Mutex::new([0; 16]),
            signals: ThreadSignals::default(),
            attributes: ThreadAttributes::default(),
            task: Once::new(),
        });
        thread.process.add_thread(&thread);
        thread.answers.follow(&thread.process);
        thread
    }

    /// Its number.
    #[inline]
    pub fn id(&self) -> i32 {
        self.answers.id.load(Ordering::Relaxed)
    }

    /// Makes it its process's main thread, as `execve(2)` does with the one that calls it.
    pub fn become_main(&self) {
        self.answers.id.store(self.process.id, Ordering::Relaxed);
    }

    /// Binds the machine's side, once.
    pub fn bind(&self, task: Weak<dyn Task>) {
        self.task.call_once(|| task);
    }

    /// The machine's side, while the thread has not ended.
    pub fn task(&self) -> Option<Arc<dyn Task>> {
        self.task.get()?.upgrade()
    }

    /// Lets the thread's wait look at its condition again.
    pub fn unpark(&self) {
        if let Some(task) = self.task() {
            task.unpark();
        }
    }

    /// Its name, `comm`: at most 15 bytes, the rest zero.
    pub fn name(&self) -> [u8; 16] {
        *self.name.lock()
    }

    /// Sets the name; what is longer than 15 bytes is cut.
    pub fn set_name(&self, name: [u8; 16]) {
        let mut name = name;
        name[15] = 0;
        *self.name.lock() = name;
    }

    /// Sets the name to the last part of a program's path.
    pub fn set_name_from_path(&self, path: &[u8]) {
        let last = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let mut name = [0; 16];
        name.iter_mut().zip(last.iter().take(15)).for_each(|(place, byte)| *place = *byte);
        self.set_name(name);
    }

    /// The process's descriptors.
    pub fn files(&self) -> &FileTable {
        &self.process.files
    }

    /// Demands work before the thread goes back to its program.
    pub fn demand(&self, work: Work) {
        self.work.fetch_or(work.bits(), Ordering::SeqCst);
    }

    /// Takes work off.
    pub fn settle(&self, work: Work) {
        self.work.fetch_and(!work.bits(), Ordering::SeqCst);
    }

    /// Whether it is to end.
    pub fn is_leaving(&self) -> bool {
        self.work.load(Ordering::SeqCst) & Work::EXIT.bits() != 0
    }

    /// Whether a wait has to end early.
    pub fn is_interrupted(&self) -> bool {
        self.work.load(Ordering::SeqCst) & (Work::SIGNAL | Work::EXIT).bits() != 0
    }
}
