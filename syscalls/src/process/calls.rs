//! `exit(2)`, `exit_group(2)`.

use crate::errno::Result;
use crate::process::exit::{End, terminate, terminate_thread};
use crate::thread::Thread;

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
