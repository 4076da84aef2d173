//! How long an instruction is, without a decoder's tables.
//!
//! A full decoder costs the guest a megabyte of heap and millions of instructions at its first use. Where only lengths
//! are wanted, in a kernel that may have 5 MiB in all, this is enough: the opcode maps of the SDM, volume 2, appendix
//! A, in 64-bit mode. It is lenient: some bytes that are no instruction have a length, too. The unit tests hold it
//! against `iced-x86`.

/// The longest instruction.
pub(crate) const LONGEST: usize = 15;

/// Bytes of the instruction that `code` begins with. `None`: it is none, or goes on behind the end of `code`.
pub(crate) fn length(code: &[u8]) -> Option<usize> {
    let mut cursor = Cursor { code, at: 0 };
    let (mut operand_16, mut address_32, mut repeat, mut wide) = (false, false, false, false);
    let opcode = loop {
        match cursor.byte()? {
            0x66 => (operand_16, wide) = (true, false),
            0x67 => (address_32, wide) = (true, false),
            0xf2 => (repeat, wide) = (true, false),
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf3 => wide = false,
            // REX counts right before the opcode alone.
            rex @ 0x40..=0x4f => wide = rex & 8 != 0,
            opcode => break opcode,
        }
    };
    let full = if operand_16 && !wide { 2 } else { 4 };
    match opcode {
        0x0f => two_bytes(&mut cursor, operand_16 || repeat)?,
        0xc5 => {
            cursor.skip(1);
            let opcode = cursor.byte()?;
            vector(&mut cursor, 1, opcode)?;
        }
        0xc4 => {
            let map = cursor.byte()? & 0x1f;
            cursor.skip(1);
            let opcode = cursor.byte()?;
            vector(&mut cursor, map, opcode)?;
        }
        0x62 => {
            let map = cursor.byte()? & 7;
            cursor.skip(2);
            let opcode = cursor.byte()?;
            vector(&mut cursor, map, opcode)?;
        }
        0xa0..=0xa3 => cursor.skip(if address_32 { 4 } else { 8 }),
        0xb8..=0xbf => cursor.skip(if wide { 8 } else { full }),
        0xf6 | 0xf7 => {
            // TEST has an immediate, the others of this group have none.
            if cursor.operand()? < 2 {
                cursor.skip(if opcode == 0xf6 { 1 } else { full });
            }
        }
        _ => one_byte(&mut cursor, opcode, full)?,
    }
    (cursor.at <= code.len() && cursor.at <= LONGEST).then_some(cursor.at)
}

struct Cursor<'a> {
    code: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.code.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// Passes ModR/M, SIB and displacement (SDM volume 2, 2.1.5); gives ModR/M's middle field.
    fn operand(&mut self) -> Option<u8> {
        let modrm = self.byte()?;
        let (mode, register, memory) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
        if mode == 3 {
            return Some(register);
        }
        let base = if memory == 4 { self.byte()? & 7 } else { memory };
        self.skip(match (mode, base) {
            (0, 5) | (2, _) => 4,
            (1, _) => 1,
            _ => 0,
        });
        Some(register)
    }
}

/// Opcodes of one byte that the caller has not dealt with. `full`: the bytes of a full immediate.
fn one_byte(cursor: &mut Cursor<'_>, opcode: u8, full: usize) -> Option<()> {
    let (has_operand, immediate) = match opcode {
        0x06 | 0x07 | 0x0e | 0x16 | 0x17 | 0x1e | 0x1f | 0x27 | 0x2f | 0x37 | 0x3f => return None,
        0x60 | 0x61 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => return None,
        0x00..=0x3f => match opcode & 7 {
            0..=3 => (true, 0),
            4 => (false, 1),
            _ => (false, full),
        },
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => (true, 0),
        0x69 | 0x81 | 0xc7 => (true, full),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => (true, 1),
        0x68 | 0xa9 => (false, full),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => (false, 1),
        0xe8 | 0xe9 => (false, 4),
        0xc2 | 0xca => (false, 2),
        0xc8 => (false, 3),
        _ => (false, 0),
    };
    if has_operand {
        cursor.operand()?;
    }
    cursor.skip(immediate);
    Some(())
}

