//! Program headers, one after the other, into a plan.

use super::{HeaderTable, PROGRAM_HEADER_SIZE, identity::Identity};
use crate::error::Error;
use crate::page::{LOWEST_ADDRESS, PAGE_SIZE, USER_END, page_floor, page_offset};
use crate::plan::{Kind, Plan, ProgramHeaders};
use crate::segment::{Protection, Segment, settle_shared_pages};
use crate::source::Source;
use alloc::vec::Vec;
use xmas_elf::program::{ProgramHeader64, Type};

/// Linux's `PATH_MAX`, the interpreter's final NUL included.
const PATH_LIMIT: u64 = 4096;
const PT_GNU_STACK: Type = Type::OsSpecific(0x6474_e551);

/// What has been learnt from the program headers seen so far.
pub(super) struct Survey {
    file_size: u64,
    table_offset: u64,
    plan: Plan,
}

impl Survey {
    pub(super) fn new(identity: &Identity, table: &HeaderTable, file_size: u64) -> Survey {
        let program_headers =
            ProgramHeaders { address: None, entry_size: PROGRAM_HEADER_SIZE as u16, count: table.count };
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
        Survey { file_size, table_offset: table.offset, plan }
    }

    /// Takes in the program header number `index`.
    pub(super) fn see(
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
    fn check_segment(&self, index: u16, header: &ProgramHeader64) -> Result<Option<Segment>, Error> {
        let &ProgramHeader64 { offset, virtual_addr: address, file_size, mem_size, flags, .. } = header;
        if file_size > mem_size {
            return Err(Error::FileSizeExceedsMemory(index));
        }
        let end = address.checked_add(mem_size).ok_or(Error::SizeOverflow(index))?;
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
            let file_end = offset.checked_add(file_size).ok_or(Error::SizeOverflow(index))?;
            if file_end > self.file_size {
                return Err(Error::SegmentTruncated { segment: index, end: file_end, size: self.file_size });
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

    fn read_interpreter(&self, file: &(impl Source + ?Sized), header: &ProgramHeader64) -> Result<Vec<u8>, Error> {
        let size = header.file_size;
        let in_file = header.offset.checked_add(size).is_some_and(|end| end <= self.file_size);
        if !(2..=PATH_LIMIT).contains(&size) || !in_file {
            return Err(Error::BadInterpreter);
        }
        let size = size as usize;
        let mut path = Vec::new();
        path.try_reserve_exact(size).map_err(|_| Error::OutOfMemory)?;
        path.resize(size, 0);
        if !file.read_at(header.offset, &mut path) {
            return Err(Error::Unreadable);
        }
        if path.last() != Some(&0) {
            return Err(Error::BadInterpreter);
        }
        let length = path.iter().position(|&byte| byte == 0).unwrap_or(0);
        path.truncate(length);
        if path.is_empty() { Err(Error::BadInterpreter) } else { Ok(path) }
    }

    /// The plan, when all headers have been seen.
    pub(super) fn finish(self) -> Result<Plan, Error> {
        let mut plan = self.plan;
        let segments = &mut plan.segments;
        if segments.windows(2).any(|pair| matches!(pair, [a, b] if a.pages().end > b.address)) {
            settle_shared_pages(segments);
        }
        let (Some(lowest), Some(highest)) = (segments.first(), segments.last()) else {
            return Err(Error::NothingToLoad);
        };
        plan.span = lowest.address..highest.pages().end;
        plan.break_start = plan.span.end;
        let entry = plan.entry;
        if !segments.iter().any(|s| s.protection.executable && s.pages().contains(&entry)) {
            return Err(Error::EntryOutside(entry));
        }
        Ok(plan)
    }
}
