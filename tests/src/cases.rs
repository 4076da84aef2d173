//! The guest tests.

mod images;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::case::{Case, Expected, Program};
use crate::machines;
use crate::outcome::{Ending, Outcome, Stderr};
use crate::programs::Source;

pub(crate) use images::of_images;

fn compiled(name: &str) -> Program {
    Program::Compiled(name.to_owned())
}

/// A case for each C program, or more where it says so.
pub(crate) fn of_programs(programs: &[Source]) -> Vec<Case> {
    let mut cases = Vec::new();
    for source in programs {
        let directives = &source.directives;
        for arguments in &directives.runs {
            let name = [&[source.name.clone()][..], arguments].concat().join(":");
            let mut case = Case::new(name, compiled(&source.name)).arguments(arguments).stdin(&*directives.stdin);
            if directives.any_stderr {
                case = case.stderr(Stderr::Any);
            }
            cases.push(case.options(&directives.options).only_full(directives.full));
        }
    }
    let trapped: Vec<_> = cases.iter().filter_map(by_traps_alone).collect();
    cases.extend(trapped);
    cases
}

/// What the names of cases end with in which no call is rewritten.
pub(crate) const BY_TRAPS: &str = "@traps";

/// The same with no call rewritten. What is about registers, signals and processes is always run both ways.
fn by_traps_alone(case: &Case) -> Option<Case> {
    let always = ["ring0/", "signals/", "process/"].iter().any(|family| case.name.starts_with(family));
    let rewritten = !case.options.iter().any(|option| option == "--rewrite");
    let name = format!("{}{BY_TRAPS}", case.name);
    let options = [&case.options[..], &["--rewrite".to_owned(), "off".to_owned()]].concat();
    rewritten.then(|| Case { name, options, full: case.full || !always, ..case.clone() })
}

/// What the tool carries into the guest byte for byte, and what it refuses.
pub(crate) fn of_the_tool() -> Vec<Case> {
    let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let every_byte: Vec<u8> = (1..=255).collect();
    vec![
        Case::new("tool/arguments", compiled("start/bytes")).arguments([
            odd(b""),
            odd(b" "),
            odd(b"a b,c"),
            odd(b"--"),
            odd(b"-m"),
            odd(b"new\nline\t\"quoted\" 'too' \\ $HOME `x` *"),
            odd(b"\xff\xfe not UTF-8"),
            odd(&every_byte),
        ]),
        Case::new("tool/environment", compiled("start/bytes"))
            .variable("EMPTY", "")
            .variable("BLANKS", " a  b ")
            .variable("EQUALS", "a=b=c")
            .variable("HOME", "/elsewhere")
            .variable("BYTES", odd(&every_byte)),
        Case::new("tool/large-arguments", compiled("start/sum")).arguments(large(1 << 20, 16)),
        Case::new("tool/large-environment", compiled("start/sum")).variable("LARGE", "x".repeat(100_000)),
        Case::new("tool/stdin", compiled("start/copy")).stdin(noise(300_000)),
        Case::new("tool/stdin-empty", compiled("start/copy")),
        Case::new("tool/stdout-and-stderr", compiled("start/both")),
        Case::new("tool/fault", compiled("signals/death")).arguments(["null"]).stderr(Stderr::Like(
            "birgus: process 2, thread 2 died of SIGSEGV at 0x*, writing 0x*: nothing is mapped there \
             (-v shows registers and mappings)\n",
        )),
        Case::new("tool/fault-verbose", compiled("signals/death")).arguments(["null"]).options(["-v"]).stderr(
            Stderr::Like(
                "*birgus: process 2, thread 2 died of SIGSEGV at 0x*, writing 0x*: nothing is mapped there\n\
                 birgus:   trap 14, error *birgus:   instruction 0x* in * r-xp *birgus:   address 0x* in no mapping\n\
                 *birgus:   rip *\n",
            ),
        ),
        Case::new("tool/signal", compiled("signals/death")).arguments(["TERM"]),
        full_root(),
        Case::new("tool/absent", Program::Host("/nonexistent/program".into())).refused(127),
        Case::new("tool/text-file", Program::Host("/etc/passwd".into())).refused(126),
        Case::new("tool/directory", Program::Host("/etc".into())).refused(126),
    ]
}

/// Files cannot take all of the memory: the program that fills them lives to tell.
fn full_root() -> Case {
    let stderr = b"dd: error writing '/x': No space left on device\n".to_vec();
    let outcome = Outcome { stdout: Vec::new(), stderr, ending: Ending::Code(1) };
    let case = Case::new("tool/full-root", Program::Recipe("busybox")).options(["-m", "64M"]);
    Case { expected: Expected::Fixed(outcome), ..case }.arguments([
        "dd",
        "if=/dev/zero",
        "of=/x",
        "bs=1M",
        "count=200",
        "status=none",
    ])
}

/// The kernel's doors, beside what `doors.rs` does with them. `programs/ring0/deadlines.c` with a clock that counts
/// instructions: there the sweep is complete; the traced doors have the same way out. `steps.c` through the traced ones.
pub(crate) fn of_doors() -> Vec<Case> {
    let sweep = |how: &str| {
        let stdout =
            format!("at a call, behind a call, by itself and in the window: yes\n{how}: wrong: 0, strange: 0\n");
        let outcome = Outcome { stdout: stdout.into_bytes(), stderr: Vec::new(), ending: Ending::Code(0) };
        let case = Case::new(format!("doors/timer-{how}"), compiled("ring0/deadlines"));
        Case { expected: Expected::Fixed(outcome), ..case }.arguments(["cover", how]).options(["--icount"])
    };
    let steps = |how: &str| {
        let case = Case::new(format!("doors/steps-traced-{how}"), compiled("ring0/steps"));
        case.arguments([how]).options(["--trace=/dev/null"])
    };
    vec![sweep("fast"), sweep("gs"), steps("fast"), steps("gs")]
}

/// So many bytes in so many arguments; none of the two takes more than Linux allows one (128 KiB).
fn large(bytes: usize, count: usize) -> Vec<OsString> {
    let letters = (b'a'..=b'z').cycle();
    (0..count).map(|index| OsString::from_vec(letters.clone().skip(index).take(bytes / count).collect())).collect()
}

/// Bytes of every value without a pattern that a page or a line has.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        // Marsaglia's xorshift32.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// A few programs on every kind of machine.
pub(crate) fn of_machines() -> Vec<Case> {
    let mut cases = Vec::new();
    for (machine, sampled) in machines::all() {
        for program in ["hello/static", "hello/musl"] {
            let name = format!("{program}@{}", machine.name());
            let full = !sampled || program != "hello/static";
            cases.push(Case::new(name, compiled(program)).on(machine).only_full(full));
        }
        if machine.memory.is_none() {
            for program in ["threads/pingpong", "signals/timer_storm"] {
                let name = format!("{program}@{}", machine.name());
                cases.push(Case::new(name, compiled(program)).on(machine).only_full(!sampled));
            }
        }
    }
    cases
}
