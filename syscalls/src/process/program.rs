//! A program's file becomes a program: segments, stack, first registers. `execve(2)`, and the first program.

use crate::errno::Errno;
use crate::file::OpenFile;
use crate::file::OpenFlags;
use crate::filesystem::{Entry, How, Kind, Permission, Running, Walk, check, open_entry};
use crate::frame::PAGE;
use crate::machine::machine;
use crate::memory::{AddressSpace, MappedFile, MappedName, Protection};
use crate::process::{Credentials, vdso};
use crate::registers::Registers;
use crate::transfer::Destination;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use birgus_loader::stack::{self, Auxiliary, Startup};
use birgus_loader::{Plan, Source};
use birgus_rewriter::Plan as Patches;
use core::fmt;
use core::ops::Range;
use spin::Mutex;

/// What a signal frame takes beside the vector registers: `sizeof(struct rt_sigframe)`, alignment, the red zone.
const SIGNAL_FRAME: u64 = 440 + 64 + 128 + 8;

/// Patch plans by the program's device and inode.
static PLANS: Mutex<Vec<(u64, u64, Patches<'static>)>> = Mutex::new(Vec::new());

/// Says how the system calls of the program in this file become jumps, whenever it is run from now on. That the file
/// is still the one that was analysed is verified byte by byte.
pub fn set_plan(entry: &Arc<Entry>, plan: Patches<'static>) {
    let attributes = entry.inode().attributes();
    PLANS.lock().push((attributes.device, attributes.inode, plan));
}

fn plan_of(file: &MappedFile) -> Option<Patches<'static>> {
    let plans = PLANS.lock();
    plans.iter().find(|(device, inode, _)| (*device, *inode) == (file.device, file.inode)).map(|(_, _, plan)| *plan)
}

/// Why a file cannot be run.
#[derive(Debug)]
pub enum Refusal {
    /// It is not there, or may not be run.
    Errno(Errno),
    /// It is no program that can be loaded.
    File(birgus_loader::Error),
    /// It needs a program interpreter, which is missing.
    Interpreter(Vec<u8>),
    /// Its arguments and environment are too long.
    Arguments(stack::Error),
}

impl Refusal {
    /// What `execve(2)` answers.
    pub fn errno(&self) -> Errno {
        match self {
            Self::Errno(errno) => *errno,
            Self::File(error) => Errno::from_number(error.errno() as u16),
            Self::Interpreter(_) => Errno::ENOENT,
            Self::Arguments(error) => Errno::from_number(error.errno() as u16),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(Errno::ENOENT) => f.write_str("not found"),
            Self::Errno(Errno::EACCES) => f.write_str("not executable (chmod +x it)"),
            Self::Errno(errno) => write!(f, "cannot be loaded: {errno:?}"),
            Self::File(error) => write!(f, "{error}"),
            Self::Interpreter(path) => write!(f, "is dynamically linked: {} is missing", path.escape_ascii()),
            Self::Arguments(error) => write!(f, "{error}"),
        }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// A file as the loader reads it.
struct Content<'a> {
    file: &'a OpenFile,
    length: u64,
}

impl Source for Content<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let mut to = Destination::kernel(buffer);
        while to.remaining() > 0 {
            let at = offset + to.done() as u64;
            match self.file.read_at(&mut to, at) {
                Ok(1..) => {}
                _ => return false,
            }
        }
        true
    }
}

/// A program's file, checked.
pub struct Executable {
    entry: Arc<Entry>,
    plan: Plan,
    file: Arc<MappedFile>,
    /// Nobody writes to it while it runs.
    running: Option<Arc<Running>>,
    /// The dynamic linker that it is to be started by.
    interpreter: Option<Box<Executable>>,
}

/// Where a program's parts lie, for `/proc`.
#[derive(Clone)]
pub struct ProgramImage {
    /// The file: `/proc/self/exe`.
    pub entry: Arc<Entry>,
    /// Nobody writes to it meanwhile.
    pub running: Option<Arc<Running>>,
    /// `argv`'s strings: `/proc/self/cmdline`.
    pub arguments: Range<u64>,
    /// `envp`'s strings: `/proc/self/environ`.
    pub environment: Range<u64>,
    /// The auxiliary vector: `/proc/self/auxv`.
    pub auxiliary: Range<u64>,
    /// The stack pointer at the first instruction.
    pub stack: u64,
    /// The first instruction.
    pub entry_point: u64,
    /// From the first byte of executable segments to the end of the last one's bytes in the file.
    pub code: Range<u64>,
    /// From the first byte of the highest segment to the end of its bytes in the file.
    pub data: Range<u64>,
}

