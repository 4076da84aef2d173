//! `RLIMIT_CPU`: `SIGXCPU` at the soft limit and each second from there on, `SIGKILL` at the hard one.

use super::SECOND;
use super::deadline::look_after;
use crate::process::Process;
use crate::process::limits::INFINITY;
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general::RLIMIT_CPU;

/// When a process hears next of its CPU time.
pub struct CpuLimit {
    // In nanoseconds of CPU time; `u64::MAX` for never.
    next: AtomicU64,
}

impl Default for CpuLimit {
    fn default() -> Self {
        Self { next: AtomicU64::new(u64::MAX) }
    }
}

impl CpuLimit {
    /// The limit was set, in seconds. As on Linux, none at all is one second.
    pub fn set(&self, process: &Process, soft: u64, hard: u64) {
        let first = soft.min(hard);
        if first == INFINITY {
            self.next.store(u64::MAX, Ordering::Relaxed);
            return;
        }
        let next = first.max(1).saturating_mul(SECOND);
        self.next.store(next, Ordering::Relaxed);
        look_after(next.saturating_sub(process.cpu_time()));
    }

    /// Looks whether it is time; gives how much CPU time may pass until the next look.
    pub(super) fn tick(&self, process: &Process) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        if next == u64::MAX {
            return None;
        }
        let now = process.cpu_time();
        if now < next {
            return Some(next - now);
        }
        let hard = process.limits.get(RLIMIT_CPU).hard.saturating_mul(SECOND);
        let signal = if now >= hard { Signal::KILL } else { Signal::XCPU };
        // Cannot fail: a standard signal of the kernel needs no room.
        let _ = send(Target::Process(process), SigInfo::kernel(signal));
        let after = next.saturating_add(SECOND).min(hard.max(now.saturating_add(SECOND)));
        self.next.store(after, Ordering::Relaxed);
        Some(after.saturating_sub(now))
    }
}
