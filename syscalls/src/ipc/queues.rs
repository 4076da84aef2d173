//! POSIX message queues, `mq_overview(7)`: `mq_open(3)` and its family.

use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile, OpenFlags, StatusFlags};
use crate::filesystem::{Attributes, Kind, Ownership, Permission, Timestamp, check, owns};
use crate::machine::machine;
use crate::process::Process;
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use crate::thread::Thread;
use crate::time::posix::SignalEvent;
use crate::time::{Instant, TimeSpec};
use crate::transfer::Destination;
use crate::user::{UserPtr, UserString, copy_in, copy_out};
use crate::wait::{WaitError, WaitQueue, wait_until};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as raw;
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `MQ_PRIO_MAX`.
const PRIORITIES: u32 = 32_768;
/// `fs.mqueue.msg_default` and `msg_max`.
const DEFAULT_COUNT: i64 = 10;
/// `fs.mqueue.msgsize_default` and `msgsize_max`.
const DEFAULT_SIZE: i64 = 8192;
/// `HARD_MSGMAX`, and `HARD_MSGSIZEMAX`: for who has `CAP_SYS_RESOURCE`.
const HARD_COUNT: i64 = 65_536;
const HARD_SIZE: i64 = 16 << 20;
/// `fs.mqueue.queues_max`.
const MOST: usize = 256;
/// What Linux reckons a message costs beside its text.
const OVERHEAD: u64 = 48 + 40;
/// The size that `fstat(2)` shows.
const STATUS_SIZE: u64 = 80;

/// `struct mq_attr`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct QueueAttributes {
    flags: i64,
    most: i64,
    size: i64,
    count: i64,
    reserved: [i64; 4],
}

/// Who hears when a message comes into an empty queue.
struct Notice {
    process: Weak<Process>,
    // `None`: SIGEV_NONE, which only takes the place.
    signal: Option<Signal>,
    value: u64,
}

#[derive(Default)]
struct State {
    // By priority, the highest last; within one, in order.
    messages: BTreeMap<u32, VecDeque<Vec<u8>>>,
    count: usize,
    bytes: u64,
    notice: Option<Notice>,
    receivers: usize,
}

/// A queue.
pub struct Queue {
    most: usize,
    size: usize,
    ownership: Ownership,
    inode: u64,
    made: Timestamp,
    state: Mutex<State>,
    queue: WaitQueue,
}

static QUEUES: Mutex<BTreeMap<Vec<u8>, Arc<Queue>>> = Mutex::new(BTreeMap::new());

impl Queue {
    /// What `RLIMIT_MSGQUEUE` counts.
    fn cost(&self) -> u64 {
        self.most as u64 * (self.size as u64 + OVERHEAD)
    }

    /// Puts a message in. `EAGAIN` when there is no room.
    fn put(&self, priority: u32, text: &mut Option<Vec<u8>>) -> Result<()> {
        let mut state = self.state.lock();
        if state.count >= self.most {
            return Err(Errno::EAGAIN);
        }
        let Some(text) = text.take() else { return Ok(()) };
        let was_empty = state.count == 0;
        state.count += 1;
        state.bytes += text.len() as u64;
        state.messages.entry(priority).or_default().push_back(text);
        // Who waits to receive gets it, and nobody is told.
        let notice = if was_empty && state.receivers == 0 { state.notice.take() } else { None };
        drop(state);
        self.queue.wake_all();
        if let Some(notice) = notice {
            notice.send();
        }
        Ok(())
    }

    /// Takes the oldest of the most urgent messages out. `EAGAIN` when there is none.
    fn take(&self) -> Result<(u32, Vec<u8>)> {
        let mut state = self.state.lock();
        let Some(mut highest) = state.messages.last_entry() else { return Err(Errno::EAGAIN) };
        let priority = *highest.key();
        let text = highest.get_mut().pop_front();
        if highest.get().is_empty() {
            highest.remove();
        }
        let text = text.ok_or(Errno::EAGAIN)?;
        state.count -= 1;
        state.bytes -= text.len() as u64;
        drop(state);
        self.queue.wake_all();
        Ok((priority, text))
    }
}

