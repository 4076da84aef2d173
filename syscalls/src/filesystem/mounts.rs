//! The tree of mounted file systems.

use super::devfs::devfs;
use super::procfs::procfs;
use super::sysfs::sysfs;
use super::tmpfs::Tmpfs;
use super::{Entry, FileSystem, Kind, Make, Walk};
use crate::errno::{Errno, Result};
use crate::process::Credentials;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use spin::{Mutex, Once};

bitflags::bitflags! {
    /// Options of a mount; the bits are those of `statfs(2)`'s `f_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MountFlags: u64 {
        /// Nothing can be written.
        const READ_ONLY = 0x1;
        /// Set-user-id has no effect.
        const NO_SUID = 0x2;
        /// Devices cannot be opened.
        const NO_DEVICES = 0x4;
        /// Programs cannot be run.
        const NO_EXECUTE = 0x8;
        /// Reading sets the time of access only now and then.
        const RELATIVE_TIME = 0x1000;
    }
}

/// One mounted file system.
#[derive(Clone)]
pub struct Mount {
    /// What `/proc/mounts` shows as the device.
    pub source: Cow<'static, str>,
    /// The file system.
    pub filesystem: Arc<dyn FileSystem>,
    /// Its root.
    pub root: Arc<Entry>,
    /// Its options.
    pub flags: MountFlags,
}

/// The tree that all processes see.
pub struct Namespace {
    root: Arc<Entry>,
    mounts: Mutex<Vec<Mount>>,
    // Mounts that are read-only: mostly none, which who writes finds out without a lock.
    read_only: AtomicUsize,
    // The device of the file system that nobody has used since somebody asked whether it may go.
    expiring: Mutex<Option<u64>>,
}

impl Namespace {
    fn new() -> Self {
        let filesystem = Tmpfs::new("rootfs");
        let root = filesystem.root();
        let flags = MountFlags::RELATIVE_TIME;
        let mount = Mount { source: "rootfs".into(), filesystem, root: root.clone(), flags };
        Self {
            root,
            mounts: Mutex::new(Vec::from([mount])),
            read_only: AtomicUsize::new(0),
            expiring: Mutex::new(None),
        }
    }

    /// The root of all.
    pub fn root(&self) -> Arc<Entry> {
        self.root.clone()
    }

    /// Mounts a file system over a directory. `ENOTDIR`, `EBUSY`.
    pub fn mount(&self, over: &Arc<Entry>, mount: Mount) -> Result<()> {
        if over.kind() != Kind::Directory {
            return Err(Errno::ENOTDIR);
        }
        over.cover(&mount.root)?;
        let mut mounts = self.mounts.lock();
        mounts.push(mount);
        self.count(&mounts);
        Ok(())
    }

    /// Sets the options of the file system whose root this is. `EINVAL`.
    pub fn remount(&self, root: &Arc<Entry>, flags: MountFlags) -> Result<()> {
        let mut mounts = self.mounts.lock();
        let mount = mounts.iter_mut().find(|mount| Arc::ptr_eq(&mount.root, root)).ok_or(Errno::EINVAL)?;
        mount.flags = flags;
        self.count(&mounts);
        Ok(())
    }

