//! `prctl(2)`: one operation an arm, the arguments that it does not use checked as Linux does.

#[cfg(test)]
mod tests;

use super::attributes::ThreadAttributes;
use super::capabilities;
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use core::sync::atomic::Ordering;
use linux_raw_sys::general::CAP_SYS_RESOURCE;
use linux_raw_sys::prctl as raw;

/// `ANON_VMA_NAME_MAX_LEN`: with the zero at the end.
const NAME_LIMIT: usize = 80;

/// `EINVAL` unless all of these are zero.
fn unused(arguments: &[u64]) -> Result<()> {
    if arguments.iter().all(|&argument| argument == 0) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn tell(thread: &Thread, address: u64, value: i32) -> Result<i64> {
    UserPtr::<i32>::new(address).write(thread, &value).map(|()| 0)
}

/// `prctl(2)`.
pub fn prctl(thread: &Thread, option: i32, first: u64, second: u64, third: u64, fourth: u64) -> Result<i64> {
    let own = &thread.attributes;
    let shared = &thread.process.attributes;
    match option as u32 {
        raw::PR_SET_PDEATHSIG if first > 64 => Err(Errno::EINVAL),
        raw::PR_SET_PDEATHSIG => {
            own.set_parent_death_signal(first as u32);
            Ok(0)
        }
        raw::PR_GET_PDEATHSIG => tell(thread, first, own.parent_death_signal() as i32),
        raw::PR_GET_DUMPABLE => Ok(i64::from(shared.is_dumpable())),
        raw::PR_SET_DUMPABLE if first > 1 => Err(Errno::EINVAL),
        raw::PR_SET_DUMPABLE => {
            shared.set_dumpable(first == 1);
            Ok(0)
        }
        raw::PR_GET_KEEPCAPS => Ok(i64::from(capabilities::keeps(thread))),
        raw::PR_SET_KEEPCAPS => capabilities::keep(thread, first),
        raw::PR_GET_TIMING => Ok(i64::from(raw::PR_TIMING_STATISTICAL)),
        raw::PR_SET_TIMING if first == u64::from(raw::PR_TIMING_STATISTICAL) => Ok(0),
        raw::PR_SET_NAME => set_name(thread, first),
        raw::PR_GET_NAME => UserPtr::<[u8; 16]>::new(first).write(thread, &thread.name()).map(|()| 0),
        // No thread is filtered: SECCOMP_MODE_DISABLED.
        raw::PR_GET_SECCOMP => Ok(0),
        raw::PR_CAPBSET_READ => capabilities::bounding(thread, first),
        raw::PR_CAPBSET_DROP => capabilities::drop_bounding(thread, first),
        raw::PR_GET_TSC => tell(thread, first, raw::PR_TSC_ENABLE as i32),
        // At ring 0 the processor lets everyone read the counter: nothing could be told to forbid it.
        raw::PR_SET_TSC if first == u64::from(raw::PR_TSC_ENABLE) => Ok(0),
        raw::PR_GET_SECUREBITS => Ok(i64::from(thread.process.credentials().privileges.secure_bits)),
        raw::PR_SET_SECUREBITS => capabilities::set_secure_bits(thread, first),
        raw::PR_GET_TIMERSLACK => Ok(own.slack().min(i64::MAX as u64) as i64),
        raw::PR_SET_TIMERSLACK => {
            own.set_slack(if first as i64 > 0 { first } else { own.default_slack() });
            Ok(0)
        }
        raw::PR_MCE_KILL => set_machine_check(own, first, second, &[third, fourth]),
        raw::PR_MCE_KILL_GET => {
            unused(&[first, second, third, fourth])?;
            Ok(i64::from(own.machine_check()))
        }
        raw::PR_SET_MM => set_memory_layout(thread, [first, third, fourth]),
        raw::PR_SET_CHILD_SUBREAPER => {
            shared.set_subreaper(first != 0);
            Ok(0)
        }
        raw::PR_GET_CHILD_SUBREAPER => tell(thread, first, i32::from(shared.is_subreaper())),
        raw::PR_SET_NO_NEW_PRIVS => {
            unused(&[second, third, fourth])?;
            if first != 1 {
                return Err(Errno::EINVAL);
            }
            own.set_no_new_privileges(true);
            Ok(0)
        }
        raw::PR_GET_NO_NEW_PRIVS => {
            unused(&[first, second, third, fourth])?;
            Ok(i64::from(own.has_no_new_privileges()))
        }
        raw::PR_GET_TID_ADDRESS => {
            UserPtr::<u64>::new(first).write(thread, &thread.clear_child_tid.load(Ordering::Relaxed))?;
            Ok(0)
        }
        raw::PR_SET_THP_DISABLE => {
            unused(&[second, third, fourth])?;
            shared.set_no_huge_pages(first != 0);
            Ok(0)
        }
        raw::PR_GET_THP_DISABLE => {
            unused(&[first, second, third, fourth])?;
            Ok(i64::from(shared.has_no_huge_pages()))
        }
        raw::PR_CAP_AMBIENT => capabilities::ambient(thread, first, [second, third, fourth]),
        raw::PR_SET_VMA if first == u64::from(raw::PR_SET_VMA_ANON_NAME) => name_memory(thread, second, third, fourth),
        _ => Err(Errno::EINVAL),
    }
}

/// `PR_SET_NAME`: what is longer than 15 bytes is cut.
fn set_name(thread: &Thread, address: u64) -> Result<i64> {
    let mut name = [0; 16];
    for (index, place) in name.iter_mut().take(15).enumerate() {
        *place = UserPtr::<u8>::new(address).element(index).read(thread)?;
        if *place == 0 {
            break;
        }
    }
    thread.set_name(name);
    Ok(0)
}

/// `PR_MCE_KILL`.
fn set_machine_check(own: &ThreadAttributes, what: u64, policy: u64, rest: &[u64]) -> Result<i64> {
    unused(rest)?;
    let policy = match (u32::try_from(what), u32::try_from(policy)) {
        (Ok(raw::PR_MCE_KILL_CLEAR), Ok(0)) => raw::PR_MCE_KILL_DEFAULT,
        (
            Ok(raw::PR_MCE_KILL_SET),
            Ok(policy @ (raw::PR_MCE_KILL_EARLY | raw::PR_MCE_KILL_LATE | raw::PR_MCE_KILL_DEFAULT)),
        ) => policy,
        _ => return Err(Errno::EINVAL),
    };
    own.set_machine_check(policy);
    Ok(0)
}

/// `PR_SET_MM`, as a kernel without checkpoints answers where nothing can be moved: `EINVAL`, `EPERM` before it.
fn set_memory_layout(thread: &Thread, [what, third, fourth]: [u64; 3]) -> Result<i64> {
    if fourth != 0 || third != 0 && what != u64::from(raw::PR_SET_MM_AUXV) {
        return Err(Errno::EINVAL);
    }
    let privileged = thread.process.credentials().has(CAP_SYS_RESOURCE);
    Err(if privileged { Errno::EINVAL } else { Errno::EPERM })
}

/// `PR_SET_VMA_ANON_NAME`: checks all; the name itself is shown nowhere.
fn name_memory(thread: &Thread, start: u64, length: u64, name: u64) -> Result<i64> {
    if name != 0 {
        let name = UserString(name).read(thread, NAME_LIMIT, Errno::EINVAL)?;
        if !name.iter().all(|byte| matches!(byte, b' '..=b'~') && !b"\\`$[]".contains(byte)) {
            return Err(Errno::EINVAL);
        }
    }
    let whole = |length: u64| length.checked_next_multiple_of(PAGE);
    let end = whole(length).and_then(|length| start.checked_add(length)).ok_or(Errno::EINVAL)?;
    if !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let memory = thread.process.memory();
    let mut at = start;
    while at < end {
        let area = memory.describe_at(at).ok_or(Errno::ENOMEM)?;
        if area.inode != 0 {
            return Err(Errno::EBADF);
        }
        at = area.end;
    }
    Ok(0)
}
