//! Files, directories and their attributes.

use super::descriptor_flags;
use super::machinery::{named_bits, named_numbers, names, structures};
use crate::argument::{Call, format_bits};
use core::fmt::{self, Write};
use linux_raw_sys::general::*;

named_numbers! {
    /// `lseek(2)`'s origin.
    whence: u32 { SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE }
    /// `posix_fadvise(2)`'s advice.
    file_advice: i32 {
        POSIX_FADV_NORMAL POSIX_FADV_RANDOM POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_FADV_DONTNEED
        POSIX_FADV_NOREUSE
    }
}

named_bits! {
    /// `AT_*` of most calls that take a directory.
    at_flags: u32 {
        AT_SYMLINK_NOFOLLOW AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC
        AT_RECURSIVE
    }
    /// `AT_*` of `unlinkat(2)`.
    unlink_flags: u32 { AT_REMOVEDIR }
    /// `AT_*` of `faccessat2(2)`.
    access_flags: u32 { AT_EACCESS AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH }
    /// `renameat2(2)`'s flags.
    rename_flags: u32 { RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT }
    /// `fallocate(2)`'s mode.
    allocate_mode: u32 {
        FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE FALLOC_FL_NO_HIDE_STALE FALLOC_FL_COLLAPSE_RANGE
        FALLOC_FL_ZERO_RANGE FALLOC_FL_INSERT_RANGE FALLOC_FL_UNSHARE_RANGE
    }
    /// `setxattr(2)`'s flags.
    attribute_flags: u32 { XATTR_CREATE XATTR_REPLACE }
    /// `mount(2)`'s flags.
    mount_flags: u64 {
        MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC MS_NOSYMFOLLOW
        MS_NOATIME MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_POSIXACL MS_UNBINDABLE MS_PRIVATE MS_SLAVE
        MS_SHARED MS_RELATIME MS_I_VERSION MS_STRICTATIME MS_LAZYTIME
    }
    /// `umount2(2)`'s flags.
    unmount_flags: u32 { MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW }
    /// `statx(2)`'s mask.
    statx_mask: u32 {
        STATX_ALL STATX_BASIC_STATS STATX_TYPE STATX_MODE STATX_NLINK STATX_UID STATX_GID STATX_ATIME STATX_MTIME
        STATX_CTIME STATX_INO STATX_SIZE STATX_BLOCKS STATX_BTIME STATX_MNT_ID STATX_DIOALIGN STATX_MNT_ID_UNIQUE
        STATX_SUBVOL STATX_WRITE_ATOMIC STATX_DIO_READ_ALIGN
    }
    /// `openat2(2)`'s `resolve`.
    resolve_flags: u64 {
        RESOLVE_NO_XDEV RESOLVE_NO_MAGICLINKS RESOLVE_NO_SYMLINKS RESOLVE_BENEATH RESOLVE_IN_ROOT RESOLVE_CACHED
    }
    /// `statfs(2)`'s flags.
    file_system_flags: u64 {
        ST_RDONLY ST_NOSUID ST_NODEV ST_NOEXEC ST_SYNCHRONOUS ST_VALID ST_MANDLOCK ST_NOATIME ST_NODIRATIME
        ST_RELATIME
    }
}

// `statfs(2)`'s flags, include/linux/statfs.h.
const ST_RDONLY: u64 = 1;
const ST_NOSUID: u64 = 2;
const ST_NODEV: u64 = 4;
const ST_NOEXEC: u64 = 8;
const ST_SYNCHRONOUS: u64 = 0x10;
const ST_VALID: u64 = 0x20;
const ST_MANDLOCK: u64 = 0x40;
const ST_NOATIME: u64 = 0x400;
const ST_NODIRATIME: u64 = 0x800;
const ST_RELATIME: u64 = 0x1000;

/// `open(2)`'s flags: the access mode, then the rest. `pipe2(2)` takes some of the rest alone.
pub fn open_flags(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if call.number == u64::from(__NR_pipe2) {
        return descriptor_flags(raw, call, out);
    }
    let flags = raw as u32;
    out.write_str(match flags & O_ACCMODE {
        O_RDONLY => "O_RDONLY",
        O_WRONLY => "O_WRONLY",
        O_RDWR => "O_RDWR",
        _ => "O_ACCMODE",
    })?;
    let rest = flags & !O_ACCMODE;
    if rest == 0 {
        return Ok(());
    }
    out.write_char('|')?;
    let names = names! {
        O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_SYNC O_DSYNC FASYNC O_DIRECT O_LARGEFILE O_TMPFILE
        O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH
    };
    format_bits(u64::from(rest), names, out)
}

/// Permission bits, in octal.
pub fn mode(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{:#05o}", OctalDigits(raw as u32))
}

/// C's way to write octal: one leading zero, at least three digits behind it as `0007`, as strace does.
struct OctalDigits(u32);

impl fmt::Octal for OctalDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("000") } else { write!(f, "0{:02o}", self.0) }
    }
}

