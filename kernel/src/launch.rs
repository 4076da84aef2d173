//! From boot modules to the first program's first instruction.

mod files;

use crate::boot::{Information, Module};
use crate::cpu::application::{self, StartError};
use crate::cpu::{apic, clock, syscall};
use crate::device::{self, console};
use crate::random;
use alloc::format;
use alloc::vec::Vec;
use birgus_loader::command_line::CommandLine;
use birgus_loader::handover::{Handover, MAGIC, Network};
use birgus_loader::stack::total_limit;
use birgus_rewriter::Plan;
use birgus_syscalls::Errno;
use birgus_syscalls::console::CONSOLE;
use birgus_syscalls::filesystem::{Walk, namespace};
use birgus_syscalls::machine::Machine;
use birgus_syscalls::memory::AddressSpace;
use birgus_syscalls::network::{self, Configuration, Subnet};
use birgus_syscalls::process::limits::{self, Limit};
use birgus_syscalls::process::program::{Executable, Invocation, Refusal, set_plan};
use birgus_syscalls::process::{Credentials, Process, registry};
use birgus_syscalls::system;
use birgus_syscalls::thread::Thread;
use birgus_syscalls::time::SECOND;

/// Exit codes as a shell gives them.
const NOT_RUNNABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
const FAILED: u8 = 125;

/// What the first program is started with, wherever it was said.
struct Order {
    path: Vec<u8>,
    arguments: Vec<Vec<u8>>,
    environment: Vec<Vec<u8>>,
    directory: Vec<u8>,
}

/// Makes everything ready and the first program runnable.
pub(crate) fn launch(information: &Information, command_line: CommandLine<'_>) {
    let handover = information.modules.iter().find(|module| module.bytes().starts_with(&MAGIC));
    let handover = match handover.map(|module| Handover::parse(module.bytes())).transpose() {
        Ok(handover) => handover,
        Err(error) => refuse(FAILED, format_args!("the handover is damaged: {error}")),
    };
    if apic::start().is_none() {
        refuse(FAILED, format_args!("out of memory: give the machine more (-m)"));
    }
    start_clock(handover.as_ref(), command_line);
    match application::start(command_line.cpus()) {
        Ok(()) => {}
        Err(StartError::OutOfMemory) => refuse(FAILED, format_args!("out of memory: give the machine more (-m)")),
        Err(StartError::Silent(cpu)) => refuse(FAILED, format_args!("CPU {cpu} does not start")),
    }
    random::start(handover.as_ref().and_then(|handover| handover.seed));
    console::set_logging(
        command_line.log() || handover.is_some_and(|handover| handover.log_level.is_some_and(|level| level > 4)),
    );
    if command_line.trace() || handover.is_some_and(|handover| handover.trace == Some(true)) {
        syscall::trace();
    }
    if let Some(name) = handover.and_then(|handover| handover.hostname) {
        system::set_node_name(name);
    }
    system::set_command_line(information.command_line);
    if let Some(configuration) = network_configuration(handover.as_ref(), command_line) {
        network::configure(configuration);
        device::network::expect(command_line);
    }
    let program = match files::fill(information) {
        Ok(program) => program,
        Err(error) => refuse(FAILED, format_args!("{error}")),
    };
    let order = order(handover.as_ref(), program.as_ref(), command_line);
    let plan = information.modules.iter().find_map(|module| Plan::parse(module.bytes()).ok());
    if let Err(refusal) = start(&order, handover.as_ref(), plan) {
        let code = if refusal.errno() == Errno::ENOENT { NOT_FOUND } else { NOT_RUNNABLE };
        refuse(code, format_args!("{} {refusal}", order.path.escape_ascii()));
    }
    clock::arm(clock::now().after(SECOND / 10));
}

/// Tells people why nothing runs, and ends the machine.
fn refuse(code: u8, why: core::fmt::Arguments<'_>) -> ! {
    CONSOLE.complain(format!("birgus: error: {why}\n").as_bytes());
    crate::machine::Hardware.power_off(code, false)
}

