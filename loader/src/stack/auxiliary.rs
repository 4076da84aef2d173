//! The auxiliary vector: what the kernel tells a program at its start (`getauxval(3)`).

use crate::page::PAGE_SIZE;
use crate::plan::Plan;
use linux_raw_sys::auxvec;

/// `AT_CLKTCK`: ticks of `times(2)` in a second.
const CLOCK_TICKS: u64 = 100;

/// The values of the auxiliary vector that the loader does not know by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auxiliary {
    /// `AT_SYSINFO_EHDR`: the vDSO's address, if there is one.
    pub vdso: Option<u64>,
    /// `AT_MINSIGSTKSZ`: bytes that a signal frame needs, vector registers included.
    pub minimum_signal_stack: u64,
    /// `AT_HWCAP`: `edx` of CPUID leaf 1.
    pub hwcap: u64,
    /// `AT_HWCAP2`: bit 0 `MONITOR`/`MWAIT`, bit 1 `FSGSBASE`, usable by a program.
    pub hwcap2: u64,
    /// `AT_PHDR`: where the program headers stand in memory; 0 if nowhere.
    pub program_headers: u64,
    /// `AT_PHENT`: bytes of each program header.
    pub program_header_size: u64,
    /// `AT_PHNUM`: how many there are.
    pub program_header_count: u64,
    /// `AT_BASE`: the bias of the program interpreter; 0 without one.
    pub interpreter_base: u64,
    /// `AT_ENTRY`: the program's own entry point, also when an interpreter is started first.
    pub entry: u64,
    /// `AT_UID`.
    pub uid: u32,
    /// `AT_EUID`.
    pub euid: u32,
    /// `AT_GID`.
    pub gid: u32,
    /// `AT_EGID`.
    pub egid: u32,
    /// `AT_SECURE`: whether the program gained privileges by `execve`.
    pub secure: bool,
}

/// Where the strings stand that the vector points to.
pub(super) struct Pointers {
    pub(super) random: u64,
    pub(super) name: u64,
    pub(super) platform: u64,
}

impl Auxiliary {
    /// The vector for a program loaded by `plan` with `bias`; all that the plan does not tell is zero.
    pub fn of(plan: &Plan, bias: u64) -> Auxiliary {
        let headers = &plan.program_headers;
        Auxiliary {
            program_headers: headers.address.map_or(0, |address| address.wrapping_add(bias)),
            program_header_size: headers.entry_size.into(),
            program_header_count: headers.count.into(),
            entry: plan.entry.wrapping_add(bias),
            ..Auxiliary::default()
        }
    }

    /// The pairs in Linux's order, `AT_NULL` last. The first is to be left out if there is no vDSO.
    pub(super) fn pairs(&self, pointers: &Pointers) -> [(u32, u64); 21] {
        [
            (auxvec::AT_SYSINFO_EHDR, self.vdso.unwrap_or(0)),
            (auxvec::AT_MINSIGSTKSZ, self.minimum_signal_stack),
            (auxvec::AT_HWCAP, self.hwcap),
            (auxvec::AT_PAGESZ, PAGE_SIZE),
            (auxvec::AT_CLKTCK, CLOCK_TICKS),
            (auxvec::AT_PHDR, self.program_headers),
            (auxvec::AT_PHENT, self.program_header_size),
            (auxvec::AT_PHNUM, self.program_header_count),
            (auxvec::AT_BASE, self.interpreter_base),
            (auxvec::AT_FLAGS, 0),
            (auxvec::AT_ENTRY, self.entry),
            (auxvec::AT_UID, self.uid.into()),
            (auxvec::AT_EUID, self.euid.into()),
            (auxvec::AT_GID, self.gid.into()),
            (auxvec::AT_EGID, self.egid.into()),
            (auxvec::AT_SECURE, self.secure.into()),
            (auxvec::AT_RANDOM, pointers.random),
            (auxvec::AT_HWCAP2, self.hwcap2),
            (auxvec::AT_EXECFN, pointers.name),
            (auxvec::AT_PLATFORM, pointers.platform),
            (auxvec::AT_NULL, 0),
        ]
    }
}
