//! `pipe(2)`, `pipe2(2)`.

use super::{Pipe, PipeEnd, Side};
use crate::argument::Fd;
use crate::errno::Result;
use crate::file::{OpenFile, StatusFlags};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use linux_raw_sys::general::{O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY};

bitflags::bitflags! {
    /// The flags of `pipe2(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PipeFlags: u32 {
        /// The descriptors close on `execve(2)`.
        const O_CLOEXEC = O_CLOEXEC;
        /// Never wait.
        const O_NONBLOCK = O_NONBLOCK;
        /// Packets.
        const O_DIRECT = O_DIRECT;
    }
}

crate::flag_argument!(PipeFlags, strict);

/// `pipe(2)`.
pub fn pipe(thread: &Thread, fds: UserPtr<[i32; 2]>) -> Result<()> {
    pipe2(thread, fds, PipeFlags::empty())
}

/// `pipe2(2)`.
pub fn pipe2(thread: &Thread, fds: UserPtr<[i32; 2]>, flags: PipeFlags) -> Result<()> {
    let pipe = Pipe::new();
    let install = |side, access: u32, kept: PipeFlags| {
        let end = PipeEnd::new(&pipe, side);
        end.set_packets(flags.intersection(kept).contains(PipeFlags::O_DIRECT));
        let status = StatusFlags::from_bits_retain(access | flags.intersection(kept).bits());
        let open = OpenFile::new(Arc::new(end), status);
        thread.files().install(open, flags.contains(PipeFlags::O_CLOEXEC))
    };
    let read = install(Side::Read, O_RDONLY, PipeFlags::O_NONBLOCK)?;
    let undo = |fd: Fd| drop(thread.files().remove(fd));
    let write =
        install(Side::Write, O_WRONLY, PipeFlags::O_NONBLOCK | PipeFlags::O_DIRECT).inspect_err(|_| undo(read))?;
    fds.write(thread, &[read.0, write.0]).inspect_err(|_| {
        undo(read);
        undo(write);
    })
}
