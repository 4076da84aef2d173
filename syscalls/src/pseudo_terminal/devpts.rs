//! `/dev/pts`: a file system with a node for each slave; and `/dev/ptmx`.

use super::{Pair, master};
use crate::errno::{Errno, Result};
use crate::file::{OpenFile, OpenFlags};
use crate::filesystem::tmpfs::Tmpfs;
use crate::filesystem::{Entry, How, Kind, Make, Mount, MountFlags, device, device_number, namespace, open_entry};
use crate::machine::machine;
use crate::process::Credentials;
use crate::thread::Thread;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::sync::{Arc, Weak};
use spin::{Mutex, Once};

/// `/dev/ptmx`.
pub const MULTIPLEXER: u64 = device_number(5, 2);
/// The group `tty`, which slaves belong to, as distributions mount it.
const TTY_GROUP: u32 = 5;
/// `kernel.pty.max`.
const MOST: usize = 4096;

static PAIRS: Mutex<BTreeMap<u32, Weak<Pair>>> = Mutex::new(BTreeMap::new());

fn devpts() -> &'static Arc<Tmpfs> {
    static DEVPTS: Once<Arc<Tmpfs>> = Once::new();
    DEVPTS.call_once(|| {
        device::register(Kind::Character, MULTIPLEXER, master::open);
        let filesystem = Tmpfs::new("devpts");
        let root = filesystem.root();
        // As mounted by default: whoever wants a pair asks /dev/ptmx.
        let _ = root.inode().make(&root, b"ptmx", Make::Special(Kind::Character, MULTIPLEXER), (0, 0, 0));
        filesystem
    })
}

/// Mounts it over a directory of `/dev` that nobody sees yet.
pub fn mount(over: &Arc<Entry>) {
    let filesystem = devpts().clone();
    let root = filesystem.root();
    let flags = MountFlags::NO_SUID | MountFlags::NO_EXECUTE | MountFlags::RELATIVE_TIME;
    // Cannot fail: the directory is new.
    let _ = namespace().mount(over, Mount { source: "devpts".into(), filesystem, root, flags });
}

/// A new pair, and its node. `ENOSPC`.
pub(super) fn add() -> Result<Arc<Pair>> {
    let pair = {
        let mut pairs = PAIRS.lock();
        let number = (0..).find(|number| !pairs.contains_key(number)).unwrap_or(0);
        if pairs.len() >= MOST {
            return Err(Errno::ENOSPC);
        }
        let pair = Pair::new(number);
        pairs.insert(number, Arc::downgrade(&pair));
        pair
    };
    let opened = Arc::downgrade(&pair);
    device::register(Kind::Character, pair.device(), move |flags| {
        opened.upgrade().ok_or(Errno::EIO)?.open_slave(flags)
    });
    let root = devpts().root();
    let uid = machine().current().process.credentials().file_uid();
    let name = pair.number.to_string();
    let what = Make::Special(Kind::Character, pair.device());
    root.inode().make(&root, name.as_bytes(), what, (0o620, uid, TTY_GROUP)).inspect_err(|_| remove(pair.number))?;
    Ok(pair)
}

fn entry(number: u32) -> Result<Arc<Entry>> {
    let root = devpts().root();
    root.inode().lookup(&root, number.to_string().as_bytes())
}

/// The pair's master is closed: its number is free again.
pub(super) fn remove(number: u32) {
    if let Ok(entry) = entry(number) {
        let _ = devpts().root().inode().remove(&entry);
    }
    device::forget(Kind::Character, device_number(136, number));
    PAIRS.lock().remove(&number);
}

/// TIOCGPTPEER: a descriptor of the slave, whatever its path. `EIO`, `EMFILE`.
pub(super) fn open_peer(thread: &Thread, pair: &Pair, flags: u32) -> Result<i64> {
    let flags = OpenFlags::from_bits_truncate(flags);
    let how = How::open(flags | OpenFlags::O_LARGEFILE, 0)?;
    let open: Arc<OpenFile> = open_entry(&Credentials::root(), entry(pair.number)?, false, how)?;
    thread.files().install(open, flags.contains(OpenFlags::O_CLOEXEC)).map(|fd| i64::from(fd.0))
}
