//! `/proc/PID/maps`, `smaps` and `smaps_rollup`.

use super::put;
use super::subject::Subject;
use crate::errno::Result;
use crate::frame::PAGE;
use crate::memory::{AreaFlags, Description, Protection, Residency};
use alloc::format;
use alloc::vec::Vec;

/// Mappings of a process that still has a program; none of one that has ended.
fn areas(subject: &Subject) -> Result<Vec<Description>> {
    let process = subject.process()?;
    if process.threads().is_empty() { Ok(Vec::new()) } else { process.memory().describe() }
}

/// `maps`: a line for each mapping.
pub(super) fn maps(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    for area in areas(subject)? {
        put(to, format_args!("{area}\n"));
    }
    Ok(())
}

/// `smaps`: what of each mapping is there.
pub(super) fn detailed(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let memory = subject.process()?.memory();
    for area in areas(subject)? {
        put(to, format_args!("{area}\n"));
        let size = (area.end - area.start) / PAGE;
        put(to, format_args!("Size:           {:8} kB\n", size * (PAGE / 1024)));
        put(to, format_args!("KernelPageSize: {:8} kB\nMMUPageSize:    {:8} kB\n", PAGE / 1024, PAGE / 1024));
        let resident = memory.resident(area.start, area.end);
        let is_locked = area.flags.contains(AreaFlags::LOCKED);
        put_residency(&resident, if is_locked { resident.proportional } else { 0 }, false, to);
        put(to, format_args!("THPeligible:    {:8}\nVmFlags: ", 0));
        put_flags(&area, to);
        to.push(b'\n');
    }
    Ok(())
}

/// `smaps_rollup`: the sum of all mappings.
pub(super) fn summed_up(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let memory = subject.process()?.memory();
    let areas = areas(subject)?;
    let (start, end) = (areas.first().map_or(0, |area| area.start), areas.last().map_or(0, |area| area.end));
    let mut all = Residency::default();
    let mut locked = 0;
    for area in &areas {
        let resident = memory.resident(area.start, area.end);
        locked += if area.flags.contains(AreaFlags::LOCKED) { resident.proportional } else { 0 };
        all += resident;
    }
    let header = format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
    put(to, format_args!("{header:<72} [rollup]\n"));
    put_residency(&all, locked, true, to);
    Ok(())
}

/// The lines that both have; `locked` is in bytes.
fn put_residency(all: &Residency, locked: u64, is_sum: bool, to: &mut Vec<u8>) {
    let pages = |pages: u64| pages * (PAGE / 1024);
    let mut line = |name: &str, amount: u64| put(to, format_args!("{name:<15} {amount:8} kB\n"));
    line("Rss:", pages(all.resident));
    line("Pss:", all.proportional / 1024);
    line("Pss_Dirty:", all.proportional_dirty / 1024);
    if is_sum {
        line("Pss_Anon:", all.proportional_anonymous / 1024);
        line("Pss_File:", all.proportional.saturating_sub(all.proportional_anonymous) / 1024);
        line("Pss_Shmem:", 0);
    }
    let private_dirty = all.dirty.saturating_sub(all.shared_dirty);
    line("Shared_Clean:", pages(all.shared.saturating_sub(all.shared_dirty)));
    line("Shared_Dirty:", pages(all.shared_dirty));
    line("Private_Clean:", pages(all.resident.saturating_sub(all.shared).saturating_sub(private_dirty)));
    line("Private_Dirty:", pages(private_dirty));
    line("Referenced:", pages(all.referenced));
    line("Anonymous:", pages(all.anonymous));
    for name in ["KSM:", "LazyFree:", "AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:", "Shared_Hugetlb:"] {
        line(name, 0);
    }
    put(to, format_args!("Private_Hugetlb: {:7} kB\n", 0));
    let mut line = |name: &str, amount: u64| put(to, format_args!("{name:<15} {amount:8} kB\n"));
    line("Swap:", 0);
    line("SwapPss:", 0);
    line("Locked:", locked / 1024);
}

/// The two-letter flags, in the order of their bits on Linux.
fn put_flags(area: &Description, to: &mut Vec<u8>) {
    let (protection, flags) = (area.protection, area.flags);
    let is_shared = flags.contains(AreaFlags::SHARED);
    let writable = protection.contains(Protection::WRITE);
    let may_be_written = !flags.contains(AreaFlags::NEVER_WRITABLE);
    let letters = [
        ("rd", protection.contains(Protection::READ)),
        ("wr", writable),
        ("ex", protection.contains(Protection::EXECUTE)),
        ("sh", is_shared && may_be_written),
        ("mr", true),
        ("mw", may_be_written),
        ("me", true),
        ("ms", is_shared),
        ("gd", flags.contains(AreaFlags::GROWS_DOWN)),
        ("lo", flags.contains(AreaFlags::LOCKED)),
        ("sr", flags.contains(AreaFlags::SEQUENTIAL)),
        ("rr", flags.contains(AreaFlags::RANDOM)),
        ("dc", flags.contains(AreaFlags::DONT_FORK)),
        ("de", flags.contains(AreaFlags::FIXED_SIZE)),
        ("lf", flags.contains(AreaFlags::LOCKED_ON_FAULT)),
        ("ac", writable && !is_shared && !flags.contains(AreaFlags::NO_RESERVE)),
        ("nr", flags.contains(AreaFlags::NO_RESERVE)),
        ("wf", flags.contains(AreaFlags::WIPE_ON_FORK)),
        ("dd", flags.contains(AreaFlags::DONT_DUMP)),
        ("hg", flags.contains(AreaFlags::HUGE_PAGE)),
        ("nh", flags.contains(AreaFlags::NO_HUGE_PAGE)),
    ];
    for (name, _) in letters.into_iter().filter(|(_, holds)| *holds) {
        put(to, format_args!("{name} "));
    }
}
