//! `splice(2)`, `tee(2)`, `vmsplice(2)`: bytes into pipes, out of them, and from one to another.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::filesystem::Kind;
use crate::frame::{Frame, PAGE_SIZE};
use crate::pipe::{Parcel, Pipe, PipeEnd};
use crate::thread::Thread;
use crate::transfer::{Destination, IoVec, Source};
use crate::user::UserPtr;
use crate::wait::{WaitQueue, retry_while_blocked};
use alloc::sync::Arc;

bitflags::bitflags! {
    /// `SPLICE_F_*`, `<fcntl.h>`. Only one of them changes what happens here.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct SpliceFlags: u32 {
        /// Pages may be moved.
        const MOVE = 1;
        /// Never wait for a pipe.
        const NONBLOCK = 2;
        /// More comes soon.
        const MORE = 4;
        /// The pages are a gift.
        const GIFT = 8;
    }
}

/// Runs an operation that says `EAGAIN` while it would block, waiting on `queue` where that is wanted.
fn wait<T>(queue: &WaitQueue, waits: bool, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
    match operation() {
        Err(Errno::EAGAIN) if waits => retry_while_blocked(&[queue], operation),
        outcome => outcome,
    }
}

/// What was done before an error counts.
fn counted(done: usize, outcome: Result<()>) -> Result<usize> {
    match outcome {
        Err(errno) if done == 0 => Err(errno),
        _ => Ok(done),
    }
}

/// `splice(2)`.
pub fn splice(
    thread: &Thread,
    source: Fd,
    source_offset: UserPtr<i64>,
    out: Fd,
    out_offset: UserPtr<i64>,
    length: usize,
    flags: u32,
) -> Result<usize> {
    if length == 0 {
        return Ok(0);
    }
    let flags = SpliceFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let source = thread.files().get(source)?;
    let out = thread.files().get(out)?;
    source.check_readable()?;
    out.check_writable()?;
    let mut waits = !flags.contains(SpliceFlags::NONBLOCK);
    match (PipeEnd::of(&source), PipeEnd::of(&out)) {
        (Some(from), Some(to)) => {
            if !source_offset.is_null() || !out_offset.is_null() {
                return Err(Errno::ESPIPE);
            }
            if Arc::ptr_eq(from.pipe(), to.pipe()) {
                return Err(Errno::EINVAL);
            }
            waits &= !is_nonblocking(&source) && !is_nonblocking(&out);
            pipe_to_pipe(from.pipe(), to.pipe(), length, waits)
        }
        (Some(from), None) => {
            if !source_offset.is_null() {
                return Err(Errno::ESPIPE);
            }
            if out.appends() {
                return Err(Errno::EINVAL);
            }
            waits &= !is_nonblocking(&source);
            at_offset(thread, &out, out_offset, |offset| pipe_to_file(from.pipe(), &out, offset, length, waits))
        }
        (None, Some(to)) => {
            if !out_offset.is_null() {
                return Err(Errno::ESPIPE);
            }
            waits &= !is_nonblocking(&out);
            at_offset(thread, &source, source_offset, |offset| file_to_pipe(&source, to.pipe(), offset, length, waits))
        }
        (None, None) => Err(Errno::EINVAL),
    }
}

fn is_nonblocking(open: &OpenFile) -> bool {
    open.status().contains(crate::file::StatusFlags::NONBLOCK)
}

/// Runs a transfer at the offset that the program keeps, or at the description's; it moves by what was transferred.
fn at_offset(
    thread: &Thread,
    open: &OpenFile,
    kept: UserPtr<i64>,
    transfer: impl FnOnce(u64) -> Result<usize>,
) -> Result<usize> {
    match kept.non_null() {
        Some(kept) => {
            open.check_seekable().map_err(|_| Errno::EINVAL)?;
            let offset = u64::try_from(kept.read(thread)?).map_err(|_| Errno::EINVAL)?;
            let done = transfer(offset)?;
            kept.write(thread, &((offset + done as u64) as i64))?;
            Ok(done)
        }
        None => {
            let done = transfer(open.position())?;
            if !open.file().is_stream() {
                open.set_position(open.position() + done as u64);
            }
            Ok(done)
        }
    }
}

fn pipe_to_pipe(from: &Pipe, to: &Pipe, length: usize, waits: bool) -> Result<usize> {
    let mut done = 0;
    while done < length {
        let waits = waits && done == 0;
        let moved = wait(to.queues().1, waits, || to.room())
            .and_then(|_| wait(from.queues().0, waits, || from.take(length - done)));
        let parcel = match moved {
            Ok(Some(parcel)) => parcel,
            Ok(None) => break,
            Err(errno) => return counted(done, Err(errno)),
        };
        let count = parcel.length();
        match to.push(parcel) {
            Ok(()) => done += count,
            // Somebody else was faster.
            Err(parcel) => from.put_back(parcel),
        }
    }
    Ok(done)
}

