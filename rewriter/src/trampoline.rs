//! Trampolines: what a site's jump leads to.
//!
//! ```text
//!   instructions moved from before the site
//!   the entry: a door's slot, a leaf's code, or the `syscall` itself
//!   instructions moved from after it; the way back
//! ```
//!
//! Where the `syscall` stays in place, or follows a springboard, a door returns right behind it in the program and
//! nothing follows the entry. Otherwise the door returns into the trampoline, which puts the program's address into
//! `rcx`.
//!
//! Where the number is known, the program could still come back (by a twin) to an instruction behind the one that
//! loads it, with another number. For these a second, *cold* part repeats the rest and enters by the general door.

use crate::displacement::JUMP;
use crate::plan::{MAXIMUM_PATCH, Placed, Site};

/// How a trampoline enters the kernel. Slots are run-time addresses of eight bytes that hold a door's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// By the original instruction: for a program that runs on plain Linux.
    Syscall,
    /// By the door that looks at `rax`.
    Any {
        /// Its slot.
        slot: u64,
    },
    /// By a door for the site's known number alone.
    Number {
        /// Its slot.
        slot: u64,
        /// The slot of the door that looks at `rax`.
        any: u64,
    },
    /// Not at all: code that answers the site's known number on the spot. It changes `rax` alone, and not the flags.
    Leaf {
        /// The code.
        code: &'a [u8],
        /// The slot of the door that looks at `rax`.
        any: u64,
    },
}

/// Why a trampoline or a jump cannot stand where it was to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Something relative is more than 2 GiB away.
    OutOfReach,
    /// A byte of the jump's displacement would not trap.
    Constrained,
    /// The buffer has not the trampoline's size.
    Size,
}

/// Which place of the program a place in a trampoline stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The run-time address in the program.
    pub address: u64,
    /// What `rcx` holds there, where the trampoline has something else in it. At the jump to a door the address is the
    /// `syscall`'s and `rcx` is lost already; no program can tell, since `syscall` overwrites it.
    pub rcx: Option<u64>,
    /// What `rax` holds there, where it differs: the number, in the middle of a leaf, which is then done again.
    pub rax: Option<u64>,
}

/// Bytes to be written over the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The run-time address.
    pub address: u64,
    bytes: [u8; MAXIMUM_PATCH],
    length: usize,
}

impl Write {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

/// One instruction of a trampoline, or a leaf's code.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Moved(Placed<'a>),
    /// `lea rcx, [rip+…]` of the program's return address, when the call has been made.
    ProgramReturn,
    /// The same before the call.
    ReturnToProgram,
    /// `lea rcx, [rip+…]` of the place behind the jump to the door.
    ReturnHere,
    /// `jmp [rip+slot]`
    Door(u64),
    Leaf(&'a [u8]),
    Syscall,
    /// `jmp` to this offset from the patch.
    Back(usize),
}

const LEA_RCX: [u8; 3] = [0x48, 0x8d, 0x0d];
const JUMP_THROUGH: [u8; 2] = [0xff, 0x25];
const LEA_LENGTH: usize = 7;
const JUMP_THROUGH_LENGTH: usize = 6;

impl Step<'_> {
    fn length(&self) -> usize {
        match self {
            Step::Moved(moved) => moved.code.len(),
            Step::ProgramReturn | Step::ReturnToProgram | Step::ReturnHere => LEA_LENGTH,
            Step::Door(_) => JUMP_THROUGH_LENGTH,
            Step::Leaf(code) => code.len(),
            Step::Syscall => 2,
            Step::Back(_) => JUMP,
        }
    }
}

