//! The calls of `mmap(2)`'s family: registers become what [`AddressSpace`](super::AddressSpace) takes.

use super::{Advice, MapRequest, MappedFile, MappedName, OpenForMapping, RemapFlags, is_aligned};
use crate::argument::{Address, Fd};
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::frame::PAGE;
use crate::thread::Thread;
use crate::user::{USER_END, UserPtr, copy_out};
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general::{MAP_ANONYMOUS, MAP_PRIVATE, MAP_TYPE, MLOCK_ONFAULT, PROT_WRITE};

/// `mmap(2)`.
pub fn mmap(
    thread: &Thread,
    address: Address,
    length: u64,
    protection: u64,
    flags: u64,
    fd: u64,
    offset: u64,
) -> Result<Address> {
    let flags = flags as u32;
    if !is_aligned(offset) {
        return Err(Errno::EINVAL);
    }
    let file = match flags & MAP_ANONYMOUS {
        0 => {
            let shared = flags & MAP_TYPE != MAP_PRIVATE;
            let written = shared && protection as u32 & PROT_WRITE != 0;
            Some(open_for_mapping(&*thread.files().get(Fd(fd as i32))?, shared, written)?)
        }
        _ => None,
    };
    let request = MapRequest { address: address.0, length, protection, flags, file, offset };
    thread.process.memory().map(request).map(Address)
}

/// What a descriptor gives to map. `EACCES`, `EBADF`, `ENODEV`, `EPERM`.
fn open_for_mapping(open: &OpenFile, shared: bool, written: bool) -> Result<OpenForMapping> {
    let readable = open.check_readable().is_ok();
    let writable = open.check_writable().is_ok();
    match (readable, writable) {
        // Only a place in the tree, O_PATH.
        (false, false) => Err(Errno::EBADF),
        // What else is wrong is told first.
        (false, true) => Ok(OpenForMapping { file: None, readable, writable, unsealed: true }),
        _ => {
            let file = open.file();
            let unsealed = !shared || file.may_write_shared(written && writable)?;
            let file = if file.maps_zeros() { None } else { Some(Arc::new(MappedFile::of(open)?)) };
            Ok(OpenForMapping { file, readable, writable, unsealed })
        }
    }
}

impl MappedFile {
    /// The file of a description. `ENODEV`.
    pub fn of(open: &OpenFile) -> Result<Self> {
        let pages = open.file().pages()?;
        let attributes = open.attributes();
        Ok(Self { pages, name: MappedName::Path(open.entry()), device: attributes.device, inode: attributes.inode })
    }
}

/// `munmap(2)`.
pub fn munmap(thread: &Thread, address: Address, length: usize) -> Result<()> {
    thread.process.memory().unmap(address.0, length as u64)
}

/// `mprotect(2)`.
pub fn mprotect(thread: &Thread, address: Address, length: usize, protection: u64) -> Result<()> {
    thread.process.memory().protect(address.0, length as u64, protection)
}

/// `pkey_mprotect(2)`. No key can have been allocated: only -1, which is none, is valid.
pub fn pkey_mprotect(thread: &Thread, address: Address, length: usize, protection: u64, key: i32) -> Result<()> {
    if key == -1 { mprotect(thread, address, length, protection) } else { Err(Errno::EINVAL) }
}

/// `pkey_alloc(2)`, as on a CPU without protection keys. `EINVAL`, `ENOSPC`.
pub fn pkey_alloc(_: &Thread, flags: u64, rights: u64) -> Result<i32> {
    /// `PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE`.
    const RIGHTS: u64 = 3;
    if flags != 0 || rights & !RIGHTS != 0 { Err(Errno::EINVAL) } else { Err(Errno::ENOSPC) }
}

/// `pkey_free(2)`. `EINVAL`: no key is allocated.
pub fn pkey_free(_: &Thread, _key: i32) -> Result<()> {
    Err(Errno::EINVAL)
}

/// `mremap(2)`.
pub fn mremap(
    thread: &Thread,
    old: Address,
    old_length: usize,
    new_length: usize,
    flags: u64,
    new: Address,
) -> Result<Address> {
    let flags = u32::try_from(flags).ok().and_then(RemapFlags::from_bits).ok_or(Errno::EINVAL)?;
    let memory = thread.process.memory();
    memory.remap(old.0, old_length as u64, new_length as u64, flags, new.0).map(Address)
}

/// `remap_file_pages(2)`.
pub fn remap_file_pages(
    thread: &Thread,
    address: Address,
    size: u64,
    protection: u64,
    offset: u64,
    flags: u64,
) -> Result<()> {
    thread.process.memory().remap_file_pages(address.0, size, protection, offset, flags as u32)
}

/// `brk(2)`: the kernel's, which answers with where the break is.
pub fn brk(thread: &Thread, address: Address) -> Result<Address> {
    Ok(Address(thread.process.memory().set_break_end(address.0)))
}

/// `madvise(2)`.
pub fn madvise(thread: &Thread, address: Address, length: usize, advice: i32) -> Result<()> {
    let advice = Advice::from_number(advice).ok_or(Errno::EINVAL)?;
    thread.process.memory().advise(address.0, length as u64, advice)
}

/// `mincore(2)`.
pub fn mincore(thread: &Thread, address: Address, length: usize, vector: UserPtr<u8>) -> Result<()> {
    const PAGES_AT_ONCE: u64 = 4096;
    let Address(start) = address;
    if !is_aligned(start) {
        return Err(Errno::EINVAL);
    }
    let inside = |start: u64, length: u64| start.checked_add(length).is_some_and(|end| end <= USER_END);
    if !inside(start, length as u64) {
        return Err(Errno::ENOMEM);
    }
    let pages = (length as u64).div_ceil(PAGE);
    if !inside(vector.address(), pages) {
        return Err(Errno::EFAULT);
    }
    let memory = thread.process.memory();
    let mut done = 0;
    while done < pages {
        let count = (pages - done).min(PAGES_AT_ONCE);
        let mut present = Vec::new();
        present.try_reserve_exact(count as usize).map_err(|_| Errno::ENOMEM)?;
        present.resize(count as usize, 0);
        memory.residency(start + done * PAGE, &mut present)?;
        copy_out(thread, vector.address() + done, &present)?;
        done += count;
    }
    Ok(())
}

/// `msync(2)`.
pub fn msync(thread: &Thread, address: Address, length: usize, flags: i32) -> Result<()> {
    thread.process.memory().synchronise(address.0, length as u64, flags as u32)
}

/// `mlock(2)`.
pub fn mlock(thread: &Thread, address: Address, length: usize) -> Result<()> {
    thread.process.memory().lock(address.0, length as u64, false)
}

/// `mlock2(2)`.
pub fn mlock2(thread: &Thread, address: Address, length: usize, flags: i32) -> Result<()> {
    match flags as u32 {
        0 => mlock(thread, address, length),
        MLOCK_ONFAULT => thread.process.memory().lock(address.0, length as u64, true),
        _ => Err(Errno::EINVAL),
    }
}

/// `munlock(2)`.
pub fn munlock(thread: &Thread, address: Address, length: usize) -> Result<()> {
    thread.process.memory().unlock(address.0, length as u64)
}

/// `mlockall(2)`.
pub fn mlockall(thread: &Thread, flags: i32) -> Result<()> {
    thread.process.memory().lock_all(flags as u32)
}

/// `munlockall(2)`.
pub fn munlockall(thread: &Thread) -> Result<()> {
    thread.process.memory().unlock_all();
    Ok(())
}
