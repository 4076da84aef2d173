//! Resource limits: `getrlimit(2)`, `prlimit(2)`.

use super::{Process, registry};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use linux_raw_sys::general as raw;
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct rlimit64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Limit {
    /// What holds.
    pub soft: u64,
    /// How far a process may raise it.
    pub hard: u64,
}

/// `RLIM_INFINITY`.
pub const INFINITY: u64 = u64::MAX;
const COUNT: usize = raw::RLIM_NLIMITS as usize;

/// The limits of a process.
pub struct Limits(Mutex<[Limit; COUNT]>);

impl Default for Limits {
    /// What a process finds on Linux without further settings.
    fn default() -> Self {
        let mut limits = [Limit { soft: INFINITY, hard: INFINITY }; COUNT];
        let mut set = |number: u32, soft, hard| limits[number as usize] = Limit { soft, hard };
        set(raw::RLIMIT_STACK, 8 << 20, INFINITY);
        set(raw::RLIMIT_CORE, 0, INFINITY);
        set(raw::RLIMIT_NOFILE, 1024, 1 << 20);
        set(raw::RLIMIT_MEMLOCK, 8 << 20, 8 << 20);
        set(raw::RLIMIT_SIGPENDING, 4096, 4096);
        set(raw::RLIMIT_NPROC, 4096, 4096);
        set(raw::RLIMIT_MSGQUEUE, 819_200, 819_200);
        set(raw::RLIMIT_NICE, 0, 0);
        set(raw::RLIMIT_RTPRIO, 0, 0);
        Self(Mutex::new(limits))
    }
}

impl Limits {
    /// One limit. Panics for a number that is none.
    pub fn get(&self, number: u32) -> Limit {
        self.0.lock()[number as usize]
    }

    /// Sets one. Panics for a number that is none.
    pub fn set(&self, number: u32, limit: Limit) {
        self.0.lock()[number as usize] = limit;
    }

    /// A copy for a child.
    pub fn duplicate(&self) -> Self {
        Self(Mutex::new(*self.0.lock()))
    }
}

fn target(thread: &Thread, id: i32) -> Result<Arc<Process>> {
    match id {
        0 => Ok(thread.process.clone()),
        _ => registry::visible(id).ok_or(Errno::ESRCH),
    }
}

/// `EPERM` for the limits of somebody else's process.
fn check_access(thread: &Thread, process: &Process) -> Result<()> {
    let (who, whose) = (thread.process.credentials(), process.credentials());
    let is = |mine: u32, theirs: super::Identity| [theirs.real, theirs.effective, theirs.saved] == [mine; 3];
    let own =
        core::ptr::eq(&*thread.process, process) || is(who.user.real, whose.user) && is(who.group.real, whose.group);
    if own || who.has(raw::CAP_SYS_RESOURCE) { Ok(()) } else { Err(Errno::EPERM) }
}

/// Sets a limit of the first program before it runs; numbers that are none are passed over.
pub fn impose(process: &Process, number: u32, limit: Limit) {
    if (number as usize) < COUNT {
        process.limits.set(number, limit);
        enforce(process, number, limit);
    }
}

/// Tells those who enforce a limit.
fn enforce(process: &Process, number: u32, limit: Limit) {
    match number {
        raw::RLIMIT_NOFILE => process.files.set_limit(limit.soft),
        raw::RLIMIT_STACK => process.memory().limits.set_stack(limit.soft),
        raw::RLIMIT_AS => process.memory().limits.set_address_space(limit.soft),
        raw::RLIMIT_DATA => process.memory().limits.set_data(limit.soft),
        raw::RLIMIT_CPU => process.timers.cpu_limit.set(process, limit.soft, limit.hard),
        raw::RLIMIT_MEMLOCK => process.memory().limits.set_locked(limit.soft),
        raw::RLIMIT_FSIZE => super::size_limit::note(),
        _ => {}
    }
}

/// `prlimit64(2)`.
pub fn prlimit64(thread: &Thread, id: i32, number: u32, new: UserPtr<Limit>, old: UserPtr<Limit>) -> Result<()> {
    if number as usize >= COUNT {
        return Err(Errno::EINVAL);
    }
    let wanted = new.non_null().map(|new| new.read(thread)).transpose()?;
    let process = target(thread, id)?;
    check_access(thread, &process)?;
    let present = process.limits.get(number);
    if let Some(wanted) = wanted {
        if wanted.soft > wanted.hard {
            return Err(Errno::EINVAL);
        }
        // Up to fs.nr_open; and a hard limit is raised by the privileged alone.
        let raises = wanted.hard > present.hard && !thread.process.credentials().has(raw::CAP_SYS_RESOURCE);
        if number == raw::RLIMIT_NOFILE && wanted.hard > 1 << 20 || raises {
            return Err(Errno::EPERM);
        }
        process.limits.set(number, wanted);
        enforce(&process, number, wanted);
    }
    old.write_unless_null(thread, &present)
}

/// `getrlimit(2)`.
pub fn getrlimit(thread: &Thread, number: u32, limit: UserPtr<Limit>) -> Result<()> {
    if number as usize >= COUNT {
        return Err(Errno::EINVAL);
    }
    limit.write(thread, &thread.process.limits.get(number))
}

/// `setrlimit(2)`.
pub fn setrlimit(thread: &Thread, number: u32, limit: UserPtr<Limit>) -> Result<()> {
    if number as usize >= COUNT {
        return Err(Errno::EINVAL);
    }
    limit.read(thread)?;
    prlimit64(thread, 0, number, limit, UserPtr::new(0))
}
