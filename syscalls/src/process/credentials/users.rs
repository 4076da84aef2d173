//! The numbers of users and groups: `setuid(2)`, `setreuid(2)`, `setresuid(2)`, `setfsuid(2)`, the same for groups.

use super::{Credentials, Identity, change};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general as raw;

/// No number: leave it as it is.
const NONE: u32 = u32::MAX;
/// `SECBIT_KEEP_CAPS` and `SECBIT_NO_SETUID_FIXUP` (`<linux/securebits.h>`).
const KEEP_CAPABILITIES: u32 = 1 << 4;
const NO_SETUID_FIXUP: u32 = 1 << 2;
/// `CAP_FS_SET`: what a user of files needs.
const FILE_CAPABILITIES: u64 = 1 << raw::CAP_CHOWN
    | 1 << raw::CAP_MKNOD
    | 1 << raw::CAP_DAC_OVERRIDE
    | 1 << raw::CAP_DAC_READ_SEARCH
    | 1 << raw::CAP_FOWNER
    | 1 << raw::CAP_FSETID
    | 1 << raw::CAP_LINUX_IMMUTABLE
    | 1 << raw::CAP_MAC_OVERRIDE;

impl Identity {
    fn is_any(self, id: u32) -> bool {
        id == self.real || id == self.effective || id == self.saved
    }

    /// As `setuid(2)`. `EINVAL` for no number, `EPERM`.
    fn set(&mut self, id: u32, privileged: bool) -> Result<()> {
        if id == NONE {
            return Err(Errno::EINVAL);
        }
        if privileged {
            (self.real, self.saved) = (id, id);
        } else if id != self.real && id != self.saved {
            return Err(Errno::EPERM);
        }
        (self.effective, self.file) = (id, id);
        Ok(())
    }

    /// As `setreuid(2)`. `EPERM`.
    fn set_two(&mut self, real: u32, effective: u32, privileged: bool) -> Result<()> {
        let before = *self;
        if real != NONE {
            if !privileged && real != before.real && real != before.effective {
                return Err(Errno::EPERM);
            }
            self.real = real;
        }
        if effective != NONE {
            if !privileged && !before.is_any(effective) {
                return Err(Errno::EPERM);
            }
            self.effective = effective;
        }
        if real != NONE || effective != NONE && effective != before.real {
            self.saved = self.effective;
        }
        self.file = self.effective;
        Ok(())
    }

    /// As `setresuid(2)`. `EPERM`.
    fn set_three(&mut self, real: u32, effective: u32, saved: u32, privileged: bool) -> Result<()> {
        let before = *self;
        for (place, id) in [(&mut self.real, real), (&mut self.effective, effective), (&mut self.saved, saved)] {
            if id != NONE {
                if !privileged && !before.is_any(id) {
                    return Err(Errno::EPERM);
                }
                *place = id;
            }
        }
        self.file = self.effective;
        Ok(())
    }

    /// As `setfsuid(2)`: gives the one before, whether it was changed or not.
    fn set_file(&mut self, id: u32, privileged: bool) -> u32 {
        let before = self.file;
        if id != NONE && (privileged || id == before || self.is_any(id)) {
            self.file = id;
        }
        before
    }
}

impl Credentials {
    /// What becomes of the capabilities when the user was another before (`capabilities(7)`, "Effect of user ID
    /// changes on capabilities").
    fn follow_user(&mut self, before: Identity) {
        if self.privileges.secure_bits & NO_SETUID_FIXUP != 0 {
            return;
        }
        if before.is_any(0) && !self.user.is_any(0) {
            if self.privileges.secure_bits & KEEP_CAPABILITIES == 0 {
                self.privileges.permitted = 0;
                self.capabilities = 0;
            }
            self.privileges.ambient = 0;
        }
        match (before.effective, self.user.effective) {
            (0, 1..) => self.capabilities = 0,
            (1.., 0) => self.capabilities = self.privileges.permitted,
            _ => {}
        }
    }

