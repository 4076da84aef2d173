//! Addresses that the dynamic linker, or a static PIE's own start, writes into data.

use alloc::vec::Vec;
use object::elf;
use object::read::elf::ProgramHeader;
use object::{LittleEndian, Object};

use super::{File, bytes_at, is_in};
use crate::analysis::Program;

/// Bytes of `Elf64_Rela`.
const ENTRY: usize = 24;
/// Relocations that are looked at; more than any program has.
const LIMIT: usize = 1 << 24;

impl<'a> File<'a> {
    /// Notes the code that relocations (`DT_RELA`, `DT_JMPREL`, `DT_RELR`) and the tables of initialisers lead to.
    pub(super) fn relocations(&self, program: &mut Program<'a>) {
        let dynamic = self.dynamic();
        let value = |tag: i64| dynamic.iter().find(|entry| entry.0 == tag).map(|entry| entry.1);
        let mut pointers = Vec::new();
        for (table, size) in [(elf::DT_RELA, elf::DT_RELASZ), (elf::DT_JMPREL, elf::DT_PLTRELSZ)] {
            if let (Some(table), Some(size)) = (value(table.into()), value(size.into())) {
                addends(program, table, size, &mut pointers);
            }
        }
        // A static program has a table without a dynamic section.
        if let Some(section) = self.elf.as_ref().and_then(|elf| elf.section_by_name(".rela.plt")) {
            use object::ObjectSection;
            addends(program, section.address(), section.size(), &mut pointers);
        }
        // `object` names no tags of RELR: DT_RELRSZ is 35, DT_RELR is 36 (System V ABI).
        if let (Some(table), Some(size)) = (value(36), value(35)) {
            packed(program, table, size, &mut pointers);
        }
        for tag in [elf::DT_INIT, elf::DT_FINI] {
            pointers.extend(value(tag.into()));
        }
        pointers.retain(|&address| is_in(&program.code, address));
        program.pointers.append(&mut pointers);
    }

    /// Tags and values of `PT_DYNAMIC`.
    fn dynamic(&self) -> Vec<(i64, u64)> {
        let found = self.headers.iter().find_map(|header| header.dynamic(LittleEndian, self.bytes).ok().flatten());
        let entries = found.unwrap_or_default().iter();
        entries.map(|entry| (entry.d_tag.get(LittleEndian).cast_signed(), entry.d_val.get(LittleEndian))).collect()
    }
}

/// The addends of `Elf64_Rela` entries: for `R_X86_64_RELATIVE` and `R_X86_64_IRELATIVE` they are addresses.
fn addends(program: &Program<'_>, table: u64, size: u64, to: &mut Vec<u64>) {
    let Some(bytes) = bytes_at(program, table) else { return };
    let bytes = usize::try_from(size).ok().and_then(|size| bytes.get(..size)).unwrap_or(bytes);
    for entry in bytes.as_chunks::<ENTRY>().0.iter().take(LIMIT) {
        let [.., a, b, c, d, e, f, g, h] = *entry;
        to.push(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// What stands where a `DT_RELR` table points: an even entry is an address, an odd one a bitmap of the 63 words
/// behind the last.
fn packed(program: &Program<'_>, table: u64, size: u64, to: &mut Vec<u64>) {
    let Some(bytes) = bytes_at(program, table) else { return };
    let bytes = usize::try_from(size).ok().and_then(|size| bytes.get(..size)).unwrap_or(bytes);
    let mut next = 0_u64;
    for entry in bytes.as_chunks::<8>().0.iter().take(LIMIT) {
        let entry = u64::from_le_bytes(*entry);
        if entry & 1 == 0 {
            to.extend(word(program, entry));
            next = entry.wrapping_add(8);
        } else {
            let places = (0..63).filter(|bit| entry >> (bit + 1) & 1 != 0);
            to.extend(places.filter_map(|bit| word(program, next.wrapping_add(8 * bit))));
            next = next.wrapping_add(8 * 63);
        }
    }
}

fn word(program: &Program<'_>, address: u64) -> Option<u64> {
    bytes_at(program, address)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}
