//! A rewritten file that runs on plain Linux: its trampolines execute the original `syscall`.
//!
//! Nothing that is in the file moves: trampolines come behind all that headers and sections tell of, and what lies
//! behind that stays the end of the file, since self-extracting programs look for it from there. The program headers
//! get a new place in front of the trampolines. `AT_PHDR` must be right under all kernels: before 5.18 it was the place
//! of the first segment plus `e_phoff`, so the new headers are as far from the first segment in the file as in memory.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use object::LittleEndian;
use object::elf::{PF_R, PF_X, PT_LOAD, PT_PHDR};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use super::File;
use crate::analysis::Analysis;
use crate::plan::{Plan, Site};
use crate::room::Room;
use crate::trampoline::Entry;

const PAGE: u64 = 4096;
/// `Elf64_Phdr`, `Elf64_Ehdr`.
const PROGRAM_HEADER: usize = 56;
const FILE_HEADER: u64 = 64;
/// Segments that trampolines may need.
const SEGMENTS: usize = 24;
/// How far above the program trampolines may stand: sites that are particular about all bytes of a displacement find a
/// place 96 to 128 MiB away.
const REACH: u64 = 256 << 20;
/// Unused pages between trampolines that are not worth a segment of their own.
const NEAR: u64 = 16 * PAGE;
/// The largest hole in the file, where memory without a place in the file (bss) has its addresses.
const LARGEST_HOLE: u64 = 64 << 20;

/// Why a file cannot be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No site of it becomes a jump.
    NoSite,
    /// Its headers contradict each other or the file.
    Damaged,
    /// It has no room for further program headers.
    TooManyHeaders,
    /// Its memory without a place in the file is so large that there is no good place for the headers.
    LargeMemory,
    /// It ends at the top of the address space.
    NoRoom,
}

impl core::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoSite => "no system call site of it can be rewritten",
            Refusal::Damaged => "its headers contradict each other",
            Refusal::TooManyHeaders => "it has too many program headers",
            Refusal::LargeMemory => "its zeroed memory is too large to put anything behind it",
            Refusal::NoRoom => "there are no free addresses behind it",
        })
    }
}

/// A rewritten file.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many sites are jumps now.
    pub rewritten: usize,
    /// How many were left because the program compares their addresses: see
    /// [`Finding::is_watched`](crate::analysis::Finding::is_watched).
    pub watched: usize,
    /// How many found no place for their trampoline.
    pub unplaced: usize,
    /// How many segments the trampolines have.
    pub segments: usize,
    /// How many bytes all trampolines take.
    pub trampolines: usize,
    /// How many bytes behind all that the headers tell of are still the end of the file.
    pub appended: usize,
}

/// A trampoline with its place.
struct Placed<'a> {
    site: Site<'a>,
    place: u64,
    size: usize,
}

/// Rewrites a file by what the analysis has found in it.
pub fn rewrite(file: &File<'_>, analysis: &Analysis) -> Result<Rewritten, Refusal> {
    let layout = Layout::of(file)?;
    let plan = analysis.plan().ok_or(Refusal::Damaged)?;
    let plan = Plan::parse(&plan).map_err(|_| Refusal::Damaged)?;
    let watched: BTreeSet<u64> =
        analysis.sites.iter().filter(|site| site.is_watched).map(|site| site.address).collect();
    let mut sites: Vec<Site<'_>> = plan.sites().filter(|site| !watched.contains(&site.syscall())).collect();
    let (wanted, all) = (sites.len(), plan.len());
    // Particular ones first: the others fill what these leave.
    sites.sort_by_key(|site| core::cmp::Reverse(site.constraint().window()));
    let mut room = Room::new([layout.room.clone()]);
    let mut placed: Vec<Placed<'_>> = sites
        .into_iter()
        .filter_map(|site| {
            let size = site.trampoline_size(&Entry::Syscall);
            let place = room.take(size as u64, |from| site.next_place(from, 0))?;
            Some(Placed { site, place, size })
        })
        .collect();
    placed.sort_by_key(|placed| placed.place);
    let mut runs = runs(&layout, &placed);
    if runs.len() > SEGMENTS {
        runs.truncate(SEGMENTS);
        let end = runs.last().map_or(0, |run| run.end);
        placed.retain(|placed| placed.place < end);
    }
    if placed.is_empty() {
        return Err(Refusal::NoSite);
    }
    let bytes = layout.write(file, &placed, &runs)?;
    Ok(Rewritten {
        bytes,
        rewritten: placed.len(),
        watched: all - wanted,
        unplaced: wanted - placed.len(),
        segments: runs.len(),
        trampolines: placed.iter().map(|placed| placed.size).sum(),
        appended: file.bytes.len() - layout.content,
    })
}