/// What a program is started with.
pub struct Invocation<'a> {
    /// `argv`.
    pub arguments: &'a [Vec<u8>],
    /// `envp`.
    pub environment: &'a [Vec<u8>],
    /// What `AT_EXECFN` tells.
    pub name: &'a [u8],
    /// What arguments and environment may take, in bytes.
    pub limit: u64,
    /// Who runs it.
    pub who: &'a Credentials,
    /// Whether it has gained privileges: `AT_SECURE`.
    pub is_secure: bool,
}

/// As many interpreters of scripts may follow one another.
const SCRIPTS: usize = 5;

impl Executable {
    /// Opens and checks a file. A script's interpreter is taken in its place, with `arguments` as it wants them; `name`
    /// is what the script is known by, and `walk` finds files for whoever starts the program.
    pub fn open(
        entry: Arc<Entry>,
        name: &[u8],
        arguments: &mut Vec<Vec<u8>>,
        walk: &dyn Fn() -> Walk,
    ) -> Result<Self, Refusal> {
        let (mut entry, mut name) = (entry, name.to_vec());
        for _ in 0..=SCRIPTS {
            let script = match Self::open_file(entry, &walk()) {
                Err(Refusal::File(birgus_loader::Error::Script(script))) => script,
                Err(refusal) => return Err(refusal),
                Ok(mut executable) => {
                    executable.open_interpreter(walk)?;
                    return Ok(executable);
                }
            };
            // The script's name takes argv[0]'s place, before it comes what its first line says.
            let head = [Some(script.interpreter.clone()), script.argument, Some(name)].into_iter().flatten();
            arguments.splice(..arguments.len().min(1), head);
            name = script.interpreter;
            entry = walk().entry(&name, true)?;
        }
        Err(Errno::ELOOP.into())
    }

    /// One file, whatever it asks for.
    fn open_file(entry: Arc<Entry>, walk: &Walk) -> Result<Self, Refusal> {
        if entry.kind() != Kind::Regular {
            return Err(Errno::EACCES.into());
        }
        check(walk.credentials(), entry.inode().ownership(), Permission::EXECUTE)?;
        let running = Running::of(entry.inode())?.map(Arc::new);
        let open = open_entry(&Credentials::root(), entry.clone(), false, How::open(OpenFlags::empty(), 0)?)?;
        let attributes = entry.inode().attributes();
        let plan = birgus_loader::plan(&Content { file: &open, length: attributes.size }).map_err(Refusal::File)?;
        let file = Arc::new(MappedFile {
            pages: open.file().pages()?,
            name: MappedName::Path(entry.clone()),
            device: attributes.device,
            inode: attributes.inode,
        });
        Ok(Self { entry, plan, file, running, interpreter: None })
    }

    fn open_interpreter(&mut self, walk: &dyn Fn() -> Walk) -> Result<(), Refusal> {
        let Some(path) = &self.plan.interpreter else { return Ok(()) };
        let entry = match walk().entry(path, true) {
            Err(Errno::ENOENT) => return Err(Refusal::Interpreter(path.clone())),
            entry => entry?,
        };
        let interpreter = match Self::open_file(entry, &walk()) {
            Err(Refusal::File(_)) => return Err(Errno::ELIBBAD.into()),
            interpreter => interpreter?,
        };
        self.interpreter = Some(Box::new(interpreter));
        Ok(())
    }

    /// The file: the program's, not its interpreter's.
    pub fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Whether its file may be read by these credentials.
    pub fn is_readable_by(&self, who: &Credentials) -> bool {
        check(who, self.entry.inode().ownership(), Permission::READ).is_ok()
    }

    /// Maps the program into an address space that is empty, and makes its stack. Gives the first registers.
    pub fn load(
        self,
        memory: &AddressSpace,
        invocation: &Invocation<'_>,
    ) -> Result<(Registers, ProgramImage), Refusal> {
        let bias = self.plan.bias_for(memory.layout().program_base).ok_or(Errno::ENOMEM)?;
        self.map(memory, bias)?;
        memory.set_break(self.plan.break_start.wrapping_add(bias));
        let interpreter_bias = match &self.interpreter {
            Some(interpreter) => Some(interpreter.map_anywhere(memory)?),
            None => None,
        };
        self.make_stack(memory, invocation, bias, interpreter_bias)
    }

    /// Maps the file where there is room; gives the bias.
    fn map_anywhere(&self, memory: &AddressSpace) -> Result<u64, Refusal> {
        let Range { start, end } = self.plan.span;
        let length = end.checked_sub(start).and_then(|span| span.checked_add(self.plan.alignment));
        let base = memory.find_room(length.ok_or(Errno::ENOMEM)?)?;
        let bias = self.plan.bias_for(base).ok_or(Errno::ENOMEM)?;
        self.map(memory, bias)?;
        Ok(bias)
    }

