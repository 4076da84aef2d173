//! Which sites are found, and which way they go, in code written by hand.
#![cfg(feature = "analysis")]
#![expect(clippy::single_range_in_vec_init, reason = "a program of one function")]

use birgus_rewriter::analysis::{Analysis, Bytes, Finding, Program, Reason, analyse};
use birgus_rewriter::{Draft, Plan, Tactic};

const AT: u64 = 0x40_1000;
const SYSCALL: [u8; 2] = [0x0f, 0x05];
const RET: u8 = 0xc3;
/// `mov eax, 39`
const GETPID: [u8; 5] = [0xb8, 39, 0, 0, 0];

/// One function, which is all of the code.
fn function(code: &[u8]) -> Analysis {
    functions(code, &[0..code.len()])
}

/// Functions at these places of the code.
fn functions(code: &[u8], places: &[std::ops::Range<usize>]) -> Analysis {
    let functions = places.iter().map(|place| AT + place.start as u64..AT + place.end as u64).collect();
    let code = vec![Bytes { address: AT, bytes: code }];
    analyse(&Program { code, functions, is_fixed: true, ..Program::default() })
}

fn only(analysis: &Analysis) -> &Finding {
    assert_eq!(analysis.sites.len(), 1, "{:?}", analysis.sites);
    &analysis.sites[0]
}

fn draft(analysis: &Analysis) -> &Draft {
    only(analysis).verdict.as_ref().expect("a way")
}

#[test]
fn a_load_of_the_number_becomes_the_jump_and_the_syscall_stays() {
    let analysis = function(&[&GETPID[..], &SYSCALL, &[RET]].concat());
    let draft = draft(&analysis);
    assert_eq!((draft.tactic, draft.number, draft.address), (Tactic::Number, Some(39), AT));
    assert_eq!(draft.original, GETPID);
    // mov rax, 39
    let analysis = function(&[&[0x48, 0xc7, 0xc0, 39, 0, 0, 0][..], &SYSCALL, &[RET]].concat());
    assert_eq!(analysis.drafts().next().map(|draft| (draft.tactic, draft.number)), Some((Tactic::Number, Some(39))));
}

#[test]
fn bytes_that_look_like_a_load_are_none() {
    // gVisor's issue 10849: the five bytes before the trap are those of `mov eax, imm32`, but the instruction there
    // begins earlier: mov r8d, 39.
    let analysis = function(&[&[0x41][..], &GETPID, &SYSCALL, &[RET]].concat());
    let draft = draft(&analysis);
    assert_eq!((draft.tactic, draft.number, draft.address), (Tactic::Before, None, AT));
    assert_eq!(only(&analysis).number, None);
    // The same inside of a longer one: mov rax, [rbx+0x27b8] ends in b8 27 00 00.
    let load = [0x48, 0x8b, 0x83, 0xb8, 39, 0, 0];
    let analysis = function(&[&load[..], &[0x90], &SYSCALL, &[RET]].concat());
    let found = analysis.drafts().next().expect("a way");
    assert_eq!((found.number, found.address), (None, AT));
    // And at the end of an address: mov [rip+0x27b8…], the load's first byte being part of it.
    let store = [0xc7, 0x05, 0xb8, 39, 0, 0, 0, 1, 0, 0, 0];
    let analysis = function(&[&store[..], &SYSCALL, &[RET]].concat());
    assert_eq!(analysis.drafts().next().and_then(|draft| draft.number), None);
}

#[test]
fn the_bytes_of_a_syscall_in_another_instruction_are_no_site() {
    // mov eax, 0x050f; add rax, 0x050f…; mov rax, imm64
    let code = [0xb8, 0x0f, 5, 0, 0, 0x48, 0x05, 0x0f, 5, 0, 0, 0x48, 0xb8, 0, 0, 0x0f, 5, 0, 0, 0x0f, 5, RET];
    let analysis = function(&code);
    assert_eq!((analysis.sites.len(), analysis.byte_pairs, analysis.unproven), (0, 4, 0));
}

