//! What is known of each byte of code.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use iced_x86::{ConstantOffsets, Decoder, DecoderOptions, Instruction};

use super::Bytes;

/// An instruction begins here.
pub(super) const START: u8 = 1;
/// An instruction has another byte of it here.
pub(super) const INSIDE: u8 = 2;
/// Something may jump here.
pub(super) const TARGET: u8 = 4;
/// A function begins here.
pub(super) const FUNCTION: u8 = 8;
/// Two readings contradict each other here.
pub(super) const CONTRADICTION: u8 = 16;
/// A known function ends before this byte.
pub(super) const END: u8 = 32;
/// What cannot be run: padding behind something that never goes on.
pub(super) const PADDING: u8 = 64;

/// Code or data holds this address.
pub(super) const KNOWN: u8 = 128;

/// A run of code and a mark for each byte.
pub(super) struct Region<'a> {
    pub(super) address: u64,
    pub(super) bytes: &'a [u8],
    pub(super) marks: Vec<u8>,
    decoder: Decoder<'a>,
}

/// All code.
pub(super) struct Map<'a> {
    /// Sorted by address.
    pub(super) regions: Vec<Region<'a>>,
    recent: Cell<usize>,
}

impl Region<'_> {
    /// The address behind the last byte.
    pub(super) fn end(&self) -> u64 {
        self.address.saturating_add(self.bytes.len() as u64)
    }
}

impl<'a> Map<'a> {
    pub(super) fn new(code: &[Bytes<'a>]) -> Map<'a> {
        let mut regions: Vec<Region<'a>> = code
            .iter()
            .map(|code| Region {
                address: code.address,
                bytes: code.bytes,
                marks: vec![0; code.bytes.len()],
                decoder: Decoder::with_ip(64, code.bytes, code.address, DecoderOptions::NONE),
            })
            .collect();
        regions.sort_by_key(|region| region.address);
        Map { regions, recent: Cell::new(0) }
    }

    fn find(&self, address: u64) -> Option<(usize, usize)> {
        let within = |region: &Region<'_>| {
            let offset = usize::try_from(address.checked_sub(region.address)?).ok()?;
            (offset < region.bytes.len()).then_some(offset)
        };
        // Most questions are about the same region as the last one.
        let recent = self.recent.get();
        if let Some(offset) = self.regions.get(recent).and_then(within) {
            return Some((recent, offset));
        }
        let index = self.regions.partition_point(|region| region.address <= address).checked_sub(1)?;
        let offset = within(self.regions.get(index)?)?;
        self.recent.set(index);
        Some((index, offset))
    }

    /// Whether there is code at this address.
    pub(super) fn contains(&self, address: u64) -> bool {
        self.find(address).is_some()
    }

    /// The marks of a byte; none outside of code.
    pub(super) fn marks(&self, address: u64) -> u8 {
        self.find(address)
            .and_then(|(index, offset)| self.regions.get(index)?.marks.get(offset).copied())
            .unwrap_or_default()
    }

    /// Adds marks to a byte.
    pub(super) fn mark(&mut self, address: u64, marks: u8) {
        let Some((index, offset)) = self.find(address) else { return };
        if let Some(byte) = self.regions.get_mut(index).and_then(|region| region.marks.get_mut(offset)) {
            *byte |= marks;
        }
    }

    /// The bytes at an address, and those behind in the same region.
    pub(super) fn bytes(&self, address: u64) -> &'a [u8] {
        let found = self.find(address).and_then(|(index, offset)| self.regions.get(index)?.bytes.get(offset..));
        found.unwrap_or_default()
    }

    /// The instruction whose first byte is at this address. None where there is none.
    pub(super) fn decode(&mut self, address: u64) -> Option<Instruction> {
        let (index, offset) = self.find(address)?;
        let decoder = &mut self.regions.get_mut(index)?.decoder;
        decoder.set_position(offset).ok()?;
        decoder.set_ip(address);
        let instruction = decoder.decode();
        (!instruction.is_invalid()).then_some(instruction)
    }

    /// Where in its bytes an instruction just decoded has its displacement and immediate.
    pub(super) fn constant_offsets(&mut self, instruction: &Instruction) -> Option<ConstantOffsets> {
        let (index, _) = self.find(instruction.ip())?;
        let again = self.decode(instruction.ip())?;
        Some(self.regions.get(index)?.decoder.get_constant_offsets(&again))
    }

    /// The instruction in front of the one at `address`, by the marks.
    pub(super) fn before(&mut self, address: u64) -> Option<Instruction> {
        let start = (1..=15).filter_map(|back| address.checked_sub(back)).find(|&at| self.marks(at) & START != 0)?;
        self.decode(start).filter(|instruction| instruction.next_ip() == address)
    }

    /// Marks an instruction. False, with all its bytes marked as a contradiction, where another reading has been
    /// marked already.
    pub(super) fn claim(&mut self, instruction: &Instruction) -> bool {
        let found = self.find(instruction.ip());
        let region = found.and_then(|(index, offset)| Some((self.regions.get_mut(index)?, offset)));
        let bytes = region.and_then(|(region, offset)| region.marks.get_mut(offset..offset + instruction.len()));
        let Some((first, rest)) = bytes.and_then(<[u8]>::split_first_mut) else { return false };
        let fits = *first & INSIDE == 0 && rest.iter().all(|marks| marks & (START | FUNCTION) == 0);
        let (of_first, of_rest) = if fits { (START, INSIDE) } else { (CONTRADICTION, CONTRADICTION) };
        *first |= of_first;
        rest.iter_mut().for_each(|marks| *marks |= of_rest);
        fits
    }
}
