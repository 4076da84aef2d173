//! `/proc/PID/mounts`, `mountinfo` and `mountstats`.

use super::super::{Mount, MountFlags, device_halves, namespace};
use super::put;
use super::subject::Subject;
use crate::errno::Result;
use alloc::string::String;
use alloc::vec::Vec;

/// The options of the mount itself, as `mountinfo` shows them.
fn options(flags: MountFlags) -> String {
    let mut options = String::from(if flags.contains(MountFlags::READ_ONLY) { "ro" } else { "rw" });
    let names = [
        (MountFlags::NO_SUID, ",nosuid"),
        (MountFlags::NO_DEVICES, ",nodev"),
        (MountFlags::NO_EXECUTE, ",noexec"),
        (MountFlags::RELATIVE_TIME, ",relatime"),
    ];
    for (flag, name) in names {
        if flags.contains(flag) {
            options.push_str(name);
        }
    }
    options
}

/// A name with blanks, tabs, newlines and backslashes in octal; with `hash`, `#` too.
fn escape(name: &[u8], to: &mut Vec<u8>) {
    for &byte in name {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => put(to, format_args!("\\{byte:03o}")),
            byte => to.push(byte),
        }
    }
}

/// The mounts that lie below the process's root, each with its path from there.
fn visible(subject: &Subject) -> Result<Vec<(u64, Mount, Vec<u8>)>> {
    let root = subject.process()?.context.root();
    let all = (1..).zip(namespace().mounts());
    Ok(all.filter_map(|(id, mount)| mount.root.path_below(Some(&root)).map(|path| (id, mount, path))).collect())
}

/// `mounts`: as in `fstab(5)`.
pub(super) fn mounts(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    for (_, mount, path) in visible(subject)? {
        escape(mount.source.as_bytes(), to);
        to.push(b' ');
        escape(&path, to);
        put(to, format_args!(" {} {} 0 0\n", mount.filesystem.name(), options(mount.flags)));
    }
    Ok(())
}

/// `mountinfo`.
pub(super) fn information(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let all = namespace().mounts();
    for (id, mount, path) in visible(subject)? {
        // The mount that this one's mount point lies on; the root of all has none, Linux's is its own parent there.
        let above = mount.root.parent().map(|parent| parent.inode().filesystem().device());
        let is_above = |other: &Mount| Some(other.filesystem.device()) == above;
        let parent = all.iter().position(is_above).map_or(id, |position| position as u64 + 1);
        let (major, minor) = device_halves(mount.filesystem.device());
        put(to, format_args!("{id} {parent} {major}:{minor} / "));
        escape(&path, to);
        put(to, format_args!(" {} - {} ", options(mount.flags), mount.filesystem.name()));
        escape(mount.source.as_bytes(), to);
        let writable = if mount.flags.contains(MountFlags::READ_ONLY) { "ro" } else { "rw" };
        put(to, format_args!(" {writable}\n"));
    }
    Ok(())
}

/// `mountstats`.
pub(super) fn statistics(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    for (_, mount, path) in visible(subject)? {
        to.extend_from_slice(b"device ");
        escape(mount.source.as_bytes(), to);
        to.extend_from_slice(b" mounted on ");
        escape(&path, to);
        put(to, format_args!(" with fstype {}\n", mount.filesystem.name()));
    }
    Ok(())
}
