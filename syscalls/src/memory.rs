//! A process's memory: what is mapped where, and what happens when a page is touched.

use crate::errno::{Errno, Result};
use crate::machine::{Access, PageTable};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// An address space.
pub struct AddressSpace {
    /// The hardware's view.
    pub table: Box<dyn PageTable>,
}

impl AddressSpace {
    /// An empty one.
    pub fn new(table: Box<dyn PageTable>) -> Arc<Self> {
        Arc::new(Self { table })
    }

    /// Makes a page present that a copy needs. `EFAULT`.
    pub fn fault_in(&self, address: u64, access: Access) -> Result<()> {
        let _ = (address, access);
        Err(Errno::EFAULT)
    }
}
