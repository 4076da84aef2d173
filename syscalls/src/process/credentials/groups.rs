//! Supplementary groups: `getgroups(2)`, `setgroups(2)`.

use super::change;
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general::{CAP_SETGID, NGROUPS_MAX};

/// `getgroups(2)`: gives the number of groups; a `count` of 0 only asks for it.
pub fn getgroups(thread: &Thread, count: i32, groups: UserPtr<u32>) -> Result<i32> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    let present = thread.process.credentials().groups.clone();
    if count != 0 {
        if present.len() > count {
            return Err(Errno::EINVAL);
        }
        groups.write_array(thread, &present)?;
    }
    Ok(present.len() as i32)
}

/// `setgroups(2)`. As Linux does it, the groups are kept in order.
pub fn setgroups(thread: &Thread, count: i32, groups: UserPtr<u32>) -> Result<()> {
    if !thread.process.credentials().has(CAP_SETGID) {
        return Err(Errno::EPERM);
    }
    let count = usize::try_from(count).ok().filter(|&count| count <= NGROUPS_MAX as usize).ok_or(Errno::EINVAL)?;
    let mut wanted = groups.read_array(thread, count)?;
    if wanted.contains(&u32::MAX) {
        return Err(Errno::EINVAL);
    }
    wanted.sort_unstable();
    change(thread, |who| {
        who.groups = wanted.into();
        Ok(())
    })
}
