//! `chmod(2)`, `chown(2)`, `utimensat(2)` and their relatives.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::watch::{self, Happening};
use crate::filesystem::{Change, Entry, Kind, Permission, Timestamp, check, itself, namespace, owns, reach};
use crate::process::Credentials;
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use alloc::sync::Arc;
use linux_raw_sys::general::{CAP_CHOWN, CAP_FSETID};

const SET_USER: u16 = 0o4000;
const SET_GROUP: u16 = 0o2000;
const GROUP_RUNS: u16 = 0o10;

/// `chmod(2)`.
pub fn chmod(thread: &Thread, path: UserString, mode: u16) -> Result<()> {
    fchmodat2(thread, Fd::WORKING_DIRECTORY, path, mode, AtFlags::empty())
}

/// `fchmod(2)`.
pub fn fchmod(thread: &Thread, fd: Fd, mode: u16) -> Result<()> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    set_mode(thread, &open.entry(), mode)
}

/// `fchmodat(2)` without flags.
pub fn fchmodat(thread: &Thread, directory: Fd, path: UserString, mode: u16) -> Result<()> {
    fchmodat2(thread, directory, path, mode, AtFlags::empty())
}

/// `fchmodat2(2)`: `EOPNOTSUPP` for a symbolic link, whose mode means nothing.
pub fn fchmodat2(thread: &Thread, directory: Fd, path: UserString, mode: u16, flags: AtFlags) -> Result<()> {
    let flags = flags.only(AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    set_mode(thread, &reach(thread, directory, path, flags)?, mode)
}

fn set_mode(thread: &Thread, entry: &Arc<Entry>, mode: u16) -> Result<()> {
    if entry.kind() == Kind::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    namespace().check_writable(entry)?;
    let who = thread.process.credentials();
    let present = entry.inode().ownership();
    if !owns(&who, present) {
        return Err(Errno::EPERM);
    }
    let mut mode = mode & 0o7777;
    if !who.is_in_group(present.gid) && !who.has(CAP_FSETID) {
        mode &= !SET_GROUP;
    }
    change(entry, &Change { mode: Some(mode), ..Change::default() }, Happening::ATTRIBUTES)
}

/// Changes attributes, and tells those who watch the file.
fn change(entry: &Arc<Entry>, wanted: &Change, what: Happening) -> Result<()> {
    entry.inode().change(wanted)?;
    watch::report(entry, what);
    Ok(())
}

/// `chown(2)`.
pub fn chown(thread: &Thread, path: UserString, user: u32, group: u32) -> Result<()> {
    fchownat(thread, Fd::WORKING_DIRECTORY, path, user, group, AtFlags::empty())
}

/// `lchown(2)`.
pub fn lchown(thread: &Thread, path: UserString, user: u32, group: u32) -> Result<()> {
    fchownat(thread, Fd::WORKING_DIRECTORY, path, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// `fchown(2)`.
pub fn fchown(thread: &Thread, fd: Fd, user: u32, group: u32) -> Result<()> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    set_owner(&thread.process.credentials(), &open.entry(), user, group)
}

/// `fchownat(2)`.
pub fn fchownat(thread: &Thread, directory: Fd, path: UserString, user: u32, group: u32, flags: AtFlags) -> Result<()> {
    let flags = flags.only(AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let entry = reach(thread, directory, path, flags)?;
    set_owner(&thread.process.credentials(), &entry, user, group)
}

/// -1 leaves an owner or group as it is.
fn set_owner(who: &Credentials, entry: &Arc<Entry>, user: u32, group: u32) -> Result<()> {
    namespace().check_writable(entry)?;
    let given = |id: u32| (id != u32::MAX).then_some(id);
    let (uid, gid) = (given(user), given(group));
    let present = entry.inode().ownership();
    let is_owner = who.file_uid() == present.uid;
    let user_allowed = uid.is_none_or(|uid| is_owner && uid == present.uid);
    let group_allowed = gid.is_none_or(|gid| is_owner && (gid == present.gid || who.is_in_group(gid)));
    let allowed = user_allowed && group_allowed || who.has(CAP_CHOWN);
    if !allowed {
        return Err(Errno::EPERM);
    }
    let mut mode = present.mode;
    if present.kind != Kind::Directory && (uid.is_some() || gid.is_some()) {
        mode &= !SET_USER;
        if mode & GROUP_RUNS != 0 {
            mode &= !SET_GROUP;
        }
    }
    change(entry, &Change { mode: Some(mode), uid, gid, ..Change::default() }, Happening::ATTRIBUTES)
}

/// What a call wants a time to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Now,
    Kept,
    At(Timestamp),
}

impl Time {
    /// From `struct timespec` with its two special values. `EINVAL`.
    fn from_timespec([seconds, nanoseconds]: [i64; 2]) -> Result<Self> {
        const NOW: i64 = (1 << 30) - 1;
        const OMIT: i64 = (1 << 30) - 2;
        match nanoseconds {
            NOW => Ok(Self::Now),
            OMIT => Ok(Self::Kept),
            0..1_000_000_000 => Ok(Self::At(Timestamp { seconds, nanoseconds: nanoseconds as u32 })),
            _ => Err(Errno::EINVAL),
        }
    }

    /// From `struct timeval`. `EINVAL`.
    fn from_timeval([seconds, microseconds]: [i64; 2]) -> Result<Self> {
        match microseconds {
            0..1_000_000 => Ok(Self::At(Timestamp { seconds, nanoseconds: microseconds as u32 * 1000 })),
            _ => Err(Errno::EINVAL),
        }
    }

    fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::Now => Some(Timestamp::now()),
            Self::Kept => None,
            Self::At(time) => Some(time),
        }
    }
}

