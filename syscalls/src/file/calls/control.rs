//! `ioctl(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::StatusFlags;
use crate::filesystem::Kind;
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::ioctl::{FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, FIOQSIZE};

/// The owner of a socket, `<asm-generic/sockios.h>`.
const FIOSETOWN: u32 = 0x8901;
const SIOCSPGRP: u32 = 0x8902;
const FIOGETOWN: u32 = 0x8903;
const SIOCGPGRP: u32 = 0x8904;

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
        FIOASYNC => {
            let on = UserPtr::<i32>::new(argument).read(thread)? != 0;
            if on == open.status().contains(StatusFlags::ASYNC) {
                return Ok(0);
            }
            if !open.file().can_signal() {
                return Err(Errno::ENOTTY);
            }
            open.set_async(fd.0, on);
            Ok(0)
        }
        FIOSETOWN | SIOCSPGRP if open.attributes().kind == Kind::Socket => {
            super::descriptor::set_owner(thread, &open, UserPtr::<i32>::new(argument).read(thread)?).map(|()| 0)
        }
        FIOGETOWN | SIOCGPGRP if open.attributes().kind == Kind::Socket => {
            UserPtr::new(argument).write(thread, &super::descriptor::owner(&open)).map(|()| 0)
        }
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
