//! `read(2)`, `write(2)`.

use crate::argument::{Address, Fd};
use crate::errno::Result;
use crate::thread::Thread;
use crate::transfer::{Destination, Source};

/// `read(2)`.
pub fn read(thread: &Thread, fd: Fd, buffer: Address, count: usize) -> Result<usize> {
    let open = thread.files().get(fd)?;
    open.read(&mut Destination::user(thread, buffer.0, count)?)
}

/// `write(2)`.
pub fn write(thread: &Thread, fd: Fd, buffer: Address, count: usize) -> Result<usize> {
    let open = thread.files().get(fd)?;
    open.write(&mut Source::user(thread, buffer.0, count)?)
}
