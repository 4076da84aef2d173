//! Waiting for files: `poll(2)`, `select(2)`, `epoll(7)`, `inotify(7)`.

use super::machinery::{is_error, list, named_bits, named_numbers, peek, structures};
use super::pointer;
use crate::argument::Call;
use core::fmt::{self, Write};
use linux_raw_sys::general::*;

named_numbers! {
    /// `epoll_ctl(2)`'s operation.
    epoll_operation: i32 { EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD }
}

named_bits! {
    /// `POLL*`.
    poll_bits: u32 {
        POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND POLLMSG POLLRDHUP
    }
    /// `EPOLL*`.
    epoll_bits: u32 {
        EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR EPOLLHUP EPOLLRDNORM EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND EPOLLMSG
        EPOLLRDHUP EPOLLEXCLUSIVE EPOLLWAKEUP EPOLLONESHOT EPOLLET
    }
    /// `inotify_add_watch(2)`'s mask.
    inotify_mask: u32 {
        IN_ALL_EVENTS IN_ACCESS IN_MODIFY IN_ATTRIB IN_CLOSE_WRITE IN_CLOSE_NOWRITE IN_OPEN IN_MOVED_FROM IN_MOVED_TO
        IN_CREATE IN_DELETE IN_DELETE_SELF IN_MOVE_SELF IN_ONLYDIR IN_DONT_FOLLOW IN_EXCL_UNLINK IN_MASK_CREATE
        IN_MASK_ADD IN_ONESHOT
    }
}

/// `struct pollfd` array: what is waited for. The count is the next argument.
pub fn poll_fds(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let count = u64::from(call.neighbour(1) as u32);
    list::<[u32; 2]>(raw, count, call, out, |&[fd, events], out| {
        write!(out, "{{fd={}, events=", fd as i32)?;
        poll_bits(u64::from(events & 0xffff), call, out)?;
        out.write_char('}')
    })
}

/// `poll(2)`'s result, with what is ready.
pub fn ready_poll_fds(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if raw == 0 {
        return out.write_str("0 (Timeout)");
    }
    write!(out, "{raw} ([")?;
    let [fds, count, ..] = call.arguments;
    let mut left = raw;
    let mut separator = "";
    for index in 0..u64::from(count as u32) {
        if left == 0 {
            break;
        }
        let Some([fd, events]) = peek::<[u32; 2]>(call, fds.wrapping_add(index * 8)) else { break };
        if events >> 16 != 0 {
            write!(out, "{separator}{{fd={}, revents=", fd as i32)?;
            poll_bits(u64::from(events >> 16), call, out)?;
            out.write_char('}')?;
            separator = ", ";
            left -= 1;
        }
    }
    out.write_str("])")
}

/// Writes the members of a set of descriptors below `count`; `None` where it cannot be read.
fn show_fd_set(address: u64, count: u64, call: &Call<'_>, out: &mut dyn Write) -> Option<fmt::Result> {
    let mut write = || -> Result<Option<()>, fmt::Error> {
        let mut separator = "";
        // Nobody has more descriptors than that.
        for word in 0..count.min(1 << 16).div_ceil(64) {
            let Some(bits) = peek::<u64>(call, address.wrapping_add(word * 8)) else { return Ok(None) };
            if word == 0 {
                out.write_char('[')?;
            }
            for fd in (0..64).filter(|bit| bits >> bit & 1 != 0).map(|bit| word * 64 + bit).filter(|&fd| fd < count) {
                write!(out, "{separator}{fd}")?;
                separator = " ";
            }
        }
        out.write_str(if count == 0 { "[]" } else { "]" })?;
        Ok(Some(()))
    };
    write().transpose()
}

/// `fd_set` that the call reads; the first argument is the count of descriptors.
pub fn fd_set(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let count = u64::try_from(call.arguments[0] as i32).unwrap_or(0);
    match raw {
        0 => pointer(raw, call, out),
        _ => show_fd_set(raw, count, call, out).unwrap_or_else(|| pointer(raw, call, out)),
    }
}

/// `select(2)`'s result, with what is ready.
pub fn ready_fd_sets(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if raw == 0 {
        return out.write_str("0 (Timeout)");
    }
    let [count, read, write, except, ..] = call.arguments;
    let count = u64::try_from(count as i32).unwrap_or(0);
    write!(out, "{raw} (")?;
    let mut separator = "";
    for (name, set) in [("in", read), ("out", write), ("except", except)] {
        if set != 0 {
            write!(out, "{separator}{name} ")?;
            show_fd_set(set, count, call, out).unwrap_or(Ok(()))?;
            separator = ", ";
        }
    }
    out.write_char(')')
}

// Packed on x86-64: 12 bytes.
fn show_epoll_event(&[events, low, high]: &[u32; 3], call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{events=")?;
    epoll_bits(events.into(), call, out)?;
    write!(out, ", data={{u32={low}, u64={}}}}}", u64::from(low) | u64::from(high) << 32)
}

structures! {
    /// `struct epoll_event` that the call reads.
    given epoll_event = show_epoll_event;
}

/// `struct epoll_event` array that the call fills; its result is the count.
pub fn epoll_events(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.result {
        None => Err(fmt::Error),
        Some(result) if is_error(result) => pointer(raw, call, out),
        Some(count) => list(raw, count as u64, call, out, |event, out| show_epoll_event(event, call, out)),
    }
}