    /// What becomes of the capabilities when the user for files was `before`.
    fn follow_file_user(&mut self, before: u32) {
        if self.privileges.secure_bits & NO_SETUID_FIXUP != 0 {
            return;
        }
        match (before, self.user.file) {
            (0, 1..) => self.capabilities &= !FILE_CAPABILITIES,
            (1.., 0) => self.capabilities |= self.privileges.permitted & FILE_CAPABILITIES,
            _ => {}
        }
    }
}

fn change_user(thread: &Thread, set: impl FnOnce(&mut Identity, bool) -> Result<()>) -> Result<()> {
    change(thread, |who| {
        let before = who.user;
        let privileged = who.has(raw::CAP_SETUID);
        set(&mut who.user, privileged)?;
        who.follow_user(before);
        Ok(())
    })
}

fn change_group(thread: &Thread, set: impl FnOnce(&mut Identity, bool) -> Result<()>) -> Result<()> {
    change(thread, |who| {
        let privileged = who.has(raw::CAP_SETGID);
        set(&mut who.group, privileged)
    })
}

/// `getuid(2)`.
pub fn getuid(thread: &Thread) -> Result<u32> {
    Ok(thread.process.credentials().user.real)
}

/// `geteuid(2)`.
pub fn geteuid(thread: &Thread) -> Result<u32> {
    Ok(thread.process.credentials().user.effective)
}

/// `getgid(2)`.
pub fn getgid(thread: &Thread) -> Result<u32> {
    Ok(thread.process.credentials().group.real)
}

/// `getegid(2)`.
pub fn getegid(thread: &Thread) -> Result<u32> {
    Ok(thread.process.credentials().group.effective)
}

/// `setuid(2)`.
pub fn setuid(thread: &Thread, user: u32) -> Result<()> {
    change_user(thread, |identity, privileged| identity.set(user, privileged))
}

/// `setgid(2)`.
pub fn setgid(thread: &Thread, group: u32) -> Result<()> {
    change_group(thread, |identity, privileged| identity.set(group, privileged))
}

/// `setreuid(2)`.
pub fn setreuid(thread: &Thread, real: u32, effective: u32) -> Result<()> {
    change_user(thread, |identity, privileged| identity.set_two(real, effective, privileged))
}

/// `setregid(2)`.
pub fn setregid(thread: &Thread, real: u32, effective: u32) -> Result<()> {
    change_group(thread, |identity, privileged| identity.set_two(real, effective, privileged))
}

/// `setresuid(2)`.
pub fn setresuid(thread: &Thread, real: u32, effective: u32, saved: u32) -> Result<()> {
    change_user(thread, |identity, privileged| identity.set_three(real, effective, saved, privileged))
}

/// `setresgid(2)`.
pub fn setresgid(thread: &Thread, real: u32, effective: u32, saved: u32) -> Result<()> {
    change_group(thread, |identity, privileged| identity.set_three(real, effective, saved, privileged))
}

fn tell_three(thread: &Thread, identity: Identity, places: [UserPtr<u32>; 3]) -> Result<()> {
    let [real, effective, saved] = places;
    real.write(thread, &identity.real)?;
    effective.write(thread, &identity.effective)?;
    saved.write(thread, &identity.saved)
}

/// `getresuid(2)`.
pub fn getresuid(thread: &Thread, real: UserPtr<u32>, effective: UserPtr<u32>, saved: UserPtr<u32>) -> Result<()> {
    tell_three(thread, thread.process.credentials().user, [real, effective, saved])
}

/// `getresgid(2)`.
pub fn getresgid(thread: &Thread, real: UserPtr<u32>, effective: UserPtr<u32>, saved: UserPtr<u32>) -> Result<()> {
    tell_three(thread, thread.process.credentials().group, [real, effective, saved])
}

/// `setfsuid(2)`: never an error, the number before tells the caller nothing of success.
pub fn setfsuid(thread: &Thread, user: u32) -> Result<u32> {
    change(thread, |who| {
        let privileged = who.has(raw::CAP_SETUID);
        let before = who.user.set_file(user, privileged);
        who.follow_file_user(before);
        Ok(before)
    })
}

/// `setfsgid(2)`.
pub fn setfsgid(thread: &Thread, group: u32) -> Result<u32> {
    change(thread, |who| {
        let privileged = who.has(raw::CAP_SETGID);
        Ok(who.group.set_file(group, privileged))
    })
}
