//! `ioctl(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::StatusFlags;
use crate::filesystem::Kind;
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::ioctl::{FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, FIOQSIZE};

/// `ioctl(2)`: what every file understands here, all else in the file.
pub fn ioctl(thread: &Thread, fd: Fd, request: u32, argument: u64) -> Result<i64> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    match request {
        FIOCLEX => thread.files().set_close_on_exec(fd, true).map(|()| 0),
        FIONCLEX => thread.files().set_close_on_exec(fd, false).map(|()| 0),
        FIONBIO => {
            let on = UserPtr::<i32>::new(argument).read(thread)? != 0;
            let mut status = open.status();
            status.set(StatusFlags::NONBLOCK, on);
            open.set_status(status);
            Ok(0)
        }
        // Nobody sends SIGIO yet.
        FIOASYNC => Err(Errno::ENOTTY),
        FIONREAD | FIOQSIZE => {
            let attributes = open.attributes();
            match (request, attributes.kind) {
                (FIONREAD, Kind::Regular) => {
                    let left = (attributes.size as i64).wrapping_sub(open.position() as i64);
                    UserPtr::<i32>::new(argument).write(thread, &(left as i32)).map(|()| 0)
                }
                (FIOQSIZE, Kind::Regular | Kind::Directory | Kind::Symlink) => {
                    UserPtr::<i64>::new(argument).write(thread, &(attributes.size as i64)).map(|()| 0)
                }
                _ => open.file().ioctl(thread, request, argument),
            }
        }
        _ => open.file().ioctl(thread, request, argument),
    }
}
