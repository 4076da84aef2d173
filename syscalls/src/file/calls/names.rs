//! Making, linking, renaming and removing: `mkdir(2)`, `mknod(2)`, `symlink(2)`, `link(2)`, `rename(2)`, `unlink(2)`,
//! `rmdir(2)`, `readlink(2)`.

use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::watch::{self, Happening};
use crate::filesystem::{
    Entry, Final, Kind, Last, Make, Permission, Walk, check, check_sticky, is_empty, itself, make, namespace, owns,
    reach,
};
use crate::process::Credentials;
use crate::thread::Thread;
use crate::user::{UserString, copy_out};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

/// `mkdir(2)`.
pub fn mkdir(thread: &Thread, path: UserString, mode: u16) -> Result<()> {
    mkdirat(thread, Fd::WORKING_DIRECTORY, path, mode)
}

/// `mkdirat(2)`.
pub fn mkdirat(thread: &Thread, directory: Fd, path: UserString, mode: u16) -> Result<()> {
    create(thread, directory, path, Make::Directory, mode & 0o1777)
}

/// `mknod(2)`.
pub fn mknod(thread: &Thread, path: UserString, mode: u16, device: u32) -> Result<()> {
    mknodat(thread, Fd::WORKING_DIRECTORY, path, mode, device)
}

/// `mknodat(2)`.
pub fn mknodat(thread: &Thread, directory: Fd, path: UserString, mode: u16, device: u32) -> Result<()> {
    let kind = match u32::from(mode) & raw::S_IFMT {
        0 => Kind::Regular,
        bits => Kind::from_mode(bits).ok_or(Errno::EINVAL)?,
    };
    let what = match kind {
        Kind::Regular => Make::Regular,
        Kind::Directory => return Err(Errno::EPERM),
        Kind::Symlink | Kind::Anonymous => return Err(Errno::EINVAL),
        Kind::Character | Kind::Block => Make::Special(kind, device.into()),
        Kind::Fifo | Kind::Socket => Make::Special(kind, 0),
    };
    let is_device = matches!(kind, Kind::Character | Kind::Block);
    if is_device && !thread.process.credentials().has(raw::CAP_MKNOD) {
        return Err(Errno::EPERM);
    }
    create(thread, directory, path, what, mode & 0o7777)
}

/// `symlink(2)`.
pub fn symlink(thread: &Thread, target: UserString, link: UserString) -> Result<()> {
    symlinkat(thread, target, Fd::WORKING_DIRECTORY, link)
}

/// `symlinkat(2)`.
pub fn symlinkat(thread: &Thread, target: UserString, directory: Fd, link: UserString) -> Result<()> {
    let target = target.read_path(thread)?;
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    create(thread, directory, link, Make::Symlink(&target), 0o777)
}

fn create(thread: &Thread, directory: Fd, path: UserString, what: Make<'_>, mode: u16) -> Result<()> {
    let path = path.read_path(thread)?;
    let mut walk = Walk::new(thread, directory, &path)?;
    let last = walk.parent(&path)?;
    expect_absent(&walk, &last, what.kind() == Kind::Directory)?;
    make(thread, walk.credentials(), &last, what, mode).map(drop)
}