/// Opcodes behind `0f`. `is_prefixed`: by `66` or `f2`.
fn two_bytes(cursor: &mut Cursor<'_>, is_prefixed: bool) -> Option<()> {
    let (has_operand, immediate) = match cursor.byte()? {
        0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x36 | 0x39 | 0x3b..=0x3f | 0x7a | 0x7b => return None,
        0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => (false, 0),
        0x80..=0x8f => (false, 4),
        // Control and debug registers: the mode field of ModR/M counts as 3.
        0x20..=0x23 => (false, 1),
        0x38 => {
            cursor.skip(1);
            (true, 0)
        }
        0x3a => {
            cursor.skip(1);
            (true, 1)
        }
        // EXTRQ and INSERTQ of SSE4a have two; behind VMREAD there is none.
        0x78 => (true, if is_prefixed { 2 } else { 0 }),
        opcode => (true, usize::from(has_byte(opcode) || matches!(opcode, 0x0f | 0xa4 | 0xac | 0xba))),
    };
    if has_operand {
        cursor.operand()?;
    }
    cursor.skip(immediate);
    Some(())
}

/// Whether an SSE opcode of the map `0f` has an immediate byte.
const fn has_byte(opcode: u8) -> bool {
    matches!(opcode, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6)
}

/// What follows a VEX or EVEX prefix.
fn vector(cursor: &mut Cursor<'_>, map: u8, opcode: u8) -> Option<()> {
    let immediate = match (map, opcode) {
        // VZEROUPPER, VZEROALL.
        (1, 0x77) => return Some(()),
        (1, _) => usize::from(has_byte(opcode)),
        (2 | 5 | 6, _) => 0,
        (3, _) => 1,
        _ => return None,
    };
    cursor.operand()?;
    cursor.skip(immediate);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions};
    use std::vec::Vec;

    /// The decoder's answer.
    fn decoded(code: &[u8]) -> Option<usize> {
        let instruction = Decoder::with_ip(64, code, 0, DecoderOptions::NONE).decode();
        (!instruction.is_invalid()).then(|| instruction.len())
    }

    fn check(code: &[u8]) {
        if let Some(wanted) = decoded(code) {
            assert_eq!(length(code), Some(wanted), "{code:02x?}");
        }
    }

    #[test]
    fn every_opcode_with_every_operand_byte() {
        let prefixes: [&[u8]; 12] = [
            &[],
            &[0x66],
            &[0x67],
            &[0xf2],
            &[0xf3],
            &[0x48],
            &[0x66, 0x48],
            &[0x48, 0x66],
            &[0xf3, 0x66, 0x41],
            &[0x66, 0xf2],
            &[0x64, 0xf0],
            &[0x4f, 0x67],
        ];
        let maps: [&[u8]; 4] = [&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
        for (prefix, map) in prefixes.iter().flat_map(|prefix| maps.iter().map(move |map| (prefix, map))) {
            // Prefixes do not change what an operand's bytes mean.
            let step = if prefix.is_empty() { 1 } else { 7 };
            for opcode in 0..=255 {
                for operand in (0..=255).step_by(step) {
                    for scale in [0x25, 0x00] {
                        let mut code = [*prefix, *map, &[opcode, operand, scale]].concat();
                        code.resize(24, 0x11);
                        check(&code);
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_of_every_kind() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..300_000_u64 {
            let mut code: Vec<u8> = (0..3).flat_map(|_| next().to_le_bytes()).collect();
            // The vector prefixes more often than they would come by themselves.
            match round % 8 {
                0 => code[0] = 0xc5,
                1 => code[..2].copy_from_slice(&[0xc4, 0xe0 | next() as u8 & 3]),
                2 => code[..2].copy_from_slice(&[0x62, 0xf0 | next() as u8 & 7]),
                3 => code[0] = 0x0f,
                _ => {}
            }
            check(&code);
        }
    }

    #[test]
    fn what_is_cut_off_has_no_length() {
        for code in [&[][..], &[0x0f], &[0x48], &[0xb8, 1, 2, 3], &[0x8b, 0x45], &[0xc5, 0xf8], &[0x66; 20]] {
            assert_eq!(length(code), None, "{code:02x?}");
        }
    }
}
