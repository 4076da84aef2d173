//! What `execve(2)` makes of who a process is: set-user-id bits, and "Transformation of capabilities during execve()"
//! of `capabilities(7)`.

use super::Credentials;
use crate::filesystem::Entry;

/// `SECBIT_NOROOT` and `SECBIT_KEEP_CAPS` (`<linux/securebits.h>`).
const NO_ROOT: u32 = 1 << 0;
const KEEP_CAPABILITIES: u32 = 1 << 4;
/// Mode bits: set-user-id, set-group-id, and the group's right to run.
const SET_USER: u16 = 0o4000;
const SET_GROUP: u16 = 0o2000;
const GROUP_RUNS: u16 = 0o10;

impl Credentials {
    /// The credentials behind `execve(2)` of a file, and whether it gained privileges (`AT_SECURE`).
    pub fn after_exec(&self, file: &Entry, no_new_privileges: bool) -> (Self, bool) {
        let mut next = self.clone();
        let ownership = file.inode().ownership();
        if !no_new_privileges {
            if ownership.mode & SET_USER != 0 {
                next.user.effective = ownership.uid;
            }
            if ownership.mode & (SET_GROUP | GROUP_RUNS) == SET_GROUP | GROUP_RUNS {
                next.group.effective = ownership.gid;
            }
        }
        let is_other = next.user.effective != self.user.real || next.group.effective != self.group.real;
        for identity in [&mut next.user, &mut next.group] {
            (identity.saved, identity.file) = (identity.effective, identity.effective);
        }
        next.follow_file(is_other);
        let privileges = &next.privileges;
        let has_grown = privileges.permitted & !privileges.ambient != 0 && next.user.real != 0;
        let is_secure = is_other || has_grown;
        (next, is_secure)
    }

    /// The capabilities: files have none of their own, but the super-user's are all.
    fn follow_file(&mut self, is_other: bool) {
        let sets = &mut self.privileges;
        if is_other {
            sets.ambient = 0;
        }
        let counts_root = sets.secure_bits & NO_ROOT == 0;
        let is_root = counts_root && (self.user.effective == 0 || self.user.real == 0);
        let gained = if is_root { sets.bounding | sets.inheritable } else { 0 };
        sets.permitted = gained | sets.ambient;
        let is_effective = counts_root && self.user.effective == 0;
        self.capabilities = if is_effective { sets.permitted } else { sets.ambient };
        sets.secure_bits &= !KEEP_CAPABILITIES;
    }
}
