//! The kernel's doors under QEMU's debugger: an NMI at each of their instructions, and a kernel stack that overflows.
//!
//! One turn of `programs/ring0/doors.c` is stepped through to learn which instructions of the kernel it runs. Then, at
//! each of them, the machine is stopped, an NMI is injected, and when it has been served every register must be what
//! it was. In the end the program itself tells whether it missed something. The kernel needs no code for this.
//!
//! With interrupts on, a timer's interrupt can come at two of these instructions, too: see `programs/ring0/deadlines.c`.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::thread;

use object::{Object, ObjectSection, ObjectSymbol};

use crate::case::Program;
use crate::gdb::{Debugger, RBP, RCX, RIP, RSP, Stop};
use crate::guest::{Bench, LIMIT, scratch};
use crate::outcome::{Ending, Outcome};
use crate::process;

/// A run under the debugger.
pub(crate) struct DoorCase {
    pub(crate) name: String,
    pub(crate) full: bool,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// An NMI at each instruction of a turn.
    Nmi {
        /// `doors.c`'s first argument.
        mode: &'static str,
        /// More words for the kernel.
        words: &'static str,
        /// Whether at every instruction of the kernel, not of the doors alone.
        everywhere: bool,
    },
    /// A thread's kernel stack that is too small.
    StackOverflow,
}

/// The cases.
pub(crate) fn cases() -> Vec<DoorCase> {
    let nmi = |name: &str, mode, words| {
        [false, true].map(|everywhere| DoorCase {
            name: format!("doors/nmi-{name}{}", if everywhere { "-everywhere" } else { "" }),
            full: everywhere,
            kind: Kind::Nmi { mode, words, everywhere },
        })
    };
    let mut cases = Vec::new();
    cases.extend(nmi("fast", "fast", ""));
    cases.extend(nmi("signal", "signal", ""));
    cases.extend(nmi("gs", "gs", ""));
    cases.extend(nmi("fault", "fault", ""));
    cases.extend(nmi("traced", "fast", "birgus.trace"));
    cases.extend(nmi("traced-gs", "gs", "birgus.trace"));
    cases.push(DoorCase { name: "doors/stack-overflow".into(), full: false, kind: Kind::StackOverflow });
    cases
}

/// Runs a case.
///
/// # Errors
/// What was not as it should be.
pub(crate) fn try_case(bench: &Bench<'_>, case: &DoorCase) -> Result<(), String> {
    let program = bench.compiled(&Program::Compiled("ring0/doors".to_owned()))?;
    let kernel = &bench.built()?.kernel;
    let symbols = Symbols::read(kernel, &program)?;
    match case.kind {
        Kind::Nmi { mode, words, everywhere } => {
            let machine = Machine { kernel, program: &program, mode, words };
            let mut injected = 0;
            let outcome = machine.run(|debugger| {
                injected = inject(debugger, &symbols, everywhere)?;
                finish(debugger)
            })?;
            let told = String::from_utf8_lossy(&outcome.stdout).replace('\r', "");
            let wanted = format!("{mode}: {TURNS} turns, wrong: 0");
            // The debug device's 2 · 0 + 1.
            if outcome.ending != Ending::Code(1) || !told.contains(&wanted) {
                return Err(format!("after {injected} interrupts: {:?}, wanted {wanted:?}\n{told}", outcome.ending));
            }
            // The shortest way in and out is longer than this.
            if injected < 30 { Err(format!("only {injected} instructions were seen")) } else { Ok(()) }
        }
        Kind::StackOverflow => {
            let machine = Machine { kernel, program: &program, mode: "fast", words: "" };
            let outcome = machine.run(|debugger| {
                overflow(debugger, &symbols)?;
                finish(debugger)
            })?;
            let told = String::from_utf8_lossy(&outcome.stdout).replace('\r', "");
            let mut lines = told.lines().skip_while(|line| !line.contains("kernel panic: thread stack 0 ("));
            let report = lines.next().is_some_and(|line| line.contains(") has overflowed at 0xffffffff8"));
            let backtrace = lines.next().is_some_and(|line| line.starts_with("  at 0xffffffff8"));
            // 2 · 125 + 1.
            match report && backtrace && outcome.ending == Ending::Code(251) {
                true => Ok(()),
                false => Err(format!("{:?}\n{told}", outcome.ending)),
            }
        }
    }
}

