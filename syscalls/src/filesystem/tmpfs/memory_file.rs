//! `memfd_create(2)`: regular files of a tmpfs that no directory shows.

use super::{Node, Tmpfs};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{OpenFile, StatusFlags};
use crate::filesystem::Entry;
use crate::thread::Thread;
use crate::user::UserString;
use alloc::sync::Arc;
use linux_raw_sys::general as raw;
use spin::Once;

/// The longest name; what Linux puts before it makes `NAME_MAX`.
const LONGEST: usize = 249;

/// The internal mount that holds all of them.
fn filesystem() -> &'static Arc<Tmpfs> {
    static FILESYSTEM: Once<Arc<Tmpfs>> = Once::new();
    FILESYSTEM.call_once(|| Tmpfs::new("tmpfs"))
}

/// An empty file without a name, which `/proc/self/fd` calls `label`. `seals` are `F_SEAL_*`.
pub fn nameless_file(label: &[u8], mode: u16, owner: (u32, u32), seals: u32) -> Result<(Arc<Entry>, Arc<Node>)> {
    let node = Node::sealable(filesystem(), (mode, owner.0, owner.1), seals)?;
    Ok((Entry::nameless(Arc::from(label), node.clone()), node))
}

/// `memfd_create(2)`. There are no huge pages: `ENOSYS` for `MFD_HUGETLB`.
pub fn memfd_create(thread: &Thread, name: UserString, flags: u32) -> Result<Fd> {
    const KNOWN: u32 = raw::MFD_CLOEXEC | raw::MFD_ALLOW_SEALING | raw::MFD_NOEXEC_SEAL | raw::MFD_EXEC;
    const HUGE: u32 = raw::MFD_HUGETLB | raw::MFD_HUGE_MASK << raw::MFD_HUGE_SHIFT;
    let huge = flags & raw::MFD_HUGETLB != 0;
    let known = if huge { KNOWN | HUGE } else { KNOWN };
    if flags & !known != 0 || flags & (raw::MFD_EXEC | raw::MFD_NOEXEC_SEAL) == raw::MFD_EXEC | raw::MFD_NOEXEC_SEAL {
        return Err(Errno::EINVAL);
    }
    let name = name.read(thread, LONGEST + 1, Errno::EINVAL)?;
    if huge {
        return Err(Errno::ENOSYS);
    }
    let no_execute = flags & raw::MFD_NOEXEC_SEAL != 0;
    let seals = match (no_execute, flags & raw::MFD_ALLOW_SEALING != 0) {
        (true, _) => raw::F_SEAL_EXEC,
        (false, true) => 0,
        (false, false) => raw::F_SEAL_SEAL,
    };
    let mode = if no_execute { 0o666 } else { 0o777 };
    let who = thread.process.credentials();
    let label = [b"/memfd:", &name[..], b" (deleted)"].concat();
    let (entry, node) = nameless_file(&label, mode, (who.file_uid(), who.file_gid()), seals)?;
    let open = OpenFile::at(entry, node, StatusFlags::from_bits_retain(raw::O_RDWR | raw::O_LARGEFILE));
    thread.files().install(open, flags & raw::MFD_CLOEXEC != 0)
}
