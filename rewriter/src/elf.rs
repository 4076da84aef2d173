//! What an ELF file tells about its code.
//!
//! Sources: section headers (which bytes are code), symbols, unwinding tables and their landing pads, Go's function
//! table, relocations, and, in a program of fixed addresses, all data that looks like an address of code. A file may
//! lack any of them, and nothing in it is trusted to be sound.

mod go;
mod landing_pads;
mod offline;
mod relocations;
mod unwinding;

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind};

use crate::analysis::{Bytes, Program};
pub use offline::{Refusal, Rewritten, rewrite};

/// Why a file cannot be analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is no ELF file, or a damaged one.
    NotElf,
    /// It is for another machine than x86-64, or of 32 bits.
    Machine,
    /// No segment of it is executable.
    NoCode,
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::NotElf => "it is not an ELF file, or a damaged one",
            Error::Machine => "it is not a program for x86-64",
            Error::NoCode => "it has no executable segment",
        })
    }
}

/// An ELF file for x86-64.
pub struct File<'a> {
    bytes: &'a [u8],
    elf: Option<ElfFile64<'a, LittleEndian>>,
    headers: &'a [ProgramHeader64<LittleEndian>],
    header: &'a FileHeader64<LittleEndian>,
}

impl<'a> File<'a> {
    /// Reads the headers. Section headers may be missing or damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<File<'a>, Error> {
        let header = FileHeader64::<LittleEndian>::parse(bytes).map_err(|_| Error::NotElf)?;
        let endian = header.endian().map_err(|_| Error::Machine)?;
        if header.e_machine(endian) != elf::EM_X86_64 || !header.is_type_64() {
            return Err(Error::Machine);
        }
        let headers = header.program_headers(endian, bytes).map_err(|_| Error::NotElf)?;
        let elf = ElfFile64::<LittleEndian>::parse(bytes).ok();
        Ok(File { bytes, elf, headers, header })
    }

    /// Whether its addresses are fixed (`ET_EXEC`).
    pub fn is_fixed(&self) -> bool {
        self.header.e_type(LittleEndian) == elf::ET_EXEC
    }

    /// The path of the dynamic linker that it asks for.
    pub fn interpreter(&self) -> Option<&'a [u8]> {
        self.headers.iter().find_map(|header| header.interpreter(LittleEndian, self.bytes).ok().flatten())
    }

    /// What can be told to the analysis.
    pub fn program(&self) -> Result<Program<'a>, Error> {
        let segments = self.segments();
        let mut code: Vec<Bytes<'a>> = self.executable_sections();
        let is_executable = |bytes: &Bytes<'_>| {
            segments.iter().any(|(segment, executable)| *executable && segment.from(bytes.address).is_some())
        };
        code.retain(is_executable);
        if code.is_empty() {
            code = segments.iter().filter(|(_, executable)| *executable).map(|(segment, _)| *segment).collect();
        }
        if code.is_empty() {
            return Err(Error::NoCode);
        }
        code.sort_by_key(|code| code.address);
        without_overlaps(&mut code);
        let data = self.data(&segments, &code);
        let mut program = Program {
            code,
            data,
            is_fixed: self.is_fixed(),
            functions: Vec::new(),
            targets: Vec::new(),
            pointers: Vec::new(),
        };
        let entry = self.header.e_entry(LittleEndian);
        program.functions.push(entry..entry);
        self.symbols(&mut program);
        self.unwinding(&mut program);
        self.go_functions(&mut program);
        self.relocations(&mut program);
        if self.is_fixed() {
            addresses_in_data(&mut program);
        }
        for list in [&mut program.targets, &mut program.pointers] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(program)
    }

    /// The parts of `PT_LOAD` segments that come from the file, and whether they are executable.
    fn segments(&self) -> Vec<(Bytes<'a>, bool)> {
        let loads = self.headers.iter().filter(|header| header.p_type(LittleEndian) == elf::PT_LOAD);
        let segment = |header: &ProgramHeader64<LittleEndian>| {
            let bytes = header.data(LittleEndian, self.bytes).ok()?;
            let bytes = Bytes { address: header.p_vaddr(LittleEndian), bytes };
            // An address must never wrap behind a segment.
            bytes.address.checked_add(bytes.bytes.len() as u64)?;
            Some((bytes, header.p_flags(LittleEndian) & elf::PF_X != 0))
        };
        loads.filter_map(segment).collect()
    }

    fn executable_sections(&self) -> Vec<Bytes<'a>> {
        let Some(elf) = &self.elf else { return Vec::new() };
        let executable = elf.sections().filter(|section| {
            let SectionFlags::Elf { sh_flags } = section.flags() else { return false };
            sh_flags & u64::from(elf::SHF_EXECINSTR) != 0 && section.kind() != SectionKind::UninitializedData
        });
        let bytes =
            executable.filter_map(|section| Some(Bytes { address: section.address(), bytes: section.data().ok()? }));
        bytes.filter(|bytes| bytes.address.checked_add(bytes.bytes.len() as u64).is_some()).collect()
    }

    /// What segments hold beside the code.
    fn data(&self, segments: &[(Bytes<'a>, bool)], code: &[Bytes<'a>]) -> Vec<Bytes<'a>> {
        let mut data = Vec::new();
        for (segment, _) in segments {
            let mut rest = *segment;
            for code in code {
                let Some(before) = code.address.checked_sub(rest.address).and_then(|size| usize::try_from(size).ok())
                else {
                    continue;
                };
                let Some((head, tail)) = rest.bytes.split_at_checked(before) else { continue };
                data.push(Bytes { address: rest.address, bytes: head });
                let tail = tail.get(code.bytes.len()..).unwrap_or_default();
                rest = Bytes { address: code.address.saturating_add(code.bytes.len() as u64), bytes: tail };
            }
            data.push(rest);
        }
        data.retain(|data| !data.bytes.is_empty());
        data
    }

    fn symbols(&self, program: &mut Program<'a>) {
        let Some(elf) = &self.elf else { return };
        for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
            if !symbol.is_definition() || !is_in(&program.code, symbol.address()) {
                continue;
            }
            let address = symbol.address();
            match (symbol.kind(), address.checked_add(symbol.size())) {
                (SymbolKind::Text, Some(end)) => program.functions.push(address..end),
                // Labels, and what hand-written assembly calls data.
                _ => program.targets.push(address),
            }
        }
    }
}

