//! Where exceptions land: the call-site tables of a language-specific data area, as GCC and LLVM lay it out
//! (`.gcc_except_table`; gimli leaves it to its users).

use alloc::vec::Vec;
use gimli::{EndianSlice, LittleEndian, Reader};

/// `DW_EH_PE_omit`
const OMITTED: u8 = 0xff;
/// Call sites that are looked at; more than any function has.
const LIMIT: usize = 1 << 16;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The addresses of all landing pads in the area that begins with `bytes`, for a function at `start`. Where the area
/// is damaged or of an unknown form, those that could be read.
pub(super) fn landing_pads(bytes: &[u8], start: u64) -> Vec<u64> {
    let mut pads = Vec::new();
    // A reading that fails has said all it can.
    let _ = read(EndianSlice::new(bytes, LittleEndian), start, &mut pads);
    pads
}

fn read(mut area: Slice<'_>, start: u64, pads: &mut Vec<u64>) -> gimli::Result<()> {
    let base = match area.read_u8()? {
        OMITTED => start,
        // Where landing pads count from. No compiler writes one that is relative.
        encoding => number(&mut area, encoding)?,
    };
    if area.read_u8()? != OMITTED {
        area.read_uleb128()?;
    }
    let encoding = area.read_u8()?;
    let length = usize::try_from(area.read_uleb128()?).unwrap_or(usize::MAX).min(area.len());
    let mut sites = area.split(length)?;
    for _ in 0..LIMIT {
        if sites.is_empty() {
            break;
        }
        let (_start, _length) = (number(&mut sites, encoding)?, number(&mut sites, encoding)?);
        let pad = number(&mut sites, encoding)?;
        sites.read_uleb128()?;
        if pad != 0 {
            pads.push(base.wrapping_add(pad));
        }
    }
    Ok(())
}

/// A number by its `DW_EH_PE` encoding.
fn number(from: &mut Slice<'_>, encoding: u8) -> gimli::Result<u64> {
    Ok(match encoding & 0xf {
        0x0 | 0x4 | 0xc => from.read_u64()?,
        0x1 => from.read_uleb128()?,
        0x2 => u64::from(from.read_u16()?),
        0x3 => u64::from(from.read_u32()?),
        0x9 => from.read_sleb128()?.cast_unsigned(),
        0xa => i64::from(from.read_i16()?).cast_unsigned(),
        0xb => i64::from(from.read_i32()?).cast_unsigned(),
        _ => return Err(gimli::Error::UnknownPointerEncoding(gimli::DwEhPe(encoding))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_count_from_the_function() {
        // No base, no types, uleb128; two sites, the first without a landing pad.
        let area = [0xff, 0xff, 0x01, 9, 0, 5, 0, 0, 5, 9, 0x90, 0x01, 1];
        assert_eq!(landing_pads(&area, 0x1000), [0x1090]);
        // Cut off in the second.
        assert_eq!(landing_pads(&area[..11], 0x1000), []);
        assert_eq!(landing_pads(&[], 0x1000), []);
        assert_eq!(landing_pads(&[0xff, 0xff, 0x07, 4, 1, 2, 3, 4], 0), []);
    }
}