/// `utime(2)`: whole seconds.
pub fn utime(thread: &Thread, path: UserString, times: UserPtr<[i64; 2]>) -> Result<()> {
    let mut wanted = [Time::Now; 2];
    if let Some(times) = times.non_null() {
        wanted = times.read(thread)?.map(|seconds| Time::At(Timestamp { seconds, nanoseconds: 0 }));
    }
    let entry = reach(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())?;
    set_times(thread, &entry, wanted)
}

/// `utimes(2)`: microseconds.
pub fn utimes(thread: &Thread, path: UserString, times: UserPtr<[[i64; 2]; 2]>) -> Result<()> {
    futimesat(thread, Fd::WORKING_DIRECTORY, path, times)
}

/// `futimesat(2)`: microseconds; no path means the descriptor.
pub fn futimesat(thread: &Thread, directory: Fd, path: UserString, times: UserPtr<[[i64; 2]; 2]>) -> Result<()> {
    let mut wanted = [Time::Now; 2];
    if let Some(times) = times.non_null() {
        let [accessed, modified] = times.read(thread)?;
        wanted = [Time::from_timeval(accessed)?, Time::from_timeval(modified)?];
    }
    set_times(thread, &reach_for_times(thread, directory, path, AtFlags::empty())?, wanted)
}

/// `utimensat(2)`: nanoseconds; no path means the descriptor.
pub fn utimensat(
    thread: &Thread,
    directory: Fd,
    path: UserString,
    times: UserPtr<[[i64; 2]; 2]>,
    flags: AtFlags,
) -> Result<()> {
    let mut wanted = [Time::Now; 2];
    if let Some(times) = times.non_null() {
        let [accessed, modified] = times.read(thread)?;
        wanted = [Time::from_timespec(accessed)?, Time::from_timespec(modified)?];
        if wanted == [Time::Kept; 2] {
            return Ok(());
        }
    }
    let flags = flags.only(AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    set_times(thread, &reach_for_times(thread, directory, path, flags)?, wanted)
}

fn reach_for_times(thread: &Thread, directory: Fd, path: UserString, flags: AtFlags) -> Result<Arc<Entry>> {
    if path.is_null() && directory != Fd::WORKING_DIRECTORY {
        if !flags.is_empty() {
            return Err(Errno::EINVAL);
        }
        thread.files().get(directory)?.check_not_path()?;
        return itself(thread, directory);
    }
    reach(thread, directory, path, flags)
}

/// Who may write a file may set both times to the present; anything else is the owner's alone.
fn set_times(thread: &Thread, entry: &Arc<Entry>, wanted: [Time; 2]) -> Result<()> {
    namespace().check_writable(entry)?;
    let who = thread.process.credentials();
    let present = entry.inode().ownership();
    if !owns(&who, present) {
        if wanted != [Time::Now; 2] {
            return Err(Errno::EPERM);
        }
        check(&who, present, Permission::WRITE)?;
    }
    let [accessed, modified] = wanted.map(Time::timestamp);
    // As on Linux, one time alone is told as what sets it otherwise.
    let what = match (accessed, modified) {
        (Some(_), None) => Happening::ACCESS,
        (None, Some(_)) => Happening::MODIFY,
        _ => Happening::ATTRIBUTES,
    };
    change(entry, &Change { accessed, modified, ..Change::default() }, what)
}
