//! The names of the processor's features, as Linux spells and orders them.

use super::leaf;
use crate::machine::machine;
use alloc::vec::Vec;

/// What one register of a leaf tells, bit by bit from 0; `_` stands for a bit without a name.
///
/// Left out is what only a kernel can use and this one does not (SMEP, SMAP, UMIP, PCID, virtualisation), and what
/// programs cannot have at ring 0: protection keys, FSGSBASE, AMX.
struct Word {
    leaf: u32,
    subleaf: u32,
    register: usize,
    names: &'static str,
}

const EAX: usize = 0;
const EBX: usize = 1;
const ECX: usize = 2;
const EDX: usize = 3;

/// The words that come before the flags that Linux makes up itself.
const FIRST: [Word; 2] = [
    Word {
        leaf: 1,
        subleaf: 0,
        register: EDX,
        names: "fpu vme de pse tsc msr pae mce cx8 apic _ sep mtrr pge mca cmov pat pse36 pn clflush _ dts acpi mmx \
                fxsr sse sse2 ss ht tm ia64 pbe",
    },
    Word {
        leaf: 0x8000_0001,
        subleaf: 0,
        register: EDX,
        names: "_ _ _ _ _ _ _ _ _ _ _ syscall _ _ _ _ _ _ _ mp nx _ mmxext _ _ fxsr_opt pdpe1gb rdtscp _ lm 3dnowext \
                3dnow",
    },
];

/// The words behind those.
const REST: [Word; 10] = [
    Word {
        leaf: 1,
        subleaf: 0,
        register: ECX,
        names: "pni pclmulqdq dtes64 monitor ds_cpl _ smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm _ _ dca sse4_1 \
                sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave _ avx f16c rdrand hypervisor",
    },
    Word {
        leaf: 0x8000_0001,
        subleaf: 0,
        register: ECX,
        names: "lahf_lm cmp_legacy _ extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt _ \
                lwp fma4 tce _ nodeid_msr _ tbm topoext perfctr_core perfctr_nb _ bpext ptsc perfctr_llc mwaitx",
    },
    Word {
        leaf: 7,
        subleaf: 0,
        register: EBX,
        names: "_ tsc_adjust sgx bmi1 hle avx2 _ _ bmi2 erms _ rtm cqm _ mpx rdt_a avx512f avx512dq rdseed adx _ \
                avx512ifma _ clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl",
    },
    Word { leaf: 0xd, subleaf: 1, register: EAX, names: "xsaveopt xsavec xgetbv1" },
    Word {
        leaf: 7,
        subleaf: 1,
        register: EAX,
        names: "_ _ _ _ avx_vnni avx512_bf16 _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ avx_ifma",
    },
    Word { leaf: 0x8000_0008, subleaf: 0, register: EBX, names: "clzero irperf xsaveerptr _ rdpru _ _ _ _ wbnoinvd" },
    Word { leaf: 6, subleaf: 0, register: EAX, names: "dtherm ida arat" },
    Word {
        leaf: 7,
        subleaf: 0,
        register: ECX,
        names: "_ avx512vbmi _ _ _ waitpkg avx512_vbmi2 _ gfni vaes vpclmulqdq avx512_vnni avx512_bitalg _ \
                avx512_vpopcntdq _ _ _ _ _ _ _ rdpid _ _ cldemote _ movdiri movdir64b",
    },
    Word { leaf: 0x8000_0007, subleaf: 0, register: EBX, names: "overflow_recov succor _ smca" },
    Word {
        leaf: 7,
        subleaf: 0,
        register: EDX,
        names: "_ _ avx512_4vnniw avx512_4fmaps fsrm _ _ _ avx512_vp2intersect _ md_clear _ _ _ serialize _ tsxldtrk \
                _ _ _ _ _ _ avx512_fp16 _ _ _ _ flush_l1d arch_capabilities",
    },
];

/// Features that use the upper halves of the vector registers.
const WITH_AVX: [&str; 10] =
    ["avx", "avx2", "f16c", "fma", "fma4", "xop", "vaes", "vpclmulqdq", "avx_vnni", "avx_ifma"];
/// The components of XCR0 that AVX and AVX-512 need.
const AVX: u64 = 0b110;
const AVX_512: u64 = 0b1110_0110;

fn is_usable(name: &str, components: u64) -> bool {
    let needed = if name.starts_with("avx512") {
        AVX_512
    } else if WITH_AVX.contains(&name) {
        AVX
    } else {
        0
    };
    components & needed == needed
}

/// The names of what the processor has.
pub(super) fn flags() -> Vec<&'static str> {
    let task = machine().current().task();
    let components = task.map_or(3, |task| task.extended_format().features);
    let mut flags = Vec::new();
    let add = |words: &[Word], flags: &mut Vec<&'static str>| {
        for word in words {
            let value = leaf(word.leaf, word.subleaf).get(word.register).copied().unwrap_or(0);
            let names = (0..).zip(word.names.split_ascii_whitespace());
            let present = names.filter(|&(bit, name)| name != "_" && value >> bit & 1 != 0);
            flags.extend(present.map(|(_, name)| name).filter(|name| is_usable(name, components)));
        }
    };
    add(&FIRST, &mut flags);
    // The counter runs at one rate, and in all power states.
    let is_invariant = leaf(0x8000_0007, 0)[EDX] >> 8 & 1 != 0;
    let made_up = [("constant_tsc", is_invariant), ("nopl", true), ("nonstop_tsc", is_invariant), ("cpuid", true)];
    flags.extend(made_up.iter().filter(|(_, holds)| *holds).map(|(name, _)| *name));
    add(&REST, &mut flags);
    flags
}
