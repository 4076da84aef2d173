//! `stat(2)`, `statx(2)`, `statfs(2)`, `access(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::{
    Attributes, Entry, Kind, Permission, Timestamp, check, device_halves, is_empty, itself, namespace, reach,
};
use crate::process::{Credentials, Identity};
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;
use zerocopy::{FromZeros, Immutable, IntoBytes};

/// `struct stat`.
#[derive(FromZeros, IntoBytes, Immutable)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    padding: u32,
    pub special: u64,
    pub size: i64,
    pub block_size: i64,
    pub blocks: i64,
    pub accessed: [u64; 2],
    pub modified: [u64; 2],
    pub changed: [u64; 2],
    unused: [i64; 3],
}

const _: () = assert!(size_of::<Stat>() == size_of::<raw::stat>());

impl From<Attributes> for Stat {
    fn from(attributes: Attributes) -> Self {
        let time = |time: Timestamp| [time.seconds as u64, u64::from(time.nanoseconds)];
        Self {
            device: attributes.device,
            inode: attributes.inode,
            links: u64::from(attributes.links),
            mode: attributes.full_mode(),
            uid: attributes.uid,
            gid: attributes.gid,
            padding: 0,
            special: attributes.special,
            size: attributes.size as i64,
            block_size: i64::from(attributes.block_size),
            blocks: attributes.blocks as i64,
            accessed: time(attributes.accessed),
            modified: time(attributes.modified),
            changed: time(attributes.changed),
            unused: [0; 3],
        }
    }
}

/// `stat(2)`.
pub fn stat(thread: &Thread, path: UserString, status: UserPtr<Stat>) -> Result<()> {
    newfstatat(thread, Fd::WORKING_DIRECTORY, path, status, AtFlags::empty())
}

/// `lstat(2)`.
pub fn lstat(thread: &Thread, path: UserString, status: UserPtr<Stat>) -> Result<()> {
    newfstatat(thread, Fd::WORKING_DIRECTORY, path, status, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// `fstat(2)`.
pub fn fstat(thread: &Thread, fd: Fd, status: UserPtr<Stat>) -> Result<()> {
    let attributes = thread.files().get(fd)?.attributes();
    status.write(thread, &attributes.into())
}

/// `fstatat(2)`.
pub fn newfstatat(
    thread: &Thread,
    directory: Fd,
    path: UserString,
    status: UserPtr<Stat>,
    flags: AtFlags,
) -> Result<()> {
    // glibc's fstat comes this way.
    if flags.contains(AtFlags::AT_EMPTY_PATH) && directory.0 >= 0 && is_empty(thread, path)? {
        return fstat(thread, directory, status);
    }
    let flags = flags.only(AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT | AtFlags::AT_EMPTY_PATH)?;
    let entry = reach(thread, directory, path, flags)?;
    status.write(thread, &entry.inode().attributes().into())
}

/// `struct statx_timestamp`.
#[derive(FromZeros, IntoBytes, Immutable)]
#[repr(C)]
struct StatxTimestamp {
    seconds: i64,
    nanoseconds: u32,
    reserved: i32,
}

impl From<Timestamp> for StatxTimestamp {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nanoseconds, reserved: 0 }
    }
}

/// `struct statx`.
#[derive(FromZeros, IntoBytes, Immutable)]
#[repr(C)]
pub struct Statx {
    mask: u32,
    block_size: u32,
    attributes: u64,
    links: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    spare: u16,
    inode: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    accessed: StatxTimestamp,
    created: StatxTimestamp,
    changed: StatxTimestamp,
    modified: StatxTimestamp,
    special: [u32; 2],
    device: [u32; 2],
    mount: u64,
    // Alignment of direct transfers, subvolume, atomic writes: none of them here.
    unsupported: [u64; 13],
}

const _: () = assert!(size_of::<Statx>() == size_of::<raw::statx>());

/// `statx(2)`.
pub fn statx(
    thread: &Thread,
    directory: Fd,
    path: UserString,
    flags: AtFlags,
    mask: u32,
    status: UserPtr<Statx>,
) -> Result<()> {
    const SYNC: AtFlags = AtFlags::AT_STATX_FORCE_SYNC.union(AtFlags::AT_STATX_DONT_SYNC);
    let plain = AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT | AtFlags::AT_EMPTY_PATH;
    let flags = flags.only(plain | SYNC)?;
    if mask & raw::STATX__RESERVED != 0 || flags.contains(SYNC) {
        return Err(Errno::EINVAL);
    }
    let found = if flags.contains(AtFlags::AT_EMPTY_PATH) && directory.0 >= 0 && is_empty(thread, path)? {
        thread.files().get(directory)?.attributes()
    } else {
        reach(thread, directory, path, flags)?.inode().attributes()
    };
    let halves = |device| <[u32; 2]>::from(device_halves(device));
    let answer = Statx {
        mask: raw::STATX_BASIC_STATS | raw::STATX_BTIME | raw::STATX_MNT_ID,
        block_size: found.block_size,
        attributes: 0,
        links: found.links,
        uid: found.uid,
        gid: found.gid,
        mode: found.full_mode() as u16,
        spare: 0,
        inode: found.inode,
        size: found.size,
        blocks: found.blocks,
        attributes_mask: 0,
        accessed: found.accessed.into(),
        created: found.created.into(),
        changed: found.changed.into(),
        modified: found.modified.into(),
        special: halves(found.special),
        device: halves(found.device),
        mount: namespace().mount_id(found.device),
        unsupported: [0; 13],
    };
    status.write(thread, &answer)
}

