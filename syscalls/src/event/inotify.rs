//! `inotify(7)`: a descriptor that tells what happens to files.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{AtFlags, Events, File, OpenFile, StatusFlags};
use crate::filesystem::watch::{self, Happening, Terms, Watcher};
use crate::filesystem::{Inode, Kind, Permission, check, reach};
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::user::{UserPtr, UserString};
use crate::wait::WaitQueue;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use linux_raw_sys::general as raw;
use linux_raw_sys::ioctl::FIONREAD;
use spin::Mutex;

/// `fs.inotify.max_queued_events`.
const MOST_EVENTS: usize = 16_384;
/// `fs.inotify.max_user_watches`, about.
const MOST_WATCHES: usize = 65_536;
/// Bytes of `struct inotify_event` before the name, whose length is a multiple of them.
const HEADER: usize = 16;
/// `IN_Q_OVERFLOW`.
const OVERFLOW: u32 = 0x4000;

const ONLY_DIRECTORY: u32 = 0x0100_0000;
const DO_NOT_FOLLOW: u32 = 0x0200_0000;
const EXCLUDE_UNLINKED: u32 = 0x0400_0000;
const MASK_CREATE: u32 = 0x1000_0000;
const MASK_ADD: u32 = 0x2000_0000;
const ONE_SHOT: u32 = 0x8000_0000;

bitflags::bitflags! {
    /// The flags of `inotify_init1(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct InotifyFlags: u32 {
        /// Never wait.
        const IN_NONBLOCK = raw::O_NONBLOCK;
        /// The descriptor closes on `execve(2)`.
        const IN_CLOEXEC = raw::O_CLOEXEC;
    }
}

crate::flag_argument!(InotifyFlags, strict);

#[derive(Clone, PartialEq, Eq)]
struct Event {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

impl Event {
    /// Bytes that the program reads.
    fn length(&self) -> usize {
        let name = if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(HEADER) };
        HEADER + name
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length());
        bytes.extend_from_slice(&self.watch.to_ne_bytes());
        bytes.extend_from_slice(&self.mask.to_ne_bytes());
        bytes.extend_from_slice(&self.cookie.to_ne_bytes());
        bytes.extend_from_slice(&((self.length() - HEADER) as u32).to_ne_bytes());
        bytes.extend_from_slice(&self.name);
        bytes.resize(self.length(), 0);
        bytes
    }
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    watches: BTreeMap<i32, (Arc<dyn Inode>, u32)>,
    last: i32,
}

impl State {
    /// Adds an event, unless the last one says the same.
    fn push(&mut self, event: Event) -> bool {
        if self.events.back() == Some(&event) {
            return false;
        }
        if self.events.len() < MOST_EVENTS {
            self.events.push_back(event);
            return true;
        }
        let overflow = Event { watch: -1, mask: OVERFLOW, cookie: 0, name: Vec::new() };
        if self.events.back() == Some(&overflow) {
            return false;
        }
        self.events.push_back(overflow);
        true
    }
}

/// An inotify instance.
pub struct Inotify {
    state: Mutex<State>,
    queue: WaitQueue,
    this: Weak<Self>,
}

impl Inotify {
    fn new() -> Arc<Self> {
        Arc::new_cyclic(|this| Self { state: Mutex::default(), queue: WaitQueue::new(), this: this.clone() })
    }

    fn push(&self, watch: i32, mask: u32, cookie: u32, name: &[u8]) {
        let event = Event { watch, mask, cookie, name: name.to_vec() };
        if self.state.lock().push(event) {
            self.queue.wake(Events::IN);
        }
    }

    /// Sets a watch on an inode, or changes the one that is there; gives its number. `EEXIST`, `ENOSPC`.
    fn watch(&self, inode: &Arc<dyn Inode>, mask: u32) -> Result<i32> {
        let watcher: Arc<dyn Watcher> = self.this.upgrade().ok_or(Errno::EBADF)?;
        let mut state = self.state.lock();
        let found = state.watches.iter().find(|(_, (other, _))| Arc::ptr_eq(other, inode));
        let (number, before) = match found.map(|(number, (_, mask))| (*number, *mask)) {
            Some(_) if mask & MASK_CREATE != 0 => return Err(Errno::EEXIST),
            Some((number, before)) => (number, if mask & MASK_ADD != 0 { before } else { 0 }),
            None if state.watches.len() >= MOST_WATCHES => return Err(Errno::ENOSPC),
            None => {
                state.last = state.last.checked_add(1).ok_or(Errno::ENOSPC)?;
                (state.last, 0)
            }
        };
        let mask = mask | before;
        state.watches.insert(number, (inode.clone(), mask));
        drop(state);
        let terms = Terms {
            number,
            mask: Happening::from_bits_truncate(mask),
            once: mask & ONE_SHOT != 0,
            only_linked: mask & EXCLUDE_UNLINKED != 0,
        };
        watch::set(inode, &watcher, &terms);
        Ok(number)
    }

