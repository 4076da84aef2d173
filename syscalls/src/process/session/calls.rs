//! `getsid(2)`, `setsid(2)`, `setpgid(2)`.

use super::begin_session;
use crate::errno::{Errno, Result};
use crate::process::registry;
use crate::thread::Thread;

/// `getsid(2)`.
pub fn getsid(thread: &Thread, id: i32) -> Result<i32> {
    match id {
        0 => Ok(thread.process.session()),
        _ => registry::visible(id).map(|process| process.session()).ok_or(Errno::ESRCH),
    }
}

/// `setsid(2)`.
pub fn setsid(thread: &Thread) -> Result<i32> {
    begin_session(&thread.process)
}

/// `setpgid(2)`.
pub fn setpgid(thread: &Thread, id: i32, group: i32) -> Result<()> {
    let caller = &thread.process;
    let id = if id == 0 { caller.id } else { id };
    let group = if group == 0 { id } else { group };
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    let process = registry::find(id).ok_or(Errno::ESRCH)?;
    if process.parent() == caller.id {
        if process.session() != caller.session() {
            return Err(Errno::EPERM);
        }
        if process.has_executed() {
            return Err(Errno::EACCES);
        }
    } else if process.id != caller.id {
        return Err(Errno::ESRCH);
    }
    if process.leads_session() {
        return Err(Errno::EPERM);
    }
    let is_there = || registry::all(|other| other.group() == group && other.session() == caller.session());
    if group != id && is_there().is_empty() {
        return Err(Errno::EPERM);
    }
    process.set_group(group);
    Ok(())
}
