//! Who a process is: `credentials(7)`.

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
}

impl Credentials {
    /// The super-user, with every capability that Linux 6.12 knows (`CAP_LAST_CAP` is 40).
    pub fn root() -> Arc<Self> {
        Arc::new(Self {
            user: Identity::default(),
            group: Identity::default(),
            groups: Arc::from(&[][..]),
            capabilities: (1 << 41) - 1,
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
}
