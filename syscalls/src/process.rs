//! Processes: what threads share.

pub mod calls;

use crate::file::FileTable;
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
    memory: RwLock<Arc<AddressSpace>>,
    threads: Mutex<Vec<Weak<Thread>>>,
    parent: AtomicI32,
}

impl Process {
    /// A process without threads.
    pub fn new(id: i32, parent: i32, memory: Arc<AddressSpace>, files: Arc<FileTable>) -> Arc<Self> {
        Arc::new(Self {
            id,
            files,
            memory: RwLock::new(memory),
            threads: Mutex::new(Vec::new()),
            parent: AtomicI32::new(parent),
        })
    }

    /// The address space.
    pub fn memory(&self) -> Arc<AddressSpace> {
        self.memory.read().clone()
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
