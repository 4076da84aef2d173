//! Opening and making files: `open(2)` from the flags on.

use super::permission::owns;
use super::watch::{self, Happening};
use super::{Entry, Final, Kind, Last, Make, Permission, Resolve, Step, Walk, Writing, check, namespace};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{OpenFile, OpenFlags};
use crate::process::Credentials;
use crate::thread::Thread;
use alloc::sync::Arc;
use linux_raw_sys::general::CAP_FSETID;

/// How to open: `struct open_how`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct How {
    /// Flags.
    pub flags: OpenFlags,
    /// Mode of a file that is made, before the umask.
    pub mode: u16,
    /// Restrictions of the walk.
    pub resolve: Resolve,
}

impl How {
    /// As `open(2)` reads its arguments: what has no meaning is dropped. `EINVAL` for `O_TMPFILE` that could not write
    /// and for a directory to be made.
    pub fn open(flags: OpenFlags, mode: u16) -> Result<Self> {
        let mut flags = flags;
        if flags.contains(OpenFlags::O_PATH) {
            flags &= OpenFlags::O_DIRECTORY | OpenFlags::O_NOFOLLOW | OpenFlags::O_PATH | OpenFlags::O_CLOEXEC;
        }
        let nameless = flags.intersects(OpenFlags::O_TMPFILE - OpenFlags::O_DIRECTORY);
        if nameless && (!flags.contains(OpenFlags::O_TMPFILE) || !flags.writes()) {
            return Err(Errno::EINVAL);
        }
        if flags.contains(OpenFlags::O_CREAT | OpenFlags::O_DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        let mode = if nameless || flags.contains(OpenFlags::O_CREAT) { mode & 0o7777 } else { 0 };
        Ok(Self { flags, mode, resolve: Resolve::empty() })
    }

    fn wanted(&self) -> Permission {
        let mut wanted = Permission::empty();
        wanted.set(Permission::READ, self.flags.reads());
        wanted.set(Permission::WRITE, self.flags.writes() || self.flags.contains(OpenFlags::O_TRUNC));
        wanted
    }
}

/// Opens a path. The errors of `open(2)`.
pub fn open(thread: &Thread, directory: Fd, path: &[u8], how: How) -> Result<Arc<OpenFile>> {
    let flags = how.flags;
    // In a root of its own, an absolute path begins at the directory too.
    let begin = if how.resolve.contains(Resolve::IN_ROOT) { b"" } else { path };
    let mut walk = Walk::new(thread, directory, begin)?.restricted(how.resolve);
    if flags.contains(OpenFlags::O_TMPFILE) {
        let directory = walk.entry(path, true)?;
        return open_nameless(thread, &walk, &directory, how);
    }
    let (entry, made) = if flags.contains(OpenFlags::O_CREAT) {
        find_or_make(thread, &mut walk, path, how)?
    } else {
        (walk.entry(path, !flags.contains(OpenFlags::O_NOFOLLOW))?, false)
    };
    open_entry(walk.credentials(), entry, made, how)
}

/// Opens what a walk has found, or made just now.
pub fn open_entry(who: &Credentials, entry: Arc<Entry>, made: bool, how: How) -> Result<Arc<OpenFile>> {
    let flags = how.flags;
    let kind = entry.kind();
    if flags.contains(OpenFlags::O_DIRECTORY) && kind != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    if flags.contains(OpenFlags::O_PATH) {
        return Ok(OpenFile::at(entry, Arc::new(Place), flags.status()));
    }
    let wanted = how.wanted();
    match kind {
        Kind::Symlink => return Err(Errno::ELOOP),
        Kind::Directory if wanted.contains(Permission::WRITE) => return Err(Errno::EISDIR),
        _ => {}
    }
    let inode = entry.inode();
    if !made {
        if wanted.contains(Permission::WRITE) {
            namespace().check_writable(&entry)?;
        }
        check(who, inode.ownership(), wanted)?;
        if flags.contains(OpenFlags::O_NOATIME) && !owns(who, inode.ownership()) {
            return Err(Errno::EPERM);
        }
    }
    let writing = if wanted.contains(Permission::WRITE) { Writing::of(inode)? } else { None };
    let file = inode.clone().open(&entry, flags)?;
    watch::report(&entry, Happening::OPEN);
    if flags.contains(OpenFlags::O_TRUNC) && kind == Kind::Regular && !made {
        inode.resize(0)?;
        watch::report(&entry, Happening::MODIFY);
    }
    // Who only truncates has written now.
    let writing = writing.filter(|_| flags.writes());
    Ok(OpenFile::with_writing(entry, file, flags.status(), writing))
}

fn find_or_make(thread: &Thread, walk: &mut Walk, path: &[u8], how: How) -> Result<(Arc<Entry>, bool)> {
    let mut last = walk.parent(path)?;
    loop {
        if last.last != Last::Name || last.trailing_slash {
            return Err(Errno::EISDIR);
        }
        let entry = match walk.look_up(&last) {
            Ok(entry) => entry,
            Err(Errno::ENOENT) => {
                let made = make(thread, walk.credentials(), &last, Make::Regular, how.mode);
                match made {
                    // Somebody was quicker: then it is there, which without O_EXCL is as good.
                    Err(Errno::EEXIST) if !how.flags.contains(OpenFlags::O_EXCL) => continue,
                    made => return Ok((made?, true)),
                }
            }
            Err(errno) => return Err(errno),
        };
        if how.flags.contains(OpenFlags::O_EXCL) {
            return Err(Errno::EEXIST);
        }
        if entry.kind() == Kind::Symlink && !how.flags.contains(OpenFlags::O_NOFOLLOW) {
            match walk.follow(&last, &entry)? {
                Step::Path(next) => last = next,
                Step::Object(entry) => return Ok((entry, false)),
            }
            continue;
        }
        if entry.kind() == Kind::Directory {
            return Err(Errno::EISDIR);
        }
        return Ok((entry, false));
    }
}

fn open_nameless(thread: &Thread, walk: &Walk, directory: &Arc<Entry>, how: How) -> Result<Arc<OpenFile>> {
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    let who = walk.credentials();
    namespace().check_writable(directory)?;
    check(who, directory.inode().ownership(), Permission::WRITE | Permission::EXECUTE)?;
    let ownership = ownership(thread, who, directory, Kind::Regular, how.mode);
    let linkable = !how.flags.contains(OpenFlags::O_EXCL);
    let entry = directory.inode().make_nameless(directory, ownership, linkable)?;
    let flags = how.flags - (OpenFlags::O_TMPFILE - OpenFlags::O_DIRECTORY);
    let writing = Writing::of(entry.inode())?;
    let file = entry.inode().clone().open(&entry, flags)?;
    Ok(OpenFile::with_writing(entry, file, how.flags.status(), writing))
}

/// Makes an inode under the last component of a path. `EACCES`, `EEXIST`, `ENOSPC`, `ENOENT`, `EPERM`.
pub fn make(thread: &Thread, who: &Credentials, last: &Final<'_>, what: Make<'_>, mode: u16) -> Result<Arc<Entry>> {
    let directory = &last.directory;
    namespace().check_writable(directory)?;
    check(who, directory.inode().ownership(), Permission::WRITE | Permission::EXECUTE)?;
    let ownership = ownership(thread, who, directory, what.kind(), mode);
    let entry = directory.inode().make(directory, last.name(), what, ownership)?;
    watch::report_name(directory, last.name(), &entry, Happening::CREATE);
    Ok(entry)
}

/// Mode, owner and group of a new inode: the umask, and what a set-group-id directory hands down.
fn ownership(thread: &Thread, who: &Credentials, directory: &Arc<Entry>, kind: Kind, mode: u16) -> (u16, u32, u32) {
    const SET_GROUP: u16 = 0o2000;
    const GROUP_RUNS: u16 = 0o10;
    let above = directory.inode().ownership();
    let mut mode = if kind == Kind::Symlink { 0o777 } else { mode & !(thread.process.context.umask() as u16) };
    if above.mode & SET_GROUP == 0 {
        return (mode, who.file_uid(), who.file_gid());
    }
    if kind == Kind::Directory {
        mode |= SET_GROUP;
    } else if mode & (SET_GROUP | GROUP_RUNS) == SET_GROUP | GROUP_RUNS
        && !who.is_in_group(above.gid)
        && !who.has(CAP_FSETID)
    {
        mode &= !SET_GROUP;
    }
    (mode, who.file_uid(), above.gid)
}

/// What stands behind a description of `O_PATH`: nothing. Who holds it can only walk on from its entry.
struct Place;

impl crate::file::File for Place {}
