//! Where the sites are.

use alloc::vec::Vec;
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, OpKind, Register};

/// Bytes of the `syscall` instruction.
const SYSCALL_LENGTH: u64 = 2;

/// A `syscall` instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site {
    /// Its address.
    pub address: u64,
    /// The call's number, where `mov eax, imm32` stands right before it.
    pub number: Option<u32>,
}

impl Site {
    /// The address of the instruction behind.
    pub const fn end(&self) -> u64 {
        self.address.wrapping_add(SYSCALL_LENGTH)
    }
}

/// The sites in `code`, which begins with an instruction at `address`. Bytes that are no instruction end the search in
/// a run: decoding goes on behind them, one byte further, as a disassembler does.
pub fn sites(code: &[u8], address: u64) -> Vec<Site> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut found = Vec::new();
    let mut instruction = Instruction::default();
    let mut number = None;
    while decoder.can_decode() {
        let start = decoder.position();
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            number = None;
            if decoder.set_position(start + 1).is_err() {
                break;
            }
            decoder.set_ip(address.wrapping_add(start as u64 + 1));
            continue;
        }
        if instruction.code() == Code::Syscall {
            found.push(Site { address: instruction.ip(), number });
        }
        number = loaded_number(&instruction);
    }
    found
}

/// The value that the instruction loads into `eax`, if it is `mov eax, imm32`.
fn loaded_number(instruction: &Instruction) -> Option<u32> {
    let is_load = instruction.code() == Code::Mov_r32_imm32
        && instruction.op0_register() == Register::EAX
        && instruction.op1_kind() == OpKind::Immediate32;
    is_load.then(|| instruction.immediate32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_right_before_is_known() {
        // mov eax, 39; syscall; ret
        let code = [0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3];
        assert_eq!(sites(&code, 0x1000), [Site { address: 0x1005, number: Some(39) }]);
        assert_eq!(sites(&code, 0x1000)[0].end(), 0x1007);
    }

    #[test]
    fn a_number_further_away_is_not() {
        // mov eax, 39; nop; syscall
        assert_eq!(sites(&[0xb8, 39, 0, 0, 0, 0x90, 0x0f, 0x05], 0), [Site { address: 6, number: None }]);
        // mov ecx, 39; syscall
        assert_eq!(sites(&[0xb9, 39, 0, 0, 0, 0x0f, 0x05], 0), [Site { address: 5, number: None }]);
    }

    #[test]
    fn the_bytes_inside_of_another_instruction_are_no_site() {
        // mov eax, 0x050f; ret
        assert_eq!(sites(&[0xb8, 0x0f, 0x05, 0, 0, 0xc3], 0), []);
        // mov rax, 0x050f_050f_0000_0000
        assert_eq!(sites(&[0x48, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x05], 0), []);
    }

    #[test]
    fn what_is_cut_off_or_no_code_is_passed_over() {
        assert_eq!(sites(&[0x0f], 0), []);
        assert_eq!(sites(&[], 0), []);
        // An opcode that is none in 64-bit mode, then a site.
        assert_eq!(sites(&[0x06, 0x0f, 0x05], 0), [Site { address: 1, number: None }]);
    }
}
