//! `birgus run`.

use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::time::Instant;

use crate::accelerator;
use crate::arguments::{Rewriting, RunArguments};
use crate::clock;
use crate::environment::Environment;
use crate::failure::{Context, Failure, Result};
use crate::handover::{self, Start};
use crate::kernel_image::KERNEL;
use crate::machine::{self, Configuration, Console, Process, Qemu};
use crate::memory_file::{self, Inherited};
use crate::memory_size::MemorySize;
use crate::network::Network;
use crate::patch_plan;
use crate::program::Program;
use crate::root_archive;
use crate::session::{self, LogReader, Settings, Terminal};

/// A machine's memory beside what program and files take, when nobody says how much.
const DEFAULT_MEMORY: MemorySize = MemorySize::mib(256);

/// Where the kernel begins; what is below belongs to the firmware.
const BELOW_THE_KERNEL: u64 = 1 << 20;

/// Runs a program; gives its exit code.
pub(crate) fn run(arguments: &RunArguments) -> Result<u8> {
    let deadline = arguments.timeout.map(|timeout| Instant::now() + timeout);
    let qemu = Qemu::find()?;
    let program = match &arguments.rootfs {
        Some(_) => Program::in_root(arguments.program()),
        None if arguments.with_libs => Program::with_libraries(arguments.program(), &arguments.also)?,
        None => Program::on_host(arguments.program())?,
    };
    let choice = accelerator::choose(arguments.accel, arguments.icount, &qemu)?;
    if let Some(why) = &choice.why_not_kvm
        && (arguments.verbose || stderr().is_terminal())
    {
        eprintln!("birgus: runs without KVM, so slower: {why}");
    }
    let log = log_reader(arguments)?;
    let network = Network::wanted(arguments, &program)?;
    let modules = modules(arguments, &program, network.as_ref())?;
    let needed = BELOW_THE_KERNEL + KERNEL.len() as u64 + sizes(&modules)?;
    let memory = arguments.memory.or(program.memory);
    let memory = memory.unwrap_or_else(|| MemorySize::at_least(DEFAULT_MEMORY.bytes() + needed));
    if needed >= memory.bytes() {
        let enough = MemorySize::at_least(2 * needed);
        return Err(Failure::new(format!("kernel, program and files do not fit into {memory} of memory"))
            .mend(format!("-m {enough}")));
    }
    let inherit = |file: File| Inherited::new(file).context("cannot pass a file to QEMU");
    let modules = modules.into_iter().map(inherit).collect::<Result<Vec<_>>>()?;
    let kernel = inherit(memory_file::holding(KERNEL).context("cannot make a file in memory")?)?;
    let (channel, qemu_end) = machine::channel()?;
    let configuration = Configuration {
        machine: arguments.machine,
        cpu: &arguments.cpu,
        cpus: arguments.cpus,
        accelerator: choice.accelerator,
        count_instructions: arguments.icount,
        memory,
        kernel: &kernel,
        kernel_words: &[],
        modules: &modules,
        console: Console::Socket(&qemu_end),
        network: network.as_ref().map(|network| &network.device),
    };
    let mut process = Process::start(&qemu, &configuration)?;
    // The channel ends with QEMU only when nobody else holds its end.
    drop(qemu_end);
    session::run(channel, &mut process, &mut Terminal::new(), Settings { log, deadline })
}

/// The boot modules: the handover, the program unless it is in the root, the root.
fn modules(arguments: &RunArguments, program: &Program, network: Option<&Network>) -> Result<Vec<File>> {
    let terminal = session::terminal_record();
    let mut environment = Environment::initial(terminal.is_some());
    for (name, value) in &program.environment {
        environment.set(name, value);
    }
    arguments.environment().for_each(|variable| environment.apply(variable));
    let given = arguments.program_arguments();
    let start = Start {
        program,
        arguments: if given.is_empty() { &program.default_arguments } else { given },
        environment: &environment,
        working_directory: arguments.working_directory.as_deref(),
        terminal,
        tsc_khz: if arguments.icount { Some(clock::COUNTED_KHZ) } else { clock::host_tsc_khz() },
        trace: arguments.trace.is_some(),
        verbose: arguments.verbose,
        hostname: arguments.hostname.as_deref().unwrap_or("birgus"),
        network: network.map(|network| network.guest),
    };
    let mut modules = vec![memory_file::holding(&handover::module(&start)?).context("cannot make a file in memory")?];
    if let Some(file) = &program.file {
        modules.push(file.try_clone().context("cannot pass the program on")?);
        if arguments.rewrite == Rewriting::Auto
            && let Some(plan) = patch_plan::of(file)
        {
            modules.push(memory_file::holding(&plan).context("cannot make a file in memory")?);
        }
    }
    if let Some(files) = &program.files {
        modules.push(root_archive::of_files(files)?);
    }
    let root: Option<&PathBuf> = arguments.rootfs.as_ref().or(program.root.as_ref());
    if let Some(root) = root {
        modules.push(root_archive::of(root)?);
    }
    Ok(modules)
}

fn sizes(modules: &[File]) -> Result<u64> {
    let sizes = modules.iter().map(|module| module.metadata().map(|metadata| metadata.len()));
    sizes.sum::<std::io::Result<u64>>().context("cannot look at a file")
}

fn log_reader(arguments: &RunArguments) -> Result<LogReader> {
    Ok(match &arguments.trace {
        Some(Some(path)) => {
            let file = File::create(path).context(format_args!("cannot write the trace to {}", path.display()))?;
            LogReader::File(file)
        }
        Some(None) => LogReader::StandardError,
        None if arguments.verbose => LogReader::Marked,
        None => LogReader::Nobody,
    })
}
