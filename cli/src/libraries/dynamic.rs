//! What the dynamic linker reads in a file: `PT_INTERP` and `PT_DYNAMIC` (System V ABI, "Dynamic Linking").

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use object::LittleEndian;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, EM_X86_64, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// A dynamic program's or library's wishes.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    /// The dynamic linker; libraries mostly name none.
    pub(super) interpreter: Option<PathBuf>,
    /// Libraries, in order.
    pub(super) needed: Vec<OsString>,
    /// `DT_RPATH`: where to look for the libraries of this file and of those that it loads.
    pub(super) old_path: Vec<u8>,
    /// `DT_RUNPATH`: where to look for the libraries of this file.
    pub(super) run_path: Vec<u8>,
}

impl Dynamic {
    /// Reads a file. `None` when it is none for x86-64, or damaged; a static program has no wishes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = FileHeader64::<LittleEndian>::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        if header.e_machine(endian) != EM_X86_64 {
            return None;
        }
        let segments = header.program_headers(endian, bytes).ok()?;
        let mut wishes = Self::default();
        for segment in segments {
            if let Some(path) = segment.interpreter(endian, bytes).ok()? {
                wishes.interpreter = Some(OsString::from_vec(path.to_vec()).into());
            }
            let Some(entries) = segment.dynamic(endian, bytes).ok()? else { continue };
            let value = |tag: u32| {
                entries.iter().find(|entry| entry.tag32(endian) == Some(tag)).map(|entry| entry.d_val(endian))
            };
            let (table, size) = (value(DT_STRTAB)?, value(DT_STRSZ)?);
            let at = |segment: &<FileHeader64<LittleEndian> as FileHeader>::ProgramHeader| {
                segment.data_range(endian, bytes, table, size).ok().flatten()
            };
            let strings = segments.iter().find_map(at)?;
            let string = |offset: u64| {
                let rest = strings.get(usize::try_from(offset).ok()?..)?;
                rest.split(|&byte| byte == 0).next().map(<[u8]>::to_vec)
            };
            for entry in entries {
                match entry.tag32(endian) {
                    Some(DT_NEEDED) => wishes.needed.push(OsString::from_vec(string(entry.d_val(endian))?)),
                    Some(DT_RPATH) => wishes.old_path = string(entry.d_val(endian))?,
                    Some(DT_RUNPATH) => wishes.run_path = string(entry.d_val(endian))?,
                    _ => {}
                }
            }
        }
        Some(wishes)
    }
}
