//! `msgget(2)`, `msgsnd(2)`, `msgrcv(2)`, `msgctl(2)`.

use super::objects::{Object, Objects};
use super::{INFORMATION, NO_WAIT, Permissions, READ, REMOVE, SET, STATUS, VERSION, WRITE, now};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::{UserPtr, copy_in, copy_out};
use crate::wait::{WaitError, WaitQueue, wait_until};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general::CAP_SYS_RESOURCE;
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `MSGMNI`.
const MOST: i32 = 32_000;
/// Bytes of the longest message, `MSGMAX`, `kernel.msgmax`.
static LONGEST: AtomicU64 = AtomicU64::new(8192);
/// Bytes that a new queue can hold, `MSGMNB`, `kernel.msgmnb`.
static CAPACITY: AtomicU64 = AtomicU64::new(16_384);
/// `MSG_NOERROR`.
const CUT: i32 = 0o10000;
/// `MSG_EXCEPT`.
const EXCEPT: i32 = 0o20000;
/// `MSG_COPY`.
const COPY: i32 = 0o40000;

/// `struct msqid64_ds`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Description {
    permissions: Permissions,
    sent: i64,
    received: i64,
    changed: i64,
    bytes: u64,
    count: u64,
    capacity: u64,
    last_sender: i32,
    last_receiver: i32,
    unused: [u64; 2],
}

struct Message {
    kind: i64,
    text: Vec<u8>,
}

struct State {
    description: Description,
    messages: VecDeque<Message>,
    removed: bool,
}

struct Queue {
    state: Mutex<State>,
    changes: WaitQueue,
}

static QUEUES: Objects<Queue> = Objects::new(MOST);

impl Object for Queue {
    fn permissions(&self) -> Permissions {
        self.state.lock().description.permissions
    }

    fn change(&self, change: &mut dyn FnMut(&mut Permissions)) {
        change(&mut self.state.lock().description.permissions);
    }
}

/// `msgget(2)`.
pub fn msgget(thread: &Thread, key: i32, flags: i32) -> Result<i32> {
    let who = thread.process.credentials();
    let accept = |queue: &Queue| queue.permissions().check(&who, flags as u16);
    QUEUES.get(key, flags, accept, || {
        let permissions = Permissions::new(key, &who, flags);
        let description = Description { permissions, changed: now(), capacity: capacity(), ..Description::default() };
        let state = State { description, messages: VecDeque::new(), removed: false };
        Ok(Queue { state: Mutex::new(state), changes: WaitQueue::new() })
    })
}

/// A call that waits for a queue is started again only where no handler ran.
fn interrupted(error: WaitError) -> Errno {
    match error {
        WaitError::Interrupted => Errno::ERESTARTNOHAND,
        WaitError::TimedOut => Errno::ETIMEDOUT,
    }
}

/// `msgsnd(2)`.
pub fn msgsnd(thread: &Thread, id: i32, message: UserPtr<i64>, size: usize, flags: i32) -> Result<()> {
    let kind = message.read(thread)?;
    if size as u64 > longest() || id < 0 || kind < 1 {
        return Err(Errno::EINVAL);
    }
    let mut text = Vec::new();
    text.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
    text.resize(size, 0);
    copy_in(thread, message.address().wrapping_add(8), &mut text)?;
    let queue = QUEUES.find(id)?;
    let who = thread.process.credentials();
    queue.permissions().check(&who, WRITE)?;
    let mut text = Some(text);
    wait_until(&[&queue.changes], None, || {
        let mut state = queue.state.lock();
        if state.removed {
            return Some(Err(Errno::EIDRM));
        }
        let description = &state.description;
        let fits = size as u64 + description.bytes <= description.capacity && description.count < description.capacity;
        if !fits {
            return if flags & NO_WAIT != 0 { Some(Err(Errno::EAGAIN)) } else { None };
        }
        let text = text.take()?;
        state.messages.push_back(Message { kind, text });
        let description = &mut state.description;
        description.bytes += size as u64;
        description.count += 1;
        (description.sent, description.last_sender) = (now(), thread.process.id);
        Some(Ok(()))
    })
    .map_err(interrupted)??;
    queue.changes.wake_all();
    Ok(())
}

/// Where the message stands that `msgrcv(2)` means by this type.
fn position(messages: &VecDeque<Message>, kind: i64, flags: i32) -> Option<usize> {
    match kind {
        place if flags & COPY != 0 => usize::try_from(place).ok().filter(|&place| place < messages.len()),
        0 => (!messages.is_empty()).then_some(0),
        1.. if flags & EXCEPT != 0 => messages.iter().position(|message| message.kind != kind),
        1.. => messages.iter().position(|message| message.kind == kind),
        _ => {
            let highest = kind.checked_neg().unwrap_or(i64::MAX);
            let lowest = messages.iter().map(|message| message.kind).filter(|&kind| kind <= highest).min()?;
            messages.iter().position(|message| message.kind == lowest)
        }
    }
}

