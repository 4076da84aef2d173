//! Go's function table, which every Go program carries (`runtime/symtab.go`: `pcHeader`, `functab`).

use super::{File, is_in};
use crate::analysis::{Bytes, Program};

/// The first bytes of `pcHeader` since Go 1.20 and 1.18: magic, zeros, quantum of instructions 1, size of a pointer 8.
const MAGICS: [[u8; 8]; 2] = [[0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8], [0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8]];
/// Functions that are looked at; more than any program has.
const LIMIT: u64 = 1 << 24;

impl<'a> File<'a> {
    /// Notes the functions of a Go program, if it is one.
    pub(super) fn go_functions(&self, program: &mut Program<'a>) {
        let text = self.go_text(program);
        let headers = program.data.iter().flat_map(|data| places(data)).collect::<alloc::vec::Vec<_>>();
        for header in headers {
            if let Some(functions) = functions(header, text, program) {
                let mut functions = functions;
                program.functions.append(&mut functions);
            }
        }
    }

    /// Where the code begins that the table counts from, when the table does not tell: the section of that name.
    fn go_text(&self, program: &Program<'_>) -> u64 {
        use object::{Object, ObjectSection};
        let section = self.elf.as_ref().and_then(|elf| elf.section_by_name(".text"));
        section.map_or_else(|| program.code.first().map_or(0, |code| code.address), |section| section.address())
    }

    /// Whether the file is a Go program.
    pub fn is_go(&self, program: &Program<'a>) -> bool {
        program.data.iter().any(|data| places(data).next().is_some())
    }
}

/// Where such headers are: what begins there.
fn places<'a>(data: &Bytes<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let bytes = data.bytes;
    // It is aligned to 32 bytes in memory; the data's first byte may not be.
    let first = usize::try_from(data.address.wrapping_neg() % 8).unwrap_or_default();
    let words = (first..bytes.len()).step_by(8);
    words
        .filter_map(move |place| bytes.get(place..).filter(|bytes| MAGICS.iter().any(|magic| bytes.starts_with(magic))))
}

/// The functions of the table that begins with `bytes`. None where it does not fit the code.
fn functions(bytes: &[u8], text: u64, program: &Program<'_>) -> Option<alloc::vec::Vec<core::ops::Range<u64>>> {
    let field = |index: usize| {
        let bytes = bytes.get(8 + 8 * index..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let count = field(0)?;
    let told = field(2)?;
    // Since Go 1.25 the field is left zero.
    let start = if told == 0 { text } else { told };
    let table = bytes.get(usize::try_from(field(7)?).ok()?..)?;
    if count == 0 || count > LIMIT {
        return None;
    }
    let offsets = table.as_chunks::<8>().0.iter().map(|[a, b, c, d, ..]| u32::from_le_bytes([*a, *b, *c, *d]));
    let count = usize::try_from(count).ok()?;
    let offsets: alloc::vec::Vec<u64> =
        offsets.take(count).map(|offset| start.wrapping_add(u64::from(offset))).collect();
    let is_sound = offsets.len() == count && offsets.is_sorted() && offsets.iter().all(|&at| is_in(&program.code, at));
    is_sound.then(|| offsets.into_iter().map(|start| start..start).collect())
}
