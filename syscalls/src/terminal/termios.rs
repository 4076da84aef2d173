//! The settings of a terminal: `struct termios`, `termios2` and the old `termio`.

use linux_raw_sys::general::{
    ADDRB, B38400, CREAD, CS8, CSIZE, ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, HUPCL, ICANON, ICRNL, IEXTEN, ISIG, IXON,
    NCCS, ONLCR, OPOST, PARENB,
};

use super::speed;

/// How many control characters there are in the kernel's `c_cc` (glibc's own `struct termios` has more).
pub const CONTROL_CHARACTERS: usize = NCCS as usize;

/// How many of them the old `struct termio` holds.
const OLD_CONTROL_CHARACTERS: usize = 8;

/// The settings of a terminal (`termios(3)`), as the kernel keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// `c_iflag`: ICRNL, IXON, …
    pub input_flags: u32,
    /// `c_oflag`: OPOST, ONLCR, …
    pub output_flags: u32,
    /// `c_cflag`: CS8, speeds, …
    pub control_flags: u32,
    /// `c_lflag`: ICANON, ECHO, ISIG, …
    pub local_flags: u32,
    /// `c_line`: kept, without effect.
    pub line: u8,
    /// `c_cc`: VINTR, VEOF, VMIN, …; 0 turns a character off.
    pub control_characters: [u8; CONTROL_CHARACTERS],
    /// `c_ispeed` of termios2, bits a second.
    pub input_speed: u32,
    /// `c_ospeed` of termios2, bits a second.
    pub output_speed: u32,
}

impl Default for Termios {
    /// What a terminal begins with on Linux.
    fn default() -> Self {
        Self {
            input_flags: ICRNL | IXON,
            output_flags: OPOST | ONLCR,
            control_flags: B38400 | CS8 | CREAD | HUPCL,
            local_flags: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
            line: 0,
            // ^C ^\ DEL ^U ^D, VTIME 0, VMIN 1, no VSWTC, ^Q ^S ^Z, no VEOL, ^R ^O ^W ^V, no VEOL2.
            control_characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
            input_speed: 38_400,
            output_speed: 38_400,
        }
    }
}

impl Termios {
    /// The size of the kernel's `struct termios` (TCGETS, TCSETS…) in bytes.
    pub const SIZE: usize = 36;
    /// The size of `struct termios2` (TCGETS2, TCSETS2…) in bytes.
    pub const SIZE_2: usize = 44;
    /// The size of `struct termio` (TCGETA, TCSETA…) in bytes, the last one padding.
    pub const SIZE_OLD: usize = 18;

    /// What the slave of a pseudo-terminal begins with on Linux: the default without HUPCL.
    pub fn pseudo_terminal() -> Self {
        Self { control_flags: B38400 | CS8 | CREAD, ..Self::default() }
    }

    /// Is one of these `c_iflag` bits set?
    pub fn input(&self, flags: u32) -> bool {
        self.input_flags & flags != 0
    }

    /// Is one of these `c_oflag` bits set?
    pub fn output(&self, flags: u32) -> bool {
        self.output_flags & flags != 0
    }

    /// Is one of these `c_lflag` bits set?
    pub fn local(&self, flags: u32) -> bool {
        self.local_flags & flags != 0
    }

    /// The control character at this `V…` index; 0 (off) for an index there is not.
    pub fn control(&self, index: u32) -> u8 {
        self.control_characters.get(index as usize).copied().unwrap_or(0)
    }

