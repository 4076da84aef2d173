//! `mount(2)` and `umount2(2)`: file systems in memory come and go. There is one tree for all; a file system stands in
//! one place of it, so nothing is bound to a second one.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::AtFlags;
use crate::filesystem::tmpfs::Tmpfs;
use crate::filesystem::{Change, Entry, FILE_SYSTEMS, FileSystem, Kind, Mount, MountFlags, namespace, procfs, reach};
use crate::frame::PAGE_SIZE;
use crate::process::registry;
use crate::thread::Thread;
use crate::user::{UserPtr, UserString, copy_out};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general as raw;
use zerocopy::{FromZeros, Immutable, IntoBytes};

/// What stands in the upper half of the flags of old programs.
const MAGIC: u64 = 0xc0ed_0000;
const MAGIC_MASK: u64 = 0xffff_0000;

/// Who else sees what is mounted below: nobody, as there is one tree.
const PROPAGATION: u32 = raw::MS_SHARED | raw::MS_PRIVATE | raw::MS_SLAVE | raw::MS_UNBINDABLE;

bitflags::bitflags! {
    /// The flags of `umount2(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct UnmountFlags: u32 {
        /// Even if that loses data: nothing here can.
        const MNT_FORCE = raw::MNT_FORCE;
        /// Out of the tree at once; it ends with its last user.
        const MNT_DETACH = raw::MNT_DETACH;
        /// Only when nobody has used it since the last call with this flag.
        const MNT_EXPIRE = raw::MNT_EXPIRE;
        /// A symbolic link at the end of the path is not followed.
        const UMOUNT_NOFOLLOW = raw::UMOUNT_NOFOLLOW;
    }
}

crate::flag_argument!(UnmountFlags, strict);

