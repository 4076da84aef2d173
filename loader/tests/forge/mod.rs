//! ELF files made by hand.

/// A `PT_LOAD` header's type.
pub(crate) const LOAD: u32 = 1;
/// `PT_INTERP`.
pub(crate) const INTERP: u32 = 3;
/// `PT_GNU_STACK`.
pub(crate) const GNU_STACK: u32 = 0x6474_e551;
/// Readable and executable.
pub(crate) const RX: u32 = 5;
/// Readable and writable.
pub(crate) const RW: u32 = 6;
/// Readable.
pub(crate) const R: u32 = 4;

/// A program header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) file_size: u64,
    pub(crate) memory_size: u64,
    pub(crate) alignment: u64,
}

/// A segment with all its memory from the file.
pub(crate) fn load(flags: u32, offset: u64, address: u64, size: u64) -> Header {
    let alignment = 0x1000;
    Header { kind: LOAD, flags, offset, address, file_size: size, memory_size: size, alignment }
}

impl Header {
    pub(crate) fn memory(self, memory_size: u64) -> Header {
        Header { memory_size, ..self }
    }

    pub(crate) fn aligned(self, alignment: u64) -> Header {
        Header { alignment, ..self }
    }

    pub(crate) fn kind(self, kind: u32) -> Header {
        Header { kind, ..self }
    }
}

/// An ELF file to be.
#[derive(Clone, Debug)]
pub(crate) struct Forge {
    pub(crate) class: u8,
    pub(crate) order: u8,
    pub(crate) kind: u16,
    pub(crate) machine: u16,
    pub(crate) entry: u64,
    pub(crate) table_offset: u64,
    pub(crate) entry_size: u16,
    pub(crate) headers: Vec<Header>,
    pub(crate) size: usize,
}

/// A fixed program of 0x3000 bytes that starts at 0x401000.
pub(crate) fn fixed(headers: &[Header]) -> Forge {
    Forge {
        class: 2,
        order: 1,
        kind: 2,
        machine: 62,
        entry: 0x40_1000,
        table_offset: 64,
        entry_size: 56,
        headers: headers.to_vec(),
        size: 0x3000,
    }
}

/// A PIE of 0x3000 bytes that starts at 0x1000.
pub(crate) fn pie(headers: &[Header]) -> Forge {
    Forge { kind: 3, entry: 0x1000, ..fixed(headers) }
}

impl Forge {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.size];
        let mut put = |place: usize, part: &[u8]| {
            let end = place + part.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[place..end].copy_from_slice(part);
        };
        put(0, b"\x7fELF");
        put(4, &[self.class, self.order, 1]);
        put(16, &self.kind.to_le_bytes());
        put(18, &self.machine.to_le_bytes());
        put(20, &1_u32.to_le_bytes());
        put(24, &self.entry.to_le_bytes());
        put(32, &self.table_offset.to_le_bytes());
        put(52, &64_u16.to_le_bytes());
        put(54, &self.entry_size.to_le_bytes());
        put(56, &u16::try_from(self.headers.len()).unwrap().to_le_bytes());
        let mut place = usize::try_from(self.table_offset).unwrap_or(usize::MAX);
        for header in &self.headers {
            if place > 1 << 24 {
                break; // a table far outside is only claimed
            }
            put(place, &header.kind.to_le_bytes());
            put(place + 4, &header.flags.to_le_bytes());
            let numbers =
                [header.offset, header.address, header.address, header.file_size, header.memory_size, header.alignment];
            for (index, number) in numbers.iter().enumerate() {
                put(place + 8 + 8 * index, &number.to_le_bytes());
            }
            place += 56;
        }
        bytes
    }
}
