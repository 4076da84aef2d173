//! `getpid(2)`, `getppid(2)`, `getpgid(2)`.

use super::registry;
use crate::errno::{Errno, Result};
use crate::thread::Thread;

/// `getpid(2)`.
pub fn getpid(thread: &Thread) -> Result<i32> {
    Ok(thread.process.id)
}

/// `getppid(2)`.
pub fn getppid(thread: &Thread) -> Result<i32> {
    Ok(thread.process.parent())
}

/// `getpgrp(2)`.
pub fn getpgrp(thread: &Thread) -> Result<i32> {
    Ok(thread.process.group())
}

/// `getpgid(2)`.
pub fn getpgid(thread: &Thread, id: i32) -> Result<i32> {
    match id {
        0 => Ok(thread.process.group()),
        _ => registry::visible(id).map(|process| process.group()).ok_or(Errno::ESRCH),
    }
}
