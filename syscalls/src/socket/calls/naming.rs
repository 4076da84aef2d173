//! `socket(2)`, `socketpair(2)`, `bind(2)`, `listen(2)`, `accept(2)`, `connect(2)`, `shutdown(2)`, `getsockname(2)`,
//! `getpeername(2)`.

use super::{install, may_wait, open_socket, read_address, wait, write_address};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::socket::message::MessageFlags;
use crate::socket::{Shutdown, Socket, SocketFile, Style, inet, netlink, unix};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK};
use linux_raw_sys::net::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SHUT_RD, SHUT_RDWR, SHUT_WR};

/// The bits of a type that are the type.
const STYLE: u32 = 0xf;

bitflags::bitflags! {
    /// The flags of `accept4(2)`, which `socket(2)` takes within the type.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct AcceptFlags: u32 {
        /// The descriptor closes on `execve(2)`.
        const SOCK_CLOEXEC = O_CLOEXEC;
        /// Never wait.
        const SOCK_NONBLOCK = O_NONBLOCK;
    }
}

crate::flag_argument!(AcceptFlags, strict);

/// Splits a type from its flags. `EINVAL`.
fn style(kind: i32) -> Result<(Style, AcceptFlags)> {
    let flags = AcceptFlags::from_bits(kind as u32 & !STYLE).ok_or(Errno::EINVAL)?;
    Ok((Style::from_number(kind as u32 & STYLE)?, flags))
}

/// `socket(2)`.
pub fn socket(thread: &Thread, family: i32, kind: i32, protocol: i32) -> Result<Fd> {
    let flags = AcceptFlags::from_bits(kind as u32 & !STYLE).ok_or(Errno::EINVAL)?;
    // As Linux: the family is looked at before the type, beside its range.
    let number = kind as u32 & STYLE;
    if !(0..46).contains(&family) {
        return Err(Errno::EAFNOSUPPORT);
    }
    if number > 10 {
        return Err(Errno::EINVAL);
    }
    let made = match family as u32 {
        AF_UNIX => Style::from_number(number).and_then(|style| unix::socket(style, protocol)),
        AF_INET | AF_INET6 => inet::socket(thread, family as u16, number, protocol),
        AF_NETLINK => Style::from_number(number).and_then(|style| netlink::socket(style, protocol)),
        _ => Err(Errno::EAFNOSUPPORT),
    };
    install(thread, made?, flags.contains(AcceptFlags::SOCK_NONBLOCK), flags.contains(AcceptFlags::SOCK_CLOEXEC))
}

/// `socketpair(2)`.
pub fn socketpair(thread: &Thread, family: i32, kind: i32, protocol: i32, fds: UserPtr<[i32; 2]>) -> Result<()> {
    let (style, flags) = style(kind)?;
    let pair = match family as u32 {
        AF_UNIX => unix::pair(thread, style, protocol)?,
        AF_INET | AF_INET6 => {
            inet::check(family as u16, style.number(), protocol)?;
            return Err(Errno::EOPNOTSUPP);
        }
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    let put = |socket| {
        install(thread, socket, flags.contains(AcceptFlags::SOCK_NONBLOCK), flags.contains(AcceptFlags::SOCK_CLOEXEC))
    };
    let [one, other] = pair;
    let undo = |fd: Fd| drop(thread.files().remove(fd));
    let one = put(one)?;
    let other = put(other).inspect_err(|_| undo(one))?;
    fds.write(thread, &[one.0, other.0]).inspect_err(|_| {
        undo(one);
        undo(other);
    })
}

/// `bind(2)`.
pub fn bind(thread: &Thread, fd: Fd, address: UserPtr<u8>, length: i32) -> Result<()> {
    let open = open_socket(thread, fd)?;
    let address = read_address(thread, address, length)?;
    SocketFile::of(&open)?.bind(thread, &address)
}

/// `listen(2)`.
pub fn listen(thread: &Thread, fd: Fd, backlog: i32) -> Result<()> {
    let open = open_socket(thread, fd)?;
    SocketFile::of(&open)?.listen(thread, backlog)
}

/// `accept(2)`.
pub fn accept(thread: &Thread, fd: Fd, address: UserPtr<u8>, length: UserPtr<i32>) -> Result<Fd> {
    accept4(thread, fd, address, length, AcceptFlags::empty())
}

/// `accept4(2)`.
pub fn accept4(thread: &Thread, fd: Fd, address: UserPtr<u8>, length: UserPtr<i32>, flags: AcceptFlags) -> Result<Fd> {
    let open = open_socket(thread, fd)?;
    let socket = SocketFile::of(&open)?;
    let limit = socket.common().settings().receive_timeout;
    let accepted = wait(socket, may_wait(&open, MessageFlags::empty()), limit, |socket| socket.accept())?;
    let peer = accepted.peer_address();
    let fd = install(
        thread,
        accepted,
        flags.contains(AcceptFlags::SOCK_NONBLOCK),
        flags.contains(AcceptFlags::SOCK_CLOEXEC),
    )?;
    if !address.is_null() {
        let told = peer.map_err(|_| Errno::ECONNABORTED).and_then(|peer| write_address(thread, &peer, address, length));
        told.inspect_err(|_| drop(thread.files().remove(fd)))?;
    }
    Ok(fd)
}

/// `connect(2)`.
pub fn connect(thread: &Thread, fd: Fd, address: UserPtr<u8>, length: i32) -> Result<()> {
    let open = open_socket(thread, fd)?;
    let socket = SocketFile::of(&open)?;
    let address = read_address(thread, address, length)?;
    let may_wait = may_wait(&open, MessageFlags::empty());
    let limit = socket.common().settings().send_timeout;
    match wait(socket, may_wait, limit, |socket| socket.connect(thread, &address)) {
        Err(Errno::EINPROGRESS | Errno::EALREADY) if may_wait => {}
        outcome => return outcome,
    }
    // As Linux: a limit that is over leaves the connection under way.
    wait(socket, true, limit, |socket: &Arc<dyn Socket>| socket.connected()).map_err(|errno| match errno {
        Errno::EAGAIN => Errno::EINPROGRESS,
        errno => errno,
    })
}

/// `shutdown(2)`.
pub fn shutdown(thread: &Thread, fd: Fd, how: i32) -> Result<()> {
    let open = open_socket(thread, fd)?;
    let how = match how as u32 {
        SHUT_RD => Shutdown { read: true, write: false },
        SHUT_WR => Shutdown { read: false, write: true },
        SHUT_RDWR => Shutdown { read: true, write: true },
        _ => return Err(Errno::EINVAL),
    };
    SocketFile::of(&open)?.shutdown(how)
}

/// `getsockname(2)`.
pub fn getsockname(thread: &Thread, fd: Fd, address: UserPtr<u8>, length: UserPtr<i32>) -> Result<()> {
    let open = open_socket(thread, fd)?;
    let name = SocketFile::of(&open)?.local_address()?;
    write_address(thread, &name, address, length)
}

/// `getpeername(2)`.
pub fn getpeername(thread: &Thread, fd: Fd, address: UserPtr<u8>, length: UserPtr<i32>) -> Result<()> {
    let open = open_socket(thread, fd)?;
    let name = SocketFile::of(&open)?.peer_address()?;
    write_address(thread, &name, address, length)
}
