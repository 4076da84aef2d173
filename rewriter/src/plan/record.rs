//! One site's record.
//!
//! Tactic u8, length of the patch u8, offset of the `syscall` from the patch u8, moved instructions before it u8, after
//! it u8; number u32, all ones when it is not known; the original bytes; for tactic [`Springboard`](Tactic::Springboard)
//! the springboard's offset from the patch i16 and its 5 original bytes. Then each moved instruction: offset in the
//! patch u8, length there u8, flags u8, length of its code u8, where bit 0 of the flags is set position u8 and value
//! i32 of the displacement, and the code.

use super::Draft;
use crate::displacement::{Constraint, FILL, JUMP};
use crate::trampoline::Misfit;

/// The longest patch, in bytes.
pub const MAXIMUM_PATCH: usize = 32;
/// The longest code of a moved instruction: an x86 instruction's limit.
pub(super) const MAXIMUM_CODE: usize = 15;
/// The length of `syscall`.
pub(crate) const SYSCALL: usize = 2;
/// What `number` holds when it is not known.
const UNKNOWN: u32 = u32::MAX;

const RELATIVE: u8 = 1;
const ENDS: u8 = 2;
const LOADS_NUMBER: u8 = 4;

/// How a site becomes a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tactic {
    /// The load of the number right before the `syscall` becomes the jump; the `syscall` stays in place.
    Number = 1,
    /// Other instructions right before it; the `syscall` stays in place.
    Before = 2,
    /// The jump begins at the `syscall` and covers what follows.
    After = 3,
    /// The `syscall` becomes a two-byte jump to a springboard: a five-byte jump in padding near by.
    Springboard = 4,
    /// The jump covers what is before it, the `syscall`, and perhaps what follows.
    Around = 5,
}

impl Tactic {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Tactic; 5] = [Tactic::Number, Tactic::Before, Tactic::After, Tactic::Springboard, Tactic::Around];

    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Tactic::Number => "number",
            Tactic::Before => "before",
            Tactic::After => "after",
            Tactic::Springboard => "springboard",
            Tactic::Around => "around",
        }
    }

    fn from_number(number: u8) -> Option<Tactic> {
        Tactic::ALL.into_iter().find(|tactic| *tactic as u8 == number)
    }
}

/// The bytes that a patch replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch<'a> {
    /// Address of the first byte, as linked.
    pub address: u64,
    /// What must stand there.
    pub original: &'a [u8],
}

/// Padding that becomes the second jump of [`Tactic::Springboard`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Springboard {
    /// Address of its first byte, as linked.
    pub address: u64,
    /// What must stand there.
    pub original: [u8; JUMP],
}

/// An instruction of the program, made ready to stand elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its place in the patch.
    pub offset: u8,
    /// Its length there.
    pub length: u8,
    /// Whether control never goes on behind it.
    pub ends: bool,
    /// Whether it gives `eax` the site's number.
    pub loads_number: bool,
    /// Where its code holds a displacement that counts from its own end.
    pub relative: Option<Relative>,
    code: [u8; MAXIMUM_CODE],
    code_length: u8,
}

/// A displacement relative to the end of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relative {
    /// The place of its four bytes in the moved code.
    pub position: u8,
    /// Its value where the instruction stood, from its end there.
    pub displacement: i32,
}

impl Moved {
    /// One whose code does not hang on its place. None where the code is longer than an instruction can be.
    pub fn new(offset: u8, length: u8, code: &[u8]) -> Option<Moved> {
        let mut moved = Moved {
            offset,
            length,
            ends: false,
            loads_number: false,
            relative: None,
            code: [0; MAXIMUM_CODE],
            code_length: u8::try_from(code.len()).ok()?,
        };
        moved.code.get_mut(..code.len())?.copy_from_slice(code);
        Some(moved)
    }

    /// The same, with a displacement that has to be made new.
    #[must_use]
    pub fn with_relative(self, relative: Relative) -> Moved {
        Moved { relative: Some(relative), ..self }
    }

