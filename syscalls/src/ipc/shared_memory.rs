//! `shmget(2)`, `shmat(2)`, `shmdt(2)`, `shmctl(2)`.

use super::objects::{Object, Objects};
use super::{INFORMATION, Permissions, READ, REMOVE, SET, STATUS, VERSION, WRITE, now};
use crate::argument::Address;
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::memory::{MapRequest, MappedFile, OpenForMapping, mapping_count, shared_memory};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as raw;
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `SHMMNI`.
const MOST: i32 = 4096;
/// `SHMMAX` and `SHMALL`.
const UNLIMITED: u64 = u64::MAX - (1 << 24);
/// Bytes of the largest segment, `kernel.shmmax`.
static LARGEST: AtomicU64 = AtomicU64::new(UNLIMITED);
/// Pages of all segments, `kernel.shmall`.
static PAGES: AtomicU64 = AtomicU64::new(UNLIMITED);
/// `SHM_HUGETLB`.
const HUGE: i32 = 0o4000;
/// `SHM_DEST` in a mode: removed, but somebody uses it.
const REMOVED: u32 = 0o1000;
/// `SHM_LOCKED` in a mode.
const LOCKED: u32 = 0o2000;
/// `SHM_RDONLY`.
const READ_ONLY: i32 = 0o10000;
/// `SHM_RND`.
const ROUND: i32 = 0o20000;
/// `SHM_REMAP`.
const REPLACE: i32 = 0o40000;
/// `SHM_EXEC`.
const EXECUTE: i32 = 0o100_000;

/// `struct shmid64_ds`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Description {
    permissions: Permissions,
    size: u64,
    attached: i64,
    detached: i64,
    changed: i64,
    creator: i32,
    last: i32,
    count: u64,
    unused: [u64; 2],
}

/// A segment.
struct Segment {
    file: Arc<MappedFile>,
    description: Mutex<Description>,
}

static SEGMENTS: Objects<Segment> = Objects::new(MOST);

impl Object for Segment {
    fn permissions(&self) -> Permissions {
        self.description.lock().permissions
    }

    fn change(&self, change: &mut dyn FnMut(&mut Permissions)) {
        change(&mut self.description.lock().permissions);
    }

    fn is_over(&self) -> bool {
        self.permissions().mode & REMOVED != 0 && mapping_count(&*self.file.pages) == 0
    }
}

impl Segment {
    fn describe(&self) -> Description {
        Description { count: mapping_count(&*self.file.pages) as u64, ..*self.description.lock() }
    }
}

/// `shmget(2)`.
pub fn shmget(thread: &Thread, key: i32, size: usize, flags: i32) -> Result<i32> {
    let who = thread.process.credentials();
    let size = size as u64;
    let accept = |segment: &Segment| {
        if segment.description.lock().size < size {
            return Err(Errno::EINVAL);
        }
        segment.permissions().check(&who, flags as u16)
    };
    SEGMENTS.get(key, flags, accept, || {
        if size == 0 || size > LARGEST.load(Ordering::Relaxed) {
            return Err(Errno::EINVAL);
        }
        if flags & HUGE != 0 && !who.has(raw::CAP_IPC_LOCK) {
            return Err(Errno::EPERM);
        }
        let pages = size.div_ceil(PAGE);
        // As on Linux: no huge pages are set aside, and more than all memory is an obvious overcommit.
        if flags & HUGE != 0 || pages > crate::machine::machine().frames().0.max((64 << 20) / PAGE) {
            return Err(Errno::ENOMEM);
        }
        let file = shared_memory(pages, format!("/SYSV{key:08x} (deleted)").into_bytes());
        let permissions = Permissions::new(key, &who, flags);
        let creator = thread.process.id;
        let description = Description { permissions, size, changed: now(), creator, ..Description::default() };
        Ok(Segment { file, description: Mutex::new(description) })
    })
}

/// `shmat(2)`.
pub fn shmat(thread: &Thread, id: i32, address: Address, flags: i32) -> Result<Address> {
    let Address(mut start) = address;
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    if !start.is_multiple_of(PAGE) {
        if flags & ROUND == 0 {
            return Err(Errno::EINVAL);
        }
        start -= start % PAGE;
    }
    if start == 0 && flags & REPLACE != 0 {
        return Err(Errno::EINVAL);
    }
    let segment = SEGMENTS.find(id)?;
    let writable = flags & READ_ONLY == 0;
    let wanted = if writable { READ | WRITE } else { READ } | if flags & EXECUTE != 0 { 0o111 } else { 0 };
    segment.permissions().check(&thread.process.credentials(), wanted)?;
    let mut protection = raw::PROT_READ;
    if writable {
        protection |= raw::PROT_WRITE;
    }
    if flags & EXECUTE != 0 {
        protection |= raw::PROT_EXEC;
    }
    let place = match (start, flags & REPLACE != 0) {
        (0, _) => 0,
        (_, true) => raw::MAP_FIXED,
        (_, false) => raw::MAP_FIXED_NOREPLACE,
    };
    let size = segment.description.lock().size;
    let request = MapRequest {
        address: start,
        length: size,
        protection: protection.into(),
        flags: raw::MAP_SHARED | place,
        file: Some(OpenForMapping { file: Some(segment.file.clone()), readable: true, writable, unsealed: true }),
        offset: 0,
    };
    let at = thread.process.memory().map(request).map_err(|errno| match errno {
        Errno::EEXIST => Errno::EINVAL,
        errno => errno,
    })?;
    let mut description = segment.description.lock();
    (description.attached, description.last) = (now(), thread.process.id);
    Ok(Address(at))
}

