//! `getpid(2)`, `gettid(2)`, `exit(2)`.

use crate::errno::Result;
use crate::machine::machine;
use crate::thread::Thread;

/// `getpid(2)`.
pub fn getpid(thread: &Thread) -> Result<i32> {
    Ok(thread.process.id)
}

/// `gettid(2)`.
pub fn gettid(thread: &Thread) -> Result<i32> {
    Ok(thread.id)
}

/// `exit(2)`.
pub fn exit(_: &Thread, status: i32) -> Result<()> {
    machine().power_off(status as u8, false)
}

/// `exit_group(2)`.
pub fn exit_group(_: &Thread, status: i32) -> Result<()> {
    machine().power_off(status as u8, false)
}