    /// The same, as one behind which control never goes on.
    #[must_use]
    pub fn ending(self) -> Moved {
        Moved { ends: true, ..self }
    }

    /// The code; a relative displacement in it is without meaning.
    pub fn code(&self) -> &[u8] {
        self.code.get(..usize::from(self.code_length)).unwrap_or(&[])
    }

    pub(super) fn write(&self, to: &mut alloc::vec::Vec<u8>) {
        let flags = if self.relative.is_some() { RELATIVE } else { 0 }
            | if self.ends { ENDS } else { 0 }
            | if self.loads_number { LOADS_NUMBER } else { 0 };
        to.extend([self.offset, self.length, flags, self.code_length]);
        if let Some(relative) = self.relative {
            to.push(relative.position);
            to.extend(relative.displacement.to_le_bytes());
        }
        to.extend(self.code());
    }
}

/// A moved instruction in a plan: see [`Moved`].
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Its place in the patch.
    pub offset: u8,
    length: u8,
    /// Whether control never goes on behind it.
    pub ends: bool,
    /// Whether it gives `eax` the site's number.
    pub loads_number: bool,
    /// Where its code holds a displacement that counts from its own end.
    pub relative: Option<Relative>,
    /// The code; a relative displacement in it is without meaning.
    pub code: &'a [u8],
}

impl<'a> Placed<'a> {
    /// Where the next instruction is in the patch.
    pub(crate) fn end(&self) -> usize {
        usize::from(self.offset) + usize::from(self.length)
    }

    fn read(bytes: &'a [u8]) -> Option<(Placed<'a>, &'a [u8])> {
        let ([offset, length, flags, code_length], mut rest) = bytes.split_first_chunk::<4>()?;
        let mut relative = None;
        if flags & RELATIVE != 0 {
            let (position, after) = rest.split_first()?;
            let (displacement, after) = after.split_first_chunk()?;
            (relative, rest) =
                (Some(Relative { position: *position, displacement: i32::from_le_bytes(*displacement) }), after);
        }
        let (code, rest) = rest.split_at_checked(usize::from(*code_length))?;
        let (offset, length) = (*offset, *length);
        let (ends, loads_number) = (flags & ENDS != 0, flags & LOADS_NUMBER != 0);
        let moved = Placed { offset, length, ends, loads_number, relative, code };
        let is_sound = flags & !(RELATIVE | ENDS | LOADS_NUMBER) == 0
            && length > 0
            && (1..=MAXIMUM_CODE).contains(&usize::from(*code_length))
            && relative.is_none_or(|relative| relative.position.saturating_add(4) <= *code_length);
        is_sound.then_some((moved, rest))
    }
}

/// A site and how it becomes a jump. Addresses are as linked.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    address: u64,
    tactic: Tactic,
    number: Option<u32>,
    original: &'a [u8],
    /// From the patch to the `syscall`.
    offset: u8,
    before: u8,
    after: u8,
    springboard: Option<Springboard>,
    /// The records of the moved instructions and what follows them in the plan.
    moved: &'a [u8],
}

