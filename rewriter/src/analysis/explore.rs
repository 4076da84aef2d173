//! Decodes all that can be proved to be code, and notes all that something may jump to.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Range;
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::flow::{Flow, is_improbable, is_padding};
use super::map::{CONTRADICTION, END, FUNCTION, INSIDE, KNOWN, Map, PADDING, START, TARGET};
use super::{Bytes, Program};

/// Entries of a jump table that are looked at.
const LONGEST_TABLE: usize = 4096;
/// Instructions of a piece of code whose surroundings need not be looked at.
const LONG_ENOUGH: usize = 24;
/// Instructions that are enough to believe a piece of code.
const LONGEST_TRIAL: usize = 1 << 14;

/// The exploration of a program.
pub(super) struct Explorer<'a, 'b> {
    pub(super) map: Map<'a>,
    program: &'b Program<'a>,
    data: Vec<Bytes<'a>>,
    /// Functions to be decoded.
    functions: Vec<u64>,
    /// Addresses that are likely to be code.
    likely: Vec<u64>,
    /// Addresses among the code that code loads from: data.
    loaded: BTreeSet<u64>,
    /// Places in the data that code refers to: perhaps jump tables.
    tables: Vec<u64>,
}

impl<'a, 'b> Explorer<'a, 'b> {
    pub(super) fn new(program: &'b Program<'a>) -> Explorer<'a, 'b> {
        let mut map = Map::new(&program.code);
        for function in &program.functions {
            map.mark(function.start, FUNCTION | TARGET);
            if !function.is_empty() {
                map.mark(function.end, END);
            }
        }
        program.targets.iter().for_each(|&target| map.mark(target, TARGET));
        program.pointers.iter().for_each(|&pointer| map.mark(pointer, TARGET | KNOWN));
        let mut data: Vec<Bytes<'a>> = program.data.clone();
        data.sort_by_key(|data| data.address);
        let mut functions: Vec<u64> = program.functions.iter().map(|function| function.start).collect();
        functions.sort_unstable_by(|a, b| b.cmp(a));
        functions.dedup();
        let likely = program.pointers.clone();
        Explorer { map, program, data, functions, likely, loaded: BTreeSet::new(), tables: Vec::new() }
    }

    /// Decodes until nothing new comes.
    pub(super) fn explore(&mut self) {
        self.settle();
        self.fill_gaps();
        self.settle();
        self.fill_gaps();
        self.suspect_the_rest();
    }

    /// Notes the targets of what may be branches in bytes of which nothing is known.
    fn suspect_the_rest(&mut self) {
        let regions = self.map.regions.iter().map(|region| (region.address, region.end()));
        for (mut address, end) in regions.collect::<Vec<_>>() {
            while address < end {
                let known = self.map.marks(address) & (START | INSIDE | PADDING) != 0;
                let instruction = if known { None } else { self.map.decode(address) };
                let Some(instruction) = instruction else {
                    address = address.saturating_add(1);
                    continue;
                };
                if let Flow::Branch(target) | Flow::Jump(target) | Flow::Call(target) = Flow::of(&instruction) {
                    self.map.mark(target, TARGET);
                }
                if instruction.is_ip_rel_memory_operand() {
                    self.map.mark(instruction.ip_rel_memory_address(), TARGET);
                }
                address = instruction.next_ip();
            }
        }
    }

    /// Follows functions, jump tables and pointers until there is none left.
    fn settle(&mut self) {
        loop {
            while let Some(function) = self.functions.pop() {
                self.descend(function);
            }
            if self.read_tables() {
                continue;
            }
            let mut likely = core::mem::take(&mut self.likely);
            likely.sort_unstable();
            likely.dedup();
            for &address in &likely {
                if self.map.marks(address) & (START | INSIDE | CONTRADICTION) == 0 && self.is_plausible(address) {
                    self.descend(address);
                }
            }
            if self.functions.is_empty() && self.tables.is_empty() && self.likely.is_empty() {
                return;
            }
        }
    }

    /// Decodes from `start` on along all ways that control may take.
    fn descend(&mut self, start: u64) {
        let mut open = Vec::from([start]);
        while let Some(start) = open.pop() {
            let mut address = start;
            loop {
                let marks = self.map.marks(address);
                if marks & START != 0 || !self.map.contains(address) {
                    break;
                }
                let Some(instruction) = self.map.decode(address) else {
                    self.map.mark(address, CONTRADICTION);
                    break;
                };
                if !self.map.claim(&instruction) {
                    break;
                }
                let flow = self.note(&instruction);
                if let Flow::Branch(target) | Flow::Jump(target) = flow {
                    open.push(target);
                }
                address = instruction.next_ip();
                let is_call = matches!(flow, Flow::Call(_) | Flow::CallIndirect);
                // A call at a function's end does not return.
                if !flow.goes_on() || is_call && self.map.marks(address) & END != 0 {
                    break;
                }
            }
        }
    }

