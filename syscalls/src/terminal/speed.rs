//! Line speeds: the `Bxxx` codes in `c_cflag` and the plain numbers of `termios2`.

use linux_raw_sys::general::{B0, BOTHER, CBAUD, CBAUDEX, IBSHIFT};

/// Bits a second, in the order of the codes: B0 to B38400, then, with CBAUDEX, B57600 to B4000000.
const RATES: [u32; 31] = [
    0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400,
    460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000,
    4_000_000,
];

/// How many codes there are without CBAUDEX.
const PLAIN_CODES: u32 = 15;

fn rate(code: u32, other: u32) -> u32 {
    if code == BOTHER {
        return other;
    }
    let index = if code & CBAUDEX != 0 { (code & !CBAUDEX) + PLAIN_CODES } else { code };
    RATES.get(index as usize).copied().unwrap_or(0)
}

/// The output speed in bits a second that `cflag` names; `other` is what BOTHER stands for.
pub(super) fn output_speed(cflag: u32, other: u32) -> u32 {
    rate(cflag & CBAUD, other)
}

/// The input speed in bits a second that `cflag` names; B0 in the upper field means "as the output".
pub(super) fn input_speed(cflag: u32, other: u32, output: u32) -> u32 {
    match (cflag >> IBSHIFT) & CBAUD {
        B0 => output_speed(cflag, output),
        code => rate(code, other),
    }
}