impl<'a> Site<'a> {
    /// Reads the record that `bytes` begin with. Whether its parts fit together [`is_sound`](Self::is_sound) tells.
    pub(super) fn read(address: u64, bytes: &'a [u8]) -> Option<Site<'a>> {
        let ([tactic, length, offset, before, after], rest) = bytes.split_first_chunk::<5>()?;
        let tactic = Tactic::from_number(*tactic)?;
        let (number, rest) = rest.split_first_chunk()?;
        let number = Some(u32::from_le_bytes(*number)).filter(|&number| number != UNKNOWN);
        let (original, mut rest) = rest.split_at_checked(usize::from(*length))?;
        let mut springboard = None;
        if tactic == Tactic::Springboard {
            let (place, after) = rest.split_first_chunk()?;
            let (original, after) = after.split_first_chunk()?;
            let address = address.checked_add_signed(i64::from(i16::from_le_bytes(*place)))?;
            (springboard, rest) = (Some(Springboard { address, original: *original }), after);
        }
        let (offset, before, after) = (*offset, *before, *after);
        Some(Site { address, tactic, number, original, offset, before, after, springboard, moved: rest })
    }

    /// Whether the record's parts fit together.
    pub(super) fn is_sound(&self) -> bool {
        let (length, offset) = (self.original.len(), usize::from(self.offset));
        let stays = length == offset;
        let fits = match self.tactic {
            Tactic::Number | Tactic::Before => stays && length >= JUMP && self.after == 0,
            Tactic::After => offset == 0 && length >= JUMP && self.before == 0,
            Tactic::Around => offset > 0 && offset + SYSCALL <= length && length >= JUMP,
            Tactic::Springboard => {
                let near = self.springboard.is_some_and(|springboard| self.short_jump(springboard).is_some());
                near && offset == 0 && length == SYSCALL && self.before == 0 && self.after == 0
            }
        };
        if !fits || length > MAXIMUM_PATCH || self.address.checked_add(length as u64 + SYSCALL as u64).is_none() {
            return false;
        }
        let syscall = self.original.get(offset..offset + SYSCALL);
        if !stays && syscall != Some(&[0x0f, 0x05]) {
            return false;
        }
        // The moved instructions stand one behind the other, around the `syscall`.
        let (mut rest, mut end, mut ended, mut loads) = (self.moved, 0, false, 0);
        for index in 0..usize::from(self.before) + usize::from(self.after) {
            if index == usize::from(self.before) {
                if end != offset {
                    return false;
                }
                end += SYSCALL;
            }
            let Some((moved, after)) = Placed::read(rest) else { return false };
            if usize::from(moved.offset) != end || ended {
                return false;
            }
            (rest, end, ended) = (after, moved.end(), moved.ends);
            loads += usize::from(moved.loads_number);
            if moved.loads_number && (index >= usize::from(self.before) || moved.ends) {
                return false;
            }
        }
        if self.after == 0 {
            // So nothing has been looked at behind the instructions before.
            if end != offset || ended {
                return false;
            }
            end += if stays { 0 } else { SYSCALL };
        }
        // Behind an instruction that ends, the patch may go on over padding.
        (end == length || ended && end < length) && loads == usize::from(self.number.is_some())
    }

    /// Which way the site becomes a jump.
    pub fn tactic(&self) -> Tactic {
        self.tactic
    }

    /// The call's number, where the patch itself loads it, so that it is certain in the trampoline.
    pub fn number(&self) -> Option<u32> {
        self.number
    }

    /// Address of the patch.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Address behind the patch.
    pub fn end(&self) -> u64 {
        self.address.saturating_add(self.original.len() as u64)
    }

    /// Address of the `syscall`. It is [`end`](Self::end) where the `syscall` stays in place.
    pub fn syscall(&self) -> u64 {
        self.address.saturating_add(u64::from(self.offset))
    }

    /// Address of what follows the `syscall`: what `rcx` holds after the call.
    pub fn return_address(&self) -> u64 {
        self.syscall().saturating_add(SYSCALL as u64)
    }

    /// The bytes that are replaced.
    pub fn patch(&self) -> Patch<'a> {
        Patch { address: self.address, original: self.original }
    }

    /// The padding that is replaced too, for [`Tactic::Springboard`].
    pub fn springboard(&self) -> Option<Springboard> {
        self.springboard
    }

    /// How many there are before the `syscall`.
    pub(crate) fn count_before(&self) -> usize {
        usize::from(self.before)
    }