/// Bytes of a virtual address, from the data or code of a program.
fn bytes_at<'a>(program: &Program<'a>, address: u64) -> Option<&'a [u8]> {
    let mut all = program.data.iter().chain(&program.code);
    all.find_map(|bytes| bytes.from(address).filter(|bytes| !bytes.is_empty()))
}

fn is_in(code: &[Bytes<'_>], address: u64) -> bool {
    let index = code.partition_point(|code| code.address <= address);
    let found = index.checked_sub(1).and_then(|index| code.get(index));
    found.is_some_and(|code| code.from(address).is_some_and(|bytes| !bytes.is_empty()))
}

/// Cuts what two pieces of code both have off the later one. They are sorted.
fn without_overlaps(code: &mut Vec<Bytes<'_>>) {
    let mut end = 0;
    code.retain_mut(|code| {
        let overlap = end.max(code.address) - code.address;
        let left = usize::try_from(overlap).ok().and_then(|overlap| code.bytes.get(overlap..)).unwrap_or_default();
        (code.address, code.bytes) = (code.address.saturating_add(overlap), left);
        end = end.max(code.address.saturating_add(left.len() as u64));
        !left.is_empty()
    });
}

/// Each aligned word of the data that is an address of code.
fn addresses_in_data(program: &mut Program<'_>) {
    let span = span(&program.code);
    let mut found = Vec::new();
    for data in &program.data {
        // A word of four bytes may be the lower half of an address whose upper half is zero.
        let first = usize::try_from(data.address.wrapping_neg() % 4).unwrap_or_default();
        let mut rest = data.bytes.get(first..).unwrap_or_default();
        while let Some((word, _)) = rest.split_first_chunk::<8>() {
            let address = u64::from_le_bytes(*word);
            if span.contains(&address) && is_in(&program.code, address) {
                found.push(address);
            }
            rest = rest.get(4..).unwrap_or_default();
        }
    }
    program.pointers.append(&mut found);
}

fn span(code: &[Bytes<'_>]) -> Range<u64> {
    let start = code.first().map_or(0, |code| code.address);
    start..code.last().map_or(start, |code| code.address.saturating_add(code.bytes.len() as u64))
}