/// Turns of the program: each instruction needs one.
const TURNS: usize = 20_000;

/// A machine to be debugged. Firmware of a PC leads NMIs to the CPU, as it does on hardware; microvm's does not.
struct Machine<'a> {
    kernel: &'a Path,
    program: &'a Path,
    mode: &'a str,
    words: &'a str,
}

impl Machine<'_> {
    /// Starts it, lets `drive` have it, and waits for its end.
    fn run(&self, drive: impl FnOnce(&mut Debugger) -> Result<(), String>) -> Result<Outcome, String> {
        let scratch = scratch()?;
        let app = scratch.path().join("app");
        fs::copy(self.program, &app).map_err(|error| error.to_string())?;
        let stub = scratch.path().join("gdb");
        let qemu = std::env::var_os("BIRGUS_QEMU").unwrap_or_else(|| "qemu-system-x86_64".into());
        let mut command = Command::new(qemu);
        command.args(["-M", "pc", "-cpu", "max", "-m", "64", "-display", "none", "-serial", "stdio", "-no-reboot"]);
        command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-S", "-gdb", "chardev:stub"]);
        command.arg("-chardev").arg(format!("socket,id=stub,server=on,wait=off,path={}", stub.display()));
        command.arg("-kernel").arg(self.kernel);
        command.arg("-initrd").arg(format!("{} {} {TURNS}", app.display(), self.mode));
        command.arg("-append").arg(format!("console=ttyS0 birgus.debug_exit=0xf4 {}", self.words));
        thread::scope(|scope| {
            let machine = scope.spawn(move || process::run(&mut command, b"", LIMIT));
            let driven = Debugger::connect(&stub).and_then(|mut debugger| {
                let driven = drive(&mut debugger);
                if driven.is_err() {
                    // Nobody waits for it any more; it ends when it can.
                    let _ = debugger.monitor("quit");
                }
                driven
            });
            let outcome = machine.join().expect("running a program never panics")?;
            driven.map(|()| outcome)
        })
    }
}

/// Lets the machine run to its end.
fn finish(debugger: &mut Debugger) -> Result<(), String> {
    match debugger.go_on()? {
        Stop::Ended => Ok(()),
        Stop::Trap => Err(format!("a stop at {:#x} that nobody wanted", debugger.registers()?.get(RIP))),
    }
}

/// The addresses that matter.
struct Symbols {
    /// In the program: behind the one call of a turn.
    behind_call: u64,
    nmi_stub: u64,
    /// The only `iretq` there is.
    iretq: u64,
    /// The last two instructions of each fast way back.
    exit_windows: Vec<[u64; 2]>,
    /// The doors, the vectors and the functions they call.
    doors: Vec<Range<u64>>,
}

impl Symbols {
    fn read(kernel: &Path, program: &Path) -> Result<Self, String> {
        let kernel_bytes = fs::read(kernel).map_err(|error| error.to_string())?;
        let kernel = object::File::parse(&*kernel_bytes).map_err(|error| error.to_string())?;
        let program_bytes = fs::read(program).map_err(|error| error.to_string())?;
        let program = object::File::parse(&*program_bytes).map_err(|error| error.to_string())?;
        let find = |file: &object::File<'_>, name: &str| {
            let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
            symbol.map(|symbol| symbol.address()).ok_or_else(|| format!("no symbol {name}"))
        };
        let functions = ["landing4land", "landing6Landed", "exceptions6handle", "exceptions10to_program", "gs7reclaim"];
        let of_doors = kernel
            .symbols()
            .filter(|symbol| symbol.name().is_ok_and(|name| functions.iter().any(|function| name.contains(function))));
        let mut doors: Vec<_> = of_doors.map(|symbol| symbol.address()..symbol.address() + symbol.size()).collect();
        doors.push(find(&kernel, "syscall_entry")?..find(&kernel, "entry_text_end")?);
        Ok(Self {
            behind_call: find(&program, "keep_behind")?,
            nmi_stub: find(&kernel, "vectors")? + 2 * 16,
            iretq: find(&kernel, "complete_frame")? - 2,
            exit_windows: exit_windows(&kernel)?,
            doors,
        })
    }

    fn is_of_doors(&self, address: u64) -> bool {
        self.doors.iter().any(|range| range.contains(&address))
    }
}

