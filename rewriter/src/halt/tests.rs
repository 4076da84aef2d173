use super::*;
use iced_x86::{Code, Decoder, DecoderOptions};
use std::vec::Vec;

/// ZF.
const ZERO: u64 = 1 << 6;

/// `and eax, -12; mov [rbp-24], eax; add rsp, 8`, often enough to fill a window.
fn ordinary_code() -> Vec<u8> {
    [0x83, 0xe0, 0xf4, 0x89, 0x45, 0xe8, 0x48, 0x83, 0xc4, 0x08].repeat(30)
}

#[test]
fn a_halt_behind_ordinary_code_is_one() {
    let mut code = ordinary_code();
    code.push(HLT);
    assert!(is_instruction(&code, None));
    assert!(is_instruction(&code[code.len() - WINDOW - 1..], None));
}

#[test]
fn the_end_of_another_instruction_is_none() {
    let mut code = ordinary_code();
    code.extend([0x8b, 0x45, HLT]);
    assert!(!is_instruction(&code, None));
    let end_of_first = ordinary_code().len() - 7;
    assert_eq!(code[end_of_first - 1], HLT);
    assert!(!is_instruction(&code[..end_of_first], None));
}

#[test]
fn too_little_code_shows_nothing_unless_a_beginning_is_known() {
    let code = [0x31, 0xc0, HLT];
    assert!(!is_instruction(&code, None));
    assert!(is_instruction(&code, Some(0)));
    assert!(!is_instruction(&[0x8b, 0x45, HLT], Some(0)));
    assert!(!is_instruction(&[], None));
}

fn behind(flags: u64) -> Behind {
    Behind { address: 0x40_1005, flags }
}

#[test]
fn a_conditional_jump_that_was_not_taken_does_not_count() {
    // test eax, eax; je 1f; hlt; 1: nop
    let near = [0x85, 0xc0, 0x74, 0x01, HLT, 0x90];
    assert!(behind(ZERO).is_target_in_code(&near, 0x40_1000));
    assert!(!behind(0).is_target_in_code(&near, 0x40_1000));
    // jne, from behind and far
    let far = [0x0f, 0x85, 0xfb, 0xff, 0xff, 0xff];
    assert!(behind(0).is_target_in_code(&far, 0x40_1004));
    assert!(!behind(ZERO).is_target_in_code(&far, 0x40_1004));
}

#[test]
fn every_condition_is_the_processors() {
    for flags in (0..1 << 12).map(|bits: u64| bits & 0x8c5) {
        let flag = |bit: u64| flags & bit != 0;
        let (less, below) = (flag(0x80) != flag(0x800), flag(1));
        let wanted =
            [flag(0x800), below, flag(ZERO), below || flag(ZERO), flag(0x80), flag(4), less, less || flag(ZERO)];
        for (pair, holds) in (0..).zip(wanted) {
            assert_eq!(behind(flags).holds(0x70 + 2 * pair), holds);
            assert_eq!(behind(flags).holds(0x81 + 2 * pair), !holds);
        }
    }
}

#[test]
fn every_other_reference_counts() {
    let cases: [(&[u8], u64); 6] = [
        (&[0xeb, 0x03], 0x40_1000),
        (&[0xe3, 0x03], 0x40_1000),
        (&[0xe9, 0x00, 0x00, 0x00, 0x00], 0x40_1000),
        (&[0xe8, 0x00, 0x10, 0x00, 0x00], 0x40_0000),
        // lea rax, [rip + …]
        (&[0x48, 0x8d, 0x05, 0xfe, 0xff, 0xff, 0xff], 0x40_1000),
        // mov edi, 0x401005
        (&[0xbf, 0x05, 0x10, 0x40, 0x00], 0x40_8000),
    ];
    for (code, address) in cases {
        assert!(behind(0).is_target_in_code(code, address), "{code:02x?}");
        assert!(!Behind { address: 0x40_1006, flags: 0 }.is_target_in_code(code, address), "{code:02x?}");
    }
    assert!(behind(0).is_target_in_code(&[HLT, 0xf3, 0x0f, 0x1e, 0xfa], 0x40_1004));
}

#[test]
fn pointers_and_tables_in_data_count() {
    const DATA: u64 = 0x7f12_0060_0000;
    let here = Behind { address: 0x7f12_0040_1005, flags: 0 };
    let look = |data: &[u8], address| {
        let mut tables = Vec::new();
        (here.is_target_in_data(data, address, &mut tables).unwrap(), tables)
    };
    let pointer = here.address.to_le_bytes();
    assert_eq!(look(&[&[0; 8], &pointer[..]].concat(), DATA), (true, std::vec![]));
    assert_eq!(look(&pointer[..4], DATA), (false, std::vec![]));
    // The third entry of a table.
    let entry = (here.address.wrapping_sub(DATA) as u32).to_le_bytes();
    let data = [&[1, 0, 0, 0, 2, 0, 0, 0], &entry[..]].concat();
    assert_eq!(look(&data, DATA), (false, std::vec![DATA]));
    assert_eq!(look(&data, DATA + 0x1_0000), (false, std::vec![]));
    assert!(here.may_begin_table(DATA, entry));
    assert!(!here.may_begin_table(DATA, [1, 0, 0, 0]));
    // lea rax, [rip + …]
    let displacement = (DATA.wrapping_sub(here.address + 7) as u32).to_le_bytes();
    let code = [&[0x48, 0x8d, 0x05], &displacement[..]].concat();
    assert!(uses_table(&code, here.address, &[DATA - 4, DATA, DATA + 4]));
    assert!(!uses_table(&code, here.address, &[DATA - 4, DATA + 4]));
    // mov rax, [rax * 8 + 0x4a0000]
    assert!(uses_table(&[0x48, 0x8b, 0x04, 0xc5, 0x00, 0x00, 0x4a, 0x00], 0x40_1000, &[0x4a_0000]));
}

/// On this very program: no byte of an instruction that is none is ever taken for one.
#[test]
fn no_instruction_of_this_program_is_taken_for_a_halt() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let field = |at: usize| u64::from_le_bytes(program[at..at + 8].try_into().unwrap()) as usize;
    let headers = field(32);
    let (mut looked_at, mut halts, mut missed) = (0, 0, 0);
    for header in (0..usize::from(program[56])).map(|number| headers + number * 56) {
        let is_code = program[header] == 1 && program[header + 4] & 1 != 0;
        if !is_code {
            continue;
        }
        let (offset, address, size) = (field(header + 8), field(header + 16), field(header + 32));
        let code = &program[offset..offset + size];
        for instruction in Decoder::with_ip(64, code, address as u64, DecoderOptions::NONE) {
            let end = instruction.next_ip() as usize - address;
            if code[end - 1] != HLT || instruction.is_invalid() {
                continue;
            }
            looked_at += 1;
            let said = is_instruction(&code[end.saturating_sub(WINDOW + 1)..end], None);
            if instruction.code() == Code::Hlt {
                halts += 1;
                missed += usize::from(!said);
            } else {
                assert!(!said, "{instruction:?}");
            }
        }
    }
    assert!(looked_at > 20, "{looked_at} looked at");
    std::println!("{looked_at} looked at, {halts} of them hlt, {missed} missed");
}