/// `mount(2)`.
pub fn mount(
    thread: &Thread,
    source: UserString,
    target: UserString,
    kind: UserString,
    flags: u64,
    data: UserPtr<u8>,
) -> Result<()> {
    let text = |string: UserString| match string.0 {
        0 => Ok(None),
        _ => string.read(thread, PAGE_SIZE, Errno::EINVAL).map(Some),
    };
    let kind = text(kind)?;
    let source = text(source)?;
    let data = match data.is_null() {
        true => Vec::new(),
        false => UserString(data.address()).read(thread, PAGE_SIZE, Errno::EINVAL)?,
    };
    let entry = reach(thread, Fd::WORKING_DIRECTORY, target, AtFlags::empty())?;
    if !thread.process.credentials().has(raw::CAP_SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let flags = if flags & MAGIC_MASK == MAGIC { flags & !MAGIC_MASK } else { flags } as u32;
    let options = options(flags);
    if flags & raw::MS_REMOUNT != 0 {
        let device = entry.inode().filesystem().device();
        if options.contains(MountFlags::READ_ONLY) && namespace().is_root(&entry) && is_written(device) {
            return Err(Errno::EBUSY);
        }
        return namespace().remount(&entry, options);
    }
    if flags & (raw::MS_BIND | raw::MS_MOVE) != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & PROPAGATION != 0 {
        return if namespace().is_root(&entry) { Ok(()) } else { Err(Errno::EINVAL) };
    }
    let (filesystem, root) = make(&kind.ok_or(Errno::EINVAL)?, &data)?;
    let source = String::from_utf8_lossy(&source.unwrap_or_else(|| b"none".to_vec())).into_owned().into();
    namespace().mount(&entry, Mount { source, filesystem, root, flags: options })
}

/// The options of a mount by the flags of `mount(2)`.
fn options(flags: u32) -> MountFlags {
    let pairs = [
        (raw::MS_RDONLY, MountFlags::READ_ONLY),
        (raw::MS_NOSUID, MountFlags::NO_SUID),
        (raw::MS_NODEV, MountFlags::NO_DEVICES),
        (raw::MS_NOEXEC, MountFlags::NO_EXECUTE),
    ];
    let chosen = pairs.into_iter().filter(|(flag, _)| flags & flag != 0).map(|(_, option)| option);
    let relative = if flags & (raw::MS_NOATIME | raw::MS_STRICTATIME) == 0 {
        MountFlags::RELATIVE_TIME
    } else {
        MountFlags::empty()
    };
    chosen.fold(relative, MountFlags::union)
}

/// A new file system of this type. `ENODEV` for an unknown one, `EINVAL` for an option that it does not have.
fn make(kind: &[u8], data: &[u8]) -> Result<(Arc<dyn FileSystem>, Arc<Entry>)> {
    match kind {
        b"tmpfs" | b"ramfs" => {
            let filesystem = Tmpfs::new("tmpfs");
            let root = filesystem.root();
            // Linux's root of a new tmpfs is everybody's.
            let mut change = Change { mode: Some(0o1777), ..Change::default() };
            for option in data.split(|&byte| byte == b',').filter(|option| !option.is_empty()) {
                set_option(&mut change, option)?;
            }
            root.inode().change(&change)?;
            Ok((filesystem, root))
        }
        b"proc" => {
            let (filesystem, root) = procfs::procfs();
            Ok((filesystem, root))
        }
        b"sysfs" => {
            let (filesystem, root) = crate::filesystem::sysfs::sysfs();
            Ok((filesystem, root))
        }
        _ => Err(Errno::ENODEV),
    }
}

/// An option of `tmpfs(5)`. A limit is not kept: the machine's memory is the limit. `EINVAL`.
fn set_option(change: &mut Change, option: &[u8]) -> Result<()> {
    let text = core::str::from_utf8(option).map_err(|_| Errno::EINVAL)?;
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let number = || value.parse().map_err(|_| Errno::EINVAL);
    match name {
        "mode" => {
            let mode = u16::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)?;
            change.mode = Some(mode & 0o7777);
        }
        "uid" => change.uid = Some(number()?),
        "gid" => change.gid = Some(number()?),
        "size" | "nr_blocks" | "nr_inodes" => {
            let digits = value.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', '%']);
            digits.parse::<u64>().map_err(|_| Errno::EINVAL)?;
        }
        "huge" | "mpol" | "inode32" | "inode64" | "noswap" => {}
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// `umount2(2)`.
pub fn umount2(thread: &Thread, target: UserString, flags: UnmountFlags) -> Result<()> {
    let expires = flags.contains(UnmountFlags::MNT_EXPIRE);
    let at = match flags.contains(UnmountFlags::UMOUNT_NOFOLLOW) {
        true => AtFlags::AT_SYMLINK_NOFOLLOW,
        false => AtFlags::empty(),
    };
    let entry = reach(thread, Fd::WORKING_DIRECTORY, target, at)?;
    if !thread.process.credentials().has(raw::CAP_SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    if !namespace().is_root(&entry) {
        return Err(Errno::EINVAL);
    }
    if expires && flags.intersects(UnmountFlags::MNT_FORCE | UnmountFlags::MNT_DETACH) {
        return Err(Errno::EINVAL);
    }
    if !flags.contains(UnmountFlags::MNT_DETACH) && is_used(entry.inode().filesystem().device()) {
        return Err(Errno::EBUSY);
    }
    if expires && namespace().expire(&entry) {
        return Err(Errno::EAGAIN);
    }
    namespace().unmount(&entry, flags.contains(UnmountFlags::MNT_DETACH))
}

/// Whether a process has a file of a file system open for writing.
fn is_written(device: u64) -> bool {
    registry::all(|_| true).iter().any(|process| {
        process.files.snapshot().iter().any(|(_, descriptor)| {
            let entry = descriptor.open.entry();
            entry.kind() == Kind::Regular
                && entry.inode().filesystem().device() == device
                && descriptor.open.check_writable().is_ok()
        })
    })
}

/// Whether a process stands in a file system, has a file of it open or mapped.
fn is_used(device: u64) -> bool {
    let lies_there = |entry: &Arc<Entry>| entry.inode().filesystem().device() == device;
    registry::all(|_| true).iter().any(|process| {
        lies_there(&process.context.root())
            || lies_there(&process.context.working_directory())
            || process.files.snapshot().iter().any(|(_, descriptor)| lies_there(&descriptor.open.entry()))
            || process.memory().describe().is_ok_and(|areas| areas.iter().any(|area| area.device == device))
    })
}

/// `struct ustat`.
#[derive(Default, FromZeros, IntoBytes, Immutable)]
#[repr(C)]
pub struct OldStatistics {
    free: i32,
    padding: u32,
    free_inodes: u64,
    // Names that no file system has.
    names: [u8; 12],
    padding_behind: u32,
}

/// `ustat(2)`: `EINVAL` for a device without a mounted file system.
pub fn ustat(thread: &Thread, device: u32, buffer: UserPtr<OldStatistics>) -> Result<()> {
    let mounts = namespace().mounts();
    let mount = mounts.iter().find(|mount| mount.filesystem.device() == u64::from(device)).ok_or(Errno::EINVAL)?;
    let found = mount.filesystem.statistics();
    let answer = OldStatistics { free: found.free as i32, free_inodes: found.free_inodes, ..OldStatistics::default() };
    buffer.write(thread, &answer)
}

/// `sysfs(2)`: 1 gives the index of a type of file systems, 2 the name of an index, 3 their number.
pub fn sysfs(thread: &Thread, option: i32, first: u64, second: u64) -> Result<i32> {
    match option {
        1 => {
            let name = UserString(first).read(thread, PAGE_SIZE, Errno::EINVAL)?;
            let index = FILE_SYSTEMS.iter().position(|known| known.as_bytes() == name).ok_or(Errno::EINVAL)?;
            Ok(index as i32)
        }
        2 => {
            let name = usize::try_from(first).ok().and_then(|index| FILE_SYSTEMS.get(index)).ok_or(Errno::EINVAL)?;
            copy_out(thread, second, &[name.as_bytes(), b"\0"].concat()).map(|()| 0)
        }
        3 => Ok(FILE_SYSTEMS.len() as i32),
        _ => Err(Errno::EINVAL),
    }
}
