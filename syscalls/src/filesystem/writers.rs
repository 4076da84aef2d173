//! A file is not written and run at the same time: `ETXTBSY` of `open(2)` and `execve(2)`.

use super::Inode;
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering};

/// How many write to a file, or, below zero, how many run it.
#[derive(Default)]
pub struct Writers(AtomicI32);

impl Writers {
    fn enter(&self, step: i32) -> Result<()> {
        let is_free = |count: i32| (count == 0 || (count > 0) == (step > 0)).then(|| count + step);
        let entered = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free);
        entered.map(|_| ()).map_err(|_| Errno::ETXTBSY)
    }

    fn leave(&self, step: i32) {
        self.0.fetch_sub(step, Ordering::Relaxed);
    }
}

macro_rules! guards {
    ($($(#[$note:meta])* $name:ident, $step:literal;)*) => {$(
        $(#[$note])*
        pub struct $name(Arc<dyn Inode>);

        impl $name {
            /// `None` for a file that does not care. `ETXTBSY`.
            pub fn of(inode: &Arc<dyn Inode>) -> Result<Option<Self>> {
                let Some(writers) = inode.writers() else { return Ok(None) };
                writers.enter($step)?;
                Ok(Some(Self(inode.clone())))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if let Some(writers) = self.0.writers() {
                    writers.leave($step);
                }
            }
        }
    )*};
}

guards! {
    /// Somebody may write to the file.
    Writing, 1;
    /// A program runs that is this file.
    Running, -1;
}
