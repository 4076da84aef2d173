//! `sendto(2)`, `sendmsg(2)`, `sendmmsg(2)`.

use super::{CountedMessageHeader, LONGEST_ADDRESS, MessageHeader, may_wait, open_socket, read_address, wait};
use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::pipe::send_sigpipe;
use crate::socket::message::{Control, MessageFlags, Outgoing, parse};
use crate::socket::{SocketFile, Style};
use crate::thread::Thread;
use crate::transfer::Source;
use crate::user::UserPtr;
use core::mem::offset_of;

/// `UIO_MAXIOV`.
const MOST_VECTORS: u64 = 1024;
/// `net.core.optmem_max`.
const LONGEST_CONTROL: u64 = 131_072;
/// Most messages of one `sendmmsg(2)`.
const MOST_MESSAGES: u32 = 1024;

/// Sends all that a stream has to send, or one message; waits if it may.
fn send(open: &OpenFile, message: &mut Outgoing<'_, '_>) -> Result<usize> {
    let socket = SocketFile::of(open)?;
    let may_wait = may_wait(open, message.flags);
    let limit = socket.common().settings().send_timeout;
    let mut done = 0;
    loop {
        match wait(socket, may_wait, limit, |socket| socket.send(message)) {
            Ok(count) => {
                done += count;
                let goes_on = socket.common().style == Style::Stream && may_wait && count > 0;
                if !goes_on || message.data.remaining() == 0 {
                    return Ok(done);
                }
            }
            Err(_) if done > 0 => return Ok(done),
            Err(errno) => {
                if errno == Errno::EPIPE
                    && socket.common().style.is_connected()
                    && !message.flags.contains(MessageFlags::NOSIGNAL)
                {
                    send_sigpipe();
                }
                return Err(errno);
            }
        }
    }
}

/// `sendto(2)`, and `send(2)` without an address.
pub fn sendto(
    thread: &Thread,
    fd: Fd,
    buffer: Address,
    count: usize,
    flags: u32,
    address: UserPtr<u8>,
    length: i32,
) -> Result<usize> {
    let mut data = Source::user(thread, buffer.0, count)?;
    let open = open_socket(thread, fd)?;
    let to = address.non_null().map(|address| read_address(thread, address, length)).transpose()?;
    let flags = MessageFlags::from_bits_retain(flags);
    send(&open, &mut Outgoing { data: &mut data, flags, to: to.as_deref(), control: Control::default() })
}

fn send_one(thread: &Thread, open: &OpenFile, header: &MessageHeader, flags: u32) -> Result<usize> {
    if header.name_length < 0 {
        return Err(Errno::EINVAL);
    }
    if header.vector_count > MOST_VECTORS {
        return Err(Errno::EMSGSIZE);
    }
    if header.control_length > LONGEST_CONTROL {
        return Err(Errno::ENOBUFS);
    }
    let to = if header.name == 0 || header.name_length == 0 {
        None
    } else {
        Some(read_address(thread, UserPtr::new(header.name), header.name_length.min(LONGEST_ADDRESS as i32))?)
    };
    let mut data = Source::vectors(thread, header.vectors, header.vector_count as usize)?;
    let socket = SocketFile::of(open)?;
    let control = match header.control_length {
        0 => Control::default(),
        length => {
            let bytes = UserPtr::<u8>::new(header.control).read_array(thread, length as usize)?;
            parse(thread, socket.common(), &bytes)?
        }
    };
    let flags = MessageFlags::from_bits_retain(flags);
    send(open, &mut Outgoing { data: &mut data, flags, to: to.as_deref(), control })
}

/// `sendmsg(2)`.
pub fn sendmsg(thread: &Thread, fd: Fd, message: UserPtr<MessageHeader>, flags: u32) -> Result<usize> {
    let open = open_socket(thread, fd)?;
    send_one(thread, &open, &message.read(thread)?, flags)
}

/// `sendmmsg(2)`: gives the number of messages sent.
pub fn sendmmsg(
    thread: &Thread,
    fd: Fd,
    messages: UserPtr<CountedMessageHeader>,
    count: u32,
    flags: u32,
) -> Result<i32> {
    let open = open_socket(thread, fd)?;
    let mut sent = 0;
    for index in 0..count.min(MOST_MESSAGES) {
        let place = messages.element(index as usize);
        let outcome = place.read(thread).and_then(|message| send_one(thread, &open, &message.header, flags));
        let told = outcome.and_then(|length| {
            let at = place.address().wrapping_add(offset_of!(CountedMessageHeader, length) as u64);
            UserPtr::new(at).write(thread, &(length as u32))
        });
        match told {
            Ok(()) => sent += 1,
            Err(_) if sent > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(sent)
}