#[test]
fn data_among_code_is_no_site() {
    // A function that ends, and data behind it that no instruction leads to; then another function.
    let data = [0x0f, 0x05, 0xc3, 0xff, 0xff, 0x0f, 0x05, 0x06, 0x0f, 0x05];
    let code = [&[RET][..], &data, &GETPID, &SYSCALL, &[RET]].concat();
    let end = 1 + data.len();
    let analysis = functions(&code, &[0..1, end..code.len()]);
    assert_eq!(only(&analysis).address, AT + end as u64 + 5);
    assert_eq!(analysis.byte_pairs, 4);
    // Data that code refers to, as if it were a function: lea rax, [rip+1]; ret
    let lea = [0x48, 0x8d, 0x05, 1, 0, 0, 0, RET];
    let table = [0x0f, 0x05, 0x06, 0x06, 0x0f, 0x05, 0x75, 0x80];
    let analysis = functions(&[&lea[..], &table].concat(), &[0..lea.len()]);
    assert_eq!((analysis.sites.len(), analysis.unproven), (0, 2));
}

#[test]
fn the_end_of_a_function_is_not_crossed() {
    // syscall; jmp rax – and the next function begins at once.
    let code = [&SYSCALL[..], &[0xff, 0xe0], &GETPID, &[RET]].concat();
    let analysis = functions(&code, &[0..4, 4..code.len()]);
    assert_eq!(only(&analysis).verdict, Err(Reason::NoRoom));
    // With padding in between it is one more place to jump over.
    let code = [&SYSCALL[..], &[0xff, 0xe0], &[0x90; 12], &GETPID, &[RET]].concat();
    let analysis = functions(&code, &[0..4, 16..code.len()]);
    let way = draft(&analysis);
    assert_eq!((way.tactic, way.original.len()), (Tactic::After, 5));
    // A site at the very end of the code, and of a page.
    let code = [&vec![0x90; 4096 - 7][..], &GETPID, &SYSCALL].concat();
    let analysis = functions(&code, &[4089..4096]);
    assert_eq!(draft(&analysis).tactic, Tactic::Number);
    let analysis = functions(&SYSCALL, &[0..2]);
    assert_eq!(only(&analysis).verdict, Err(Reason::NoRoom));
}

#[test]
fn what_is_jumped_to_is_covered_by_no_patch() {
    // mov ebx, 1; loop: mov esi, ebx; dec ebx; syscall; jne loop; ret – the load may go, with its first byte only.
    let code = [&[0xbb, 1, 0, 0, 0][..], &[0x89, 0xde, 0xff, 0xcb], &SYSCALL, &[0x75, 0xf8, RET]].concat();
    let analysis = function(&code);
    let way = draft(&analysis);
    let covered = way.address + 1..way.end();
    assert!(!covered.contains(&(AT + 5)), "{way:?}");
    // The number is not certain where something jumps behind its load: jne +5; mov eax, 39; syscall; ret
    let code = [&[0x75, 5][..], &GETPID, &SYSCALL, &[RET]].concat();
    let analysis = function(&code);
    assert_eq!(only(&analysis).number, None);
    // The load itself may still be replaced: who comes past it has its own number, and uses the syscall that stays.
    assert_eq!((draft(&analysis).tactic, draft(&analysis).number), (Tactic::Number, Some(39)));
}

#[test]
fn calls_are_not_moved() {
    // call +0 is what comes before; what comes after is a call, too: only padding would help, and there is none.
    let code = [&[0xe8, 0, 0, 0, 0][..], &SYSCALL, &[0xe8, 0, 0, 0, 0, RET]].concat();
    assert_eq!(only(&function(&code)).verdict, Err(Reason::NoRoom));
    let code = [&code[..], &[0x90; 5], &[RET]].concat();
    let analysis = functions(&code, &[0..13, 18..19]);
    assert_eq!(draft(&analysis).tactic, Tactic::Springboard);
}

