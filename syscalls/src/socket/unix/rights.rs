//! `SCM_RIGHTS`: files on their way. A socket that is sent to itself, or two that are sent to each other, keep each
//! other alive with nobody to receive them; so no more may be on the way than a process may have open.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::socket::message::Rights;
use core::sync::atomic::{AtomicUsize, Ordering};

static ON_THE_WAY: AtomicUsize = AtomicUsize::new(0);

/// Files that have been sent and not received.
pub(in crate::socket) struct InFlight(Rights);

impl InFlight {
    fn new(files: Rights) -> Self {
        ON_THE_WAY.fetch_add(files.len(), Ordering::Relaxed);
        Self(files)
    }

    /// They have arrived.
    pub(super) fn arrive(mut self) -> Rights {
        ON_THE_WAY.fetch_sub(self.0.len(), Ordering::Relaxed);
        core::mem::take(&mut self.0)
    }
}

impl Clone for InFlight {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        ON_THE_WAY.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

/// Files that are about to be sent. `ETOOMANYREFS`.
pub(super) fn send(rights: &Option<Rights>) -> Result<Option<InFlight>> {
    let Some(rights) = rights else { return Ok(None) };
    if ON_THE_WAY.load(Ordering::Relaxed) as u64 > machine().current().files().limit() {
        return Err(Errno::ETOOMANYREFS);
    }
    Ok(Some(InFlight::new(rights.clone())))
}
