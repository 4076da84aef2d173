//! Scheduling policies, `sched(7)`: kept and given back; the scheduler treats all threads alike.

#[cfg(test)]
mod tests;

use super::registry;
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::time::{SECOND, TimeSpec};
use crate::user::{UserPtr, copy_in, copy_out};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The bit of `sched_setscheduler(2)`'s policy that asks for [`raw::SCHED_FLAG_RESET_ON_FORK`].
const RESET_ON_FORK: u32 = raw::SCHED_RESET_ON_FORK;
/// How long a thread runs while others want to.
const SLICE: u64 = SECOND / 100;

/// `struct sched_attr` in its second version, as since Linux 5.3.
#[derive(Clone, Copy, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SchedulingAttributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    least_utilisation: u32,
    most_utilisation: u32,
}

/// Bytes of the first version.
const FIRST_SIZE: usize = 48;

/// What a thread asks for.
#[derive(Clone, Copy)]
struct Wish {
    policy: u32,
    priority: u32,
    /// `None`: as it is.
    nice: Option<i32>,
    resets_on_fork: bool,
}

const fn is_real_time(policy: u32) -> bool {
    matches!(policy, raw::SCHED_FIFO | raw::SCHED_RR)
}

/// The thread of a number, 0 for the caller. `EINVAL`, `ESRCH`.
fn target(thread: &Thread, id: i32) -> Result<Arc<Thread>> {
    match id {
        ..0 => Err(Errno::EINVAL),
        0 => Ok(machine().current()),
        _ if id == thread.id() => Ok(machine().current()),
        _ => registry::thread(id).ok_or(Errno::ESRCH),
    }
}