impl<'a> Site<'a> {
    /// The steps of the trampoline.
    fn steps<'b>(&self, entry: &Entry<'b>) -> impl Iterator<Item = Step<'b>> + use<'a, 'b>
    where
        'a: 'b,
    {
        let site = *self;
        let (hot, any) = match *entry {
            Entry::Syscall => ([Some(Step::Syscall), Some(Step::ProgramReturn)], None),
            Entry::Any { slot } => (site.door(slot), None),
            Entry::Number { slot, any } => (site.door(slot), Some(any)),
            Entry::Leaf { code, any } => ([Some(Step::Leaf(code)), Some(Step::ProgramReturn)], Some(any)),
        };
        let number = self.load_of_the_number();
        // A leaf needs no number in `eax`.
        let is_all = self.count_before() == 1 && number == Some(0);
        let without = usize::from(is_all && matches!(entry, Entry::Leaf { .. }));
        let before = self.before().skip(without).map(Step::Moved);
        let hot = before.chain(hot.into_iter().flatten()).chain(site.way_back(entry));
        let cold = any.filter(|_| self.has_cold_part(entry)).map(|any| {
            let rest = site.before().skip(number.map_or(0, |number| number + 1)).map(Step::Moved);
            rest.chain(site.door(any).into_iter().flatten()).chain(site.way_back(&Entry::Any { slot: any }))
        });
        hot.chain(cold.into_iter().flatten())
    }

    /// Whether a door returns into the trampoline.
    fn returns_here(&self) -> bool {
        self.end() > self.return_address()
    }

    fn door<'b>(&self, slot: u64) -> [Option<Step<'b>>; 2] {
        let load = if self.returns_here() { Step::ReturnHere } else { Step::ReturnToProgram };
        [Some(load), Some(Step::Door(slot))]
    }

    /// What follows the entry.
    fn way_back<'b>(&self, entry: &Entry<'_>) -> impl Iterator<Item = Step<'b>> + use<'a, 'b>
    where
        'a: 'b,
    {
        let through_door = matches!(entry, Entry::Any { .. } | Entry::Number { .. });
        let is_there = !through_door || self.returns_here();
        let last = self.last_after();
        let ends = last.is_some_and(|moved| moved.ends);
        let end = last.map_or((self.return_address() - self.address()) as usize, |moved| moved.end());
        let load = (through_door && is_there).then_some(Step::ProgramReturn);
        let back = (is_there && !ends).then_some(Step::Back(end));
        load.into_iter().chain(self.after().map(Step::Moved)).chain(back)
    }

    /// Which of the instructions before loads the number.
    fn load_of_the_number(&self) -> Option<usize> {
        match (self.number(), self.count_before()) {
            (None, _) => None,
            // One of them does.
            (Some(_), 1) => Some(0),
            (Some(_), _) => self.before().position(|moved| moved.loads_number),
        }
    }

    /// Whether an instruction behind the load of the number is in the patch.
    fn has_cold_part(&self, entry: &Entry<'_>) -> bool {
        matches!(entry, Entry::Number { .. } | Entry::Leaf { .. })
            && self.number().is_some()
            && (self.load_of_the_number().is_some_and(|number| number + 1 < self.count_before())
                || self.syscall() < self.end())
    }

    /// The trampoline's size in bytes.
    pub fn trampoline_size(&self, entry: &Entry<'_>) -> usize {
        self.steps(entry).map(|step| step.length()).sum()
    }

    /// Writes the trampoline that is to stand at `place`. `to` must have [`trampoline_size`](Self::trampoline_size).
    pub fn write_trampoline(&self, entry: &Entry<'_>, place: u64, bias: u64, to: &mut [u8]) -> Result<(), Misfit> {
        let mut rest = to;
        let mut at = place;
        for step in self.steps(entry) {
            let (bytes, after) = rest.split_at_mut_checked(step.length()).ok_or(Misfit::Size)?;
            let end = at.wrapping_add(bytes.len() as u64);
            self.write_step(&step, end, bias, bytes)?;
            (rest, at) = (after, end);
        }
        if rest.is_empty() { Ok(()) } else { Err(Misfit::Size) }
    }

    /// Writes one instruction that ends at the address `end`.
    fn write_step(&self, step: &Step<'_>, end: u64, bias: u64, to: &mut [u8]) -> Result<(), Misfit> {
        let target = |address: u64| address.wrapping_add(bias);
        match step {
            Step::Moved(moved) => {
                to.copy_from_slice(moved.code);
                let Some(relative) = moved.relative else { return Ok(()) };
                let old_end = target(self.address()).wrapping_add(moved.end() as u64);
                let target = old_end.wrapping_add_signed(i64::from(relative.displacement));
                let position = usize::from(relative.position);
                let field = to.get_mut(position..position + 4).ok_or(Misfit::Size)?;
                field.copy_from_slice(&displacement(target, end)?);
                Ok(())
            }
            Step::ProgramReturn | Step::ReturnToProgram => with_tail(to, &LEA_RCX, target(self.return_address()), end),
            Step::ReturnHere => with_tail(to, &LEA_RCX, end.wrapping_add(JUMP_THROUGH_LENGTH as u64), end),
            Step::Door(slot) => with_tail(to, &JUMP_THROUGH, *slot, end),
            Step::Leaf(code) => {
                to.copy_from_slice(code);
                Ok(())
            }
            Step::Syscall => {
                to.copy_from_slice(&[0x0f, 0x05]);
                Ok(())
            }
            Step::Back(offset) => with_tail(to, &[0xe9], target(self.address()).wrapping_add(*offset as u64), end),
        }
    }

    /// What is written over the program's bytes, in this order, when the trampoline is in place.
    pub fn writes(&self, place: u64, bias: u64) -> Result<impl Iterator<Item = Write> + use<>, Misfit> {
        let (address, jump) = self.long_jump(place, bias)?;
        let (mut bytes, length) = self.blank();
        let long = match self.springboard() {
            None => Write { address, bytes: first(bytes, &jump), length },
            Some(_) => Write { address, bytes: first(bytes, &jump), length: JUMP },
        };
        let short = match self.springboard() {
            None => None,
            Some(springboard) => {
                let jump = self.short_jump(springboard).ok_or(Misfit::OutOfReach)?;
                bytes = first(bytes, &jump);
                Some(Write { address: self.address().wrapping_add(bias), bytes, length })
            }
        };
        Ok([Some(long), short].into_iter().flatten())
    }

    /// The place in the trampoline, from its start, that does what the instruction at a run-time address inside the
    /// patch did; also what follows the `syscall`, for a thread that sleeps in it. None where no instruction began,
    /// and at a `syscall` or behind it where that has stayed in place.
    pub fn twin(&self, entry: &Entry<'_>, address: u64, bias: u64) -> Option<usize> {
        let offset = usize::try_from(address.wrapping_sub(self.address().wrapping_add(bias))).ok()?;
        if offset == 0 {
            return Some(0);
        }
        if offset >= (self.end() - self.address()) as usize {
            return None;
        }
        let syscall = (self.syscall() - self.address()) as usize;
        // The last of the places that stand for it: in the cold part, if there is one.
        let mut at = 0;
        let mut twin = None;
        for step in self.steps(entry) {
            let stands_for = match &step {
                Step::Moved(moved) => Some(usize::from(moved.offset)),
                Step::ReturnHere | Step::ReturnToProgram | Step::Syscall => Some(syscall),
                Step::Back(offset) => Some(*offset),
                Step::Leaf(_) | Step::Door(_) | Step::ProgramReturn => None,
            };
            if stands_for == Some(offset) {
                twin = Some(at);
            }
            at += step.length();
        }
        twin
    }

    /// The place of the program that the instruction `offset` bytes into the trampoline stands for. Program counters
    /// in a leaf count as the `syscall`'s, which is yet to come. None behind the end.
    pub fn origin(&self, entry: &Entry<'_>, offset: usize, bias: u64) -> Option<Origin> {
        let run_time = |offset: usize| self.address().wrapping_add(bias).wrapping_add(offset as u64);
        let syscall = self.syscall().wrapping_add(bias);
        let after = self.return_address().wrapping_add(bias);
        let mut at = 0;
        for step in self.steps(entry) {
            if (at..at + step.length()).contains(&offset) {
                let origin = |address| Some(Origin { address, rcx: None, rax: None });
                return match step {
                    Step::Moved(moved) => origin(run_time(usize::from(moved.offset))),
                    Step::ReturnToProgram | Step::ReturnHere | Step::Door(_) | Step::Syscall => origin(syscall),
                    Step::ProgramReturn => Some(Origin { address: after, rcx: Some(after), rax: None }),
                    Step::Leaf(_) => Some(Origin { address: syscall, rcx: None, rax: self.number().map(u64::from) }),
                    Step::Back(offset) => origin(run_time(offset)),
                };
            }
            at += step.length();
        }
        None
    }
}

/// A displacement from the end of an instruction.
fn displacement(target: u64, end: u64) -> Result<[u8; 4], Misfit> {
    let distance = i32::try_from(target.wrapping_sub(end).cast_signed()).map_err(|_| Misfit::OutOfReach)?;
    Ok(distance.to_le_bytes())
}

/// Writes an instruction whose last four bytes are a displacement.
fn with_tail(to: &mut [u8], opcode: &[u8], target: u64, end: u64) -> Result<(), Misfit> {
    let (head, tail) = to.split_at_mut_checked(opcode.len()).ok_or(Misfit::Size)?;
    head.copy_from_slice(opcode);
    let tail: &mut [u8; 4] = tail.try_into().map_err(|_| Misfit::Size)?;
    *tail = displacement(target, end)?;
    Ok(())
}

/// `bytes` with these in front.
fn first(mut bytes: [u8; MAXIMUM_PATCH], head: &[u8]) -> [u8; MAXIMUM_PATCH] {
    bytes.iter_mut().zip(head).for_each(|(byte, &new)| *byte = new);
    bytes
}