impl Notice {
    fn send(&self) {
        /// `SI_MESGQ`.
        const CODE: i32 = -3;
        let (Some(process), Some(signal)) = (self.process.upgrade(), self.signal) else { return };
        let sender = machine().current();
        let user = sender.process.credentials().user.real;
        // A queue of real-time signals that is full loses it, as on Linux.
        let _ = send(Target::Process(&process), SigInfo::with_value(signal, CODE, sender.process.id, user, self.value));
    }
}

impl File for Queue {
    fn read(&self, to: &mut Destination<'_>, offset: u64) -> Result<usize> {
        let text = {
            let state = self.state.lock();
            let notice = state.notice.as_ref();
            let process = notice.and_then(|notice| notice.process.upgrade()).map_or(0, |process| process.id);
            let number = notice.and_then(|notice| notice.signal).map_or(0, Signal::number);
            let kind = notice.map_or(0, |notice| i32::from(notice.signal.is_none()));
            format!("QSIZE:{:<10} NOTIFY:{kind:<5} SIGNO:{number:<5} NOTIFY_PID:{process:<6}\n", state.bytes)
        };
        let rest = usize::try_from(offset).ok().and_then(|offset| text.as_bytes().get(offset..));
        to.put(rest.unwrap_or_default())
    }

    fn poll(&self) -> Events {
        let state = self.state.lock();
        let mut events = Events::empty();
        events.set(Events::IN, state.count > 0);
        events.set(Events::OUT, state.count < self.most);
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn attributes(&self) -> Attributes {
        let Ownership { mode, uid, gid, .. } = self.ownership;
        let made = self.made;
        Attributes {
            uid,
            gid,
            inode: self.inode,
            size: STATUS_SIZE,
            accessed: made,
            modified: made,
            changed: made,
            ..Attributes::nameless(Kind::Regular, mode)
        }
    }

    fn label(&self) -> String {
        String::from("/mqueue (deleted)")
    }
}

/// `ENOENT`, `EACCES` for names that a directory cannot have, `ENAMETOOLONG`.
fn read_name(thread: &Thread, name: UserString) -> Result<Vec<u8>> {
    let name = name.read_path(thread)?;
    match name.as_slice() {
        b"" => Err(Errno::ENOENT),
        b"." | b".." => Err(Errno::EACCES),
        name if name.contains(&b'/') => Err(Errno::EACCES),
        name if name.len() > crate::filesystem::NAME_MAX => Err(Errno::ENAMETOOLONG),
        _ => Ok(name),
    }
}

/// `mq_open(3)`, whose library takes the slash off. The descriptor always closes on `execve(2)`.
pub fn mq_open(
    thread: &Thread,
    name: UserString,
    flags: OpenFlags,
    mode: u16,
    attributes: UserPtr<QueueAttributes>,
) -> Result<Fd> {
    let wanted = attributes.non_null().map(|attributes| attributes.read(thread)).transpose()?;
    let name = read_name(thread, name)?;
    let who = thread.process.credentials();
    let mut permission = Permission::empty();
    permission.set(Permission::READ, flags.reads());
    permission.set(Permission::WRITE, flags.writes());
    let mut queues = QUEUES.lock();
    let queue = match queues.get(&name) {
        Some(_) if flags.contains(OpenFlags::O_CREAT | OpenFlags::O_EXCL) => return Err(Errno::EEXIST),
        Some(_) if flags.contains(OpenFlags::O_WRONLY | OpenFlags::O_RDWR) => return Err(Errno::EINVAL),
        Some(queue) => {
            check(&who, queue.ownership, permission)?;
            queue.clone()
        }
        None if !flags.contains(OpenFlags::O_CREAT) => return Err(Errno::ENOENT),
        None => {
            let privileged = who.has(raw::CAP_SYS_RESOURCE);
            let (most, size) = match wanted.filter(|_| flags.contains(OpenFlags::O_CREAT)) {
                Some(wanted) => (wanted.most, wanted.size),
                None => (DEFAULT_COUNT, DEFAULT_SIZE),
            };
            let (count_limit, size_limit) =
                if privileged { (HARD_COUNT, HARD_SIZE) } else { (DEFAULT_COUNT, DEFAULT_SIZE) };
            if !(1..=count_limit).contains(&most) || !(1..=size_limit).contains(&size) {
                return Err(Errno::EINVAL);
            }
            if queues.len() >= MOST && !privileged {
                return Err(Errno::ENOSPC);
            }
            static INODE: AtomicU64 = AtomicU64::new(2);
            let mode = mode & 0o7777 & !(thread.process.context.umask() as u16);
            let ownership = Ownership { kind: Kind::Regular, mode, uid: who.file_uid(), gid: who.file_gid() };
            let queue = Arc::new(Queue {
                most: most as usize,
                size: size as usize,
                ownership,
                inode: INODE.fetch_add(1, Ordering::Relaxed),
                made: Timestamp::now(),
                state: Mutex::default(),
                queue: WaitQueue::new(),
            });
            let of_user = queues.values().filter(|queue| queue.ownership.uid == ownership.uid);
            let used: u64 = of_user.map(|queue| queue.cost()).sum();
            if used + queue.cost() > thread.process.limits.get(raw::RLIMIT_MSGQUEUE).soft {
                return Err(Errno::EMFILE);
            }
            queues.insert(name, queue.clone());
            queue
        }
    };
    drop(queues);
    thread.files().install(OpenFile::new(queue, flags.status()), true)
}

/// `mq_unlink(3)`.
pub fn mq_unlink(thread: &Thread, name: UserString) -> Result<()> {
    let name = read_name(thread, name)?;
    let mut queues = QUEUES.lock();
    let queue = queues.get(&name).ok_or(Errno::ENOENT)?;
    // Its directory is everybody's, with the sticky bit.
    if !owns(&thread.process.credentials(), queue.ownership) {
        return Err(Errno::EPERM);
    }
    let gone = queues.remove(&name);
    drop(queues);
    drop(gone);
    Ok(())
}

/// The queue behind a description. `EBADF`.
fn queue_of(open: &OpenFile) -> Result<&Queue> {
    let file: &dyn Any = &**open.file();
    file.downcast_ref().ok_or(Errno::EBADF)
}

/// The point of time that an absolute timeout by the wall's clock tells. `EINVAL`, `EFAULT`.
fn deadline(thread: &Thread, timeout: UserPtr<TimeSpec>) -> Result<Option<Instant>> {
    let Some(timeout) = timeout.non_null() else { return Ok(None) };
    let nanoseconds = timeout.read(thread)?.nanoseconds()?;
    Ok(Some(Instant(nanoseconds.saturating_sub(machine().realtime_offset()))))
}

/// Tries, and waits unless the description says otherwise. `EAGAIN`, `ETIMEDOUT`, `ERESTARTSYS`.
fn wait<T>(
    open: &OpenFile,
    queue: &Queue,
    deadline: Option<Instant>,
    mut operation: impl FnMut() -> Result<T>,
) -> Result<T> {
    match operation() {
        Err(Errno::EAGAIN) if !open.status().contains(StatusFlags::NONBLOCK) => {}
        outcome => return outcome,
    }
    let waited = wait_until(&[&queue.queue], deadline, || match operation() {
        Err(Errno::EAGAIN) => None,
        outcome => Some(outcome),
    });
    waited.map_err(|error| match error {
        WaitError::TimedOut => Errno::ETIMEDOUT,
        WaitError::Interrupted => Errno::ERESTARTSYS,
    })?
}

/// `mq_timedsend(3)`.
pub fn mq_timedsend(
    thread: &Thread,
    fd: Fd,
    message: Address,
    length: usize,
    priority: u32,
    timeout: UserPtr<TimeSpec>,
) -> Result<()> {
    if priority >= PRIORITIES {
        return Err(Errno::EINVAL);
    }
    let deadline = deadline(thread, timeout)?;
    let open = thread.files().get(fd)?;
    let queue = queue_of(&open)?;
    open.check_writable()?;
    if length > queue.size {
        return Err(Errno::EMSGSIZE);
    }
    let mut text = Vec::new();
    text.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
    text.resize(length, 0);
    copy_in(thread, message.0, &mut text)?;
    let mut text = Some(text);
    wait(&open, queue, deadline, || queue.put(priority, &mut text))
}

/// `mq_timedreceive(3)`.
pub fn mq_timedreceive(
    thread: &Thread,
    fd: Fd,
    message: Address,
    length: usize,
    priority: UserPtr<u32>,
    timeout: UserPtr<TimeSpec>,
) -> Result<usize> {
    let deadline = deadline(thread, timeout)?;
    let open = thread.files().get(fd)?;
    let queue = queue_of(&open)?;
    open.check_readable()?;
    if length < queue.size {
        return Err(Errno::EMSGSIZE);
    }
    queue.state.lock().receivers += 1;
    let outcome = wait(&open, queue, deadline, || queue.take());
    queue.state.lock().receivers -= 1;
    let (urgency, text) = outcome?;
    priority.write_unless_null(thread, &urgency)?;
    copy_out(thread, message.0, &text)?;
    Ok(text.len())
}

/// `mq_notify(3)`. `SIGEV_THREAD` is the library's, by a netlink socket, which is not there: `ENOSYS`.
pub fn mq_notify(thread: &Thread, fd: Fd, event: UserPtr<SignalEvent>) -> Result<()> {
    let wanted = event.non_null().map(|event| event.read(thread)).transpose()?;
    let process = Arc::downgrade(&thread.process);
    let notice = match wanted {
        None => None,
        Some(event) => {
            let signal = match event.notify as u32 {
                raw::SIGEV_NONE => None,
                raw::SIGEV_SIGNAL => Some(Signal::new(event.signal)?),
                raw::SIGEV_THREAD => return Err(Errno::ENOSYS),
                _ => return Err(Errno::EINVAL),
            };
            Some(Notice { process: process.clone(), signal, value: event.value })
        }
    };
    let open = thread.files().get(fd)?;
    let queue = queue_of(&open)?;
    let mut state = queue.state.lock();
    let is_taken = state.notice.as_ref().is_some_and(|notice| notice.process.strong_count() > 0);
    match notice {
        Some(_) if is_taken => Err(Errno::EBUSY),
        Some(notice) => {
            state.notice = Some(notice);
            Ok(())
        }
        None => {
            if state.notice.as_ref().is_some_and(|notice| notice.process.ptr_eq(&process)) {
                state.notice = None;
            }
            Ok(())
        }
    }
}

/// `mq_getattr(3)`, `mq_setattr(3)`.
pub fn mq_getsetattr(
    thread: &Thread,
    fd: Fd,
    new: UserPtr<QueueAttributes>,
    old: UserPtr<QueueAttributes>,
) -> Result<()> {
    const NONBLOCK: i64 = raw::O_NONBLOCK as i64;
    let wanted = new.non_null().map(|new| new.read(thread)).transpose()?;
    if wanted.is_some_and(|wanted| wanted.flags & !NONBLOCK != 0) {
        return Err(Errno::EINVAL);
    }
    let open = thread.files().get(fd)?;
    let queue = queue_of(&open)?;
    let mut status = open.status();
    let present = QueueAttributes {
        flags: i64::from(status.bits()) & NONBLOCK,
        most: queue.most as i64,
        size: queue.size as i64,
        count: queue.state.lock().count as i64,
        reserved: [0; 4],
    };
    if let Some(wanted) = wanted {
        status.set(StatusFlags::NONBLOCK, wanted.flags & NONBLOCK != 0);
        open.set_status(status);
    }
    old.write_unless_null(thread, &present)
}