/// How many fast ways back there are.
const WINDOWS: u64 = 6;

/// The kernel's table of them.
fn exit_windows(kernel: &object::File<'_>) -> Result<Vec<[u64; 2]>, String> {
    let table = kernel.symbols().find(|symbol| symbol.name() == Ok("exit_windows")).ok_or("no symbol exit_windows")?;
    let section = table.section_index().ok_or("exit_windows is nowhere")?;
    let section = kernel.section_by_index(section).map_err(|error| error.to_string())?;
    let words = section.data_range(table.address(), WINDOWS * 16).map_err(|error| error.to_string())?;
    let words: Vec<_> = words
        .ok_or("exit_windows is cut")?
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")))
        .collect();
    Ok(words.chunks_exact(2).map(|window| [window[0], window[1]]).collect())
}

/// Above: the kernel.
const USER_END: u64 = 1 << 47;

/// Injects an NMI at each instruction of a turn; gives at how many.
fn inject(debugger: &mut Debugger, symbols: &Symbols, everywhere: bool) -> Result<usize, String> {
    debugger.run_to(symbols.behind_call)?;
    let mut seen = BTreeSet::new();
    loop {
        debugger.step()?;
        match debugger.registers()?.get(RIP) {
            rip if rip == symbols.behind_call => break,
            rip if rip >= USER_END && (everywhere || symbols.is_of_doors(rip)) => {
                seen.insert(rip);
            }
            _ => {}
        }
    }
    for &address in &seen {
        interrupt_at(debugger, symbols, address).map_err(|error| format!("an NMI at {address:#x}: {error}"))?;
    }
    Ok(seen.len())
}

/// Goes on to the instruction, injects an NMI there, and compares what was before with what is when it was served.
fn interrupt_at(debugger: &mut Debugger, symbols: &Symbols, address: u64) -> Result<(), String> {
    debugger.run_to(address)?;
    let before = debugger.registers()?;
    debugger.monitor("nmi")?;
    debugger.run_to(symbols.nmi_stub)?;
    let landing = debugger.registers()?.get(RSP);
    let interrupted = debugger.read_word(landing)?;
    if interrupted != address {
        return Err(format!("it came at {interrupted:#x}"));
    }
    debugger.run_to(symbols.iretq)?;
    let after = debugger.step_over()?;
    let Some(&[pop, _]) = symbols.exit_windows.iter().find(|window| window.contains(&address)) else {
        return before.difference(&after).map_or(Ok(()), Err);
    };
    // The way back is finished: all is the program's.
    let popped = if address == pop { debugger.read_word(before.get(RSP))? } else { before.get(RSP) };
    let found = (after.get(RIP), after.get(RSP));
    if found == (before.get(RCX), popped) { Ok(()) } else { Err(format!("it went on at {found:x?}")) }
}

/// Half of it is a hole.
const STACK_STRIDE: u64 = 32 << 10;

/// Moves the thread's stack pointer to just above its stack's end, in a call.
fn overflow(debugger: &mut Debugger, symbols: &Symbols) -> Result<(), String> {
    debugger.run_to(symbols.behind_call)?;
    // The next call is one of the next turn, or prints.
    let entry = symbols.doors.last().map_or(0, |doors| doors.start);
    debugger.run_to(entry)?;
    loop {
        debugger.step()?;
        let registers = debugger.registers()?;
        if symbols.is_of_doors(registers.get(RIP)) {
            continue;
        }
        let bottom = registers.get(RSP) / STACK_STRIDE * STACK_STRIDE + STACK_STRIDE / 2;
        let return_address = debugger.read_word(registers.get(RSP))?;
        debugger.write_word(bottom + 16, return_address)?;
        debugger.write_word(bottom + 8, registers.get(RBP))?;
        debugger.set_register(RBP, bottom + 8)?;
        // A call would have left it at a multiple of 16 less 8.
        return debugger.set_register(RSP, bottom - 8);
    }
}
