//! Random instructions with sites among them, as bytes.

use crate::machine::{DATA, DATA_SIZE};
use proptest::prelude::*;

/// Calls that do no harm and answer the same each time, whatever is in the other registers: `sched_yield`, `getpid`,
/// `getuid`, `getgid`, `geteuid`, and none.
pub(crate) const NUMBERS: [u32; 6] = [24, 39, 102, 104, 107, 999];

/// Registers that instructions may change: all but rax (the number), rsp, and r12, which holds a number.
const FREE: [u8; 12] = [3, 5, 6, 7, 2, 8, 9, 10, 13, 14, 15, 1];

/// What one instruction does.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// Of two registers: opcode of `op r/m64, r64`, destination, source.
    Two(u8, u8, u8),
    /// `mov r32, imm32`
    Immediate(u8, u32),
    /// `add r/m64, imm8` and its like, by the opcode's extension.
    Small(u8, u8, i8),
    /// `lea`, a load or a store of a register, relative to RIP, in the data.
    Relative(u8, u8, u8),
    /// A store to the red zone or a load from it.
    RedZone(bool, u8, u8),
    /// `push` of one register, `pop` of another.
    PushPop(u8, u8),
    /// `cmp rax, imm32`
    CompareResult(i32),
    /// `nop` of a length from 1 to 9.
    Nop(usize),
    /// `cmovcc`
    Move(u8, u8, u8),
    /// `setcc`, to the data.
    Set(u8, u8),
    /// A conditional branch over so many items of the same block, in its long form if asked for.
    Branch(u8, usize, bool),
    /// Something that changes rax: a register's value.
    Result(u8),
}

/// How a site gets its number.
#[derive(Clone, Debug)]
pub(crate) enum Load {
    /// `mov eax, imm32`
    Short(u32),
    /// `mov rax, imm32`
    Long(u32),
    /// `mov rax, r12`
    Register,
    /// `mov rax, [rip+…]`: the data's last word
    Memory,
    /// `mov eax, imm32` of a number that is then overwritten by `mov rax, r12`.
    Overwritten(u32),
}

/// A site and what is around it.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) load: Load,
    /// Between the load and the site: nothing of it changes rax.
    pub(crate) before: Vec<Item>,
    pub(crate) after: Vec<Item>,
}

fn register() -> impl Strategy<Value = u8> {
    prop::sample::select(&FREE[..])
}

fn any_register() -> impl Strategy<Value = u8> {
    // rsp's value would be seen, and is the same in all runs.
    0_u8..16
}

