//! The kernel, which the tool carries inside itself.

use std::fmt::Write;

/// The kernel's ELF file as far as it is loaded; `build.rs` made it.
pub(crate) const KERNEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/birgus-kernel"));

/// Its functions: a line each, address and name, in the order of the addresses.
const SYMBOLS: &str = include_str!(concat!(env!("OUT_DIR"), "/symbols"));

/// Writes behind each address of the kernel's code in `text` what function it lies in, and how far.
pub(crate) fn name_addresses(text: &str) -> String {
    name_by(SYMBOLS, text)
}

fn name_by(symbols: &str, text: &str) -> String {
    let mut named = String::with_capacity(text.len());
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let digits = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let place = digits.strip_prefix("0x").and_then(|digits| function_at(symbols, parse(digits)?));
        named.push_str(digits);
        if let Some((name, offset)) = place {
            // Writing to a String does not fail.
            let _ = write!(named, " ({name}+{offset:#x})");
        }
        named.push_str(&word[digits.len()..]);
    }
    named
}

/// The function that this address lies in, as far as can be told: the last that does not begin behind it.
fn function_at(symbols: &str, address: u64) -> Option<(&str, u64)> {
    /// Longer than any function: an address farther from the last one is not in the code.
    const REACH: u64 = 64 * 1024;
    let lines = symbols.lines().filter_map(|line| line.split_once(' '));
    let (start, name) = lines
        .map_while(|(start, name)| Some((parse(start)?, name)))
        .take_while(|(start, _)| *start <= address)
        .last()?;
    let offset = address - start;
    (offset < REACH).then_some((name, offset))
}

fn parse(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_the_code_are_named_and_others_are_not() {
        let symbols = "ffffffff80100000 start\nffffffff80100040 <A as B>::write\n";
        let text = "panic: at 0x10 of 7\n  at 0xffffffff80100004\n  at 0xffffffff80100049, stack 0xffffffff90000000";
        let named = "panic: at 0x10 of 7\n  at 0xffffffff80100004 (start+0x4)\n  \
                     at 0xffffffff80100049 (<A as B>::write+0x9), stack 0xffffffff90000000";
        assert_eq!(name_by(symbols, text), named);
        assert_eq!(name_by("", text), text);
    }
}
