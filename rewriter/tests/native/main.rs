//! Random code with sites, run on this CPU as it is and rewritten: registers, flags, memory and red zone must be the
//! same. Only where the code ends up is compared, so all calls in it are harmless ones.
#![cfg(all(target_os = "linux", target_arch = "x86_64", feature = "analysis"))]

mod machine;
mod stream;

use std::collections::BTreeMap;
use std::sync::Mutex;

use birgus_rewriter::analysis::{Analysis, Bytes, Program, analyse};
use birgus_rewriter::displacement::TRAPPING;
use birgus_rewriter::{Entry, Plan, Room, Site, Tactic};
use machine::{ABOVE, BELOW, CODE, CODE_SIZE, DATA_SIZE, Detour, Machine, Outcome, Registers};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use stream::{Assembled, Block, NUMBERS, assemble, functions};

/// How the trampolines enter the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Syscall,
    AnyDoor,
    NumberDoor,
    Leaf,
}

const WAYS: [Way; 4] = [Way::Syscall, Way::AnyDoor, Way::NumberDoor, Way::Leaf];

/// The flags that code may have: all arithmetic ones, and the direction.
const FLAGS: u64 = 0xcd5;

/// A case: code, and what it begins with.
struct Case {
    assembled: Assembled,
    registers: Registers,
    data: Vec<u8>,
    bias: u64,
}

impl Case {
    fn new(functions: &[Vec<Block>], values: [u64; 16], flags: u64, bias: u64) -> Case {
        let assembled = assemble(functions, CODE, machine::exit());
        let mut registers = Registers { general: values, flags: flags & FLAGS | 0x202 };
        // What a site may find in rax before it has loaded a number, and what it loads from r12 and from memory.
        registers.general[0] = NUMBERS[2].into();
        registers.general[12] = NUMBERS[3].into();
        let mut data: Vec<u8> = (0..DATA_SIZE).map(|place| (place * 37) as u8).collect();
        data.splice(DATA_SIZE - 8.., u64::from(NUMBERS[4]).to_le_bytes());
        Case { assembled, registers, data, bias }
    }

    fn analysis(&self) -> Analysis {
        let functions = &self.assembled.functions;
        analyse(&Program {
            code: vec![Bytes { address: CODE - self.bias, bytes: &self.assembled.code }],
            functions: functions.iter().map(|range| range.start - self.bias..range.end - self.bias).collect(),
            ..Program::default()
        })
    }

    /// Puts the code in place as it is, with nothing behind it.
    fn lay(&self, machine: &mut Machine) {
        machine.write(CODE, &vec![0xf4; CODE_SIZE]);
        machine.write(CODE, &self.assembled.code);
    }

    fn run(&self, machine: &mut Machine, at: u64, detours: Vec<Detour>) -> Outcome {
        machine.run(at, self.registers, &self.data, detours)
    }
}

/// A site that has been rewritten.
struct Rewritten<'a> {
    site: Site<'a>,
    entry: Entry<'a>,
    place: u64,
    trampoline: Vec<u8>,
}

/// What a leaf answers: `mov eax, imm32` of what the call gives, for each number.
fn leaves() -> BTreeMap<u32, [u8; 5]> {
    NUMBERS
        .into_iter()
        .filter(|&number| number != 999)
        .map(|number| {
            // SAFETY: none of these calls has arguments.
            let answer = unsafe { libc::syscall(number.into()) } as u32;
            let [a, b, c, d] = answer.to_le_bytes();
            (number, [0xb8, a, b, c, d])
        })
        .collect()
}

fn rewrite<'a>(
    case: &Case,
    machine: &mut Machine,
    plan: Plan<'a>,
    way: Way,
    leaves: &'a BTreeMap<u32, [u8; 5]>,
) -> Vec<Rewritten<'a>> {
    let mut room = Room::new([BELOW, ABOVE]);
    let mut done = Vec::new();
    for site in plan.sites() {
        let any = machine.slot(None);
        let number = site.number();
        let entry = match (way, number) {
            (Way::Syscall, _) => Entry::Syscall,
            (Way::NumberDoor, Some(number)) => Entry::Number { slot: machine.slot(Some(number)), any },
            (Way::Leaf, Some(number)) if leaves.contains_key(&number) => Entry::Leaf { code: &leaves[&number], any },
            _ => Entry::Any { slot: any },
        };
        let size = site.trampoline_size(&entry);
        let place = room.take(size as u64, |from| site.next_place(from, case.bias)).expect("a place");
        let mut trampoline = vec![0; size];
        site.write_trampoline(&entry, place, case.bias, &mut trampoline).expect("fits");
        machine.write(place, &trampoline);
        for write in site.writes(place, case.bias).expect("fits") {
            machine.write(write.address, write.bytes());
        }
        done.push(Rewritten { site, entry, place, trampoline });
    }
    done
}

/// Wants two outcomes to be the same, but that a leaf leaves r11 as it was.
fn compare(rewritten: &Outcome, original: &Outcome, way: Way, when: &str) {
    let comparable = |outcome: &Outcome| {
        let mut registers = outcome.registers;
        if way == Way::Leaf {
            registers.general[11] = 0;
        }
        registers
    };
    assert_eq!(comparable(rewritten), comparable(original), "registers, {way:?}, {when}");
    let first = |ours: &[u8], theirs: &[u8]| ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
    assert_eq!(first(&rewritten.data, &original.data), None, "data, {way:?}, {when}");
    assert_eq!(first(&rewritten.stack, &original.stack), None, "stack, {way:?}, {when}");
}

