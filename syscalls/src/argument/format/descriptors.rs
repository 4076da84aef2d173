//! Descriptors: their flags, `fcntl(2)`, locks, and what moves bytes between them.

use super::machinery::{given, named_bits, named_numbers, names, succeeded};
use super::{hex, open_flags, pointer, signal};
use crate::argument::{Call, format_bits};
use core::fmt::{self, Write};
use linux_raw_sys::general::*;

// linux-raw-sys has these in an enumeration or not at all.
const CLOSE_RANGE_UNSHARE: u32 = 2;
const CLOSE_RANGE_CLOEXEC: u32 = 4;
const RWF_DONTCACHE: u32 = 0x80;
const RWF_NOAPPEND: u32 = 0x20;

named_numbers! {
    /// `fcntl(2)`'s command.
    fcntl_command: u32 {
        F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_SETSIG F_GETSIG
        F_SETOWN_EX F_GETOWN_EX F_GETOWNER_UIDS F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW F_SETLEASE F_GETLEASE F_NOTIFY
        F_DUPFD_QUERY F_CREATED_QUERY F_CANCELLK F_DUPFD_CLOEXEC F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS
        F_GET_RW_HINT F_SET_RW_HINT F_GET_FILE_RW_HINT F_SET_FILE_RW_HINT
    }
    /// `struct flock`'s type.
    lock_kind: u32 { F_RDLCK F_WRLCK F_UNLCK }
}

named_bits! {
    /// `eventfd2(2)`'s flags.
    event_flags: u32 { EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK }
    /// `flock(2)`'s operation.
    lock_operation: u32 { LOCK_SH LOCK_EX LOCK_UN LOCK_NB }
    /// `splice(2)`'s flags.
    splice_flags: u32 { SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT }
    /// `sync_file_range(2)`'s flags.
    sync_range_flags: u32 {
        SYNC_FILE_RANGE_WAIT_BEFORE SYNC_FILE_RANGE_WRITE SYNC_FILE_RANGE_WAIT_AFTER
    }
    /// `preadv2(2)`'s flags.
    transfer_flags: u32 { RWF_HIPRI RWF_DSYNC RWF_SYNC RWF_NOWAIT RWF_APPEND RWF_NOAPPEND RWF_DONTCACHE }
    /// `close_range(2)`'s flags.
    close_range_flags: u32 { CLOSE_RANGE_UNSHARE CLOSE_RANGE_CLOEXEC }
    /// `F_SEAL_*`.
    seals: u32 { F_SEAL_SEAL F_SEAL_SHRINK F_SEAL_GROW F_SEAL_WRITE F_SEAL_FUTURE_WRITE F_SEAL_EXEC }
}

/// The two flags that most calls know which give a descriptor, in the words of the call.
pub fn descriptor_flags(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let prefix = match u32::try_from(call.number) {
        Ok(number) if number == __NR_epoll_create1 => "EPOLL_",
        Ok(number) if number == __NR_inotify_init1 => "IN_",
        Ok(number) if number == __NR_signalfd4 => "SFD_",
        Ok(number) if number == __NR_timerfd_create => "TFD_",
        _ => "O_",
    };
    let mut rest = raw as u32;
    let mut separator = "";
    for (name, bit) in [("CLOEXEC", O_CLOEXEC), ("NONBLOCK", O_NONBLOCK), ("DIRECT", O_DIRECT)] {
        if rest & bit != 0 {
            write!(out, "{separator}{prefix}{name}")?;
            separator = "|";
            rest &= !bit;
        }
    }
    match (rest, separator) {
        (0, "") => out.write_char('0'),
        (0, _) => Ok(()),
        _ => write!(out, "{separator}{rest:#x}"),
    }
}

/// `fcntl(2)`'s argument, which hangs on the command.
pub fn fcntl_argument(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.neighbour(-1) as u32 {
        F_SETFD => format_bits(raw, names! { FD_CLOEXEC }, out),
        F_SETFL => open_flags(raw, call, out),
        F_GETLK | F_OFD_GETLK => {
            if succeeded(call)? {
                lock(raw, call, out)
            } else {
                pointer(raw, call, out)
            }
        }
        F_SETLK | F_SETLKW | F_OFD_SETLK | F_OFD_SETLKW => lock(raw, call, out),
        F_SETSIG => signal(raw, call, out),
        F_ADD_SEALS => seals(raw, call, out),
        F_DUPFD | F_DUPFD_CLOEXEC | F_SETOWN | F_SETPIPE_SZ | F_DUPFD_QUERY => write!(out, "{}", raw as i32),
        F_SETLEASE => lock_kind(raw, call, out),
        F_GETFD | F_GETFL | F_GETOWN | F_GETSIG | F_GETLEASE | F_GETPIPE_SZ | F_GET_SEALS => Ok(()),
        _ => hex(raw, call, out),
    }
}

/// `struct flock`.
fn lock(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    given::<[u64; 4]>(raw, call, out, |&[kinds, start, length, pid], call, out| {
        out.write_str("{l_type=")?;
        lock_kind(kinds & 0xffff, call, out)?;
        out.write_str(", l_whence=")?;
        super::whence(kinds >> 16 & 0xffff, call, out)?;
        write!(out, ", l_start={}, l_len={}", start as i64, length as i64)?;
        if matches!(call.arguments[1] as u32, F_GETLK | F_OFD_GETLK) {
            write!(out, ", l_pid={}", pid as i32)?;
        }
        out.write_char('}')
    })
}

/// `fcntl(2)`'s result, with its flags spelt out.
pub fn fcntl_answer(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.arguments[1] as u32 {
        F_GETFD if raw != 0 => {
            write!(out, "{raw:#x} (flags ")?;
            format_bits(raw, names! { FD_CLOEXEC }, out)?;
        }
        F_GETFL => {
            write!(out, "{raw:#x} (flags ")?;
            open_flags(raw, call, out)?;
        }
        F_GET_SEALS if raw != 0 => {
            write!(out, "{raw:#x} (seals ")?;
            seals(raw, call, out)?;
        }
        F_GETLEASE => return lock_kind(raw, call, out),
        _ => return write!(out, "{}", raw as i64),
    }
    out.write_char(')')
}