/// `EEXIST` when there is something at the end of a path; `ENOENT` when a slash asks for a directory that is none.
fn expect_absent(walk: &Walk, last: &Final<'_>, is_directory: bool) -> Result<()> {
    if last.last != Last::Name {
        return Err(Errno::EEXIST);
    }
    match walk.look_up(last) {
        Ok(_) => Err(Errno::EEXIST),
        Err(Errno::ENOENT) if last.trailing_slash && !is_directory => Err(Errno::ENOENT),
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// `link(2)`.
pub fn link(thread: &Thread, old: UserString, new: UserString) -> Result<()> {
    linkat(thread, Fd::WORKING_DIRECTORY, old, Fd::WORKING_DIRECTORY, new, AtFlags::empty())
}

/// `linkat(2)`: a symbolic link itself gets the name unless `AT_SYMLINK_FOLLOW` is there.
pub fn linkat(
    thread: &Thread,
    old_directory: Fd,
    old: UserString,
    new_directory: Fd,
    new: UserString,
    flags: AtFlags,
) -> Result<()> {
    let flags = flags.only(AtFlags::AT_SYMLINK_FOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let who = thread.process.credentials();
    // A descriptor alone gives no name to those who may not read the directory it came from.
    let by_descriptor = flags.contains(AtFlags::AT_EMPTY_PATH) && who.has(raw::CAP_DAC_READ_SEARCH);
    let target = if by_descriptor && is_empty(thread, old)? {
        itself(thread, old_directory)?
    } else {
        let path = old.read_path(thread)?;
        Walk::new(thread, old_directory, &path)?.entry(&path, flags.contains(AtFlags::AT_SYMLINK_FOLLOW))?
    };
    let path = new.read_path(thread)?;
    let mut walk = Walk::new(thread, new_directory, &path)?;
    let last = walk.parent(&path)?;
    expect_absent(&walk, &last, false)?;
    namespace().check_writable(&last.directory)?;
    same_filesystem(&target, &last.directory)?;
    check(&who, last.directory.inode().ownership(), Permission::WRITE | Permission::EXECUTE)?;
    if target.kind() == Kind::Directory || !may_link(&who, &target) {
        return Err(Errno::EPERM);
    }
    last.directory.inode().link(&last.directory, last.name(), &target)?;
    watch::report_self(&target, Happening::ATTRIBUTES);
    watch::report_name(&last.directory, last.name(), &target, Happening::CREATE);
    Ok(())
}

/// `fs.protected_hardlinks`: who does not own a file may only link it when it is an ordinary one that he may write.
fn may_link(who: &Credentials, target: &Arc<Entry>) -> bool {
    const RUNS_AS_GROUP: u16 = 0o2010;
    let source = target.inode().ownership();
    let special = source.mode & 0o4000 != 0 || source.mode & RUNS_AS_GROUP == RUNS_AS_GROUP;
    let safe = source.kind == Kind::Regular && !special;
    owns(who, source) || safe && check(who, source, Permission::READ | Permission::WRITE).is_ok()
}

fn same_filesystem(one: &Arc<Entry>, other: &Arc<Entry>) -> Result<()> {
    let same = one.inode().filesystem().device() == other.inode().filesystem().device();
    if same { Ok(()) } else { Err(Errno::EXDEV) }
}

/// Whether `who` may take an entry off its directory, as the kind of thing it is thought to be.
/// `EACCES`, `EPERM`, `ENOTDIR`, `EISDIR`, `EBUSY`.
fn may_remove(who: &Credentials, directory: &Arc<Entry>, entry: &Arc<Entry>, as_directory: bool) -> Result<()> {
    let above = directory.inode().ownership();
    check(who, above, Permission::WRITE | Permission::EXECUTE)?;
    check_sticky(who, above, entry.inode().ownership())?;
    match (as_directory, entry.kind() == Kind::Directory) {
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        _ if entry.is_mount_point() => Err(Errno::EBUSY),
        _ => Ok(()),
    }
}

/// `unlink(2)`.
pub fn unlink(thread: &Thread, path: UserString) -> Result<()> {
    unlinkat(thread, Fd::WORKING_DIRECTORY, path, AtFlags::empty())
}

/// `rmdir(2)`.
pub fn rmdir(thread: &Thread, path: UserString) -> Result<()> {
    unlinkat(thread, Fd::WORKING_DIRECTORY, path, AtFlags::AT_REMOVEDIR)
}

/// `unlinkat(2)`: with `AT_REMOVEDIR` as `rmdir(2)`.
pub fn unlinkat(thread: &Thread, directory: Fd, path: UserString, flags: AtFlags) -> Result<()> {
    let removes_directory = flags.only(AtFlags::AT_REMOVEDIR)?.contains(AtFlags::AT_REMOVEDIR);
    let path = path.read_path(thread)?;
    let mut walk = Walk::new(thread, directory, &path)?;
    let last = walk.parent(&path)?;
    match (last.last, removes_directory) {
        (Last::Name, _) => {}
        (_, false) => return Err(Errno::EISDIR),
        (Last::Dot, true) => return Err(Errno::EINVAL),
        (Last::DotDot, true) => return Err(Errno::ENOTEMPTY),
        (Last::Root, true) => return Err(Errno::EBUSY),
    }
    namespace().check_writable(&last.directory)?;
    let entry = walk.look_up_below_mounts(&last)?;
    if last.trailing_slash && !removes_directory {
        return Err(if entry.kind() == Kind::Directory { Errno::EISDIR } else { Errno::ENOTDIR });
    }
    may_remove(walk.credentials(), &last.directory, &entry, removes_directory)?;
    last.directory.inode().remove(&entry)?;
    if !removes_directory {
        watch::report_self(&entry, Happening::ATTRIBUTES);
    }
    // As on Linux, the file's own watches end first.
    report_end(&entry);
    watch::report_name(&last.directory, last.name(), &entry, Happening::DELETE);
    Ok(())
}

/// An entry is gone; so is its inode, when nobody has it.
fn report_end(entry: &Arc<Entry>) {
    if Arc::strong_count(entry) == 1 {
        watch::report_gone(entry.inode(), 1);
    }
}

bitflags::bitflags! {
    /// The flags of `renameat2(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct RenameFlags: u32 {
        /// Nothing is replaced.
        const RENAME_NOREPLACE = raw::RENAME_NOREPLACE;
        /// Both change places.
        const RENAME_EXCHANGE = raw::RENAME_EXCHANGE;
        /// A device 0:0 takes the old place, by which union file systems know that something is gone.
        const RENAME_WHITEOUT = raw::RENAME_WHITEOUT;
    }
}

crate::flag_argument!(RenameFlags, strict);

/// `rename(2)`.
pub fn rename(thread: &Thread, old: UserString, new: UserString) -> Result<()> {
    let here = Fd::WORKING_DIRECTORY;
    renameat2(thread, here, old, here, new, RenameFlags::empty())
}

/// `renameat(2)`.
pub fn renameat(thread: &Thread, old_directory: Fd, old: UserString, new_directory: Fd, new: UserString) -> Result<()> {
    renameat2(thread, old_directory, old, new_directory, new, RenameFlags::empty())
}

/// `renameat2(2)`.
pub fn renameat2(
    thread: &Thread,
    old_directory: Fd,
    old: UserString,
    new_directory: Fd,
    new: UserString,
    flags: RenameFlags,
) -> Result<()> {
    let exchanges = flags.contains(RenameFlags::RENAME_EXCHANGE);
    let replaces = !flags.contains(RenameFlags::RENAME_NOREPLACE);
    let leaves_whiteout = flags.contains(RenameFlags::RENAME_WHITEOUT);
    if exchanges && (!replaces || leaves_whiteout) {
        return Err(Errno::EINVAL);
    }
    if leaves_whiteout && !thread.process.credentials().has(raw::CAP_MKNOD) {
        return Err(Errno::EPERM);
    }
    let old = old.read_path(thread)?;
    let new = new.read_path(thread)?;
    let mut walk = Walk::new(thread, old_directory, &old)?;
    let from = walk.parent(&old)?;
    let mut new_walk = Walk::new(thread, new_directory, &new)?;
    let to = new_walk.parent(&new)?;
    same_filesystem(&from.directory, &to.directory)?;
    if from.last != Last::Name {
        return Err(Errno::EBUSY);
    }
    if to.last != Last::Name {
        return Err(if replaces { Errno::EBUSY } else { Errno::EEXIST });
    }
    namespace().check_writable(&from.directory)?;
    let entry = walk.look_up_below_mounts(&from)?;
    let target = match new_walk.look_up_below_mounts(&to) {
        Ok(_) if !replaces => return Err(Errno::EEXIST),
        Ok(target) => Some(target),
        Err(Errno::ENOENT) if !exchanges => None,
        Err(errno) => return Err(errno),
    };
    let is_directory = entry.kind() == Kind::Directory;
    let target_is_directory = target.as_ref().is_some_and(|target| target.kind() == Kind::Directory);
    let wants_directory = if exchanges { target_is_directory } else { is_directory };
    if from.trailing_slash && !is_directory || to.trailing_slash && !wants_directory {
        return Err(Errno::ENOTDIR);
    }
    if entry.contains(&to.directory) {
        return Err(Errno::EINVAL);
    }
    if target.as_ref().is_some_and(|target| target.contains(&from.directory)) {
        return Err(if exchanges { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    if let Some(target) = &target
        && Arc::ptr_eq(entry.inode(), target.inode())
    {
        // Two names of one inode: nothing to do, says POSIX.
        return Ok(());
    }
    let who = walk.credentials();
    may_remove(who, &from.directory, &entry, is_directory)?;
    match &target {
        Some(target) => may_remove(who, &to.directory, target, wants_directory)?,
        None => check(who, to.directory.inode().ownership(), Permission::WRITE | Permission::EXECUTE)?,
    }
    if !Arc::ptr_eq(&from.directory, &to.directory) {
        // A directory that moves gets another `..`.
        let moved = [Some(&entry), target.as_ref().filter(|_| exchanges)];
        for directory in moved.into_iter().flatten().filter(|moved| moved.kind() == Kind::Directory) {
            check(who, directory.inode().ownership(), Permission::WRITE)?;
        }
    }
    from.directory.inode().rename(&entry, &to.directory, to.name(), target.as_ref(), exchanges)?;
    let (from_place, to_place) = ((&from.directory, from.name()), (&to.directory, to.name()));
    watch::report_move(from_place, to_place, &entry);
    if leaves_whiteout {
        make(thread, walk.credentials(), &from, Make::Special(Kind::Character, 0), 0)?;
    }
    if let Some(target) = target {
        if exchanges {
            watch::report_move(to_place, from_place, &target);
        } else {
            watch::report_self(&target, Happening::ATTRIBUTES);
            report_end(&target);
        }
    }
    Ok(())
}

/// `readlink(2)`.
pub fn readlink(thread: &Thread, path: UserString, buffer: Address, size: i32) -> Result<usize> {
    readlinkat(thread, Fd::WORKING_DIRECTORY, path, buffer, size)
}

/// `readlinkat(2)`: an empty path is the symbolic link that the descriptor itself stands for.
pub fn readlinkat(thread: &Thread, directory: Fd, path: UserString, buffer: Address, size: i32) -> Result<usize> {
    let size = usize::try_from(size).ok().filter(|&size| size > 0).ok_or(Errno::EINVAL)?;
    let by_descriptor = !path.is_null() && is_empty(thread, path)?;
    let entry = if by_descriptor {
        let entry = itself(thread, directory)?;
        if entry.kind() != Kind::Symlink {
            return Err(Errno::ENOENT);
        }
        entry
    } else {
        reach(thread, directory, path, AtFlags::AT_SYMLINK_NOFOLLOW)?
    };
    let text = entry.inode().link_text()?;
    let text = text.get(..size).unwrap_or(&text);
    copy_out(thread, buffer.0, text)?;
    Ok(text.len())
}
