//! Processes: what threads share.

pub mod affinity;
pub mod attributes;
pub mod barrier;
pub mod calls;
pub mod capabilities;
pub mod compare;
mod context;
pub mod credentials;
pub mod exec;
pub mod exit;
mod family;
pub mod fork;
pub mod identity;
pub mod limits;
pub mod personality;
pub mod pidfd;
pub mod prctl;
pub mod priority;
pub mod program;
pub mod reboot;
pub mod registry;
pub mod scheduling;
pub mod session;
pub mod size_limit;
pub mod usage;
mod vdso;
mod vfork;
pub mod wait;

pub use context::FileContext;
pub use credentials::{Credentials, Identity, Privileges};

use crate::file::FileTable;
use crate::filesystem::namespace;
use crate::machine::machine;
use crate::memory::AddressSpace;
use crate::signal::{ProcessSignals, SignalActions};
use crate::thread::Thread;
use crate::time::{Instant, ProcessTimers};
use crate::wait::WaitQueue;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use spin::{Mutex, RwLock};

/// What a process begins with.
struct Parts {
    id: i32,
    memory: Arc<AddressSpace>,
    files: Arc<FileTable>,
    context: Arc<FileContext>,
    credentials: Arc<Credentials>,
    actions: Arc<SignalActions>,
    attributes: attributes::ProcessAttributes,
    limits: limits::Limits,
    program: Option<program::ProgramImage>,
    group: i32,
    membership: session::Membership,
    family: family::Family,
}

/// A process.
pub struct Process {
    /// Its number.
    pub id: i32,
    /// Its descriptors.
    pub files: Arc<FileTable>,
    /// Its resource limits.
    pub limits: limits::Limits,
    /// Its signals.
    pub signals: ProcessSignals,
    /// Its timers.
    pub timers: ProcessTimers,
    /// Woken when a child ends, stops or goes on.
    pub child_events: WaitQueue,
    /// When it began.
    pub started: Instant,
    /// How much likelier than others it is to be ended for want of memory: `/proc/PID/oom_score_adj`, -1000 to 1000.
    pub oom_adjustment: AtomicI32,
    /// Its root, working directory and umask.
    pub context: Arc<FileContext>,
    /// What `prctl(2)` keeps.
    pub attributes: attributes::ProcessAttributes,
    credentials: RwLock<Arc<Credentials>>,
    memory: RwLock<Arc<AddressSpace>>,
    program: RwLock<Option<program::ProgramImage>>,
    threads: Mutex<Vec<Weak<Thread>>>,
    family: family::Family,
    lending: vfork::Lending,
    group: AtomicI32,
    membership: session::Membership,
    // Whether it has called `execve(2)`.
    has_executed: AtomicBool,
    exit: exit::Exit,
    // CPU time of the threads that have ended, in nanoseconds.
    past_time: AtomicU64,
}

impl Process {
    /// A process without threads: the super-user's, at the root of all, in a session and a group of its own.
    pub fn new(id: i32, parent: i32, memory: Arc<AddressSpace>, files: Arc<FileTable>) -> Arc<Self> {
        Self::of(Parts {
            id,
            memory,
            files,
            context: FileContext::new(namespace().root()),
            credentials: Credentials::root(),
            actions: Arc::default(),
            attributes: attributes::ProcessAttributes::default(),
            limits: limits::Limits::default(),
            program: None,
            group: id,
            membership: session::Membership::leader(id),
            family: family::Family::new(parent),
        })
    }

    fn of(parts: Parts) -> Arc<Self> {
        let process = Arc::new(Self {
            id: parts.id,
            files: parts.files,
            started: machine().monotonic(),
            oom_adjustment: AtomicI32::new(0),
            context: parts.context,
            attributes: parts.attributes,
            credentials: RwLock::new(parts.credentials),
            limits: parts.limits,
            signals: ProcessSignals::new(parts.actions),
            timers: ProcessTimers::default(),
            child_events: WaitQueue::new(),
            memory: RwLock::new(parts.memory),
            program: RwLock::new(parts.program),
            threads: Mutex::new(Vec::new()),
            family: parts.family,
            lending: vfork::Lending::default(),
            group: AtomicI32::new(parts.group),
            membership: parts.membership,
            has_executed: AtomicBool::new(false),
            exit: exit::Exit::default(),
            past_time: AtomicU64::new(0),
        });
        registry::add(&process);
        process
    }

    /// The address space.
    pub fn memory(&self) -> Arc<AddressSpace> {
        self.memory.read().clone()
    }

    /// Gives the current thread's process another address space, in use at once. The one before goes unless others
    /// share it.
    fn move_to(&self, memory: Arc<AddressSpace>) {
        let before = core::mem::replace(&mut *self.memory.write(), memory.clone());
        memory.table.activate();
        drop(before);
        self.give_back_memory();
    }

    /// The program it runs; `None` until one is loaded.
    pub fn program(&self) -> Option<program::ProgramImage> {
        self.program.read().clone()
    }

    /// Whether it has called `execve(2)`.
    fn has_executed(&self) -> bool {
        self.has_executed.load(Ordering::Relaxed)
    }

    /// Says which program it runs.
    pub fn set_program(&self, program: program::ProgramImage) {
        *self.program.write() = Some(program);
    }

    /// It runs none any more.
    fn forget_program(&self) {
        let before = self.program.write().take();
        drop(before);
    }

    /// Who it is.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.read().clone()
    }

    /// Makes it someone else.
    pub fn set_credentials(&self, credentials: Arc<Credentials>) {
        *self.credentials.write() = credentials;
        self.tell_threads();
    }

    /// The number of its process group.
    pub fn group(&self) -> i32 {
        self.group.load(Ordering::Relaxed)
    }

    /// Moves it to another group.
    pub fn set_group(&self, group: i32) {
        self.group.store(group, Ordering::Relaxed);
    }

    /// The threads that have not ended.
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// The thread with this number.
    pub fn thread(&self, id: i32) -> Option<Arc<Thread>> {
        self.threads.lock().iter().filter_map(Weak::upgrade).find(|thread| thread.id() == id)
    }

    /// The thread that the process began with, unless it has ended.
    pub fn main_thread(&self) -> Option<Arc<Thread>> {
        self.thread(self.id)
    }

    /// How many signals may wait in queues, `RLIMIT_SIGPENDING`.
    pub fn signal_limit(&self) -> usize {
        self.limits.get(linux_raw_sys::general::RLIMIT_SIGPENDING).soft as usize
    }

    /// Takes a new thread in. When the process is ending already, so is the thread.
    pub fn add_thread(&self, thread: &Arc<Thread>) {
        self.threads.lock().push(Arc::downgrade(thread));
        if self.end().is_some() {
            thread.demand(crate::thread::Work::EXIT);
        }
    }

    /// Takes a thread out that ends; gives whether it was the last.
    fn remove_thread(&self, thread: &Thread) -> bool {
        let time = thread.task().map_or(0, |task| task.cpu_time());
        self.past_time.fetch_add(time, Ordering::Relaxed);
        let mut threads = self.threads.lock();
        threads.retain(|other| !core::ptr::eq(other.as_ptr(), thread) && other.strong_count() > 0);
        threads.is_empty()
    }

    /// CPU time that all its threads have used, in nanoseconds.
    pub fn cpu_time(&self) -> u64 {
        let times = self.threads().iter().filter_map(|thread| thread.task()).map(|task| task.cpu_time()).sum::<u64>();
        times + self.past_time.load(Ordering::Relaxed)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        registry::add_past_time(*self.past_time.get_mut());
        registry::remove(self);
    }
}