    fn map(&self, memory: &AddressSpace, bias: u64) -> Result<(), Refusal> {
        for segment in &self.plan.segments {
            let place = |pages: Range<u64>| (pages.start.wrapping_add(bias), pages.end - pages.start);
            let from_file = segment.file_pages();
            if !from_file.is_empty() {
                let (start, length) = place(from_file);
                let zero_from = segment.bytes_to_clear().map(|bytes| bytes.start.wrapping_add(bias));
                let protection = protection(segment.protection);
                memory.map_file(start, length, &self.file, segment.file_offset, protection, zero_from)?;
            }
            let anonymous = segment.anonymous_pages();
            if !anonymous.is_empty() {
                let (start, length) = place(anonymous);
                memory.map_anonymous(start, length, protection(segment.anonymous_protection()))?;
            }
        }
        if let Some(patches) = plan_of(&self.file) {
            let first = self.plan.segments.iter().map(|segment| segment.address).min().unwrap_or(0);
            let image = first.wrapping_add(bias) & !(PAGE - 1)..self.plan.break_start.wrapping_add(bias);
            memory.rewrite(patches, &self.file, bias, image);
        }
        Ok(())
    }

    fn make_stack(
        self,
        memory: &AddressSpace,
        invocation: &Invocation<'_>,
        bias: u64,
        interpreter_bias: Option<u64>,
    ) -> Result<(Registers, ProgramImage), Refusal> {
        let strings = invocation.arguments.iter().chain(invocation.environment).map(|string| string.len() as u64 + 9);
        let length = strings.sum::<u64>() + (128 << 10);
        let top = memory.map_stack(length, self.plan.stack_executable)? & !15;
        let mut random = [0; 16];
        machine().random(&mut random);
        let processor = machine().processor();
        let image = Startup {
            arguments: invocation.arguments.iter().map(Vec::as_slice),
            environment: invocation.environment.iter().map(Vec::as_slice),
            name: invocation.name,
            random,
            auxiliary: Auxiliary {
                hwcap: processor.hwcap.into(),
                hwcap2: 0,
                minimum_signal_stack: SIGNAL_FRAME + processor.extended_size as u64,
                vdso: vdso::map(memory)?,
                interpreter_base: interpreter_bias.unwrap_or(0),
                uid: invocation.who.user.real,
                euid: invocation.who.user.effective,
                gid: invocation.who.group.real,
                egid: invocation.who.group.effective,
                secure: invocation.is_secure,
                ..Auxiliary::of(&self.plan, bias)
            },
            top,
            total_limit: invocation.limit,
        }
        .image()
        .map_err(Refusal::Arguments)?;
        memory.write(image.pointer, &image.bytes)?;
        let entry = match (&self.interpreter, interpreter_bias) {
            (Some(interpreter), Some(bias)) => interpreter.plan.entry.wrapping_add(bias),
            _ => self.plan.entry.wrapping_add(bias),
        };
        let registers = Registers {
            rip: entry,
            rsp: image.pointer,
            rflags: 0x202,
            number: Registers::NO_CALL,
            ..Registers::default()
        };
        let (code, data) = extents(&self.plan, bias);
        let program = ProgramImage {
            code,
            data,
            entry: self.entry,
            running: self.running,
            arguments: image.arguments,
            environment: image.environment,
            auxiliary: image.auxiliary,
            stack: image.pointer,
            entry_point: registers.rip,
        };
        Ok((registers, program))
    }
}

/// Where code and data lie, as Linux tells it in `/proc/PID/stat`.
fn extents(plan: &Plan, bias: u64) -> (Range<u64>, Range<u64>) {
    let bytes = |segment: &birgus_loader::Segment| {
        let start = segment.address.wrapping_add(bias);
        start..start.saturating_add(segment.file_size)
    };
    let code = plan.segments.iter().filter(|segment| segment.protection.executable).map(bytes);
    let code = code.reduce(|all, next| all.start.min(next.start)..all.end.max(next.end)).unwrap_or(0..0);
    let data = plan.segments.iter().map(bytes).max_by_key(|bytes| bytes.start).unwrap_or(0..0);
    (code, data)
}

fn protection(wanted: birgus_loader::Protection) -> Protection {
    let mut protection = Protection::empty();
    protection.set(Protection::READ, wanted.readable);
    protection.set(Protection::WRITE, wanted.writable);
    protection.set(Protection::EXECUTE, wanted.executable);
    protection
}
