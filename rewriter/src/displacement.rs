//! Jumps whose displacement is code: instruction punning.
//!
//! A five-byte jump covers instructions of the program. Where one of them began inside of the jump, a byte of the
//! displacement stands now, and must trap when a program counter comes back there that nobody saw. So that byte is
//! constrained, and with it the place of the trampoline.

/// The length of `jmp rel32`.
pub const JUMP: usize = 5;

/// Opcodes that fault in 64-bit mode whatever follows them, sorted: `CC` is `int3` (#BP), all others are #UD (Intel
/// SDM volume 2, appendix A, table A-2, superscript i64, and `D6`). `D5` is not among them, APX has given it a meaning;
/// neither are `62`, `C4`, `C5`, which begin vector instructions.
pub const TRAPPING: [u8; 20] = [
    0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xcc, 0xce, 0xd4, 0xd6,
    0xea,
];

/// `int3`, which fills what a jump leaves over.
pub const FILL: u8 = 0xcc;

/// Which bytes of a jump's 32-bit displacement must be in [`TRAPPING`]: bit *n* for byte *n*, the lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Constraint(u8);

impl Constraint {
    /// No byte.
    pub const NONE: Constraint = Constraint(0);

    /// Where an instruction of the program begins `offset` bytes into the patch, that byte must trap. Only offsets 1
    /// to 4 are in the displacement: the first byte is the jump's opcode, behind the jump there is [`FILL`].
    #[must_use]
    pub const fn with_instruction_at(self, offset: usize) -> Constraint {
        match offset {
            1..=4 => Constraint(self.0 | 1 << (offset - 1)),
            _ => self,
        }
    }

    /// Whether any place will do.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// How far apart the places lie that fulfil it: the size of the window, in bytes, in which there surely is one.
    /// 4 GiB means that there may be none in reach.
    pub const fn window(self) -> u64 {
        match self.0 {
            0 => 1,
            bits => 1 << (8 * (8 - bits.leading_zeros())),
        }
    }

    /// Whether this displacement fulfils it.
    pub fn admits(self, displacement: i32) -> bool {
        let bytes = displacement.to_le_bytes();
        bytes.iter().enumerate().all(|(place, byte)| self.0 >> place & 1 == 0 || TRAPPING.contains(byte))
    }

    /// The smallest displacement that fulfils it and is not below `from`.
    pub fn next(self, from: i32) -> Option<i32> {
        if self.admits(from) {
            return Some(from);
        }
        // As an unsigned number of the same order, the highest byte first. The result shares `shared` bytes with
        // `from`, has a greater one next, and the smallest possible ones after it.
        let digits = flip(from).to_be_bytes();
        for shared in (0..4).rev() {
            let (head, tail) = digits.split_at(shared);
            let fits = head.iter().enumerate().all(|(place, &digit)| self.smallest(place, digit) == Some(digit));
            let Some(greater) = tail.first().and_then(|digit| digit.checked_add(1)) else { continue };
            let Some(greater) = self.smallest(shared, greater) else { continue };
            if !fits {
                continue;
            }
            let mut next = [0; 4];
            for (place, digit) in next.iter_mut().enumerate() {
                *digit = match place.cmp(&shared) {
                    core::cmp::Ordering::Less => head.get(place).copied()?,
                    core::cmp::Ordering::Equal => greater,
                    core::cmp::Ordering::Greater => self.smallest(place, 0)?,
                };
            }
            return Some(flip(u32::from_be_bytes(next).cast_signed()).cast_signed());
        }
        None
    }

    /// The smallest value, not below `from`, of the digit at `place`, counted from the highest.
    fn smallest(self, place: usize, from: u8) -> Option<u8> {
        if self.0 >> (3 - place) & 1 == 0 {
            return Some(from);
        }
        let sign = if place == 0 { 0x80 } else { 0 };
        TRAPPING.iter().map(|byte| byte ^ sign).filter(|&byte| byte >= from).min()
    }
}

/// Exchanges signed and unsigned order.
const fn flip(displacement: i32) -> u32 {
    displacement.cast_unsigned() ^ 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_grow_with_the_highest_constrained_byte() {
        let windows = [1, 2, 3, 4].map(|offset| Constraint::NONE.with_instruction_at(offset).window());
        assert_eq!(windows, [1 << 8, 1 << 16, 1 << 24, 1 << 32]);
        assert_eq!(Constraint::NONE.with_instruction_at(5), Constraint::NONE);
        assert_eq!(Constraint::NONE.window(), 1);
    }

    #[test]
    fn the_next_one_crosses_zero_and_ends_at_the_end() {
        let second = Constraint::NONE.with_instruction_at(2);
        assert_eq!(second.next(-1), Some(0x0600));
        assert_eq!(second.next(0x0601), Some(0x0601));
        assert_eq!(second.next(i32::MAX), None);
        let highest = Constraint::NONE.with_instruction_at(4);
        assert_eq!(highest.next(i32::MIN), Some(0x8200_0000_u32.cast_signed()));
        assert_eq!(highest.next(0xeb00_0000_u32.cast_signed()), Some(0x0600_0000));
    }

    proptest! {
        #[test]
        fn the_next_one_is_admitted_and_none_between_is(bits in 0_u8..16, from: i32, steps in 0_i64..100_000) {
            let constraint = Constraint(bits);
            let next = constraint.next(from);
            if let Some(next) = next {
                prop_assert!(next >= from && constraint.admits(next));
            }
            let between = i64::from(from) + steps;
            if let Ok(between) = i32::try_from(between)
                && next.is_none_or(|next| between < next)
            {
                prop_assert!(!constraint.admits(between));
            }
        }
    }
}
