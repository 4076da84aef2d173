//! Signals as a file: `signalfd(2)`.

use super::info::highest_code;
use super::state::ARRIVALS;
use super::{SigInfo, SigSet, Signal, waiting};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile, StatusFlags};
use crate::flag_argument;
use crate::machine::machine;
use crate::thread::Thread;
use crate::transfer::Destination;
use crate::user::UserPtr;
use crate::wait::WaitQueue;
use alloc::sync::Arc;
use core::any::Any;
use linux_raw_sys::general as raw;
use spin::Mutex;
use zerocopy::{Immutable, IntoBytes};

bitflags::bitflags! {
    /// The flags of `signalfd4(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SignalFdFlags: u32 {
        /// `SFD_NONBLOCK`.
        const NONBLOCK = raw::O_NONBLOCK;
        /// `SFD_CLOEXEC`.
        const CLOEXEC = raw::O_CLOEXEC;
    }
}

flag_argument!(SignalFdFlags, strict);

/// `struct signalfd_siginfo`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, IntoBytes, Immutable)]
#[repr(C)]
struct Record {
    number: u32,
    errno: i32,
    code: i32,
    process: u32,
    user: u32,
    fd: i32,
    timer: u32,
    band: u32,
    overrun: u32,
    trap: u32,
    status: i32,
    integer: i32,
    pointer: u64,
    user_time: u64,
    system_time: u64,
    address: u64,
    address_lsb: u16,
    padding: u16,
    system_call: i32,
    call_address: u64,
    architecture: u32,
    rest: [u8; 28],
}

/// What the fields of a `siginfo_t` are, as Linux's `siginfo_layout` tells from signal and code.
enum Layout {
    Kill,
    Timer,
    Poll,
    Fault,
    Child,
    Queue,
    SystemCall,
}

fn layout(info: &SigInfo) -> Layout {
    match (info.code, info.signal()) {
        (SigInfo::TIMER, _) => Layout::Timer,
        (raw::SI_SIGIO, _) => Layout::Poll,
        (SigInfo::USER | SigInfo::KERNEL.., _) => Layout::Kill,
        (..0, _) => Layout::Queue,
        (_, Ok(signal)) if info.code <= highest_code(signal) => match signal {
            Signal::SEGV | Signal::BUS | Signal::ILL | Signal::FPE | Signal::TRAP => Layout::Fault,
            Signal::CHLD => Layout::Child,
            Signal::SYS => Layout::SystemCall,
            _ => Layout::Poll,
        },
        _ => Layout::Kill,
    }
}

impl Record {
    fn new(info: &SigInfo) -> Self {
        let common = Self { number: info.number as u32, errno: info.errno, code: info.code, ..Self::default() };
        let sent = Self { process: info.process() as u32, user: info.user_id(), ..common };
        let value = info.value();
        match layout(info) {
            Layout::Kill => sent,
            Layout::Queue => Self { pointer: value, integer: value as i32, ..sent },
            Layout::Timer => Self {
                timer: info.process() as u32,
                overrun: info.overrun() as u32,
                pointer: value,
                integer: value as i32,
                ..common
            },
            Layout::Poll => Self { band: info.address() as u32, fd: info.status(), ..common },
            Layout::Fault => Self { address: info.address(), ..common },
            Layout::Child => {
                let times = info.times();
                let (user_time, system_time) = (times.user as u64, times.system as u64);
                Self { status: info.status(), user_time, system_time, ..sent }
            }
            Layout::SystemCall => Self {
                call_address: info.address(),
                system_call: info.status(),
                architecture: (value >> 32) as u32,
                ..common
            },
        }
    }
}

/// A set of signals behind a descriptor. Whoever reads it takes its own signals, not those of whoever made it.
pub struct SignalFile {
    set: Mutex<SigSet>,
}

impl File for SignalFile {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        if to.remaining() < size_of::<Record>() {
            return Err(Errno::EINVAL);
        }
        let thread = machine().current();
        let set = *self.set.lock();
        let mut done = 0;
        while to.remaining() >= size_of::<Record>() {
            let Some(info) = waiting::take(&thread, set) else { break };
            match to.put(Record::new(&info).as_bytes()) {
                Ok(count) => done += count,
                Err(_) if done != 0 => break,
                Err(error) => return Err(error),
            }
        }
        if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let thread = machine().current();
        let group = thread.process.signals.lock();
        let pending = group.pending.set().with(thread.signals.lock().pending.set());
        if pending.and(*self.set.lock()).is_empty() { Events::empty() } else { Events::IN }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&ARRIVALS)
    }
}

/// `signalfd4(2)`: a new descriptor, or with one that is a signal file already, another set for it.
pub fn signalfd4(thread: &Thread, fd: Fd, set: UserPtr<SigSet>, size: usize, flags: SignalFdFlags) -> Result<Fd> {
    let set = SigSet::read(thread, set, size)?.blockable();
    if fd.0 != -1 {
        let open = thread.files().get(fd)?;
        let file: &dyn Any = &**open.file();
        *file.downcast_ref::<SignalFile>().ok_or(Errno::EINVAL)?.set.lock() = set;
        // Perhaps something is pending that was not in the set before.
        ARRIVALS.wake_all();
        return Ok(fd);
    }
    let file = Arc::new(SignalFile { set: Mutex::new(set) });
    let nonblock = flags.bits() & raw::O_NONBLOCK;
    let open = OpenFile::new(file, StatusFlags::from_bits_retain(raw::O_RDWR | nonblock));
    thread.files().install(open, flags.contains(SignalFdFlags::CLOEXEC))
}

/// `signalfd(2)`.
pub fn signalfd(thread: &Thread, fd: Fd, set: UserPtr<SigSet>, size: usize) -> Result<Fd> {
    signalfd4(thread, fd, set, size, SignalFdFlags::empty())
}

const _: () = assert!(size_of::<Record>() == 128);
