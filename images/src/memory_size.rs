//! Amounts of memory as people write them.

/// Reads an amount of memory, in bytes: a whole number, then `K`, `M`, `G` or `T` (powers of 1024) or
/// nothing. Zero, and what does not fit 64 bits, is `None`.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)? {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return None,
    };
    // `u64::from_str` would take a plus sign.
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let bytes = digits.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    (bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!(parse("4096"), Some(4096));
        assert_eq!(parse("2K"), Some(2048));
        assert_eq!(parse("64M"), Some(64 << 20));
        assert_eq!(parse("3g"), Some(3 << 30));
        assert_eq!(parse("1T"), Some(1 << 40));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "M", "0", "0M", "-1M", "+1M", "1.5G", "64MB", "64 M", "1P", "16777216T", "Mé", "é1"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