/// Runs of pages that hold the headers or trampolines, sorted.
fn runs(layout: &Layout, placed: &[Placed<'_>]) -> Vec<Range<u64>> {
    let headers = layout.address..layout.room.start;
    let trampolines = placed.iter().map(|placed| placed.place..placed.place + placed.size as u64);
    let mut runs: Vec<Range<u64>> = Vec::new();
    for piece in [headers].into_iter().chain(trampolines) {
        let (start, end) = (piece.start & !(PAGE - 1), piece.end.next_multiple_of(PAGE));
        match runs.last_mut() {
            Some(run) if start <= run.end + NEAR => run.end = run.end.max(end),
            _ => runs.push(start..end),
        }
    }
    runs
}

/// Where everything comes.
struct Layout {
    /// Bytes of the file that headers and sections tell of.
    content: usize,
    /// Where the new program headers stand in the file, and in memory: a multiple of the page size each.
    offset: usize,
    address: u64,
    /// Where trampolines may stand.
    room: Range<u64>,
}

impl Layout {
    fn of(file: &File<'_>) -> Result<Layout, Refusal> {
        let loads = || file.headers.iter().filter(|header| header.p_type(LittleEndian) == PT_LOAD);
        let mut end = 0_u64;
        for load in loads() {
            let load_end = load.p_vaddr(LittleEndian).checked_add(load.p_memsz(LittleEndian));
            let in_file = load.p_offset(LittleEndian).checked_add(load.p_filesz(LittleEndian));
            end = end.max(load_end.ok_or(Refusal::Damaged)?);
            if in_file.is_none_or(|end| end > file.bytes.len() as u64) {
                return Err(Refusal::Damaged);
            }
        }
        let first = loads().next().ok_or(Refusal::Damaged)?;
        let shift = first.p_vaddr(LittleEndian).wrapping_sub(first.p_offset(LittleEndian));
        if shift % PAGE != 0 {
            return Err(Refusal::Damaged);
        }
        let content = content(file);
        let behind_memory = end.checked_next_multiple_of(PAGE).ok_or(Refusal::NoRoom)?;
        let behind_file = (content as u64).next_multiple_of(PAGE).checked_add(shift).unwrap_or(0);
        let address = behind_memory.max(behind_file);
        let offset = address.wrapping_sub(shift);
        let hole = offset.checked_sub(content as u64).ok_or(Refusal::LargeMemory)?;
        if hole > LARGEST_HOLE {
            return Err(Refusal::LargeMemory);
        }
        let count = file.headers.len() + SEGMENTS;
        if count > usize::from(u16::MAX) / 2 {
            return Err(Refusal::TooManyHeaders);
        }
        let start = address.checked_add((count * PROGRAM_HEADER) as u64).ok_or(Refusal::NoRoom)?;
        // The lower half of the address space, by far.
        let top = address.checked_add(REACH).filter(|&top| top < 1 << 46).ok_or(Refusal::NoRoom)?;
        let offset = usize::try_from(offset).map_err(|_| Refusal::LargeMemory)?;
        Ok(Layout { content, offset, address, room: start.next_multiple_of(16)..top })
    }

    /// The whole file.
    fn write(&self, file: &File<'_>, placed: &[Placed<'_>], runs: &[Range<u64>]) -> Result<Vec<u8>, Refusal> {
        let mut bytes = file.bytes.get(..self.content).ok_or(Refusal::Damaged)?.to_vec();
        bytes.resize(self.offset, 0);
        let mut offsets = Vec::new();
        for run in runs {
            offsets.push((run.clone(), bytes.len()));
            let size = usize::try_from(run.end - run.start).map_err(|_| Refusal::NoRoom)?;
            bytes.resize(bytes.len() + size, 0);
        }
        self.write_headers(file, &offsets, &mut bytes)?;
        for Placed { site, place, size } in placed {
            let run = offsets.iter().find(|(run, _)| run.contains(place)).ok_or(Refusal::NoRoom)?;
            let at = run.1 + usize::try_from(place - run.0.start).map_err(|_| Refusal::NoRoom)?;
            let to = bytes.get_mut(at..at + size).ok_or(Refusal::NoRoom)?;
            site.write_trampoline(&Entry::Syscall, *place, 0, to).map_err(|_| Refusal::NoRoom)?;
            for write in site.writes(*place, 0).map_err(|_| Refusal::NoRoom)? {
                let at = file.offset(write.address).ok_or(Refusal::Damaged)?;
                let to = bytes.get_mut(at..at + write.bytes().len()).ok_or(Refusal::Damaged)?;
                to.copy_from_slice(write.bytes());
            }
        }
        bytes.extend(file.bytes.get(self.content..).unwrap_or_default());
        Ok(bytes)
    }

    /// Writes the new program headers, and where they are into the file's header.
    fn write_headers(&self, file: &File<'_>, runs: &[(Range<u64>, usize)], bytes: &mut [u8]) -> Result<(), Refusal> {
        let last_load = file.headers.iter().rposition(|header| header.p_type(LittleEndian) == PT_LOAD);
        let count = file.headers.len() + runs.len();
        let mut table = Vec::new();
        for (index, header) in file.headers.iter().enumerate() {
            let mut header = *header;
            if header.p_type(LittleEndian) == PT_PHDR {
                let size = (count * PROGRAM_HEADER) as u64;
                header.p_offset.set(LittleEndian, self.offset as u64);
                header.p_vaddr.set(LittleEndian, self.address);
                header.p_paddr.set(LittleEndian, self.address);
                header.p_filesz.set(LittleEndian, size);
                header.p_memsz.set(LittleEndian, size);
            }
            table.extend(object::bytes_of(&header));
            if Some(index) == last_load {
                for (run, offset) in runs {
                    header.p_type.set(LittleEndian, PT_LOAD);
                    header.p_flags.set(LittleEndian, PF_R | PF_X);
                    header.p_offset.set(LittleEndian, *offset as u64);
                    header.p_vaddr.set(LittleEndian, run.start);
                    header.p_paddr.set(LittleEndian, run.start);
                    header.p_filesz.set(LittleEndian, run.end - run.start);
                    header.p_memsz.set(LittleEndian, run.end - run.start);
                    header.p_align.set(LittleEndian, PAGE);
                    table.extend(object::bytes_of(&header));
                }
            }
        }
        let to = bytes.get_mut(self.offset..self.offset + table.len()).ok_or(Refusal::Damaged)?;
        to.copy_from_slice(&table);
        let mut header = *file.header;
        header.e_phoff.set(LittleEndian, self.offset as u64);
        header.e_phnum.set(LittleEndian, u16::try_from(count).map_err(|_| Refusal::TooManyHeaders)?);
        let header = object::bytes_of(&header);
        bytes.get_mut(..header.len()).ok_or(Refusal::Damaged)?.copy_from_slice(header);
        Ok(())
    }
}

