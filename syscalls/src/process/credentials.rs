//! Who a process is: `credentials(7)`, `capabilities(7)`.
//!
//! Linux keeps them for each thread, and the C library makes all threads follow one that changes; here the threads of
//! a process share them.

mod exec;
pub mod groups;
#[cfg(test)]
mod tests;
pub mod users;

use crate::errno::Result;
use crate::thread::Thread;
use alloc::sync::Arc;

/// The four user or group numbers of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// The real one.
    pub real: u32,
    /// The effective one.
    pub effective: u32,
    /// The saved one.
    pub saved: u32,
    /// The one that file permissions are checked with; follows the effective one.
    pub file: u32,
}

/// What bounds and restores the effective capabilities; one bit each (`CAP_*`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Privileges {
    /// What may be made effective.
    pub permitted: u64,
    /// What survives `execve(2)` of a file with capabilities.
    pub inheritable: u64,
    /// What `execve(2)` can give at most.
    pub bounding: u64,
    /// What survives `execve(2)` of an ordinary file.
    pub ambient: u64,
    /// `SECBIT_*`.
    pub secure_bits: u32,
}

/// Users, groups and capabilities of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// User.
    pub user: Identity,
    /// Group.
    pub group: Identity,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
    /// Effective capabilities, one bit each (`CAP_*`).
    pub capabilities: u64,
    /// The other sets of capabilities.
    pub privileges: Privileges,
}

/// Every capability that Linux 6.12 knows (`CAP_LAST_CAP` is 40).
pub const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

impl Credentials {
    /// The super-user, with every capability.
    pub fn root() -> Arc<Self> {
        let privileges = Privileges {
            permitted: ALL_CAPABILITIES,
            inheritable: 0,
            bounding: ALL_CAPABILITIES,
            ambient: 0,
            secure_bits: 0,
        };
        Arc::new(Self {
            user: Identity::default(),
            group: Identity::default(),
            groups: Arc::from(&[][..]),
            capabilities: ALL_CAPABILITIES,
            privileges,
        })
    }

    /// Whether a capability (`CAP_*`) is effective.
    pub const fn has(&self, capability: u32) -> bool {
        self.capabilities >> capability & 1 != 0
    }

    /// The user that file permissions are checked with.
    pub const fn file_uid(&self) -> u32 {
        self.user.file
    }

    /// The group that new files get.
    pub const fn file_gid(&self) -> u32 {
        self.group.file
    }

    /// Whether the group, or a supplementary one, is `gid`.
    pub fn is_in_group(&self, gid: u32) -> bool {
        self.group.file == gid || self.groups.contains(&gid)
    }

    /// Whether one who acts so may look into a process that acts as `other`, as `ptrace(2)` would ask.
    pub fn may_inspect(&self, other: &Self) -> bool {
        let same = |own: u32, its: Identity| own == its.real && own == its.effective && own == its.saved;
        let covers = self.privileges.permitted & other.privileges.permitted == other.privileges.permitted;
        self.has(linux_raw_sys::general::CAP_SYS_PTRACE)
            || same(self.user.real, other.user) && same(self.group.real, other.group) && covers
    }

    /// Whether one who acts so may see less than `before`: then a process is not dumpable any more.
    fn differs_for_others(&self, before: &Self) -> bool {
        let seen = |who: &Self| (who.user.effective, who.user.file, who.group.effective, who.group.file);
        seen(self) != seen(before) || self.privileges.permitted & !before.privileges.permitted != 0
    }
}

/// Changes the credentials of the thread's process, or leaves them all as they are when `change` fails. As in Linux,
/// who acts as another user or group afterwards is not dumpable and does not hear of its parent's death.
pub fn change<T>(thread: &Thread, change: impl FnOnce(&mut Credentials) -> Result<T>) -> Result<T> {
    let mut present = thread.process.credentials.write();
    let mut next = (**present).clone();
    let answer = change(&mut next)?;
    if next != **present {
        if next.differs_for_others(&present) {
            thread.process.attributes.set_dumpable(false);
            thread.attributes.set_parent_death_signal(0);
        }
        *present = Arc::new(next);
    }
    Ok(answer)
}