    /// Notes what the instruction may lead to.
    fn note(&mut self, instruction: &Instruction) -> Flow {
        let flow = Flow::of(instruction);
        match flow {
            Flow::Branch(target) | Flow::Jump(target) => self.map.mark(target, TARGET),
            Flow::Call(target) if self.map.marks(target) & FUNCTION == 0 => {
                self.map.mark(target, TARGET);
                // Where an instruction has another byte already, one of the two readings is wrong.
                if self.map.marks(target) & INSIDE != 0 {
                    self.map.mark(target, CONTRADICTION);
                } else {
                    self.map.mark(target, FUNCTION);
                    self.functions.push(target);
                }
            }
            _ => {}
        }
        if instruction.mnemonic() == Mnemonic::Endbr64 {
            self.map.mark(instruction.ip(), TARGET);
        }
        for operand in 0..instruction.op_count() {
            match instruction.op_kind(operand) {
                OpKind::Memory => match instruction.memory_base() {
                    Register::RIP => {
                        let address = instruction.ip_rel_memory_address();
                        let only_address = matches!(instruction.mnemonic(), Mnemonic::Lea | Mnemonic::Nop);
                        if !only_address && self.map.contains(address) {
                            self.loaded.insert(address);
                        }
                        self.refer(address);
                    }
                    Register::None => self.refer(instruction.memory_displacement64()),
                    // A table below or above a register.
                    _ if self.program.is_fixed && instruction.memory_displ_size() >= 4 => {
                        self.refer(instruction.memory_displacement64());
                    }
                    _ => {}
                },
                OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64 if self.program.is_fixed => {
                    self.refer(instruction.immediate(operand));
                }
                _ => {}
            }
        }
        flow
    }

    /// Code refers to this address.
    fn refer(&mut self, address: u64) {
        if self.map.contains(address) {
            if self.map.marks(address) & KNOWN == 0 {
                self.map.mark(address, TARGET | KNOWN);
                self.likely.push(address);
            }
        } else if self.data_at(address).is_some() {
            self.tables.push(address);
        }
    }

