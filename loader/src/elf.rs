//! Reads an ELF file's headers into a [`Plan`].
//!
//! xmas-elf knows the formats. It wants an aligned slice that holds what the headers speak of, and panics elsewhere;
//! so it never sees the file, but a small window that is made to keep its promises: an ELF header, checked, and
//! right behind it a batch of program headers.

mod identity;
mod survey;

use crate::error::Error;
use crate::plan::Plan;
use crate::source::Source;
use identity::Identity;
use survey::Survey;
use xmas_elf::ElfFile;
use xmas_elf::program::ProgramHeader;

const FILE_HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
/// Program headers read at a time.
const BATCH: usize = 16;
const WINDOW_SIZE: usize = FILE_HEADER_SIZE + BATCH * PROGRAM_HEADER_SIZE;
/// Linux's limit for all program headers together.
const HEADER_TABLE_LIMIT: u64 = 64 * 1024;

/// An ELF header and up to [`BATCH`] program headers, aligned for xmas-elf.
#[repr(C, align(8))]
struct Window {
    bytes: [u8; WINDOW_SIZE],
}

/// Reads `file`'s headers and says how to load it: what Linux's `load_elf_binary` decides, without mapping anything.
///
/// Only the headers are read, and the interpreter's path. Stricter than Linux in what can only end in a signal:
/// segments beyond the file's end, segments that overlap and an entry point outside of them are refused.
pub fn plan(file: &(impl Source + ?Sized)) -> Result<Plan, Error> {
    let size = file.len();
    let mut window = Window { bytes: [0; WINDOW_SIZE] };
    let head = usize::try_from(size).map_or(WINDOW_SIZE, |size| size.min(WINDOW_SIZE));
    let start = window.bytes.get_mut(..head);
    if !start.is_some_and(|bytes| file.read_at(0, bytes)) {
        return Err(Error::Unreadable);
    }
    let identity = Identity::check(file, &window, size)?;
    let table = HeaderTable::find(&window, size)?;
    window.set_table_offset();

    let mut survey = Survey::new(&identity, &table, size);
    let mut first = 0;
    while first < table.count {
        let batch = (table.count - first).min(BATCH as u16);
        let already_there = first == 0 && table.offset == FILE_HEADER_SIZE as u64;
        if !already_there && !window.read_table(file, &table, first, batch) {
            return Err(Error::Unreadable);
        }
        let elf = ElfFile::new(&window.bytes).map_err(Error::Damaged)?;
        for place in 0..batch {
            if let Ok(ProgramHeader::Ph64(header)) = elf.program_header(place) {
                survey.see(file, first + place, header)?;
            }
        }
        first += batch;
    }
    survey.finish()
}

impl Window {
    /// Tells xmas-elf that the program headers stand right behind the ELF header.
    fn set_table_offset(&mut self) {
        if let Some(field) = self.bytes.get_mut(32..40) {
            field.copy_from_slice(&(FILE_HEADER_SIZE as u64).to_le_bytes());
        }
    }

    /// Reads `count` program headers, the `first` one and those after it.
    fn read_table(&mut self, file: &(impl Source + ?Sized), table: &HeaderTable, first: u16, count: u16) -> bool {
        let offset = table.offset + u64::from(first) * PROGRAM_HEADER_SIZE as u64;
        let end = FILE_HEADER_SIZE + usize::from(count) * PROGRAM_HEADER_SIZE;
        let place = self.bytes.get_mut(FILE_HEADER_SIZE..end);
        place.is_some_and(|bytes| file.read_at(offset, bytes))
    }
}

/// Where the program headers stand in the file.
struct HeaderTable {
    offset: u64,
    count: u16,
}

impl HeaderTable {
    fn find(window: &Window, file_size: u64) -> Result<HeaderTable, Error> {
        let header = xmas_elf::header::parse_header(&window.bytes).map_err(Error::Damaged)?.pt2;
        let (offset, count) = (header.ph_offset(), header.ph_count());
        if usize::from(header.ph_entry_size()) != PROGRAM_HEADER_SIZE && count > 0 {
            return Err(Error::Damaged("its program headers are not 56 bytes each"));
        }
        let size = u64::from(count) * PROGRAM_HEADER_SIZE as u64;
        if size == 0 || size > HEADER_TABLE_LIMIT {
            return Err(Error::HeaderCount(count));
        }
        let end = offset.saturating_add(size);
        if end > file_size {
            return Err(Error::HeadersTruncated { end, size: file_size });
        }
        Ok(HeaderTable { offset, count })
    }
}