fn pipe_to_file(from: &Pipe, out: &OpenFile, offset: u64, length: usize, waits: bool) -> Result<usize> {
    if matches!(out.attributes().kind, Kind::Directory) {
        return Err(Errno::EINVAL);
    }
    let mut done = 0;
    let mut bytes = alloc::vec![0; PAGE_SIZE];
    while done < length {
        let mut parcel = match wait(from.queues().0, waits && done == 0, || from.take(length - done)) {
            Ok(Some(parcel)) => parcel,
            Ok(None) => break,
            Err(errno) => return counted(done, Err(errno)),
        };
        let bytes = &mut bytes[..parcel.length().min(PAGE_SIZE)];
        parcel.read(bytes);
        let at = offset + done as u64;
        let written = out.wait(|| out.file().write(&mut Source::kernel(bytes), at));
        parcel.skip(*written.as_ref().unwrap_or(&0));
        let is_short = parcel.length() > 0;
        from.put_back(parcel);
        done += match written {
            Ok(count) => count,
            Err(errno) => return counted(done, Err(errno)),
        };
        if is_short {
            break;
        }
    }
    Ok(done)
}

fn file_to_pipe(source: &OpenFile, to: &Pipe, offset: u64, length: usize, waits: bool) -> Result<usize> {
    let kind = source.attributes().kind;
    if kind == Kind::Directory {
        return Err(Errno::EINVAL);
    }
    wait(to.queues().1, waits, || to.room())?;
    let mut done = 0;
    let mut bytes = alloc::vec![0; PAGE_SIZE];
    while done < length {
        let at = offset + done as u64;
        // A page of the file is a page of the pipe.
        let within = if kind == Kind::Regular { (at % PAGE_SIZE as u64) as usize } else { 0 };
        let step = (PAGE_SIZE - within).min(length - done);
        match to.room() {
            Ok(_) => {}
            Err(errno) => return counted(done, Err(errno)),
        }
        let mut attempt = || source.file().read(&mut Destination::kernel(&mut bytes[..step]), at);
        // As on Linux, what comes after the first bytes is not waited for.
        let read = if done == 0 { source.wait(&mut attempt) } else { attempt() };
        let count = match read {
            Ok(0) => break,
            Ok(count) => count,
            Err(errno) => return counted(done, Err(errno)),
        };
        let frame = match Frame::uninitialised() {
            Some(frame) => frame,
            None => return counted(done, Err(Errno::ENOMEM)),
        };
        frame.write(0, &bytes[..count]);
        if to.push(Parcel::new(frame, count)).is_err() {
            break;
        }
        done += count;
        if count < step {
            break;
        }
    }
    Ok(done)
}

/// `tee(2)`: what is in one pipe goes into another one as well.
pub fn tee(thread: &Thread, source: Fd, out: Fd, length: usize, flags: u32) -> Result<usize> {
    let flags = SpliceFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if length == 0 {
        return Ok(0);
    }
    let source = thread.files().get(source)?;
    let out = thread.files().get(out)?;
    source.check_readable()?;
    out.check_writable()?;
    let (Some(from), Some(to)) = (PipeEnd::of(&source), PipeEnd::of(&out)) else { return Err(Errno::EINVAL) };
    let (from, to) = (from.pipe(), to.pipe());
    if Arc::ptr_eq(from, to) {
        return Err(Errno::EINVAL);
    }
    let waits = !flags.contains(SpliceFlags::NONBLOCK) && !is_nonblocking(&source) && !is_nonblocking(&out);
    wait(from.queues().0, waits, || from.look(0, 1))?;
    wait(to.queues().1, waits, || to.room())?;
    let mut done = 0;
    let mut index = 0;
    while done < length {
        let Some(parcel) = from.look(index, length - done)? else { break };
        let count = parcel.length();
        if to.push(parcel).is_err() {
            break;
        }
        done += count;
        index += 1;
    }
    Ok(done)
}

/// `vmsplice(2)`: memory into a pipe, or a pipe's bytes into memory. The bytes are copied, also where Linux would
/// take the pages themselves.
pub fn vmsplice(thread: &Thread, fd: Fd, vector: UserPtr<IoVec>, count: usize, flags: u32) -> Result<usize> {
    let flags = SpliceFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let open = thread.files().get(fd)?;
    let writes = open.check_writable().is_ok();
    if !writes {
        open.check_readable()?;
    }
    let waits = !flags.contains(SpliceFlags::NONBLOCK) && !is_nonblocking(&open);
    if writes {
        let mut from = Source::vectors(thread, vector.address(), count)?;
        let end = PipeEnd::of(&open).ok_or(Errno::EBADF)?;
        let mut done = 0;
        while from.remaining() > 0 {
            match wait(end.pipe().queues().1, waits && done == 0, || end.pipe().write(&mut from, false)) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(errno) => return counted(done, Err(errno)),
            }
        }
        return Ok(done);
    }
    let mut to = Destination::vectors(thread, vector.address(), count)?;
    let end = PipeEnd::of(&open).ok_or(Errno::EBADF)?;
    wait(end.pipe().queues().0, waits, || end.pipe().read(&mut to))
}
