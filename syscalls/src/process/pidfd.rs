//! Descriptors of processes: `pidfd_open(2)`, `pidfd_send_signal(2)`, `pidfd_getfd(2)`, `CLONE_PIDFD`.

use super::{Process, registry};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile, StatusFlags};
use crate::signal::kill::{self, may_signal};
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use crate::thread::Thread;
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;
use linux_raw_sys::general::{O_NONBLOCK, O_RDWR};

bitflags::bitflags! {
    /// The flags of `pidfd_open(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PidFdFlags: u32 {
        /// `waitid(2)` does not wait.
        const PIDFD_NONBLOCK = O_NONBLOCK;
    }
}

crate::flag_argument!(PidFdFlags, strict);

/// A process, whatever becomes of its number.
struct PidFd(Arc<Process>);

impl PidFd {
    /// `ESRCH` when the process has been waited for.
    fn process(&self) -> Result<&Arc<Process>> {
        let known = registry::visible(self.0.id);
        known.filter(|process| Arc::ptr_eq(process, &self.0)).map(|_| &self.0).ok_or(Errno::ESRCH)
    }
}

impl File for PidFd {
    fn is_stream(&self) -> bool {
        true
    }

    /// Readable once the process has ended.
    fn poll(&self) -> Events {
        if self.0.is_zombie() { Events::IN } else { Events::empty() }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.0.departures())
    }

    fn label(&self) -> String {
        String::from("anon_inode:[pidfd]")
    }
}

/// A new descriptor of a process, which closes on `execve(2)`. `EMFILE`, `ENOMEM`.
pub(super) fn install(thread: &Thread, process: &Arc<Process>, flags: PidFdFlags) -> Result<Fd> {
    let status = StatusFlags::from_bits_retain(O_RDWR | flags.bits());
    thread.files().install(OpenFile::new(Arc::new(PidFd(process.clone())), status), true)
}

/// Acts on what a descriptor of a process refers to. `EBADF`.
fn with<T>(thread: &Thread, fd: Fd, act: impl FnOnce(&PidFd, &OpenFile) -> Result<T>) -> Result<T> {
    let open = thread.files().get(fd)?;
    let file: &dyn Any = &**open.file();
    act(file.downcast_ref().ok_or(Errno::EBADF)?, &open)
}

/// The process that `waitid(2)` is to wait for, and whether it may wait. `EBADF`.
pub(super) fn waited_for(thread: &Thread, fd: Fd) -> Result<(Arc<Process>, bool)> {
    with(thread, fd, |pidfd, open| Ok((pidfd.0.clone(), !open.status().contains(StatusFlags::NONBLOCK))))
}

/// `pidfd_open(2)`.
pub fn pidfd_open(thread: &Thread, id: i32, flags: PidFdFlags) -> Result<Fd> {
    if id <= 0 {
        return Err(Errno::EINVAL);
    }
    match registry::visible(id) {
        Some(process) => install(thread, &process, flags),
        // The number of a thread that is no process's first.
        None => Err(registry::thread(id).map_or(Errno::ESRCH, |_| Errno::EINVAL)),
    }
}

/// `pidfd_send_signal(2)`.
pub fn pidfd_send_signal(
    thread: &Thread,
    fd: Fd,
    number: i32,
    information: UserPtr<SigInfo>,
    flags: u32,
) -> Result<()> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let process = with(thread, fd, |pidfd, _| pidfd.process().cloned())?;
    let info = match information.non_null() {
        Some(_) => {
            let told = kill::told(thread, number, information, process.id == thread.process.id)?;
            if information.read(thread)?.number != number {
                return Err(Errno::EINVAL);
            }
            told
        }
        None => kill::from_user(thread, number),
    };
    let signal = if number == 0 { None } else { Some(Signal::new(number)?) };
    if !may_signal(&thread.process, &process, signal) {
        return Err(Errno::EPERM);
    }
    signal.map_or(Ok(()), |_| send(Target::Process(&process), info))
}

/// `pidfd_getfd(2)`: needs what `ptrace(2)` would need.
pub fn pidfd_getfd(thread: &Thread, process: Fd, fd: Fd, flags: u32) -> Result<Fd> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let process = with(thread, process, |pidfd, _| pidfd.process().cloned())?;
    if process.is_zombie() {
        return Err(Errno::ESRCH);
    }
    if !thread.process.credentials().may_inspect(&process.credentials()) {
        return Err(Errno::EPERM);
    }
    let open = process.files.get(fd)?;
    thread.files().install(open, true)
}