/// Whether the code looks at r11, which a leaf does not set.
fn looks_at_r11(functions: &[Vec<Block>]) -> bool {
    use stream::Item;
    let items = functions.iter().flatten().flat_map(|block| block.before.iter().chain(&block.after));
    items.into_iter().any(|item| {
        matches!(item, Item::Two(_, _, 11) | Item::PushPop(11, _) | Item::Move(_, _, 11) | Item::Result(11))
    })
}

/// How often each tactic has been tried, so that the test can tell when it no longer tries one.
static TRIED: Mutex<BTreeMap<Tactic, usize>> = Mutex::new(BTreeMap::new());

fn check(functions: &[Vec<Block>], values: [u64; 16], flags: u64, bias: u64) {
    let case = Case::new(functions, values, flags, bias);
    let mut machine = Machine::new();
    let analysis = case.analysis();
    let found: Vec<u64> = analysis.sites.iter().map(|site| site.address + bias).collect();
    assert_eq!(found, case.assembled.sites);
    for draft in analysis.drafts() {
        *TRIED.lock().expect("not poisoned").entry(draft.tactic).or_default() += 1;
    }
    let plan = analysis.plan().expect("a plan");
    let plan = Plan::parse(&plan).expect("sound");
    let leaves = leaves();
    case.lay(&mut machine);
    let original = case.run(&mut machine, CODE, Vec::new());
    for way in WAYS {
        if way == Way::Leaf && looks_at_r11(functions) {
            continue;
        }
        case.lay(&mut machine);
        let rewritten = rewrite(&case, &mut machine, plan, way, &leaves);
        let outcome = case.run(&mut machine, CODE, Vec::new());
        compare(&outcome, &original, way, "from the start");
        for one in &rewritten {
            comes_back_into_the_patch(&case, &mut machine, one, &rewritten, way);
            is_interrupted(&case, &mut machine, one, way, &original);
        }
    }
}

/// A program counter that comes back to an instruction inside of the patch traps there and goes on at the twin.
fn comes_back_into_the_patch(case: &Case, machine: &mut Machine, one: &Rewritten<'_>, all: &[Rewritten<'_>], way: Way) {
    let patch = one.site.address() + case.bias..one.site.end() + case.bias;
    let inside = case.assembled.starts.iter().filter(|start| patch.contains(start) && **start != patch.start);
    for &start in inside {
        let twin = one.site.twin(&one.entry, start, case.bias).expect("each instruction has one");
        let new = one.site.writes(one.place, case.bias).expect("fits").find(|write| write.address == patch.start);
        let byte = new.expect("the patch").bytes()[(start - patch.start) as usize];
        assert!(TRAPPING.contains(&byte), "{byte:x} does not trap");
        let to = one.place + twin as u64;
        let detour = Detour { at: start, to, rcx: None, rax: None, restore: Vec::new() };
        let outcome = case.run(machine, start, vec![detour]);
        case.lay(machine);
        let original = case.run(machine, start, Vec::new());
        compare(&outcome, &original, way, &format!("at {start:#x}, twin {twin}"));
        for one in all {
            for write in one.site.writes(one.place, case.bias).expect("fits") {
                machine.write(write.address, write.bytes());
            }
        }
    }
}

/// Whatever instruction of the trampoline is interrupted, the program goes on from the place that it stands for as if
/// nothing had been rewritten.
fn is_interrupted(case: &Case, machine: &mut Machine, one: &Rewritten<'_>, way: Way, original: &Outcome) {
    for offset in boundaries(&one.trampoline) {
        let origin = one.site.origin(&one.entry, offset, case.bias).expect("inside");
        let at = one.place + offset as u64;
        let byte = one.trampoline[offset];
        machine.write(at, &[0xcc]);
        // From there on the site is as it was, and so is the trampoline.
        let patch = one.site.patch();
        let mut restore = vec![(patch.address + case.bias, patch.original.to_vec()), (at, vec![byte])];
        if let Some(springboard) = one.site.springboard() {
            restore.push((springboard.address + case.bias, springboard.original.to_vec()));
        }
        let detour = Detour { at, to: origin.address, rcx: origin.rcx, rax: origin.rax, restore };
        let outcome = case.run(machine, CODE, vec![detour]);
        machine.write(at, &[byte]);
        for write in one.site.writes(one.place, case.bias).expect("fits") {
            machine.write(write.address, write.bytes());
        }
        compare(&outcome, original, way, &format!("at {offset} of the trampoline, {origin:?}"));
    }
}

/// Where the instructions of a trampoline begin.
fn boundaries(trampoline: &[u8]) -> Vec<usize> {
    let mut decoder = iced_x86::Decoder::new(64, trampoline, iced_x86::DecoderOptions::NONE);
    let mut found = Vec::new();
    while decoder.can_decode() {
        found.push(decoder.position());
        assert!(!decoder.decode().is_invalid());
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rewritten_code_does_what_it_did(
        functions in functions(),
        values: [u64; 16],
        flags: u64,
        pages in 0_u64..0x1000,
    ) {
        check(&functions, values, flags, pages << 12);
    }
}

#[test]
fn each_tactic_is_tried() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..400 {
        let functions = functions().new_tree(&mut runner).expect("a value").current();
        check(&functions, [7; 16], 0, 0x1000);
    }
    let tried = TRIED.lock().expect("not poisoned");
    assert!(Tactic::ALL.iter().all(|tactic| tried.contains_key(tactic)), "{tried:?}");
}