    /// Takes the file system with this root out of the tree; with `detach` all that is mounted in it, too. `EINVAL` for
    /// what is no root or the root of all, `EBUSY` for one with another in it.
    pub fn unmount(&self, root: &Arc<Entry>, detach: bool) -> Result<()> {
        let mut mounts = self.mounts.lock();
        let device = root.inode().filesystem().device();
        let is_within = |mount: &Mount| {
            !Arc::ptr_eq(&mount.root, root) && {
                let mut above = Some(mount.root.clone());
                core::iter::from_fn(|| {
                    above = above.take()?.parent();
                    above.clone()
                })
                .any(|entry| entry.inode().filesystem().device() == device)
            }
        };
        if Arc::ptr_eq(root, &self.root) {
            return Err(Errno::EINVAL);
        }
        if !detach && mounts.iter().any(is_within) {
            return Err(Errno::EBUSY);
        }
        let gone: Vec<Mount> =
            mounts.extract_if(.., |mount| is_within(mount) || Arc::ptr_eq(&mount.root, root)).collect();
        self.count(&mounts);
        drop(mounts);
        gone.iter().rev().for_each(|mount| mount.root.uncover());
        if gone.is_empty() { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Notes that the file system may go if nobody uses it until this is asked again; whether it was asked the first
    /// time.
    pub fn expire(&self, root: &Entry) -> bool {
        let device = root.inode().filesystem().device();
        self.expiring.lock().replace(device) != Some(device)
    }

    /// Whether an entry is the root of a mounted file system.
    pub fn is_root(&self, entry: &Arc<Entry>) -> bool {
        self.mounts.lock().iter().any(|mount| Arc::ptr_eq(&mount.root, entry))
    }

    fn count(&self, mounts: &[Mount]) {
        let count = mounts.iter().filter(|mount| mount.flags.contains(MountFlags::READ_ONLY)).count();
        self.read_only.store(count, Ordering::Relaxed);
    }

    /// `EROFS` when an entry lies on a file system that is mounted read-only. Devices, fifos and sockets only have
    /// their names there.
    pub fn check_writable(&self, entry: &Entry) -> Result<()> {
        if self.read_only.load(Ordering::Relaxed) == 0
            || !matches!(entry.kind(), Kind::Regular | Kind::Directory | Kind::Symlink)
        {
            return Ok(());
        }
        let is_read_only = self.flags(entry.inode().filesystem().device()).contains(MountFlags::READ_ONLY);
        if is_read_only { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// Mounts a file system over the directory of an absolute path, which is made when it is missing. `ENOTDIR`,
    /// `EBUSY`, `ENOSPC`.
    pub fn mount_at(&self, path: &[u8], mount: Mount) -> Result<()> {
        self.mount(&self.directory(path, 0o755)?, mount)
    }

    /// What `/` needs beside an archive's content: `/proc`, `/sys`, `/dev` (with `/dev/shm`), and `/tmp`, which lies
    /// on the root's own tmpfs. `ENOTDIR` where something else has one of these names, `ENOSPC`.
    pub fn furnish(&self) -> Result<()> {
        let flags = MountFlags::NO_SUID | MountFlags::NO_DEVICES | MountFlags::NO_EXECUTE | MountFlags::RELATIVE_TIME;
        let (filesystem, root) = procfs();
        self.mount_at(b"/proc", Mount { source: "proc".into(), filesystem, root, flags })?;
        let (filesystem, root) = sysfs();
        self.mount_at(b"/sys", Mount { source: "sysfs".into(), filesystem, root, flags })?;
        let filesystem = devfs().clone();
        let root = filesystem.root();
        let flags = MountFlags::NO_SUID | MountFlags::RELATIVE_TIME;
        self.mount_at(b"/dev", Mount { source: "devtmpfs".into(), filesystem, root, flags })?;
        self.directory(b"/tmp", 0o1777).map(drop)
    }

    /// The directory of an absolute path; made with this mode when it is missing, with all above it.
    pub(crate) fn directory(&self, path: &[u8], mode: u16) -> Result<Arc<Entry>> {
        let walk = || Walk::from(self.root(), self.root(), Credentials::root());
        for (end, _) in path.iter().enumerate().filter(|&(at, &byte)| at > 0 && byte == b'/') {
            self.directory(path.get(..end).unwrap_or_default(), 0o755)?;
        }
        match walk().entry(path, true) {
            Err(Errno::ENOENT) => {
                let last = walk().parent(path)?;
                last.directory.inode().make(&last.directory, last.name(), Make::Directory, (mode, 0, 0))
            }
            found => found,
        }
    }

    /// What is mounted, in order.
    pub fn mounts(&self) -> Vec<Mount> {
        self.mounts.lock().clone()
    }

    /// The number of the mount of a file system, as `statx(2)` and `/proc/self/mountinfo` show it; 0 for none.
    pub fn mount_id(&self, device: u64) -> u64 {
        let mounts = self.mounts.lock();
        let position = mounts.iter().position(|mount| mount.filesystem.device() == device);
        position.map_or(0, |position| position as u64 + 1)
    }

    /// The options of the mount of a file system.
    pub fn flags(&self, device: u64) -> MountFlags {
        let mounts = self.mounts.lock();
        let mount = mounts.iter().find(|mount| mount.filesystem.device() == device);
        mount.map_or(MountFlags::empty(), |mount| mount.flags)
    }
}

/// The one namespace; made with an empty tmpfs as its root at first use.
pub fn namespace() -> &'static Namespace {
    static NAMESPACE: Once<Namespace> = Once::new();
    NAMESPACE.call_once(Namespace::new)
}

/// A device number that no other file system without a device has.
pub(super) fn unused_device() -> u64 {
    // 0:1 to 0:15 are the kernel's internal mounts on Linux, too.
    static NEXT: AtomicU32 = AtomicU32::new(16);
    super::device_number(0, NEXT.fetch_add(1, Ordering::Relaxed))
}