/// `open(2)`'s mode, which counts with `O_CREAT` and `O_TMPFILE` alone.
pub fn open_mode(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let flags = call.neighbour(-1) as u32;
    if flags & O_CREAT != 0 || flags & O_TMPFILE == O_TMPFILE { mode(raw, call, out) } else { Ok(()) }
}

/// A file's kind and permissions, as `st_mode` and `mknod(2)` have them.
pub fn file_mode(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let kind = match raw as u32 & S_IFMT {
        S_IFSOCK => "S_IFSOCK|",
        S_IFLNK => "S_IFLNK|",
        S_IFREG => "S_IFREG|",
        S_IFBLK => "S_IFBLK|",
        S_IFDIR => "S_IFDIR|",
        S_IFCHR => "S_IFCHR|",
        S_IFIFO => "S_IFIFO|",
        _ => return mode(raw, call, out),
    };
    out.write_str(kind)?;
    mode(raw & 0o7777, call, out)
}

/// `access(2)`'s mode.
pub fn access_mode(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw as u32 {
        0 => out.write_str("F_OK"),
        mode => format_bits(u64::from(mode), names! { R_OK W_OK X_OK }, out),
    }
}

/// A device's number as `ustat(2)` takes it, and `mknod(2)` behind the mode of a device.
pub fn device(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let is_device = matches!(call.neighbour(-1) as u32 & S_IFMT, S_IFCHR | S_IFBLK);
    if call.index == 0 || is_device { show_device(raw, out) } else { Ok(()) }
}

fn show_device(number: u64, out: &mut dyn Write) -> fmt::Result {
    let major = number >> 8 & 0xfff | number >> 32 & 0xffff_f000;
    let minor = number & 0xff | number >> 12 & 0xffff_ff00;
    write!(out, "makedev({major:#x}, {minor:#x})")
}

/// A user or group; all ones means "leave as it is".
pub fn identity(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw as u32 {
        u32::MAX => out.write_str("-1"),
        id => write!(out, "{id}"),
    }
}

structures! {
    /// `struct stat`: kind and mode, then size or device.
    filled stat = |words: &[u64; 18], call, out| {
        show_status(words[3] as u32, words[6], words[5], call, out)
    };
    /// `struct statx`, the same of it.
    filled statx = |words: &[u32; 64], call, out| {
        out.write_str("{stx_mask=")?;
        statx_mask(words[0].into(), call, out)?;
        out.write_str(", stx_mode=")?;
        file_mode(u64::from(words[7] & 0xffff), call, out)?;
        let size = u64::from(words[10]) | u64::from(words[11]) << 32;
        write!(out, ", stx_size={size}, ...}}")
    };
    /// `struct statfs`.
    filled file_system = |words: &[u64; 15], call, out| {
        let [kind, block, blocks, free, available, files, files_free, id, name, fragment, flags, ..] = *words;
        write!(out, "{{f_type={kind:#x}, f_bsize={block}, f_blocks={blocks}, f_bfree={free}, f_bavail={available}, ")?;
        write!(out, "f_files={files}, f_ffree={files_free}, f_fsid={{val=[{:#x}, {:#x}]}}, ", id as u32, id >> 32)?;
        write!(out, "f_namelen={name}, f_frsize={fragment}, f_flags=")?;
        file_system_flags(flags, call, out)?;
        out.write_char('}')
    };
    /// `struct open_how`.
    given open_how = |&[flags, permissions, resolve]: &[u64; 3], call, out| {
        out.write_str("{flags=")?;
        open_flags(flags, call, out)?;
        out.write_str(", mode=")?;
        mode(permissions, call, out)?;
        out.write_str(", resolve=")?;
        resolve_flags(resolve, call, out)?;
        out.write_char('}')
    };
}

fn show_status(kind: u32, size: u64, special: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{st_mode=")?;
    file_mode(kind.into(), call, out)?;
    if matches!(kind & S_IFMT, S_IFCHR | S_IFBLK) {
        out.write_str(", st_rdev=")?;
        show_device(special, out)?;
    } else {
        write!(out, ", st_size={size}")?;
    }
    out.write_str(", ...}")
}

/// What `getdents64(2)` gives, as the number of entries and bytes.
pub fn directory_entries(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let Some(result) = call.result else { return Err(fmt::Error) };
    super::pointer(raw, call, out)?;
    let mut at = 0;
    let mut count = 0;
    while (at as i64) < result {
        // d_ino, d_off: 16 bytes; then d_reclen.
        match super::machinery::peek::<u16>(call, raw.wrapping_add(at + 16)) {
            Some(length) if length > 0 => at += u64::from(length),
            _ => return Ok(()),
        }
        count += 1;
    }
    if super::machinery::is_error(result) { Ok(()) } else { write!(out, " /* {count} entries */") }
}
