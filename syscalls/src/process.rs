//! Processes: what threads share.

pub mod calls;
mod context;
mod credentials;

pub use context::FileContext;
pub use credentials::{Credentials, Identity};

use crate::file::FileTable;
use crate::filesystem::namespace;
use crate::memory::AddressSpace;
use crate::thread::Thread;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};
use spin::{Mutex, RwLock};

/// A process.
pub struct Process {
    /// Its number.
    pub id: i32,
    /// Its descriptors.
    pub files: Arc<FileTable>,
    /// Its root, working directory and umask.
    pub context: Arc<FileContext>,
    credentials: RwLock<Arc<Credentials>>,
    memory: RwLock<Arc<AddressSpace>>,
    threads: Mutex<Vec<Weak<Thread>>>,
    parent: AtomicI32,
}

impl Process {
    /// A process without threads: the super-user's, at the root of all.
    pub fn new(id: i32, parent: i32, memory: Arc<AddressSpace>, files: Arc<FileTable>) -> Arc<Self> {
        let context = FileContext::new(namespace().root());
        Self::with_context(id, parent, memory, files, context, Credentials::root())
    }

    /// A process without threads that sees files as `context` says and acts as `credentials` say.
    pub fn with_context(
        id: i32,
        parent: i32,
        memory: Arc<AddressSpace>,
        files: Arc<FileTable>,
        context: Arc<FileContext>,
        credentials: Arc<Credentials>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            files,
            context,
            credentials: RwLock::new(credentials),
            memory: RwLock::new(memory),
            threads: Mutex::new(Vec::new()),
            parent: AtomicI32::new(parent),
        })
    }

    /// The address space.
    pub fn memory(&self) -> Arc<AddressSpace> {
        self.memory.read().clone()
    }

    /// Who it is.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.read().clone()
    }

    /// Makes it someone else.
    pub fn set_credentials(&self, credentials: Arc<Credentials>) {
        *self.credentials.write() = credentials;
    }

    /// The parent's number.
    pub fn parent(&self) -> i32 {
        self.parent.load(Ordering::Relaxed)
    }

    /// The threads that have not ended.
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Takes a new thread in.
    pub fn add_thread(&self, thread: &Arc<Thread>) {
        self.threads.lock().push(Arc::downgrade(thread));
    }
}
