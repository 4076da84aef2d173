//! `setsockopt(2)`, `getsockopt(2)`.

use super::open_socket;
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::socket::{SocketFile, options};
use crate::thread::Thread;
use crate::user::{UserPtr, copy_out};
use linux_raw_sys::net::SOL_SOCKET;

/// No option that is known has a longer value.
const LONGEST: i32 = 4096;

/// `setsockopt(2)`.
pub fn setsockopt(thread: &Thread, fd: Fd, level: i32, option: i32, value: UserPtr<u8>, length: i32) -> Result<()> {
    let open = open_socket(thread, fd)?;
    if length < 0 {
        return Err(Errno::EINVAL);
    }
    let value = value.read_array(thread, length.min(LONGEST) as usize)?;
    let socket = SocketFile::of(&open)?;
    match level as u32 {
        SOL_SOCKET => options::set(thread, &**socket, option as u32, &value),
        level => socket.set_option(thread, level, option as u32, &value),
    }
}

/// `getsockopt(2)`: what is longer than the program's room is cut.
pub fn getsockopt(
    thread: &Thread,
    fd: Fd,
    level: i32,
    option: i32,
    value: UserPtr<u8>,
    length: UserPtr<i32>,
) -> Result<()> {
    let open = open_socket(thread, fd)?;
    let room = usize::try_from(length.read(thread)?).map_err(|_| Errno::EINVAL)?;
    let socket = SocketFile::of(&open)?;
    let bytes = match level as u32 {
        SOL_SOCKET => options::get(&**socket, option as u32)?,
        level => socket.option(level, option as u32)?,
    };
    let shown = bytes.len().min(room);
    copy_out(thread, value.address(), &bytes[..shown])?;
    length.write(thread, &(shown as i32))
}
