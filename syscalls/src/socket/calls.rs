//! The system calls: what is common to all sockets.

mod naming;
mod receiving;
mod sending;
mod settings;

pub use naming::{
    AcceptFlags, accept, accept4, bind, connect, getpeername, getsockname, listen, shutdown, socket, socketpair,
};
pub use receiving::{recvfrom, recvmmsg, recvmsg};
pub use sending::{sendmmsg, sendmsg, sendto};
pub use settings::{getsockopt, setsockopt};

use super::message::MessageFlags;
use super::{Socket, SocketFile};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFile, StatusFlags};
use crate::machine::machine;
use crate::thread::Thread;
use crate::user::{UserPtr, copy_in, copy_out};
use crate::wait::{WaitError, wait_until};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `sizeof(struct sockaddr_storage)`: no address is longer.
const LONGEST_ADDRESS: usize = 128;

/// `struct msghdr`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MessageHeader {
    name: u64,
    name_length: i32,
    pad: u32,
    vectors: u64,
    vector_count: u64,
    control: u64,
    control_length: u64,
    flags: u32,
    pad2: u32,
}

/// `struct mmsghdr`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CountedMessageHeader {
    header: MessageHeader,
    length: u32,
    pad: u32,
}

/// The open file of a descriptor that is a socket. `EBADF`, `ENOTSOCK`.
fn open_socket(thread: &Thread, fd: Fd) -> Result<Arc<OpenFile>> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    SocketFile::of(&open)?;
    Ok(open)
}

/// Reads a `struct sockaddr`. `EINVAL`, `EFAULT`.
fn read_address(thread: &Thread, address: UserPtr<u8>, length: i32) -> Result<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|&length| length <= LONGEST_ADDRESS).ok_or(Errno::EINVAL)?;
    let mut bytes = vec![0; length];
    if length > 0 {
        copy_in(thread, address.address(), &mut bytes)?;
    }
    Ok(bytes)
}

/// Writes as much of an address as the program has room for, and how long it is. `EINVAL`, `EFAULT`.
fn write_address(thread: &Thread, bytes: &[u8], address: UserPtr<u8>, length: UserPtr<i32>) -> Result<()> {
    let room = usize::try_from(length.read(thread)?).map_err(|_| Errno::EINVAL)?;
    copy_out(thread, address.address(), &bytes[..bytes.len().min(room)])?;
    length.write(thread, &(bytes.len() as i32))
}

/// Whether a call may wait.
fn may_wait(open: &OpenFile, flags: MessageFlags) -> bool {
    !flags.contains(MessageFlags::DONTWAIT) && !open.status().contains(StatusFlags::NONBLOCK)
}

/// Repeats an operation that says `EAGAIN` until it is possible, if the call may wait and for as long as the socket's
/// own limit lets it. `ERESTARTSYS`; `EINTR` with a limit, since the call would begin it anew.
fn wait<T>(
    socket: &Arc<dyn Socket>,
    may_wait: bool,
    limit: u64,
    mut operation: impl FnMut(&Arc<dyn Socket>) -> Result<T>,
) -> Result<T> {
    match operation(socket) {
        Err(Errno::EAGAIN) if may_wait => {}
        outcome => return outcome,
    }
    let deadline = (limit != 0).then(|| machine().monotonic().after(limit));
    let waited = wait_until(&[&socket.common().queue], deadline, || match operation(socket) {
        Err(Errno::EAGAIN) => None,
        outcome => Some(outcome),
    });
    match waited {
        Ok(outcome) => outcome,
        Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
        Err(WaitError::Interrupted) => Err(if limit == 0 { Errno::ERESTARTSYS } else { Errno::EINTR }),
    }
}

/// A new descriptor for a socket. `EMFILE`.
fn install(thread: &Thread, socket: Arc<dyn Socket>, nonblock: bool, close_on_exec: bool) -> Result<Fd> {
    let file: Arc<dyn File> = SocketFile::new(socket);
    let mut status = StatusFlags::from_bits_retain(linux_raw_sys::general::O_RDWR);
    status.set(StatusFlags::NONBLOCK, nonblock);
    thread.files().install(OpenFile::new(file, status), close_on_exec)
}
