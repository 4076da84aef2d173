//! Mappings.

use super::machinery::{named_bits, named_numbers, names};
use super::{hex, pointer};
use crate::argument::{Call, format_bits};
use core::fmt::{self, Write};
use linux_raw_sys::general::*;

named_numbers! {
    /// `madvise(2)`'s advice.
    advice: i32 {
        MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE MADV_REMOVE MADV_DONTFORK
        MADV_DOFORK MADV_HWPOISON MADV_SOFT_OFFLINE MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE
        MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ
        MADV_POPULATE_WRITE MADV_DONTNEED_LOCKED MADV_COLLAPSE MADV_GUARD_INSTALL MADV_GUARD_REMOVE
    }
}

named_bits! {
    /// `mremap(2)`'s flags.
    remap_flags: u64 { MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP }
    /// `msync(2)`'s flags.
    sync_flags: u32 { MS_ASYNC MS_INVALIDATE MS_SYNC }
    /// `mlockall(2)`'s flags.
    lock_all_flags: u32 { MCL_CURRENT MCL_FUTURE MCL_ONFAULT }
    /// `memfd_create(2)`'s flags.
    memory_file_flags: u32 { MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL MFD_EXEC }
    /// `userfaultfd(2)`'s flags.
    user_fault_flags: u32 { O_CLOEXEC O_NONBLOCK UFFD_USER_MODE_ONLY }
}

/// `PROT_*`.
pub fn protection(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw {
        0 => out.write_str("PROT_NONE"),
        _ => format_bits(raw, names! { PROT_READ PROT_WRITE PROT_EXEC PROT_SEM PROT_GROWSDOWN PROT_GROWSUP }, out),
    }
}

/// `MAP_*`: the type, then the rest.
pub fn map_flags(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw as u32 & MAP_TYPE {
        MAP_SHARED => out.write_str("MAP_SHARED")?,
        MAP_PRIVATE => out.write_str("MAP_PRIVATE")?,
        MAP_SHARED_VALIDATE => out.write_str("MAP_SHARED_VALIDATE")?,
        MAP_DROPPABLE => out.write_str("MAP_DROPPABLE")?,
        other => write!(out, "{other:#x} /* MAP_??? */")?,
    }
    let rest = raw & !u64::from(MAP_TYPE);
    if rest == 0 {
        return Ok(());
    }
    let names = names! {
        MAP_FIXED MAP_ANONYMOUS MAP_32BIT MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_STACK MAP_HUGETLB MAP_SYNC
        MAP_FIXED_NOREPLACE MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED
    };
    out.write_char('|')?;
    format_bits(rest, names, out)
}

/// `mmap(2)`'s descriptor, which is often -1.
pub fn map_fd(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{}", raw as i32)
}

/// `arch_prctl(2)`'s code.
pub fn arch_prctl_code(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw {
        0x1001 => out.write_str("ARCH_SET_GS"),
        0x1002 => out.write_str("ARCH_SET_FS"),
        0x1003 => out.write_str("ARCH_GET_FS"),
        0x1004 => out.write_str("ARCH_GET_GS"),
        0x1011 => out.write_str("ARCH_GET_CPUID"),
        0x1012 => out.write_str("ARCH_SET_CPUID"),
        0x1021 => out.write_str("ARCH_GET_XCOMP_SUPP"),
        0x1022 => out.write_str("ARCH_GET_XCOMP_PERM"),
        0x1023 => out.write_str("ARCH_REQ_XCOMP_PERM"),
        0x5001 => out.write_str("ARCH_SHSTK_ENABLE"),
        0x5002 => out.write_str("ARCH_SHSTK_DISABLE"),
        0x5003 => out.write_str("ARCH_SHSTK_LOCK"),
        0x5005 => out.write_str("ARCH_SHSTK_STATUS"),
        _ => hex(raw, call, out),
    }
}

/// `arch_prctl(2)`'s second argument.
pub fn arch_prctl_argument(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.neighbour(-1) as u32 {
        0x1003 | 0x1004 => match call.result {
            None => Err(fmt::Error),
            Some(0) => super::machinery::given::<u64>(raw, call, out, |base, _, out| write!(out, "[{base:#x}]")),
            Some(_) => pointer(raw, call, out),
        },
        _ => pointer(raw, call, out),
    }
}