/// What the handover says of the network; by hand, `ip=`.
fn network_configuration(handover: Option<&Handover<'_>>, command_line: CommandLine<'_>) -> Option<Configuration> {
    let told = match handover {
        Some(handover) => handover.network?,
        None => command_line.network()?,
    };
    Some(match told {
        Network::Dynamic => Configuration::default(),
        Network::Static { address, prefix, gateway, name_server } => {
            Configuration { address: Some(Subnet { address: address.into(), prefix }), gateway, name_server }
        }
    })
}

fn start_clock(handover: Option<&Handover<'_>>, command_line: CommandLine<'_>) {
    clock::start(handover.and_then(|handover| handover.tsc_khz).or_else(|| command_line.tsc_khz()));
    if let Some(time) = handover.and_then(|handover| handover.wall_clock) {
        let then = time.seconds.saturating_mul(SECOND).saturating_add(time.nanoseconds.into());
        clock::set_wall_clock(then, handover.and_then(|handover| handover.wall_clock_tsc));
    }
}

/// What the handover says; by hand, the command line, or a bare program's own string.
fn order(handover: Option<&Handover<'_>>, program: Option<&files::Program>, command_line: CommandLine<'_>) -> Order {
    let told = handover.map_or_else(|| command_line.init(), |handover| handover.program).map(<[u8]>::to_vec);
    let path = told.or_else(|| program.map(|program| program.path.clone())).unwrap_or_else(|| b"/init".to_vec());
    match handover {
        Some(handover) => Order {
            path,
            arguments: handover.arguments().map(<[u8]>::to_vec).collect(),
            environment: handover.environment().map(<[u8]>::to_vec).collect(),
            directory: handover.working_directory.unwrap_or(b"/").to_vec(),
        },
        None => Order {
            arguments: [path.clone()]
                .into_iter()
                .chain(program.iter().flat_map(|program| program.arguments.iter().cloned()))
                .chain(command_line.arguments())
                .collect(),
            path,
            environment: command_line.environment(),
            directory: b"/".to_vec(),
        },
    }
}

fn start(order: &Order, handover: Option<&Handover<'_>>, plan: Option<Plan<'static>>) -> Result<(), Refusal> {
    let machine = &crate::machine::Hardware;
    let root = namespace().root();
    let walk = || Walk::from(root.clone(), root.clone(), Credentials::root());
    let entry = walk().entry(&order.path, true)?;
    if let Some(plan) = plan {
        set_plan(&entry, plan);
    }
    let mut arguments = order.arguments.clone();
    let executable = Executable::open(entry, &order.path, &mut arguments, &walk)?;
    let table = machine.new_page_table().map_err(|_| Errno::ENOMEM)?;
    let memory = AddressSpace::new(table);
    let name = handover.and_then(|handover| handover.exec_name).unwrap_or(&order.path);
    let invocation = Invocation {
        arguments: &arguments,
        environment: &order.environment,
        name,
        // The tool hands over what the host's limits let through.
        limit: total_limit(u64::MAX).max(6 << 20),
        who: &Credentials::root(),
        is_secure: false,
    };
    let (registers, program) = executable.load(&memory, &invocation)?;
    let id = registry::next_id();
    let files = CONSOLE.open(handover.and_then(|handover| handover.terminal))?;
    let process = Process::new(id, 1, memory, files);
    process.set_first();
    CONSOLE.adopt(&process);
    process.set_program(program);
    for limit in handover.iter().flat_map(|handover| handover.resource_limits()) {
        limits::impose(&process, limit.resource, Limit { soft: limit.soft, hard: limit.hard });
    }
    process.context.set_working_directory(walk().entry(&order.directory, true)?);
    let thread = Thread::new(id, process);
    thread.set_name_from_path(&order.path);
    machine.start_thread(thread, &registers, 0).map_err(|_| Errno::ENOMEM.into())
}

/// A boot module as a file system sees it.
struct BootModule(Module);

impl birgus_syscalls::filesystem::tmpfs::Module for BootModule {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn frame(&self, index: u64) -> Option<birgus_syscalls::frame::Frame> {
        self.0.frame(index)
    }
}
