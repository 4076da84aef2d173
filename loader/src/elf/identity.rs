//! Whether a file is a 64-bit x86-64 ELF program at all, and what it is if not.

use super::{FILE_HEADER_SIZE, Window};
use crate::error::Error;
use crate::plan::Kind;
use crate::script::Script;
use crate::source::Source;
use xmas_elf::header::Type as FileType;

const EM_X86_64: u16 = 62;

/// What the ELF header says of the whole file.
pub(super) struct Identity {
    pub(super) kind: Kind,
    pub(super) entry: u64,
}

impl Identity {
    /// Refuses all that is no x86-64 program.
    pub(super) fn check(file: &(impl Source + ?Sized), window: &Window, size: u64) -> Result<Identity, Error> {
        let bytes = &window.bytes;
        let [0x7f, b'E', b'L', b'F', class, data, version, ..] = *bytes else {
            return Err(not_elf(file, bytes.get(..size.min(256) as usize).unwrap_or(bytes)));
        };
        if size < FILE_HEADER_SIZE as u64 {
            return Err(Error::HeaderTruncated { size });
        }
        let machine = [bytes[18], bytes[19]];
        match data {
            1 => {}
            2 => {
                return Err(Error::NotLittleEndian { machine: u16::from_be_bytes(machine) });
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
        let header = xmas_elf::header::parse_header(bytes).map_err(Error::Damaged)?.pt2;
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
        Err(error) if error.error_len().is_none() => start.get(..error.valid_up_to()).unwrap_or_default(),
        Err(_) => &[],
    };
    let is_control = |&byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    if letters.is_empty() || letters.iter().any(is_control) { Error::NotElf } else { Error::Text }
}
