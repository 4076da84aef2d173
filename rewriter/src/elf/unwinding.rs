//! Functions and landing pads by the unwinding tables (`.eh_frame`; DWARF and the Linux Standard Base describe it).

use alloc::vec::Vec;
use gimli::{BaseAddresses, CieOrFde, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, Pointer, UnwindSection};
use object::elf::PT_GNU_EH_FRAME;
use object::read::elf::ProgramHeader;
use object::{Object, ObjectSection};

use super::landing_pads::landing_pads;
use super::{File, bytes_at, is_in};
use crate::analysis::Program;

impl<'a> File<'a> {
    /// Notes the ranges of all frame descriptions, and their landing pads.
    pub(super) fn unwinding(&self, program: &mut Program<'a>) {
        let Some((address, bytes)) = self.eh_frame(program) else { return };
        let section = EhFrame::new(bytes, LittleEndian);
        let bases = BaseAddresses::default().set_eh_frame(address);
        let mut entries = section.entries(&bases);
        let (mut functions, mut pointers) = (Vec::new(), Vec::new());
        // A damaged entry ends the reading.
        while let Ok(Some(entry)) = entries.next() {
            let CieOrFde::Fde(partial) = entry else { continue };
            let Ok(description) = partial.parse(UnwindSection::cie_from_offset) else {
                continue;
            };
            let start = description.initial_address();
            let Some(end) = start.checked_add(description.len()) else { continue };
            if start >= end || !is_in(&program.code, start) {
                continue;
            }
            // The description of a signal's return begins a byte before it (unwinders look up the address before a
            // return address), in the middle of whatever is there.
            if description.cie().is_signal_trampoline() {
                pointers.push(start.saturating_add(1));
                continue;
            }
            functions.push(start..end);
            if let Some(Pointer::Direct(table)) = description.lsda()
                && let Some(bytes) = bytes_at(program, table)
            {
                // As certain as a function's start, and as little to be covered.
                let pads = landing_pads(bytes, start).into_iter().filter(|&pad| (start..end).contains(&pad));
                functions.extend(pads.map(|pad| pad..pad));
            }
        }
        pointers.retain(|&pointer| is_in(&program.code, pointer));
        program.functions.append(&mut functions);
        program.pointers.append(&mut pointers);
    }

    /// Address and bytes of `.eh_frame`: by its section, or by the header that `PT_GNU_EH_FRAME` tells of.
    fn eh_frame(&self, program: &Program<'a>) -> Option<(u64, &'a [u8])> {
        let section = self.elf.as_ref().and_then(|elf| elf.section_by_name(".eh_frame"));
        if let Some(section) = section {
            return Some((section.address(), section.data().ok()?));
        }
        let little = object::LittleEndian;
        let header = self.headers.iter().find(|header| header.p_type(little) == PT_GNU_EH_FRAME)?;
        let address = header.p_vaddr(little);
        let bases = BaseAddresses::default().set_eh_frame_hdr(address);
        let header: EhFrameHdr<EndianSlice<'_, LittleEndian>> =
            EhFrameHdr::new(bytes_at(program, address)?, LittleEndian);
        match header.parse(&bases, 8).ok()?.eh_frame_ptr() {
            Pointer::Direct(address) => Some((address, bytes_at(program, address)?)),
            Pointer::Indirect(_) => None,
        }
    }
}
