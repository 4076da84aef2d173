//! Reads an ELF file's headers into a [`Plan`].
//!
//! xmas-elf knows the formats. It wants an aligned slice that holds what the headers speak of, and panics elsewhere;
//! so it never sees the file, but a small window that is made to keep its promises: an ELF header, checked, and
//! right behind it a batch of program headers.

use crate::error::Error;
use crate::page::{LOWEST_ADDRESS, PAGE_SIZE, USER_END, page_floor, page_offset};
use crate::plan::{Kind, Plan, ProgramHeaders};
use crate::script::Script;
use crate::segment::{Protection, Segment, settle_shared_pages};
use crate::source::Source;
use alloc::vec::Vec;
use xmas_elf::ElfFile;
use xmas_elf::header::Type as FileType;
use xmas_elf::program::{ProgramHeader, ProgramHeader64, Type};

const FILE_HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
/// Program headers read at a time.
const BATCH: usize = 16;
const WINDOW_SIZE: usize = FILE_HEADER_SIZE + BATCH * PROGRAM_HEADER_SIZE;
/// Linux's limit for all program headers together.
const HEADER_TABLE_LIMIT: u64 = 64 * 1024;
/// Linux's `PATH_MAX`, the interpreter's final NUL included.
const PATH_LIMIT: u64 = 4096;
const EM_X86_64: u16 = 62;
const PT_GNU_STACK: Type = Type::OsSpecific(0x6474_e551);

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
    let mut window = Window {
        bytes: [0; WINDOW_SIZE],
    };
    let head = window
        .bytes
        .len()
        .min(usize::try_from(size).unwrap_or(usize::MAX));
    if !window
        .bytes
        .get_mut(..head)
        .is_some_and(|bytes| file.read_at(0, bytes))
    {
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
    fn read_table(
        &mut self,
        file: &(impl Source + ?Sized),
        table: &HeaderTable,
        first: u16,
        count: u16,
    ) -> bool {
        let offset = table.offset + u64::from(first) * PROGRAM_HEADER_SIZE as u64;
        let end = FILE_HEADER_SIZE + usize::from(count) * PROGRAM_HEADER_SIZE;
        let place = self.bytes.get_mut(FILE_HEADER_SIZE..end);
        place.is_some_and(|bytes| file.read_at(offset, bytes))
    }
}

/// What the ELF header says of the whole file.
struct Identity {
    kind: Kind,
    entry: u64,
}

impl Identity {
    /// Refuses all that is no x86-64 program.
    fn check(file: &(impl Source + ?Sized), window: &Window, size: u64) -> Result<Identity, Error> {
        let bytes = &window.bytes;
        let [0x7f, b'E', b'L', b'F', class, data, version, ..] = *bytes else {
            return Err(not_elf(
                file,
                bytes.get(..size.min(256) as usize).unwrap_or(bytes),
            ));
        };
        if size < FILE_HEADER_SIZE as u64 {
            return Err(Error::HeaderTruncated { size });
        }
        let machine = [bytes[18], bytes[19]];
        match data {
            1 => {}
            2 => {
                return Err(Error::NotLittleEndian {
                    machine: u16::from_be_bytes(machine),
                });
            }
            _ => return Err(Error::Damaged("its byte order is neither little nor big")),
        }
        let machine = u16::from_le_bytes(machine);
        match class {
            2 => {}
            1 => return Err(Error::Not64Bit { machine }),
            _ => return Err(Error::Damaged("it is neither 32-bit nor 64-bit")),
        }
        if machine != EM_X86_64 {
            return Err(Error::WrongMachine { machine });
        }
        if version != 1 {
            return Err(Error::Damaged("its ELF version is unknown"));
        }
        let header = xmas_elf::header::parse_header(bytes)
            .map_err(Error::Damaged)?
            .pt2;
        let entry = header.entry_point();
        let kind = match header.type_().as_type() {
            FileType::Executable => Kind::Fixed,
            FileType::SharedObject if entry == 0 => return Err(Error::SharedLibrary),
            FileType::SharedObject => Kind::PositionIndependent,
            FileType::Relocatable => return Err(Error::Relocatable),
            FileType::Core => return Err(Error::CoreDump),
            FileType::None | FileType::ProcessorSpecific(_) => {
                return Err(Error::WrongType(header.type_().0));
            }
        };
        Ok(Identity { kind, entry })
    }
}

