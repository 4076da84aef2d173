//! `RLIMIT_FSIZE`: how large a process may make files.

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use core::sync::atomic::{AtomicBool, Ordering};
use linux_raw_sys::general::RLIMIT_FSIZE;

// Whether some process was ever limited: most machines never see that, and a write need not look further.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Says that a process has such a limit now.
pub(super) fn note() {
    IN_USE.store(true, Ordering::Relaxed);
}

/// The current process's limit in bytes.
fn limit() -> u64 {
    if IN_USE.load(Ordering::Relaxed) { machine().current().process.limits.get(RLIMIT_FSIZE).soft } else { u64::MAX }
}

/// Where a write at `offset` has to end. `EFBIG` and `SIGXFSZ` when that is where it begins.
pub fn check_write(offset: u64) -> Result<u64> {
    let limit = limit();
    if offset >= limit { refuse() } else { Ok(limit) }
}

/// `EFBIG` and `SIGXFSZ` when a file of `present` bytes may not become `wanted` bytes long.
pub fn check_size(present: u64, wanted: u64) -> Result<()> {
    if wanted > present && wanted > limit() { refuse() } else { Ok(()) }
}

fn refuse<T>() -> Result<T> {
    // Cannot fail: a standard signal needs no room.
    let thread = machine().current();
    let _ = send(Target::Thread(&thread), SigInfo::user(Signal::XFSZ, SigInfo::USER, thread.process.id, 0));
    Err(Errno::EFBIG)
}
