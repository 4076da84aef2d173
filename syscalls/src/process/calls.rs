//! `getpid(2)`, `gettid(2)`, `exit(2)`.

use crate::errno::Result;
use crate::process::exit::{End, terminate, terminate_thread};
use crate::thread::Thread;

/// `getpid(2)`.
pub fn getpid(thread: &Thread) -> Result<i32> {
    Ok(thread.process.id)
}

/// `gettid(2)`.
pub fn gettid(thread: &Thread) -> Result<i32> {
    Ok(thread.id)
}

/// `exit(2)`: the thread's way back to the program leads to [`leave`](crate::process::exit::leave).
pub fn exit(thread: &Thread, status: i32) -> Result<()> {
    terminate_thread(thread, status);
    Ok(())
}

/// `exit_group(2)`.
pub fn exit_group(thread: &Thread, status: i32) -> Result<()> {
    terminate(&thread.process, End::Exited(status as u8));
    Ok(())
}