    /// As TCGETS lays it out.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let (flags, rest) = bytes.split_at_mut(16);
        let words = [self.input_flags, self.output_flags, self.control_flags, self.local_flags];
        for (place, word) in flags.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_ne_bytes();
        }
        let (line, characters) = rest.split_at_mut(1);
        line.fill(self.line);
        characters.copy_from_slice(&self.control_characters);
        bytes
    }

    /// As TCGETS2 lays it out.
    pub fn to_bytes_2(&self) -> [u8; Self::SIZE_2] {
        let mut bytes = [0; Self::SIZE_2];
        let (first, speeds) = bytes.split_at_mut(Self::SIZE);
        first.copy_from_slice(&self.to_bytes());
        for (place, word) in speeds.as_chunks_mut::<4>().0.iter_mut().zip([self.input_speed, self.output_speed]) {
            *place = word.to_ne_bytes();
        }
        bytes
    }

    /// As TCGETA lays it out: the lower halves of the flags and the first eight control characters.
    pub fn to_bytes_old(&self) -> [u8; Self::SIZE_OLD] {
        let mut bytes = [0; Self::SIZE_OLD];
        let (flags, rest) = bytes.split_at_mut(8);
        let words = [self.input_flags, self.output_flags, self.control_flags, self.local_flags];
        for (place, word) in flags.as_chunks_mut::<2>().0.iter_mut().zip(words) {
            *place = (word as u16).to_ne_bytes();
        }
        for (place, byte) in rest.iter_mut().zip([self.line].iter().chain(self.old_characters())) {
            *place = *byte;
        }
        bytes
    }

    fn old_characters(&self) -> impl Iterator<Item = &u8> {
        self.control_characters.iter().take(OLD_CONTROL_CHARACTERS)
    }

    /// These settings with what TCSETS brings put over them. The speeds follow the codes in `c_cflag`.
    pub fn with_bytes(&self, bytes: &[u8; Self::SIZE]) -> Self {
        let mut new = *self;
        let (words, rest) = bytes.as_chunks::<4>();
        debug_assert!(rest.is_empty());
        if let [input, output, control, local, tail @ ..] = words {
            new.input_flags = u32::from_ne_bytes(*input);
            new.output_flags = u32::from_ne_bytes(*output);
            new.control_flags = u32::from_ne_bytes(*control);
            new.local_flags = u32::from_ne_bytes(*local);
            if let [line, characters @ ..] = tail.as_flattened() {
                new.line = *line;
                for (place, byte) in new.control_characters.iter_mut().zip(characters) {
                    *place = *byte;
                }
            }
        }
        new.with_speeds(self.input_speed, self.output_speed)
    }

    /// These settings with what TCSETS2 brings put over them; BOTHER in `c_cflag` takes the plain numbers.
    pub fn with_bytes_2(&self, bytes: &[u8; Self::SIZE_2]) -> Self {
        match (bytes.first_chunk(), bytes.last_chunk::<8>()) {
            (Some(first), Some([i0, i1, i2, i3, o0, o1, o2, o3])) => self
                .with_bytes(first)
                .with_speeds(u32::from_ne_bytes([*i0, *i1, *i2, *i3]), u32::from_ne_bytes([*o0, *o1, *o2, *o3])),
            _ => *self,
        }
    }

    /// These settings with what TCSETA brings put over them: the upper halves of the flags and the later control
    /// characters stay.
    pub fn with_bytes_old(&self, bytes: &[u8; Self::SIZE_OLD]) -> Self {
        let mut new = *self;
        let flags = [&mut new.input_flags, &mut new.output_flags, &mut new.control_flags, &mut new.local_flags];
        for (place, word) in flags.into_iter().zip(bytes.as_chunks::<2>().0) {
            *place = *place & 0xffff_0000 | u32::from(u16::from_ne_bytes(*word));
        }
        let [_, _, _, _, _, _, _, _, line, characters @ ..] = bytes;
        new.line = *line;
        for (place, byte) in new.control_characters.iter_mut().take(OLD_CONTROL_CHARACTERS).zip(characters) {
            *place = *byte;
        }
        new.with_speeds(self.input_speed, self.output_speed)
    }

    fn with_speeds(mut self, input: u32, output: u32) -> Self {
        self.input_speed = speed::input_speed(self.control_flags, input, output);
        self.output_speed = speed::output_speed(self.control_flags, output);
        self
    }

    /// What a device without wires makes of these settings: always eight bits, no parity, no addresses,
    /// receiver on.
    pub(super) fn for_virtual_device(mut self) -> Self {
        self.control_flags = self.control_flags & !(CSIZE | PARENB | ADDRB) | CS8 | CREAD;
        self
    }
}