    /// The last of those after it.
    pub(crate) fn last_after(&self) -> Option<Placed<'a>> {
        if self.after == 0 { None } else { self.after().last() }
    }

    /// The moved instructions before the `syscall`.
    pub fn before(&self) -> impl Iterator<Item = Placed<'a>> + Clone + use<'a> {
        self.moved().take(usize::from(self.before))
    }

    /// The moved instructions after it.
    pub fn after(&self) -> impl Iterator<Item = Placed<'a>> + Clone + use<'a> {
        self.moved().skip(usize::from(self.before))
    }

    fn moved(&self) -> impl Iterator<Item = Placed<'a>> + Clone + use<'a> {
        let mut rest = self.moved;
        (0..usize::from(self.before) + usize::from(self.after)).map_while(move |_| {
            let (moved, after) = Placed::read(rest)?;
            rest = after;
            Some(moved)
        })
    }

    /// What follows from where instructions began in the patch: see [`Constraint`].
    pub fn constraint(&self) -> Constraint {
        if self.tactic == Tactic::Springboard {
            return Constraint::NONE;
        }
        let starts = self.moved().map(|moved| usize::from(moved.offset)).chain([usize::from(self.offset)]);
        starts.fold(Constraint::NONE, Constraint::with_instruction_at)
    }

    /// The first place at or above `from` where a trampoline may stand: in reach of the jump, and so that each byte of
    /// the jump where an instruction began traps. Both are run-time addresses.
    pub fn next_place(&self, from: u64, bias: u64) -> Option<u64> {
        let origin = i128::from(self.jump_address().wrapping_add(bias)) + JUMP as i128;
        // Never below address 0.
        let distance = (i128::from(from) - origin).max(i128::from(i32::MIN)).max(-origin);
        let displacement = self.constraint().next(i32::try_from(distance).ok()?)?;
        u64::try_from(origin + i128::from(displacement)).ok()
    }

    /// Address of the five-byte jump: in the patch, or the springboard.
    fn jump_address(&self) -> u64 {
        self.springboard.map_or(self.address, |springboard| springboard.address)
    }

    /// The bytes of the five-byte jump to a trampoline.
    pub(crate) fn long_jump(&self, place: u64, bias: u64) -> Result<(u64, [u8; JUMP]), Misfit> {
        let address = self.jump_address().wrapping_add(bias);
        let distance = place.wrapping_sub(address.wrapping_add(JUMP as u64)).cast_signed();
        let displacement = i32::try_from(distance).map_err(|_| Misfit::OutOfReach)?;
        if !self.constraint().admits(displacement) {
            return Err(Misfit::Constrained);
        }
        let [a, b, c, d] = displacement.to_le_bytes();
        Ok((address, [0xe9, a, b, c, d]))
    }

    /// The bytes of the two-byte jump to the springboard.
    pub(crate) fn short_jump(&self, springboard: Springboard) -> Option<[u8; SYSCALL]> {
        let distance = springboard.address.wrapping_sub(self.address.wrapping_add(SYSCALL as u64)).cast_signed();
        Some([0xeb, i8::try_from(distance).ok()?.cast_unsigned()])
    }

    /// What a patch is filled with.
    pub(crate) fn blank(&self) -> ([u8; MAXIMUM_PATCH], usize) {
        ([FILL; MAXIMUM_PATCH], self.original.len().min(MAXIMUM_PATCH))
    }
}

impl Draft {
    pub(super) fn write(&self, to: &mut alloc::vec::Vec<u8>) -> Option<()> {
        let count = |moved: &[Moved]| u8::try_from(moved.len()).ok();
        to.extend([self.tactic as u8, u8::try_from(self.original.len()).ok()?, self.offset]);
        to.extend([count(&self.before)?, count(&self.after)?]);
        to.extend(self.number.unwrap_or(UNKNOWN).to_le_bytes());
        to.extend(&self.original);
        if let Some(springboard) = self.springboard {
            let distance = springboard.address.wrapping_sub(self.address).cast_signed();
            to.extend(i16::try_from(distance).ok()?.to_le_bytes());
            to.extend(springboard.original);
        }
        self.before.iter().chain(&self.after).for_each(|moved| moved.write(to));
        Some(())
    }
}
