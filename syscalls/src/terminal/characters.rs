//! The kernel's character classes: Latin-1, whatever the locale.

/// The byte that stands for "no such control character" in `c_cc` and for an end of file in the input queue
/// (`_POSIX_VDISABLE` of Linux).
pub(super) const DISABLED: u8 = 0;

/// A control character: one that ECHOCTL shows as `^X` and that does not move the column.
pub(super) fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || (matches!(byte, 0xc0..=0xde) && byte != 0xd7)
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || (byte >= 0xdf && byte != 0xf7)
}

/// Part of a word, for WERASE.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_' || is_upper(byte) || is_lower(byte)
}

/// IUCLC's mapping.
pub(super) fn to_lower(byte: u8) -> u8 {
    if is_upper(byte) { byte + 0x20 } else { byte }
}

/// OLCUC's mapping.
pub(super) fn to_upper(byte: u8) -> u8 {
    if is_lower(byte) { byte - 0x20 } else { byte }
}

/// A byte of a UTF-8 character that is not its first (RFC 3629).
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
