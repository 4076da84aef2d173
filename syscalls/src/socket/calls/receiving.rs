//! `recvfrom(2)`, `recvmsg(2)`, `recvmmsg(2)`.

use super::{CountedMessageHeader, MessageHeader, may_wait, open_socket, wait, write_address};
use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::machine::machine;
use crate::socket::message::{ControlWriter, Incoming, MessageFlags};
use crate::socket::{SocketFile, Style};
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::transfer::Destination;
use crate::user::{UserPtr, copy_out};
use core::mem::offset_of;
use linux_raw_sys::net::{MSG_CTRUNC, MSG_ERRQUEUE};

/// Receives what is there, or with `MSG_WAITALL` all that there is room for; waits if it may.
fn receive(open: &OpenFile, message: &mut Incoming<'_, '_>) -> Result<usize> {
    let socket = SocketFile::of(open)?;
    if message.flags.contains(MessageFlags::ERRQUEUE) {
        // Nothing is ever put there.
        return Err(Errno::EAGAIN);
    }
    let may_wait = may_wait(open, message.flags);
    let limit = socket.common().settings().receive_timeout;
    let waits_for_all = message.flags.contains(MessageFlags::WAITALL)
        && socket.common().style == Style::Stream
        && !message.flags.contains(MessageFlags::OOB);
    let mut done = 0;
    loop {
        match wait(socket, may_wait, limit, |socket| socket.receive(message)) {
            Ok(count) => {
                done += count;
                let is_over = count == 0 || message.data.remaining() == 0 || message.received.rights.is_some();
                if !waits_for_all || message.peeks() || is_over {
                    return Ok(done);
                }
            }
            Err(_) if done > 0 => return Ok(done),
            Err(errno) => return Err(errno),
        }
    }
}

/// `recvfrom(2)`, and `recv(2)` without an address.
pub fn recvfrom(
    thread: &Thread,
    fd: Fd,
    buffer: Address,
    count: usize,
    flags: u32,
    address: UserPtr<u8>,
    length: UserPtr<i32>,
) -> Result<usize> {
    let mut data = Destination::user(thread, buffer.0, count)?;
    let open = open_socket(thread, fd)?;
    let mut message = Incoming::plain(&mut data, MessageFlags::from_bits_retain(flags));
    let count = receive(&open, &mut message)?;
    if !address.is_null() {
        write_address(thread, &message.received.from.unwrap_or_default(), address, length)?;
    }
    Ok(count)
}

fn receive_one(thread: &Thread, open: &OpenFile, place: UserPtr<MessageHeader>, flags: u32) -> Result<usize> {
    let header = place.read(thread)?;
    if header.name_length < 0 {
        return Err(Errno::EINVAL);
    }
    if header.vector_count > 1024 {
        return Err(Errno::EMSGSIZE);
    }
    let mut data = Destination::vectors(thread, header.vectors, header.vector_count as usize)?;
    let mut message = Incoming::plain(&mut data, MessageFlags::from_bits_retain(flags));
    let count = receive(open, &mut message)?;
    let mut received = core::mem::take(&mut message.received);
    let common = SocketFile::of(open)?.common();
    let mut told = received.flags | flags & MSG_ERRQUEUE;
    let writer = ControlWriter::new(thread, header.control, header.control_length as usize);
    let closes = flags & linux_raw_sys::net::MSG_CMSG_CLOEXEC != 0;
    let (written, truncated) = writer.write_all(common, &mut received, closes)?;
    if truncated {
        told |= MSG_CTRUNC;
    }
    if closes {
        told |= linux_raw_sys::net::MSG_CMSG_CLOEXEC;
    }
    if header.name != 0 {
        let from = received.from.unwrap_or_default();
        let shown = from.len().min(header.name_length as usize);
        copy_out(thread, header.name, &from[..shown])?;
        let at = place.address().wrapping_add(offset_of!(MessageHeader, name_length) as u64);
        UserPtr::new(at).write(thread, &(from.len() as i32))?;
    }
    let at = place.address().wrapping_add(offset_of!(MessageHeader, flags) as u64);
    UserPtr::new(at).write(thread, &told)?;
    let at = place.address().wrapping_add(offset_of!(MessageHeader, control_length) as u64);
    UserPtr::new(at).write(thread, &(written as u64))?;
    Ok(count)
}

/// `recvmsg(2)`.
pub fn recvmsg(thread: &Thread, fd: Fd, message: UserPtr<MessageHeader>, flags: u32) -> Result<usize> {
    let open = open_socket(thread, fd)?;
    receive_one(thread, &open, message, flags)
}

/// `recvmmsg(2)`: gives the number of messages received. The time is looked at between two of them alone, as on Linux.
pub fn recvmmsg(
    thread: &Thread,
    fd: Fd,
    messages: UserPtr<CountedMessageHeader>,
    count: u32,
    flags: u32,
    timeout: UserPtr<TimeSpec>,
) -> Result<i32> {
    let limit = timeout.non_null().map(|timeout| timeout.read(thread)?.nanoseconds()).transpose()?;
    let deadline = limit.map(|limit| machine().monotonic().after(limit));
    let open = open_socket(thread, fd)?;
    SocketFile::of(&open)?.common().check_error()?;
    let mut each_flags = flags & !MessageFlags::WAITFORONE.bits();
    let mut received = 0;
    for index in 0..count.min(1024) {
        let place = messages.element(index as usize);
        let outcome = receive_one(thread, &open, place.cast(), each_flags).and_then(|length| {
            let at = place.address().wrapping_add(offset_of!(CountedMessageHeader, length) as u64);
            UserPtr::new(at).write(thread, &(length as u32))
        });
        match outcome {
            Ok(()) => received += 1,
            Err(_) if received > 0 => break,
            Err(errno) => return Err(errno),
        }
        if flags & MessageFlags::WAITFORONE.bits() != 0 {
            each_flags |= MessageFlags::DONTWAIT.bits();
        }
        if deadline.is_some_and(|deadline| machine().monotonic() >= deadline) {
            break;
        }
    }
    if let Some(deadline) = deadline {
        timeout.write(thread, &TimeSpec::new(deadline.since(machine().monotonic())))?;
    }
    Ok(received)
}
