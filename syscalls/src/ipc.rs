//! Inter-process communication: System V's shared memory, semaphores and messages by key, `sysvipc(7)`; POSIX message
//! [queues].

/// What `/proc/sys/kernel` asks of a kind of objects: how many there may be, and the next one's number.
macro_rules! number_settings {
    ($objects:ident) => {
        /// How many there may be.
        pub fn most() -> i32 {
            $objects.most()
        }

        /// Sets it. `EINVAL`.
        pub fn set_most(most: i64) -> Result<()> {
            $objects.set_most(most)
        }

        /// The number that the next one shall have, or -1.
        pub fn next() -> i32 {
            $objects.next()
        }

        /// Sets it. `EINVAL`.
        pub fn set_next(next: i64) -> Result<()> {
            $objects.set_next(next)
        }
    };
}
use number_settings;

pub mod messages;
mod objects;
pub mod queues;
pub mod semaphores;
pub mod shared_memory;

use crate::errno::{Errno, Result};
use crate::process::Credentials;
use linux_raw_sys::general::{CAP_IPC_OWNER, CAP_SYS_ADMIN};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `IPC_PRIVATE`: an object that no key finds.
const PRIVATE: i32 = 0;
/// `IPC_CREAT`.
const CREATE: i32 = 0o1000;
/// `IPC_EXCL`.
const EXCLUSIVE: i32 = 0o2000;
/// `IPC_NOWAIT`.
const NO_WAIT: i32 = 0o4000;
/// `IPC_64`: old libraries set it in commands; it says nothing on this architecture.
const VERSION: i32 = 0x100;
/// `IPC_RMID`.
const REMOVE: i32 = 0;
/// `IPC_SET`.
const SET: i32 = 1;
/// `IPC_STAT`.
const STATUS: i32 = 2;
/// `IPC_INFO`.
const INFORMATION: i32 = 3;

/// Reading, of the three digits of a mode.
const READ: u16 = 0o444;
/// Changing.
const WRITE: u16 = 0o222;

/// `struct ipc64_perm`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Permissions {
    key: i32,
    uid: u32,
    gid: u32,
    creator_uid: u32,
    creator_gid: u32,
    mode: u32,
    sequence: u16,
    padding: [u16; 3],
    unused: [u64; 2],
}

impl Permissions {
    fn new(key: i32, who: &Credentials, mode: i32) -> Self {
        let (uid, gid) = (who.user.effective, who.group.effective);
        let mode = mode as u32 & 0o777;
        Self { key, uid, gid, creator_uid: uid, creator_gid: gid, mode, ..Self::default() }
    }

    /// `EACCES` unless `who` may do all that `wanted` says in any of its digits.
    fn check(&self, who: &Credentials, wanted: u16) -> Result<()> {
        let wanted = u32::from(wanted >> 6 | wanted >> 3 | wanted) & 7;
        let user = who.user.effective;
        let is_in = |gid| who.group.effective == gid || who.groups.contains(&gid);
        let granted = if user == self.creator_uid || user == self.uid {
            self.mode >> 6
        } else if is_in(self.creator_gid) || is_in(self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        if wanted & !granted & 7 != 0 && !who.has(CAP_IPC_OWNER) { Err(Errno::EACCES) } else { Ok(()) }
    }

    /// `EPERM` unless `who` is the owner or maker.
    fn check_owner(&self, who: &Credentials) -> Result<()> {
        let user = who.user.effective;
        let owns = user == self.uid || user == self.creator_uid || who.has(CAP_SYS_ADMIN);
        if owns { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// `IPC_SET`. `EINVAL` for a user or group that is none.
    fn set(&mut self, wanted: &Self) -> Result<()> {
        if wanted.uid == u32::MAX || wanted.gid == u32::MAX {
            return Err(Errno::EINVAL);
        }
        (self.uid, self.gid) = (wanted.uid, wanted.gid);
        self.mode = self.mode & !0o777 | wanted.mode & 0o777;
        Ok(())
    }
}

/// The present in seconds since 1970.
fn now() -> i64 {
    crate::filesystem::Timestamp::now().seconds
}