/// `msgrcv(2)`.
pub fn msgrcv(thread: &Thread, id: i32, message: UserPtr<i64>, size: usize, kind: i64, flags: i32) -> Result<usize> {
    if id < 0 || size > isize::MAX as usize {
        return Err(Errno::EINVAL);
    }
    if flags & COPY != 0 && (flags & EXCEPT != 0 || flags & NO_WAIT == 0) {
        return Err(Errno::EINVAL);
    }
    let queue = QUEUES.find(id)?;
    queue.permissions().check(&thread.process.credentials(), READ)?;
    let received = wait_until(&[&queue.changes], None, || {
        let mut state = queue.state.lock();
        if state.removed {
            return Some(Err(Errno::EIDRM));
        }
        let Some(at) = position(&state.messages, kind, flags) else {
            return if flags & NO_WAIT != 0 { Some(Err(Errno::ENOMSG)) } else { None };
        };
        let found = state.messages.get(at)?;
        if found.text.len() > size && flags & CUT == 0 {
            return Some(Err(Errno::E2BIG));
        }
        if flags & COPY != 0 {
            return Some(Ok(Message { kind: found.kind, text: found.text.clone() }));
        }
        let taken = state.messages.remove(at)?;
        let description = &mut state.description;
        description.bytes -= taken.text.len() as u64;
        description.count -= 1;
        (description.received, description.last_receiver) = (now(), thread.process.id);
        Some(Ok(taken))
    })
    .map_err(interrupted)??;
    queue.changes.wake_all();
    let text = received.text.get(..size).unwrap_or(&received.text);
    message.write(thread, &received.kind)?;
    copy_out(thread, message.address().wrapping_add(8), text)?;
    Ok(text.len())
}

const MSG_STAT: i32 = 11;
const MSG_INFO: i32 = 12;
const MSG_STAT_ANY: i32 = 13;

/// `struct msginfo`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Information {
    pool: i32,
    map: i32,
    longest: i32,
    capacity: i32,
    most: i32,
    segment_size: i32,
    messages: i32,
    segments: u16,
    padding: u16,
}

/// `msgctl(2)`.
pub fn msgctl(thread: &Thread, id: i32, command: i32, buffer: UserPtr<u8>) -> Result<i32> {
    let who = thread.process.credentials();
    let pointer = UserPtr::<Description>::new(buffer.address());
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let command = command & !VERSION;
    match command {
        INFORMATION | MSG_INFO => {
            let (highest, all) = QUEUES.all();
            let descriptions = || all.iter().map(|queue| queue.state.lock().description);
            let capacity = capacity() as i32;
            let most = QUEUES.most();
            let (pool, map, messages) = match command {
                INFORMATION => (most / 1024 * capacity, capacity, capacity),
                _ => (
                    all.len() as i32,
                    descriptions().map(|one| one.count as i32).sum(),
                    descriptions().map(|one| one.bytes as i32).sum(),
                ),
            };
            let longest = longest() as i32;
            let information = Information {
                pool,
                map,
                longest,
                capacity,
                most,
                segment_size: 16,
                messages,
                segments: 0xffff,
                padding: 0,
            };
            UserPtr::new(buffer.address()).write(thread, &information)?;
            Ok(highest)
        }
        STATUS => {
            let queue = QUEUES.find(id)?;
            queue.permissions().check(&who, READ)?;
            let description = queue.state.lock().description;
            pointer.write(thread, &description).map(|()| 0)
        }
        MSG_STAT | MSG_STAT_ANY => {
            let (id, queue) = QUEUES.at(id)?;
            if command == MSG_STAT {
                queue.permissions().check(&who, READ)?;
            }
            let description = queue.state.lock().description;
            pointer.write(thread, &description).map(|()| id)
        }
        SET => {
            let wanted = pointer.read(thread)?;
            let queue = QUEUES.find(id)?;
            queue.permissions().check_owner(&who)?;
            if wanted.capacity > capacity() && !who.has(CAP_SYS_RESOURCE) {
                return Err(Errno::EPERM);
            }
            {
                let mut state = queue.state.lock();
                state.description.permissions.set(&wanted.permissions)?;
                state.description.capacity = wanted.capacity;
                state.description.changed = now();
            }
            // Who may send, and how much, is another question now.
            queue.changes.wake_all();
            Ok(0)
        }
        REMOVE => {
            let queue = QUEUES.find(id)?;
            queue.permissions().check_owner(&who)?;
            queue.state.lock().removed = true;
            QUEUES.remove(&queue);
            queue.changes.wake_all();
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// `/proc/sysvipc/msg`.
pub fn list(to: &mut Vec<u8>) {
    to.extend_from_slice(
        b"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime\
          \x20     ctime\n",
    );
    for (id, queue) in QUEUES.numbered() {
        let description = queue.state.lock().description;
        let Description { permissions, sent, received, changed, bytes, count, last_sender, last_receiver, .. } =
            description;
        let Permissions { key, uid, gid, creator_uid, creator_gid, mode, .. } = permissions;
        to.extend(
            format!(
                "{key:10} {id:10}  {mode:4o}  {bytes:10} {count:10} {last_sender:5} {last_receiver:5} {uid:5} {gid:5} \
                 {creator_uid:5} {creator_gid:5} {sent:10} {received:10} {changed:10}\n"
            )
            .bytes(),
        );
    }
}

/// `kernel.msgmax`, in bytes.
pub fn longest() -> u64 {
    LONGEST.load(Ordering::Relaxed)
}

/// Sets it. `EINVAL`.
pub fn set_longest(bytes: u64) -> Result<()> {
    set(&LONGEST, bytes)
}

/// `kernel.msgmnb`, in bytes.
pub fn capacity() -> u64 {
    CAPACITY.load(Ordering::Relaxed)
}

/// Sets it. `EINVAL`.
pub fn set_capacity(bytes: u64) -> Result<()> {
    set(&CAPACITY, bytes)
}

fn set(setting: &AtomicU64, bytes: u64) -> Result<()> {
    let bytes = i32::try_from(bytes).map_err(|_| Errno::EINVAL)?;
    setting.store(bytes as u64, Ordering::Relaxed);
    Ok(())
}

super::number_settings!(QUEUES);