    /// Takes a watch off. `EINVAL`.
    fn unwatch(&self, number: i32) -> Result<()> {
        let (inode, _) = self.state.lock().watches.remove(&number).ok_or(Errno::EINVAL)?;
        watch::clear(&inode, core::ptr::from_ref(self).cast(), number);
        self.push(number, Happening::IGNORED.bits(), 0, b"");
        Ok(())
    }
}

impl Watcher for Inotify {
    fn notice(&self, watch: i32, what: Happening, cookie: u32, name: &[u8]) {
        self.push(watch, what.bits(), cookie, name);
    }

    fn forget(&self, watch: i32) {
        let gone = self.state.lock().watches.remove(&watch);
        drop(gone);
        self.push(watch, Happening::IGNORED.bits(), 0, b"");
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        let watches = core::mem::take(&mut self.state.get_mut().watches);
        for (number, (inode, _)) in watches {
            watch::clear(&inode, core::ptr::from_ref(self).cast(), number);
        }
    }
}

impl File for Inotify {
    fn can_signal(&self) -> bool {
        true
    }

    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        let mut count = 0;
        loop {
            let event = {
                let mut state = self.state.lock();
                match state.events.front() {
                    None if count == 0 => return Err(Errno::EAGAIN),
                    Some(event) if event.length() > to.remaining() && count == 0 => return Err(Errno::EINVAL),
                    Some(event) if event.length() <= to.remaining() => state.events.pop_front(),
                    _ => return Ok(count),
                }
            };
            let Some(event) = event else { return Ok(count) };
            match to.put(&event.bytes()) {
                Ok(length) => count += length,
                Err(errno) => return if count > 0 { Ok(count) } else { Err(errno) },
            }
        }
    }

    fn write(&self, _: &mut Source<'_>, _: u64) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        if self.state.lock().events.is_empty() { Events::empty() } else { Events::IN }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, thread: &Thread, request: u32, argument: u64) -> Result<i64> {
        if request != FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let length: usize = self.state.lock().events.iter().map(Event::length).sum();
        UserPtr::<i32>::new(argument).write(thread, &(length as i32)).map(|()| 0)
    }

    fn label(&self) -> String {
        String::from("anon_inode:inotify")
    }
}

/// `inotify_init(2)`.
pub fn inotify_init(thread: &Thread) -> Result<Fd> {
    inotify_init1(thread, InotifyFlags::empty())
}

/// `inotify_init1(2)`.
pub fn inotify_init1(thread: &Thread, flags: InotifyFlags) -> Result<Fd> {
    let status = raw::O_RDONLY | flags.intersection(InotifyFlags::IN_NONBLOCK).bits();
    let open = OpenFile::new(Inotify::new(), StatusFlags::from_bits_retain(status));
    thread.files().install(open, flags.contains(InotifyFlags::IN_CLOEXEC))
}

/// The instance behind a descriptor. `EBADF`, `EINVAL`.
fn with_instance<T>(thread: &Thread, fd: Fd, act: impl FnOnce(&Inotify) -> Result<T>) -> Result<T> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    let file: &dyn Any = &**open.file();
    act(file.downcast_ref().ok_or(Errno::EINVAL)?)
}

/// `inotify_add_watch(2)`.
pub fn inotify_add_watch(thread: &Thread, fd: Fd, path: UserString, mask: u32) -> Result<i32> {
    const EVENTS: u32 = 0xfff;
    const OTHERS: u32 = ONLY_DIRECTORY | DO_NOT_FOLLOW | EXCLUDE_UNLINKED | MASK_CREATE | MASK_ADD | ONE_SHOT;
    const ALL: u32 = EVENTS | OTHERS | 0x2000 | OVERFLOW | 0x8000 | 0x4000_0000;
    if mask & ALL == 0 || mask & (MASK_ADD | MASK_CREATE) == MASK_ADD | MASK_CREATE {
        return Err(Errno::EINVAL);
    }
    with_instance(thread, fd, |instance| {
        let follow = if mask & DO_NOT_FOLLOW != 0 { AtFlags::AT_SYMLINK_NOFOLLOW } else { AtFlags::empty() };
        let entry = reach(thread, Fd::WORKING_DIRECTORY, path, follow)?;
        if mask & ONLY_DIRECTORY != 0 && entry.kind() != Kind::Directory {
            return Err(Errno::ENOTDIR);
        }
        check(&thread.process.credentials(), entry.inode().ownership(), Permission::READ)?;
        instance.watch(entry.inode(), mask)
    })
}

/// `inotify_rm_watch(2)`.
pub fn inotify_rm_watch(thread: &Thread, fd: Fd, watch: i32) -> Result<()> {
    with_instance(thread, fd, |instance| instance.unwatch(watch))
}