/// How many bytes of the file its headers tell of.
fn content(file: &File<'_>) -> usize {
    let header = file.header;
    let size = file.bytes.len() as u64;
    let mut ends = Vec::from([FILE_HEADER]);
    let table = (file.headers.len() * PROGRAM_HEADER) as u64;
    ends.push(header.e_phoff(LittleEndian).saturating_add(table));
    ends.extend(
        file.headers.iter().map(|header| header.p_offset(LittleEndian).saturating_add(header.p_filesz(LittleEndian))),
    );
    if let Ok(sections) = header.section_headers(LittleEndian, file.bytes)
        && !sections.is_empty()
    {
        let table = u64::from(header.e_shentsize(LittleEndian)).saturating_mul(sections.len() as u64);
        ends.push(header.e_shoff(LittleEndian).saturating_add(table));
        let in_file = sections.iter().filter_map(|section| section.file_range(LittleEndian));
        ends.extend(in_file.map(|(offset, size)| offset.saturating_add(size)));
    }
    // What ends behind the file is damaged, and nothing to go by.
    let end = ends.into_iter().filter(|&end| end <= size).max().unwrap_or(size);
    usize::try_from(end).unwrap_or(file.bytes.len())
}

impl File<'_> {
    /// The place in the file of a byte of memory.
    fn offset(&self, address: u64) -> Option<usize> {
        let loads = self.headers.iter().filter(|header| header.p_type(LittleEndian) == PT_LOAD);
        let mut found = loads.filter_map(|load| {
            let distance = address.checked_sub(load.p_vaddr(LittleEndian))?;
            (distance < load.p_filesz(LittleEndian)).then_some(())?;
            load.p_offset(LittleEndian).checked_add(distance)
        });
        // Where two overlap, the later one is mapped over the earlier.
        usize::try_from(found.next_back()?).ok()
    }
}