#[test]
fn the_return_from_a_signal_keeps_its_bytes() {
    for load in [&[0x48, 0xc7, 0xc0, 15, 0, 0, 0][..], &[0xb8, 15, 0, 0, 0]] {
        let analysis = function(&[load, &SYSCALL].concat());
        assert_eq!(only(&analysis).verdict, Err(Reason::SignalReturn));
    }
}

#[test]
fn a_contradiction_is_believed_by_nobody() {
    // Two functions, of which the second begins inside of an instruction of the first.
    let code = [&[0xb8, 0x90, 0x90, 0x90, 0x90][..], &SYSCALL, &[RET]].concat();
    let analysis = functions(&code, &[0..8, 2..8]);
    assert!(analysis.drafts().all(|draft| draft.address >= AT + 5 || draft.address == AT + 2), "{analysis:?}");
    // A prefixed syscall stays as it is.
    let code = [&GETPID[..], &[0x48], &SYSCALL, &[RET]].concat();
    assert_eq!(only(&function(&code)).verdict, Err(Reason::Prefixed));
}

#[test]
fn neighbours_share_the_bytes_between_them() {
    // Three sites one behind the other, with one movable instruction between each.
    let code = [&GETPID[..], &SYSCALL, &GETPID, &SYSCALL, &[0x48, 0x3d, 1, 0, 0, 0], &SYSCALL, &[RET]].concat();
    let analysis = function(&code);
    assert_eq!(analysis.sites.len(), 3);
    let mut drafts: Vec<&Draft> = analysis.drafts().collect();
    drafts.sort_by_key(|draft| draft.address);
    assert!(drafts.windows(2).all(|pair| pair[0].end() <= pair[1].address));
    assert_eq!(drafts.len(), 3);
    let plan = analysis.plan().expect("a plan");
    let plan = Plan::parse(&plan).expect("sound");
    assert_eq!(plan.len(), 3);
    assert_eq!(plan.site_at(AT + 4).map(|site| site.address()), Some(AT));
    assert_eq!(plan.site_at(AT + 5).map(|site| site.address()), None);
    assert_eq!(plan.beginning_in(AT + 1..AT + 8), 1..2);
}

#[test]
fn an_address_behind_a_site_that_the_program_knows_is_told() {
    // lea rcx, [rip+9] of what is behind the site; mov eax, 39; syscall; ret
    let code = [&[0x48, 0x8d, 0x0d, 7, 0, 0, 0][..], &GETPID, &SYSCALL, &[RET]].concat();
    assert!(only(&function(&code)).is_watched);
    let code = [&GETPID[..], &SYSCALL, &[RET]].concat();
    assert!(!only(&function(&code)).is_watched);
}

#[test]
fn jump_tables_lead_to_targets() {
    // lea rdx, [table]; movsxd rax, [rdx+rcx*4]; add rax, rdx; jmp rax; mov esi, ebx; L: mov edi, ebx; mov edx, 1;
    // syscall; ret – the table leads to L.
    let head = [0x48, 0x8d, 0x15, 0, 0x10, 0, 0, 0x48, 0x63, 0x04, 0x8a, 0x48, 0x01, 0xd0, 0xff, 0xe0];
    let label = AT + 18;
    let code = [&head[..], &[0x89, 0xde, 0x89, 0xdf], &[0xba, 1, 0, 0, 0], &SYSCALL, &[RET]].concat();
    let table = AT + 7 + 0x1000;
    let entry = (label.wrapping_sub(table) as i32).to_le_bytes();
    let program = Program {
        code: vec![Bytes { address: AT, bytes: &code }],
        data: vec![Bytes { address: table, bytes: &entry }],
        functions: vec![AT..AT + code.len() as u64],
        ..Program::default()
    };
    let analysis = analyse(&program);
    let way = draft(&analysis);
    assert!(!(way.address + 1..way.end()).contains(&label), "{way:?}");
}