fn item() -> impl Strategy<Value = Item> {
    // add, or, and, sub, xor, cmp, test, mov
    let two = prop::sample::select(&[0x01_u8, 0x09, 0x21, 0x29, 0x31, 0x39, 0x85, 0x89][..]);
    prop_oneof![
        6 => (two, register(), any_register()).prop_map(|(opcode, to, from)| Item::Two(opcode, to, from)),
        2 => (register(), any::<u32>()).prop_map(|(to, value)| Item::Immediate(to, value)),
        2 => (0_u8..8, register(), any::<i8>()).prop_map(|(kind, to, value)| Item::Small(kind, to, value)),
        4 => (prop::sample::select(&[0x8d_u8, 0x8b, 0x89][..]), register(), 0_u8..24)
            .prop_map(|(opcode, register, word)| Item::Relative(opcode, register, word)),
        3 => (any::<bool>(), register(), 1_u8..=16).prop_map(|(store, register, word)| Item::RedZone(store, register, word)),
        1 => (any_register(), register()).prop_map(|(from, to)| Item::PushPop(from, to)),
        2 => any::<i32>().prop_map(Item::CompareResult),
        1 => (1_usize..=9).prop_map(Item::Nop),
        1 => (0_u8..16, register(), any_register()).prop_map(|(condition, to, from)| Item::Move(condition, to, from)),
        1 => (0_u8..16, 0_u8..24).prop_map(|(condition, word)| Item::Set(condition, word)),
        2 => (0_u8..16, 0_usize..4, any::<bool>())
            .prop_map(|(condition, over, long)| Item::Branch(condition, over, long)),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    let number = || prop::sample::select(&NUMBERS[..]);
    let load = prop_oneof![
        2 => number().prop_map(Load::Short),
        1 => number().prop_map(Load::Long),
        1 => Just(Load::Register),
        1 => Just(Load::Memory),
        1 => number().prop_map(Load::Overwritten),
    ];
    let after = prop_oneof![8 => item(), 1 => any_register().prop_map(Item::Result)];
    (load, prop::collection::vec(item(), 0..5), prop::collection::vec(after, 0..4))
        .prop_map(|(load, before, after)| Block { load, before, after })
}

/// Functions, each of blocks.
pub(crate) fn functions() -> impl Strategy<Value = Vec<Vec<Block>>> {
    prop::collection::vec(prop::collection::vec(block(), 1..4), 1..3)
}

/// Code and where it begins and ends.
pub(crate) struct Assembled {
    pub(crate) code: Vec<u8>,
    pub(crate) functions: Vec<std::ops::Range<u64>>,
    /// Addresses of the `syscall` instructions.
    pub(crate) sites: Vec<u64>,
    /// Where each instruction begins.
    pub(crate) starts: Vec<u64>,
}

/// Writes functions from an address on. Each ends by a jump to the next one's start, the last by one to the exit; the
/// jumps go through a pointer, so that what they lead to is far away.
pub(crate) fn assemble(functions: &[Vec<Block>], address: u64, exit: u64) -> Assembled {
    let mut done = Assembled { code: Vec::new(), functions: Vec::new(), sites: Vec::new(), starts: Vec::new() };
    for (index, blocks) in functions.iter().enumerate() {
        let start = address + done.code.len() as u64;
        for block in blocks {
            done.block(block, address);
        }
        let at = done.code.len();
        done.starts.push(address + at as u64);
        // jmp [rip+0] and the target; or, to the next function, a short jump over the padding.
        let is_last = index + 1 == functions.len();
        if is_last {
            done.code.extend([0xff, 0x25, 0, 0, 0, 0]);
            done.functions.push(start..address + done.code.len() as u64);
            done.code.extend(exit.to_le_bytes());
        } else {
            done.code.extend([0xe9, 0, 0, 0, 0]);
            let end = done.code.len();
            done.functions.push(start..address + end as u64);
            let padding = 16 - end % 16;
            done.code.splice(end - 4..end, (padding as u32).to_le_bytes());
            done.pad(padding);
        }
    }
    done
}

impl Assembled {
    /// Padding, as compilers write it.
    fn pad(&mut self, size: usize) {
        let mut left = size;
        while left > 0 {
            let piece = left.min(9);
            self.code.extend(nop(piece));
            left -= piece;
        }
    }

    fn block(&mut self, block: &Block, address: u64) {
        self.starts.push(address + self.code.len() as u64);
        match block.load {
            Load::Short(number) => {
                self.code.push(0xb8);
                self.code.extend(number.to_le_bytes());
            }
            Load::Long(number) => {
                self.code.extend([0x48, 0xc7, 0xc0]);
                self.code.extend(number.to_le_bytes());
            }
            Load::Overwritten(number) => {
                self.code.push(0xb8);
                self.code.extend(number.to_le_bytes());
                self.starts.push(address + self.code.len() as u64);
                self.code.extend([0x4c, 0x89, 0xe0]);
            }
            Load::Register => self.code.extend([0x4c, 0x89, 0xe0]),
            Load::Memory => self.relative(0x8b, 0, (DATA_SIZE / 8 - 1) as u8, address),
        }
        // Where each item begins, and branches to be filled in: place of the displacement, its size, target.
        let mut items = Vec::new();
        let mut open = Vec::new();
        let site = block.before.len();
        for (index, item) in block.before.iter().map(Some).chain([None]).chain(block.after.iter().map(Some)).enumerate()
        {
            items.push(self.code.len());
            self.starts.push(address + self.code.len() as u64);
            match item {
                None => {
                    self.sites.push(address + self.code.len() as u64);
                    self.code.extend([0x0f, 0x05]);
                }
                // Never from before the site to behind something that changes rax: the site would get another number.
                Some(Item::Branch(condition, over, long)) => {
                    let target = index + 1 + over;
                    if *long {
                        self.code.extend([0x0f, 0x80 | condition, 0, 0, 0, 0]);
                        open.push((self.code.len() - 4, 4, target));
                    } else {
                        self.code.extend([0x70 | condition, 0]);
                        open.push((self.code.len() - 1, 1, target));
                    }
                }
                Some(item) => self.item(item, address),
            }
        }
        debug_assert!(site < items.len());
        items.push(self.code.len());
        for (place, size, target) in open {
            let target = items[target.min(items.len() - 1)];
            let distance = (target - place - size) as u32;
            self.code.splice(place..place + size, distance.to_le_bytes()[..size].to_vec());
        }
    }

    fn relative(&mut self, opcode: u8, register: u8, word: u8, address: u64) {
        self.code.extend([0x48 | register >> 3 << 2, opcode, (register & 7) << 3 | 5]);
        let end = address + self.code.len() as u64 + 4;
        let target = DATA + 8 * u64::from(word);
        self.code.extend((target.wrapping_sub(end) as i32).to_le_bytes());
    }

    fn item(&mut self, item: &Item, address: u64) {
        match *item {
            Item::Two(opcode, to, from) => {
                self.code.extend([0x48 | from >> 3 << 2 | to >> 3, opcode, 0xc0 | (from & 7) << 3 | to & 7]);
            }
            Item::Immediate(to, value) => {
                if to >= 8 {
                    self.code.push(0x41);
                }
                self.code.push(0xb8 | to & 7);
                self.code.extend(value.to_le_bytes());
            }
            Item::Small(kind, to, value) => {
                self.code.extend([0x48 | to >> 3, 0x83, 0xc0 | kind << 3 | to & 7, value.cast_unsigned()]);
            }
            Item::Relative(opcode, register, word) => self.relative(opcode, register, word, address),
            Item::RedZone(store, register, word) => {
                let opcode = if store { 0x89 } else { 0x8b };
                let distance = (-8 * i16::from(word)) as u8;
                self.code.extend([0x48 | register >> 3 << 2, opcode, (register & 7) << 3 | 0x44, 0x24, distance]);
            }
            Item::PushPop(from, to) => {
                self.code.extend((from >= 8).then_some(0x41));
                self.code.push(0x50 | from & 7);
                self.starts.push(address + self.code.len() as u64);
                self.code.extend((to >= 8).then_some(0x41));
                self.code.push(0x58 | to & 7);
            }
            Item::CompareResult(value) => {
                self.code.extend([0x48, 0x3d]);
                self.code.extend(value.to_le_bytes());
            }
            Item::Nop(length) => self.code.extend(nop(length)),
            Item::Move(condition, to, from) => {
                self.code.extend([
                    0x48 | to >> 3 << 2 | from >> 3,
                    0x0f,
                    0x40 | condition,
                    0xc0 | (to & 7) << 3 | from & 7,
                ]);
            }
            Item::Set(condition, word) => {
                self.code.extend([0x0f, 0x90 | condition, 0x05]);
                let end = address + self.code.len() as u64 + 4;
                self.code.extend(((DATA + 8 * u64::from(word)).wrapping_sub(end) as i32).to_le_bytes());
            }
            Item::Result(from) => {
                self.code.extend([0x48 | from >> 3 << 2, 0x89, 0xc0 | (from & 7) << 3]);
            }
            Item::Branch(..) => unreachable!("written by the block"),
        }
    }
}

/// Intel's recommended `nop`s (SDM volume 2, NOP).
fn nop(length: usize) -> &'static [u8] {
    match length {
        1 => &[0x90],
        2 => &[0x66, 0x90],
        3 => &[0x0f, 0x1f, 0x00],
        4 => &[0x0f, 0x1f, 0x40, 0],
        5 => &[0x0f, 0x1f, 0x44, 0, 0],
        6 => &[0x66, 0x0f, 0x1f, 0x44, 0, 0],
        7 => &[0x0f, 0x1f, 0x80, 0, 0, 0, 0],
        8 => &[0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        _ => &[0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    }
}
