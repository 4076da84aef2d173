//! Names of `AF_UNIX` sockets: paths, whose inode stands for the socket, and abstract ones, which are bytes.

use super::Unix;
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::filesystem::{Kind, Last, Make, Permission, Walk, check, make, reach_path};
use crate::machine::machine;
use crate::thread::Thread;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use linux_raw_sys::net::AF_UNIX;
use spin::Mutex;

/// Bytes of `sun_family`.
const FAMILY: usize = 2;
/// `sizeof(struct sockaddr_un)`.
const LONGEST: usize = FAMILY + 108;

/// What a socket goes by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Abstract(Vec<u8>),
    /// Device and number of an inode.
    Inode(u64, u64),
}

/// A name that is taken.
#[derive(Clone)]
pub(super) struct Name {
    pub(super) key: Key,
    /// `struct sockaddr_un`, as long as it is shown.
    pub(super) address: Arc<[u8]>,
}

static NAMES: Mutex<BTreeMap<Key, Weak<Unix>>> = Mutex::new(BTreeMap::new());

/// What an address says.
pub(super) enum Named<'a> {
    /// Nothing: the kernel may choose.
    Nothing,
    Abstract(&'a [u8]),
    Path(&'a [u8]),
}

/// Reads a `struct sockaddr_un`. `EINVAL`.
pub(super) fn parse(address: &[u8]) -> Result<Named<'_>> {
    let (family, path) = address.split_first_chunk().ok_or(Errno::EINVAL)?;
    if address.len() > LONGEST || u32::from(u16::from_ne_bytes(*family)) != AF_UNIX {
        return Err(Errno::EINVAL);
    }
    Ok(match path {
        [] => Named::Nothing,
        [0, ..] => Named::Abstract(path),
        _ => Named::Path(path.split(|&byte| byte == 0).next().unwrap_or_default()),
    })
}

/// The address of a socket without a name.
pub(super) fn nameless() -> Vec<u8> {
    (AF_UNIX as u16).to_ne_bytes().to_vec()
}

fn address(path: &[u8], end: &[u8]) -> Arc<[u8]> {
    [&(AF_UNIX as u16).to_ne_bytes(), path, end].concat().into()
}

/// Takes an abstract name. `EADDRINUSE`.
pub(super) fn take_abstract(name: &[u8], socket: &Weak<Unix>) -> Result<Name> {
    let key = Key::Abstract(name.to_vec());
    let mut names = NAMES.lock();
    if names.get(&key).is_some_and(|other| other.strong_count() > 0) {
        return Err(Errno::EADDRINUSE);
    }
    names.insert(key.clone(), socket.clone());
    Ok(Name { key, address: address(name, &[]) })
}

/// Takes an abstract name of five digits that nobody has. `ENOSPC`.
pub(super) fn take_any(socket: &Weak<Unix>) -> Result<Name> {
    let mut start = [0; 4];
    machine().random(&mut start);
    let start = u32::from_ne_bytes(start) & 0xf_ffff;
    for step in 0..=0xf_ffff {
        let name = format!("\0{:05x}", (start + step) & 0xf_ffff);
        if let Ok(name) = take_abstract(name.as_bytes(), socket) {
            return Ok(name);
        }
    }
    Err(Errno::ENOSPC)
}

/// Makes a socket's inode under a path. `EADDRINUSE`, and what the walk and the making answer.
pub(super) fn take_path(thread: &Thread, path: &[u8], mode: u16, socket: &Weak<Unix>) -> Result<Name> {
    let mut walk = Walk::new(thread, Fd::WORKING_DIRECTORY, path)?;
    let last = walk.parent(path)?;
    if last.last != Last::Name {
        return Err(Errno::EADDRINUSE);
    }
    if last.trailing_slash {
        return Err(Errno::ENOENT);
    }
    let what = Make::Special(Kind::Socket, 0);
    let made = match walk.look_up(&last) {
        Ok(_) => Err(Errno::EEXIST),
        Err(Errno::ENOENT) => make(thread, walk.credentials(), &last, what, mode),
        Err(errno) => Err(errno),
    };
    let entry = made.map_err(|errno| if errno == Errno::EEXIST { Errno::EADDRINUSE } else { errno })?;
    let attributes = entry.inode().attributes();
    let key = Key::Inode(attributes.device, attributes.inode);
    NAMES.lock().insert(key.clone(), socket.clone());
    Ok(Name { key, address: address(path, &[0]) })
}

/// Whether there is something at a path.
pub(super) fn exists(thread: &Thread, path: &[u8]) -> bool {
    reach_path(thread, Fd::WORKING_DIRECTORY, path, false).is_ok()
}

/// Gives a name back. A path stays in its directory, as on Linux.
pub(super) fn release(name: &Name) {
    NAMES.lock().remove(&name.key);
}

/// Gives a name back if it is still this socket's.
pub(super) fn release_of(name: &Name, socket: &Weak<Unix>) {
    let mut names = NAMES.lock();
    if names.get(&name.key).is_some_and(|other| other.ptr_eq(socket)) {
        names.remove(&name.key);
    }
}

/// The socket of an address. `ECONNREFUSED`, and what the walk answers.
pub(super) fn find(thread: &Thread, address: &[u8]) -> Result<Arc<Unix>> {
    let key = match parse(address)? {
        Named::Nothing => return Err(Errno::EINVAL),
        Named::Abstract(name) => Key::Abstract(name.to_vec()),
        Named::Path(path) => {
            let entry = reach_path(thread, Fd::WORKING_DIRECTORY, path, true)?;
            let inode = entry.inode();
            check(&thread.process.credentials(), inode.ownership(), Permission::WRITE)?;
            if entry.kind() != Kind::Socket {
                return Err(Errno::ECONNREFUSED);
            }
            let attributes = inode.attributes();
            Key::Inode(attributes.device, attributes.inode)
        }
    };
    NAMES.lock().get(&key).and_then(Weak::upgrade).ok_or(Errno::ECONNREFUSED)
}

/// All sockets with a name, for `/proc/net/unix`.
pub(super) fn all() -> Vec<Arc<Unix>> {
    NAMES.lock().values().filter_map(Weak::upgrade).collect()
}