    fn data_at(&self, address: u64) -> Option<&'a [u8]> {
        let index = self.data.partition_point(|data| data.address <= address).checked_sub(1)?;
        self.data.get(index)?.from(address).filter(|bytes| !bytes.is_empty())
    }

    /// Looks at what code refers to as if it were jump tables: 32-bit distances from the table, or whole addresses.
    /// Whether there was anything to look at.
    fn read_tables(&mut self) -> bool {
        let mut tables = core::mem::take(&mut self.tables);
        if tables.is_empty() {
            return false;
        }
        tables.sort_unstable();
        tables.dedup();
        for table in tables {
            let Some(bytes) = self.data_at(table) else { continue };
            let distances = bytes.as_chunks::<4>().0.iter().take(LONGEST_TABLE);
            let distances = distances.map(|distance| i64::from(i32::from_le_bytes(*distance)));
            let addresses: Vec<u64> = distances
                .map(|distance| table.wrapping_add_signed(distance))
                .take_while(|&address| distance_is_sound(table, address) && self.may_begin(address))
                .collect();
            addresses.into_iter().for_each(|address| self.refer(address));
            if self.program.is_fixed {
                let addresses = bytes.as_chunks::<8>().0.iter().take(LONGEST_TABLE);
                let addresses = addresses.map(|address| u64::from_le_bytes(*address));
                let addresses: Vec<u64> = addresses.take_while(|&address| self.may_begin(address)).collect();
                addresses.into_iter().for_each(|address| self.refer(address));
            }
        }
        true
    }

    /// Whether an instruction may begin at this address of code.
    fn may_begin(&self, address: u64) -> bool {
        self.map.contains(address) && self.map.marks(address) & INSIDE == 0
    }

    /// Whether what stands at an address reads like code: all that control may reach from there can be decoded, joins
    /// known code without a contradiction, and holds nothing that compilers never emit. Data does not pass: it reaches
    /// ever more data by its seeming branches.
    ///
    /// A few bytes of data may pass all the same. So where a piece is short, what follows it must be known or padding.
    fn is_plausible(&mut self, start: u64) -> bool {
        let mut seen = BTreeMap::new();
        if !self.try_to_read(start, &mut seen) {
            return false;
        }
        let known = START | INSIDE | FUNCTION | TARGET | PADDING;
        seen.len() >= LONG_ENOUGH
            || seen.values().all(|end| {
                seen.contains_key(end)
                    || !self.map.contains(*end)
                    || self.map.marks(*end) & known != 0
                    || self.map.decode(*end).is_some_and(|next| is_padding(&next))
            })
    }

    /// The same, together with what has been `seen` already: where instructions begin and end.
    fn try_to_read(&mut self, start: u64, seen: &mut BTreeMap<u64, u64>) -> bool {
        let enough = seen.len() + LONGEST_TRIAL;
        let mut open = Vec::from([start]);
        while let Some(start) = open.pop() {
            let mut address = start;
            loop {
                let marks = self.map.marks(address);
                if marks & START != 0 || seen.contains_key(&address) {
                    break;
                }
                let covered = seen.range(..address).next_back().is_some_and(|(_, &end)| end > address);
                if marks & (INSIDE | CONTRADICTION) != 0 || covered {
                    return false;
                }
                let Some(instruction) = self.map.decode(address).filter(|found| !is_improbable(found)) else {
                    return false;
                };
                let end = instruction.next_ip();
                if self.loaded.range(address..end).next().is_some() {
                    return false;
                }
                let mut inside = address.saturating_add(1)..end;
                let covers = seen.range(inside.clone()).next().is_some();
                if covers || inside.any(|address| self.map.marks(address) & (START | FUNCTION) != 0) {
                    return false;
                }
                seen.insert(address, end);
                let flow = Flow::of(&instruction);
                if let Flow::Branch(target) | Flow::Jump(target) | Flow::Call(target) = flow
                    && !self.may_begin(target)
                {
                    return false;
                }
                if let Flow::Branch(target) | Flow::Jump(target) = flow {
                    open.push(target);
                }
                let returns = !matches!(flow, Flow::Call(_) | Flow::CallIndirect) || self.map.marks(end) & END == 0;
                if !flow.goes_on() || !returns {
                    break;
                }
                address = end;
            }
            if seen.len() > enough {
                return true;
            }
        }
        true
    }

    /// Decodes what lies between pieces of known code, where it follows such a piece and ends with the next one.
    fn fill_gaps(&mut self) {
        for region in 0..self.map.regions.len() {
            let Some((mut at, end)) = self.map.regions.get(region).map(|region| (region.address, region.end())) else {
                continue;
            };
            let mut follows = false;
            while at < end {
                let marks = self.map.marks(at);
                if marks & (START | INSIDE | PADDING) != 0 {
                    follows = true;
                    at += 1;
                    continue;
                }
                let is_free = |map: &Map<'_>, address| map.marks(address) & (START | INSIDE | PADDING) == 0;
                let gap = at..(at..end).find(|&address| !is_free(&self.map, address)).unwrap_or(end);
                if follows {
                    self.fill(gap.clone());
                }
                at = gap.end;
            }
        }
    }

    /// Decodes a gap behind known code: padding, then instructions up to one from which control does not go on, then
    /// the next ones. All of the gap must read like code, otherwise it holds data and none of it is believed.
    fn fill(&mut self, gap: Range<u64>) {
        let mut dead = self.map.before(gap.start).is_some_and(|before| !Flow::of(&before).goes_on());
        let mut seen = BTreeMap::new();
        let (mut padding, mut pieces) = (Vec::new(), Vec::new());
        let mut address = gap.start;
        let is_code = loop {
            if address >= gap.end {
                break true;
            }
            if let Some(&end) = seen.get(&address) {
                dead = self.map.decode(address).is_some_and(|instruction| !Flow::of(&instruction).goes_on());
                address = end;
                continue;
            }
            let Some(instruction) = self.map.decode(address).filter(|found| found.next_ip() <= gap.end) else {
                break false;
            };
            let bytes = address..instruction.next_ip();
            let is_target = bytes.clone().any(|address| self.map.marks(address) & (TARGET | FUNCTION) != 0);
            if is_padding(&instruction) && !is_target {
                padding.extend(dead.then_some(bytes.clone()));
                address = bytes.end;
                continue;
            }
            if !self.try_to_read(address, &mut seen) {
                break false;
            }
            pieces.push(address);
        };
        // Padding is padding up to where data begins, too.
        for address in padding.into_iter().flatten() {
            self.map.mark(address, PADDING);
        }
        if is_code {
            pieces.into_iter().for_each(|piece| self.descend(piece));
        }
    }
}

/// Whether a distance in a table is one: not zero, and no address of the table itself.
fn distance_is_sound(table: u64, address: u64) -> bool {
    table != address
}
