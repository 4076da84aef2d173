//! Extended attributes, `xattr(7)`: names and values that hang on an inode.

use super::{Entry, Kind, Permission, check, owns, watch};
use crate::errno::{Errno, Result};
use crate::process::Credentials;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general::{CAP_SETFCAP, CAP_SYS_ADMIN};
use spin::Mutex;

/// The extended attributes of one inode, by name.
#[derive(Default)]
pub struct ExtendedAttributes(Mutex<BTreeMap<Vec<u8>, Arc<[u8]>>>);

/// Whether an attribute may be there already, or has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// As it may be.
    Any,
    /// `XATTR_CREATE`: `EEXIST` when it is there.
    Absent,
    /// `XATTR_REPLACE`: `ENODATA` when it is not.
    Present,
}

impl ExtendedAttributes {
    fn get(&self, name: &[u8]) -> Option<Arc<[u8]>> {
        self.0.lock().get(name).cloned()
    }

    fn set(&self, name: &[u8], value: &[u8], presence: Presence) -> Result<()> {
        let mut attributes = self.0.lock();
        match (presence, attributes.contains_key(name)) {
            (Presence::Absent, true) => Err(Errno::EEXIST),
            (Presence::Present, false) => Err(Errno::ENODATA),
            _ => {
                attributes.insert(name.to_vec(), Arc::from(value));
                Ok(())
            }
        }
    }

    fn remove(&self, name: &[u8]) -> Result<()> {
        self.0.lock().remove(name).map(drop).ok_or(Errno::ENODATA)
    }

    /// The names, each with a zero behind it; those that only the super-user sees with `all`.
    fn names(&self, all: bool) -> Vec<u8> {
        let attributes = self.0.lock();
        let shown = attributes.keys().rev().filter(|name| all || !name.starts_with(TRUSTED));
        shown.flat_map(|name| name.iter().copied().chain([0])).collect()
    }
}

const USER: &[u8] = b"user.";
const TRUSTED: &[u8] = b"trusted.";
const SECURITY: &[u8] = b"security.";
const CAPABILITY: &[u8] = b"security.capability";

/// Whether `who` may read an attribute, or change it. `EPERM`, `ENODATA`, `EACCES`.
fn check_access(who: &Credentials, entry: &Entry, name: &[u8], writes: bool) -> Result<()> {
    let refusal = if writes { Errno::EPERM } else { Errno::ENODATA };
    let ownership = entry.inode().ownership();
    if name.starts_with(SECURITY) || name.starts_with(b"system.") {
        return Ok(());
    }
    if name.starts_with(TRUSTED) {
        return if who.has(CAP_SYS_ADMIN) { Ok(()) } else { Err(refusal) };
    }
    if name.starts_with(USER) {
        if !matches!(ownership.kind, Kind::Regular | Kind::Directory) {
            return Err(refusal);
        }
        let sticky = ownership.kind == Kind::Directory && ownership.mode & 0o1000 != 0;
        if sticky && writes && !owns(who, ownership) {
            return Err(Errno::EPERM);
        }
    }
    check(who, ownership, if writes { Permission::WRITE } else { Permission::READ })
}

/// The attributes of an inode among which this name can be. `EOPNOTSUPP`, `EINVAL`.
fn place<'e>(entry: &'e Entry, name: &[u8]) -> Result<&'e ExtendedAttributes> {
    let attributes = entry.inode().extended().ok_or(Errno::EOPNOTSUPP)?;
    match [USER, TRUSTED, SECURITY].iter().find(|prefix| name.starts_with(prefix)) {
        Some(prefix) if name.len() == prefix.len() => Err(Errno::EINVAL),
        Some(_) => Ok(attributes),
        None => Err(Errno::EOPNOTSUPP),
    }
}

/// Who may change attributes of the system's security. `EPERM`, `EINVAL`.
fn check_security(who: &Credentials, name: &[u8], value: Option<&[u8]>) -> Result<()> {
    if name == CAPABILITY {
        // `struct vfs_cap_data` in its second and third version.
        if value.is_some_and(|value| !matches!(value.len(), 20 | 24)) {
            return Err(Errno::EINVAL);
        }
        return if who.has(CAP_SETFCAP) { Ok(()) } else { Err(Errno::EPERM) };
    }
    if name.starts_with(SECURITY) && !who.has(CAP_SYS_ADMIN) { Err(Errno::EPERM) } else { Ok(()) }
}

/// `setxattr(2)`. `EEXIST`, `ENODATA`, `EOPNOTSUPP`, `EPERM`, `EACCES`, `EINVAL`.
pub fn set(who: &Credentials, entry: &Arc<Entry>, name: &[u8], value: &[u8], presence: Presence) -> Result<()> {
    super::namespace().check_writable(entry)?;
    check_access(who, entry, name, true)?;
    check_security(who, name, Some(value))?;
    place(entry, name)?.set(name, value, presence)?;
    entry.inode().change(&super::Change::default())?;
    watch::report(entry, watch::Happening::ATTRIBUTES);
    Ok(())
}

/// `getxattr(2)`. `ENODATA`, `EOPNOTSUPP`, `EACCES`, `EINVAL`.
pub fn get(who: &Credentials, entry: &Entry, name: &[u8]) -> Result<Arc<[u8]>> {
    check_access(who, entry, name, false)?;
    place(entry, name)?.get(name).ok_or(Errno::ENODATA)
}

/// `listxattr(2)`. `EOPNOTSUPP`.
pub fn list(who: &Credentials, entry: &Entry) -> Result<Vec<u8>> {
    let attributes = entry.inode().extended().ok_or(Errno::EOPNOTSUPP)?;
    Ok(attributes.names(who.has(CAP_SYS_ADMIN)))
}

/// `removexattr(2)`. `ENODATA`, `EOPNOTSUPP`, `EPERM`, `EACCES`, `EINVAL`.
pub fn remove(who: &Credentials, entry: &Arc<Entry>, name: &[u8]) -> Result<()> {
    super::namespace().check_writable(entry)?;
    check_access(who, entry, name, true)?;
    check_security(who, name, None)?;
    place(entry, name)?.remove(name)?;
    entry.inode().change(&super::Change::default())?;
    watch::report(entry, watch::Happening::ATTRIBUTES);
    Ok(())
}
