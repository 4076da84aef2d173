//! `/proc/cpuinfo`: what CPUID tells, as far as a program can use it.

mod flags;

use super::put;
use crate::errno::Result;
use crate::machine::machine;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// CPUs as a list: `0` or `0-3`.
pub(in crate::filesystem) fn list_of_cpus(cpus: usize) -> String {
    if cpus > 1 { format!("0-{}", cpus - 1) } else { "0".to_string() }
}

/// The CPUs of a mask as a list: `0`, `0-3`, `0,2-3`.
pub(super) fn list_of(mask: u64) -> String {
    let mut list = String::new();
    let mut cpu = 0;
    while cpu < u64::BITS && mask >> cpu != 0 {
        cpu += (mask >> cpu).trailing_zeros();
        let last = cpu + (mask >> cpu).trailing_ones() - 1;
        let comma = if list.is_empty() { "" } else { "," };
        list += &if last > cpu { format!("{comma}{cpu}-{last}") } else { format!("{comma}{cpu}") };
        cpu = last + 1;
    }
    list
}

/// Registers of a leaf; all 0 for one that the processor does not have.
fn leaf(number: u32, subleaf: u32) -> [u32; 4] {
    let [highest, ..] = machine().cpuid(number & 0x8000_0000, 0);
    if number <= highest { machine().cpuid(number, subleaf) } else { [0; 4] }
}

/// The characters that registers hold, up to the first zero byte.
fn text(registers: &[u32]) -> String {
    let bytes = registers.iter().flat_map(|register| register.to_le_bytes());
    let bytes: Vec<_> = bytes.take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_string()
}

/// The size of the largest cache in KiB: the last level's by leaf 4 (Intel), otherwise the second level's (AMD).
fn cache_size() -> u32 {
    let levels = (0..8).map(|index| leaf(4, index)).take_while(|[kind, ..]| kind & 0x1f != 0);
    let sizes = levels.map(|[_, shape, sets, _]| {
        let ways = (shape >> 22) + 1;
        let partitions = (shape >> 12 & 0x3ff) + 1;
        let line = (shape & 0xfff) + 1;
        (u64::from(ways) * u64::from(partitions) * u64::from(line) * (u64::from(sets) + 1) / 1024) as u32
    });
    sizes.max().unwrap_or_else(|| leaf(0x8000_0006, 0)[2] >> 16)
}

/// `cpuinfo`: a paragraph for each CPU.
pub(super) fn cpuinfo(to: &mut Vec<u8>) -> Result<()> {
    let [level, vendor_1, vendor_3, vendor_2] = leaf(0, 0);
    let [version, sizes, ..] = leaf(1, 0);
    let base_family = version >> 8 & 0xf;
    let family = if base_family == 0xf { base_family + (version >> 20 & 0xff) } else { base_family };
    let model = (version >> 4 & 0xf) + if family >= 6 { (version >> 16 & 0xf) << 4 } else { 0 };
    let name = text(&[leaf(0x8000_0002, 0), leaf(0x8000_0003, 0), leaf(0x8000_0004, 0)].concat());
    let name = if name.is_empty() { "unknown" } else { &name };
    let khz = machine().counter_khz();
    let line = (sizes >> 8 & 0xff) * 8;
    let address_sizes = leaf(0x8000_0008, 0)[0];
    let (physical, linear) =
        if address_sizes == 0 { (36, 48) } else { (address_sizes & 0xff, address_sizes >> 8 & 0xff) };
    let flags = flags::flags();
    let cpus = machine().cpus();
    for cpu in 0..cpus {
        put(to, format_args!("processor\t: {cpu}\nvendor_id\t: {}\n", text(&[vendor_1, vendor_2, vendor_3])));
        put(to, format_args!("cpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {name}\n"));
        put(to, format_args!("stepping\t: {}\ncpu MHz\t\t: {}.{:03}\n", version & 0xf, khz / 1000, khz % 1000));
        if cache_size() > 0 {
            put(to, format_args!("cache size\t: {} KB\n", cache_size()));
        }
        put(to, format_args!("physical id\t: 0\nsiblings\t: {cpus}\ncore id\t\t: {cpu}\ncpu cores\t: {cpus}\n"));
        put(to, format_args!("apicid\t\t: {cpu}\ninitial apicid\t: {cpu}\n"));
        put(to, format_args!("fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {level}\nwp\t\t: yes\nflags\t\t:"));
        for flag in &flags {
            put(to, format_args!(" {flag}"));
        }
        put(to, format_args!("\nbugs\t\t:\nbogomips\t: {}.{:02}\n", khz / 500, khz / 5 % 100));
        put(to, format_args!("clflush size\t: {line}\ncache_alignment\t: {line}\n"));
        put(to, format_args!("address sizes\t: {physical} bits physical, {linear} bits virtual\n"));
        put(to, format_args!("power management:\n\n"));
    }
    Ok(())
}