/// The kindest name for a file without the ELF magic; `start` is its beginning.
#[cold]
fn not_elf(file: &(impl Source + ?Sized), start: &[u8]) -> Error {
    if start.is_empty() {
        return Error::Empty;
    }
    if let Some(script) = Script::of(file) {
        return Error::Script(script);
    }
    // A letter of UTF-8 may be cut at the end of what was read.
    let letters = match core::str::from_utf8(start) {
        Ok(_) => start,
        Err(error) if error.error_len().is_none() => {
            start.get(..error.valid_up_to()).unwrap_or_default()
        }
        Err(_) => &[],
    };
    let is_control = |&byte: &u8| {
        byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)
    };
    if letters.is_empty() || letters.iter().any(is_control) {
        Error::NotElf
    } else {
        Error::Text
    }
}

/// Where the program headers stand in the file.
struct HeaderTable {
    offset: u64,
    count: u16,
}

impl HeaderTable {
    fn find(window: &Window, file_size: u64) -> Result<HeaderTable, Error> {
        let header = xmas_elf::header::parse_header(&window.bytes)
            .map_err(Error::Damaged)?
            .pt2;
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
            return Err(Error::HeadersTruncated {
                end,
                size: file_size,
            });
        }
        Ok(HeaderTable { offset, count })
    }
}

/// What has been learnt from the program headers seen so far.
struct Survey {
    file_size: u64,
    table_offset: u64,
    plan: Plan,
}

impl Survey {
    fn new(identity: &Identity, table: &HeaderTable, file_size: u64) -> Survey {
        let program_headers = ProgramHeaders {
            address: None,
            entry_size: PROGRAM_HEADER_SIZE as u16,
            count: table.count,
        };
        let plan = Plan {
            kind: identity.kind,
            entry: identity.entry,
            segments: Vec::new(),
            span: 0..0,
            alignment: PAGE_SIZE,
            program_headers,
            interpreter: None,
            stack_executable: false,
            break_start: 0,
        };
        Survey {
            file_size,
            table_offset: table.offset,
            plan,
        }
    }