impl Wish {
    /// `EINVAL` for what does not fit together.
    fn check(&self) -> Result<()> {
        let is_known =
            is_real_time(self.policy) || matches!(self.policy, raw::SCHED_NORMAL | raw::SCHED_BATCH | raw::SCHED_IDLE);
        if !is_known || self.priority > 99 || is_real_time(self.policy) != (self.priority != 0) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    /// `EPERM` for what the caller may not do to the thread.
    fn check_permission(&self, caller: &Thread, target: &Thread) -> Result<()> {
        let who = caller.process.credentials();
        if who.has(raw::CAP_SYS_NICE) {
            return Ok(());
        }
        let limit = |number| target.process.limits.get(number).soft;
        let now = &target.attributes;
        let may_be_nicer = |nice: i32| nice >= now.nice() || (20 - nice) as u64 <= limit(raw::RLIMIT_NICE);
        let user = target.process.credentials().user;
        let is_ordinary = !is_real_time(self.policy);
        let allowed = (!is_ordinary || self.nice.is_none_or(may_be_nicer))
            && (is_ordinary || self.policy == now.policy() || limit(raw::RLIMIT_RTPRIO) != 0)
            && (is_ordinary
                || self.priority <= now.real_time_priority()
                || u64::from(self.priority) <= limit(raw::RLIMIT_RTPRIO))
            && (now.policy() != raw::SCHED_IDLE || self.policy == raw::SCHED_IDLE || may_be_nicer(now.nice()))
            && (user.real == who.user.effective || user.effective == who.user.effective)
            && (!now.resets_on_fork() || self.resets_on_fork);
        if allowed { Ok(()) } else { Err(Errno::EPERM) }
    }

    fn grant(&self, caller: &Thread, target: &Thread) -> Result<()> {
        self.check()?;
        self.check_permission(caller, target)?;
        target.attributes.set_policy(self.policy);
        target.attributes.set_real_time_priority(self.priority);
        target.attributes.set_resets_on_fork(self.resets_on_fork);
        if let Some(nice) = self.nice.filter(|_| !is_real_time(self.policy)) {
            target.attributes.set_nice(nice.clamp(-20, 19));
        }
        Ok(())
    }
}

/// `sched_setscheduler(2)`.
pub fn sched_setscheduler(thread: &Thread, id: i32, policy: i32, parameter: UserPtr<u32>) -> Result<()> {
    if policy < 0 || parameter.is_null() || id < 0 {
        return Err(Errno::EINVAL);
    }
    let priority = parameter.read(thread)?;
    let target = target(thread, id)?;
    let policy = policy as u32;
    let resets_on_fork = policy & RESET_ON_FORK != 0;
    let nice = None;
    Wish { policy: policy & !RESET_ON_FORK, priority, nice, resets_on_fork }.grant(thread, &target)
}

/// `sched_setparam(2)`.
pub fn sched_setparam(thread: &Thread, id: i32, parameter: UserPtr<u32>) -> Result<()> {
    if parameter.is_null() || id < 0 {
        return Err(Errno::EINVAL);
    }
    let priority = parameter.read(thread)?;
    let target = target(thread, id)?;
    let now = &target.attributes;
    let (policy, resets_on_fork) = (now.policy(), now.resets_on_fork());
    Wish { policy, priority, nice: None, resets_on_fork }.grant(thread, &target)
}

/// `sched_getscheduler(2)`.
pub fn sched_getscheduler(thread: &Thread, id: i32) -> Result<i32> {
    let target = target(thread, id)?;
    let flag = if target.attributes.resets_on_fork() { RESET_ON_FORK } else { 0 };
    Ok((target.attributes.policy() | flag) as i32)
}

/// `sched_getparam(2)`.
pub fn sched_getparam(thread: &Thread, id: i32, parameter: UserPtr<u32>) -> Result<()> {
    if parameter.is_null() {
        return Err(Errno::EINVAL);
    }
    parameter.write(thread, &target(thread, id)?.attributes.real_time_priority())
}

/// `sched_setattr(2)`.
pub fn sched_setattr(thread: &Thread, id: i32, attributes: UserPtr<SchedulingAttributes>, flags: u32) -> Result<()> {
    if attributes.is_null() || id < 0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let given = read(thread, attributes)?;
    let target = target(thread, id)?;
    if given.flags & !u64::from(raw::SCHED_FLAG_ALL) != 0 || given.policy > i32::MAX as u32 {
        return Err(Errno::EINVAL);
    }
    let now = &target.attributes;
    let keeps = |flag: u32| given.flags & u64::from(flag) != 0;
    let policy = if keeps(raw::SCHED_FLAG_KEEP_POLICY) { now.policy() } else { given.policy };
    if policy == raw::SCHED_DEADLINE {
        // There is no bandwidth that could be promised.
        let is_sound = given.runtime >= 1024 && given.runtime <= given.deadline;
        return Err(if is_sound { Errno::EBUSY } else { Errno::EINVAL });
    }
    let resets_on_fork = keeps(raw::SCHED_FLAG_RESET_ON_FORK);
    let wish = match keeps(raw::SCHED_FLAG_KEEP_PARAMS) {
        true => Wish { policy, priority: now.real_time_priority(), nice: None, resets_on_fork },
        false => Wish { policy, priority: given.priority, nice: Some(given.nice.clamp(-20, 19)), resets_on_fork },
    };
    wish.grant(thread, &target)
}

/// Reads a structure of any version. `EFAULT`; `E2BIG`, with the known size in its place, for one that says more.
fn read(thread: &Thread, from: UserPtr<SchedulingAttributes>) -> Result<SchedulingAttributes> {
    const KNOWN: usize = size_of::<SchedulingAttributes>();
    let place = from.cast::<u32>();
    let size = match place.read(thread)? as usize {
        0 => FIRST_SIZE,
        size => size,
    };
    let too_big = || place.write(thread, &(KNOWN as u32)).map_or_else(Err, |()| Err(Errno::E2BIG));
    if !(FIRST_SIZE..=4096).contains(&size) {
        return too_big();
    }
    let mut given = SchedulingAttributes::default();
    let known = size.min(KNOWN);
    copy_in(thread, from.address(), given.as_mut_bytes().get_mut(..known).unwrap_or_default())?;
    let rest = UserPtr::<u8>::new(from.address().wrapping_add(known as u64)).read_array(thread, size - known)?;
    if rest.iter().any(|&byte| byte != 0) {
        return too_big();
    }
    if size < KNOWN && given.flags & u64::from(raw::SCHED_FLAG_UTIL_CLAMP) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(given)
}

/// `sched_getattr(2)`.
pub fn sched_getattr(
    thread: &Thread,
    id: i32,
    attributes: UserPtr<SchedulingAttributes>,
    size: u32,
    flags: u32,
) -> Result<()> {
    if attributes.is_null() || !(FIRST_SIZE..=4096).contains(&(size as usize)) || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let target = target(thread, id)?;
    let now = &target.attributes;
    let length = (size as usize).min(size_of::<SchedulingAttributes>());
    let told = SchedulingAttributes {
        size: length as u32,
        policy: now.policy(),
        flags: if now.resets_on_fork() { raw::SCHED_FLAG_RESET_ON_FORK.into() } else { 0 },
        nice: if is_real_time(now.policy()) { 0 } else { now.nice() },
        priority: now.real_time_priority(),
        ..SchedulingAttributes::default()
    };
    copy_out(thread, attributes.address(), told.as_bytes().get(..length).unwrap_or_default())
}

/// `sched_get_priority_max(2)`.
pub fn sched_get_priority_max(_: &Thread, policy: i32) -> Result<i32> {
    priorities(policy).map(|(_, highest)| highest)
}

/// `sched_get_priority_min(2)`.
pub fn sched_get_priority_min(_: &Thread, policy: i32) -> Result<i32> {
    priorities(policy).map(|(lowest, _)| lowest)
}

fn priorities(policy: i32) -> Result<(i32, i32)> {
    match policy as u32 {
        raw::SCHED_FIFO | raw::SCHED_RR => Ok((1, 99)),
        raw::SCHED_NORMAL | raw::SCHED_BATCH | raw::SCHED_IDLE | raw::SCHED_DEADLINE => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// `sched_rr_get_interval(2)`: the slice of the scheduler; 0, no end, for `SCHED_FIFO`.
pub fn sched_rr_get_interval(thread: &Thread, id: i32, interval: UserPtr<TimeSpec>) -> Result<()> {
    let slice = if target(thread, id)?.attributes.policy() == raw::SCHED_FIFO { 0 } else { SLICE };
    interval.write(thread, &TimeSpec::new(slice))
}