/// `struct statfs`.
#[derive(FromZeros, IntoBytes, Immutable)]
#[repr(C)]
pub struct StatFs {
    magic: u64,
    block_size: u64,
    blocks: u64,
    free: u64,
    available: u64,
    inodes: u64,
    free_inodes: u64,
    id: [u32; 2],
    name_length: u64,
    fragment_size: u64,
    flags: u64,
    spare: [u64; 4],
}

const _: () = assert!(size_of::<StatFs>() == size_of::<raw::statfs>());

/// `statfs(2)`.
pub fn statfs(thread: &Thread, path: UserString, buffer: UserPtr<StatFs>) -> Result<()> {
    let entry = reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())?;
    buffer.write(thread, &statistics(&entry))
}

/// `fstatfs(2)`.
pub fn fstatfs(thread: &Thread, fd: Fd, buffer: UserPtr<StatFs>) -> Result<()> {
    let entry = thread.files().get(fd)?.entry();
    buffer.write(thread, &statistics(&entry))
}

fn statistics(entry: &Arc<Entry>) -> StatFs {
    // f_flags says that it holds the mount's options.
    const ST_VALID: u64 = 0x20;
    let filesystem = entry.inode().filesystem();
    let device = filesystem.device();
    let found = filesystem.statistics();
    StatFs {
        magic: found.magic,
        block_size: found.block_size,
        blocks: found.blocks,
        free: found.free,
        available: found.free,
        inodes: found.inodes,
        free_inodes: found.free_inodes,
        id: [device as u32, (device >> 32) as u32],
        name_length: crate::filesystem::NAME_MAX as u64,
        fragment_size: found.block_size,
        flags: namespace().flags(device).bits() | ST_VALID,
        spare: [0; 4],
    }
}

/// `access(2)`.
pub fn access(thread: &Thread, path: UserString, mode: u32) -> Result<()> {
    faccessat2(thread, Fd::WORKING_DIRECTORY, path, mode, AtFlags::empty())
}

/// `faccessat(2)` without flags.
pub fn faccessat(thread: &Thread, directory: Fd, path: UserString, mode: u32) -> Result<()> {
    faccessat2(thread, directory, path, mode, AtFlags::empty())
}

/// `faccessat2(2)`: asks for the real user, or with `AT_EACCESS` for the effective one.
pub fn faccessat2(thread: &Thread, directory: Fd, path: UserString, mode: u32, flags: AtFlags) -> Result<()> {
    let wanted = u16::try_from(mode).ok().and_then(Permission::from_bits).ok_or(Errno::EINVAL)?;
    let allowed = AtFlags::AT_EACCESS | AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH;
    let flags = flags.only(allowed)?;
    let who = thread.process.credentials();
    let who = if flags.contains(AtFlags::AT_EACCESS) { who } else { real(&who) };
    let entry = if flags.contains(AtFlags::AT_EMPTY_PATH) && is_empty(thread, path)? {
        itself(thread, directory)?
    } else {
        let path = path.read_path(thread)?;
        crate::filesystem::Walk::new(thread, directory, &path)?.acting_as(who.clone()).entry(&path, flags.follows())?
    };
    if entry.kind() == Kind::Symlink {
        return Ok(());
    }
    if wanted.contains(Permission::WRITE) {
        namespace().check_writable(&entry)?;
    }
    check(&who, entry.inode().ownership(), wanted)
}

/// The same credentials as if the real user and group acted.
fn real(who: &Arc<Credentials>) -> Arc<Credentials> {
    if who.user.real == who.user.file && who.group.real == who.group.file {
        return who.clone();
    }
    let as_real = |identity: Identity| Identity { file: identity.real, ..identity };
    // The super-user's capabilities come back, anybody else's go.
    let capabilities = if who.user.real == 0 { Credentials::root().capabilities } else { 0 };
    Arc::new(Credentials { user: as_real(who.user), group: as_real(who.group), capabilities, ..(**who).clone() })
}
