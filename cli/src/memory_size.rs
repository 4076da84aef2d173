//! How much memory a machine has.

use std::fmt;
use std::str::FromStr;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A size of memory: whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemorySize {
    bytes: u64,
}

impl MemorySize {
    /// So many MiB.
    pub(crate) const fn mib(count: u64) -> Self {
        Self { bytes: count * MIB }
    }

    /// At least so many bytes, in whole MiB.
    pub(crate) fn at_least(bytes: u64) -> Self {
        Self::mib(bytes.div_ceil(MIB))
    }

    pub(crate) const fn bytes(self) -> u64 {
        self.bytes
    }

    /// As QEMU's `-m` reads it.
    pub(crate) fn for_qemu(self) -> String {
        format!("{}K", self.bytes / KIB)
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bytes.is_multiple_of(MIB) {
            write!(f, "{}M", self.bytes / MIB)
        } else {
            write!(f, "{}K", self.bytes / KIB)
        }
    }
}

impl FromStr for MemorySize {
    type Err = String;

    /// Reads `5M`, `1G`, `6144K`; a bare number is MiB, as with QEMU.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], KIB),
            Some((at, 'm' | 'M')) => (&text[..at], MIB),
            Some((at, 'g' | 'G')) => (&text[..at], 1024 * MIB),
            _ => (text, MIB),
        };
        let number: u64 = number.parse().map_err(|_| "not a size such as 5M or 1G".to_owned())?;
        match number.checked_mul(unit) {
            Some(bytes) if bytes < MIB => Err("less than 1M is no machine".to_owned()),
            Some(bytes) if bytes.is_multiple_of(4 * KIB) && bytes < 1 << 46 => Ok(Self { bytes }),
            Some(bytes) if bytes < 1 << 46 => Err("not a whole number of 4K pages".to_owned()),
            _ => Err("no machine is that large".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let read = |text: &str| text.parse::<MemorySize>();
        assert_eq!(read("5"), Ok(MemorySize::mib(5)));
        assert_eq!(read("5M"), read("5120k"));
        assert_eq!(read("1G").expect("a size").for_qemu(), "1048576K");
        assert_eq!(read("5124K").expect("a size").to_string(), "5124K");
        for bad in ["", "M", "1.5G", "-5", "0", "4K", "5121K", "99999999G", "18446744073709551615G", "5T"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