/// `shmdt(2)`.
pub fn shmdt(thread: &Thread, address: Address) -> Result<()> {
    let (_, segments) = SEGMENTS.all();
    let is_segment = |file: &Arc<MappedFile>| segments.iter().any(|segment| Arc::ptr_eq(&segment.file, file));
    let file = thread.process.memory().detach(address.0, is_segment)?;
    if let Some(segment) = segments.iter().find(|segment| Arc::ptr_eq(&segment.file, &file)) {
        let mut description = segment.description.lock();
        (description.detached, description.last) = (now(), thread.process.id);
    }
    Ok(())
}

/// `struct shminfo64`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Limits {
    largest: u64,
    smallest: u64,
    most: u64,
    most_attached: u64,
    pages: u64,
    unused: [u64; 4],
}

/// `struct shm_info`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Usage {
    used: i32,
    padding: i32,
    pages: u64,
    resident: u64,
    swapped: u64,
    attempts: [u64; 2],
}

const SHM_LOCK: i32 = 11;
const SHM_UNLOCK: i32 = 12;
const SHM_STAT: i32 = 13;
const SHM_INFO: i32 = 14;
const SHM_STAT_ANY: i32 = 15;

/// `shmctl(2)`.
pub fn shmctl(thread: &Thread, id: i32, command: i32, buffer: UserPtr<u8>) -> Result<i32> {
    let who = thread.process.credentials();
    let pointer = UserPtr::<Description>::new(buffer.address());
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    match command & !VERSION {
        INFORMATION => {
            let most = SEGMENTS.most() as u64;
            let (largest, pages) = (LARGEST.load(Ordering::Relaxed), PAGES.load(Ordering::Relaxed));
            let limits = Limits { largest, smallest: 1, most, most_attached: most, pages, unused: [0; 4] };
            UserPtr::new(buffer.address()).write(thread, &limits)?;
            Ok(SEGMENTS.all().0)
        }
        SHM_INFO => {
            let (highest, all) = SEGMENTS.all();
            let pages = all.iter().map(|segment| segment.description.lock().size.div_ceil(PAGE)).sum();
            let resident = all.iter().map(|segment| segment.file.pages.held()).sum();
            let used = all.len() as i32;
            let usage = Usage { used, padding: 0, pages, resident, swapped: 0, attempts: [0; 2] };
            UserPtr::new(buffer.address()).write(thread, &usage)?;
            Ok(highest)
        }
        STATUS => {
            let segment = SEGMENTS.find(id)?;
            segment.permissions().check(&who, READ)?;
            pointer.write(thread, &segment.describe()).map(|()| 0)
        }
        stat @ (SHM_STAT | SHM_STAT_ANY) => {
            let (id, segment) = SEGMENTS.at(id)?;
            if stat == SHM_STAT {
                segment.permissions().check(&who, READ)?;
            }
            pointer.write(thread, &segment.describe()).map(|()| id)
        }
        SET => {
            let wanted = pointer.read(thread)?;
            let segment = SEGMENTS.find(id)?;
            segment.permissions().check_owner(&who)?;
            let mut description = segment.description.lock();
            description.permissions.set(&wanted.permissions)?;
            description.changed = now();
            Ok(0)
        }
        REMOVE => {
            let segment = SEGMENTS.find(id)?;
            segment.permissions().check_owner(&who)?;
            {
                let mut description = segment.description.lock();
                description.permissions.mode |= REMOVED;
                description.permissions.key = super::PRIVATE;
            }
            // Nobody uses it: then it goes at once.
            if segment.is_over() {
                SEGMENTS.remove(&segment);
            }
            Ok(0)
        }
        lock @ (SHM_LOCK | SHM_UNLOCK) => {
            let segment = SEGMENTS.find(id)?;
            if !who.has(raw::CAP_IPC_LOCK) {
                segment.permissions().check_owner(&who)?;
            }
            // Nothing is ever paged out: to lock is to say so.
            let mut description = segment.description.lock();
            match lock {
                SHM_LOCK => description.permissions.mode |= LOCKED,
                _ => description.permissions.mode &= !LOCKED,
            }
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// `/proc/sysvipc/shm`.
pub fn list(to: &mut Vec<u8>) {
    to.extend_from_slice(
        b"       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      \
          dtime      ctime                   rss                  swap\n",
    );
    for (id, segment) in SEGMENTS.numbered() {
        let Description { permissions, size, attached, detached, changed, creator, last, count, .. } =
            segment.describe();
        let Permissions { key, uid, gid, creator_uid, creator_gid, mode, .. } = permissions;
        let resident = segment.file.pages.held() * PAGE;
        to.extend(
            format!(
                "{key:10} {id:10}  {mode:4o} {size:21} {creator:5} {last:5}  {count:5} {uid:5} {gid:5} {creator_uid:5} \
                 {creator_gid:5} {attached:10} {detached:10} {changed:10} {resident:21} {:21}\n",
                0
            )
            .bytes(),
        );
    }
}

/// `kernel.shmmax`, in bytes.
pub fn largest() -> u64 {
    LARGEST.load(Ordering::Relaxed)
}

/// Sets it.
pub fn set_largest(bytes: u64) -> Result<()> {
    LARGEST.store(bytes, Ordering::Relaxed);
    Ok(())
}

/// `kernel.shmall`, in pages: told, not kept.
pub fn all_pages() -> u64 {
    PAGES.load(Ordering::Relaxed)
}

/// Sets it.
pub fn set_all_pages(pages: u64) -> Result<()> {
    PAGES.store(pages, Ordering::Relaxed);
    Ok(())
}

super::number_settings!(SEGMENTS);