    fn see(
        &mut self,
        file: &(impl Source + ?Sized),
        index: u16,
        header: &ProgramHeader64,
    ) -> Result<(), Error> {
        match header.get_type() {
            Ok(Type::Load) => self.see_segment(index, header),
            // As Linux: the first PT_INTERP counts, the last PT_GNU_STACK.
            Ok(Type::Interp) if self.plan.interpreter.is_none() => {
                self.plan.interpreter = Some(self.read_interpreter(file, header)?);
                Ok(())
            }
            Ok(PT_GNU_STACK) => {
                self.plan.stack_executable = header.flags.is_execute();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn see_segment(&mut self, index: u16, header: &ProgramHeader64) -> Result<(), Error> {
        let segment = self.check_segment(index, header)?;
        // Linux lets an alignment that is no power of two pass without effect.
        if header.align.is_power_of_two() {
            self.plan.alignment = self.plan.alignment.max(header.align);
        }
        let Some(segment) = segment else {
            return Ok(());
        };

        // The last segment that holds them counts; Linux looks at the file part's bytes alone.
        if let Some(place) = self.table_offset.checked_sub(header.offset)
            && place < header.file_size
        {
            self.plan.program_headers.address = header.virtual_addr.checked_add(place);
        }
        self.insert(segment)
    }

    /// The segment in pages; None if it takes no memory.
    fn check_segment(
        &self,
        index: u16,
        header: &ProgramHeader64,
    ) -> Result<Option<Segment>, Error> {
        let &ProgramHeader64 {
            offset,
            virtual_addr: address,
            file_size,
            mem_size,
            flags,
            ..
        } = header;
        if file_size > mem_size {
            return Err(Error::FileSizeExceedsMemory(index));
        }
        let end = address
            .checked_add(mem_size)
            .ok_or(Error::SizeOverflow(index))?;
        if mem_size == 0 {
            return Ok(None);
        }
        if end > USER_END {
            return Err(Error::AddressTooHigh(index));
        }
        let first_page = page_floor(address);
        if self.plan.kind == Kind::Fixed && first_page < LOWEST_ADDRESS {
            return Err(Error::AddressTooLow(index));
        }
        let lead = page_offset(address);
        if file_size > 0 {
            let file_end = offset
                .checked_add(file_size)
                .ok_or(Error::SizeOverflow(index))?;
            if file_end > self.file_size {
                return Err(Error::SegmentTruncated {
                    segment: index,
                    end: file_end,
                    size: self.file_size,
                });
            }
            if page_offset(offset) != lead {
                return Err(Error::Misaligned(index));
            }
        }
        Ok(Some(Segment {
            address: first_page,
            file_offset: if file_size > 0 { page_floor(offset) } else { 0 },
            file_size: if file_size > 0 { file_size + lead } else { 0 },
            memory_size: mem_size + lead,
            protection: Protection {
                readable: flags.is_read(),
                writable: flags.is_write(),
                executable: flags.is_execute(),
            },
            header: index,
            first_byte: address,
        }))
    }

    /// Puts the segment in its place among the others. They mostly come in order.
    fn insert(&mut self, segment: Segment) -> Result<(), Error> {
        let segments = &mut self.plan.segments;
        let mut place = segments.len();
        while let Some(above) = place.checked_sub(1).and_then(|last| segments.get(last))
            && above.first_byte > segment.first_byte
        {
            place -= 1;
        }
        if let Some(above) = segments.get(place)
            && segment.last_byte_end() > above.first_byte
        {
            return Err(Error::Overlap(above.header, segment.header));
        }
        if let Some(below) = place.checked_sub(1).and_then(|last| segments.get(last))
            && below.last_byte_end() > segment.first_byte
        {
            return Err(Error::Overlap(below.header, segment.header));
        }
        segments.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        segments.insert(place, segment);
        Ok(())
    }

    fn read_interpreter(
        &self,
        file: &(impl Source + ?Sized),
        header: &ProgramHeader64,
    ) -> Result<Vec<u8>, Error> {
        let size = header.file_size;
        let in_file = header
            .offset
            .checked_add(size)
            .is_some_and(|end| end <= self.file_size);
        if !(2..=PATH_LIMIT).contains(&size) || !in_file {
            return Err(Error::BadInterpreter);
        }
        let size = size as usize;
        let mut path = Vec::new();
        path.try_reserve_exact(size)
            .map_err(|_| Error::OutOfMemory)?;
        path.resize(size, 0);
        if !file.read_at(header.offset, &mut path) {
            return Err(Error::Unreadable);
        }
        if path.last() != Some(&0) {
            return Err(Error::BadInterpreter);
        }
        let length = path.iter().position(|&byte| byte == 0).unwrap_or(0);
        path.truncate(length);
        if path.is_empty() {
            Err(Error::BadInterpreter)
        } else {
            Ok(path)
        }
    }

    fn finish(self) -> Result<Plan, Error> {
        let mut plan = self.plan;
        let segments = &mut plan.segments;
        if segments
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.pages().end > b.address))
        {
            settle_shared_pages(segments);
        }
        let (Some(lowest), Some(highest)) = (segments.first(), segments.last()) else {
            return Err(Error::NothingToLoad);
        };
        plan.span = lowest.address..highest.pages().end;
        plan.break_start = plan.span.end;
        let entry = plan.entry;
        if !segments
            .iter()
            .any(|s| s.protection.executable && s.pages().contains(&entry))
        {
            return Err(Error::EntryOutside(entry));
        }
        Ok(plan)
    }
}
