//! A program's file becomes a program: segments, stack, first registers. `execve(2)`, and the first program.

use crate::errno::Errno;
use crate::file::OpenFile;
use crate::file::OpenFlags;
use crate::filesystem::{Entry, How, Kind, Permission, check, open_entry};
use crate::machine::machine;
use crate::memory::{AddressSpace, MappedFile, MappedName, Protection};
use crate::process::{Credentials, vdso};
use crate::registers::Registers;
use crate::transfer::Destination;
use alloc::sync::Arc;
use alloc::vec::Vec;
use birgus_loader::stack::{self, Auxiliary, Startup};
use birgus_loader::{Plan, Source};
use core::fmt;
use core::ops::Range;

/// What a signal frame takes beside the vector registers: `sizeof(struct rt_sigframe)`, alignment, the red zone.
const SIGNAL_FRAME: u64 = 440 + 64 + 128 + 8;

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
}

/// Where a program's parts lie, for `/proc`.
#[derive(Clone)]
pub struct ProgramImage {
    /// The file: `/proc/self/exe`.
    pub entry: Arc<Entry>,
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
}

impl Executable {
    /// Opens and checks a file.
    pub fn open(entry: Arc<Entry>, who: &Credentials) -> Result<Self, Refusal> {
        if entry.kind() != Kind::Regular {
            return Err(Errno::EACCES.into());
        }
        check(who, entry.inode().ownership(), Permission::EXECUTE)?;
        let open = open_entry(&Credentials::root(), entry.clone(), false, How::open(OpenFlags::empty(), 0)?)?;
        let attributes = entry.inode().attributes();
        let plan = birgus_loader::plan(&Content { file: &open, length: attributes.size }).map_err(Refusal::File)?;
        if let Some(path) = &plan.interpreter {
            return Err(Refusal::Interpreter(path.clone()));
        }
        let file = Arc::new(MappedFile {
            pages: open.file().pages()?,
            name: MappedName::Path(entry.clone()),
            device: attributes.device,
            inode: attributes.inode,
        });
        Ok(Self { entry, plan, file })
    }

    /// Maps the program into an address space that is empty, and makes its stack. Gives the first registers.
    pub fn load(
        self,
        memory: &AddressSpace,
        invocation: &Invocation<'_>,
    ) -> Result<(Registers, ProgramImage), Refusal> {
        let plan = &self.plan;
        let bias = plan.bias_for(memory.layout().program_base).ok_or(Errno::ENOMEM)?;
        for segment in &plan.segments {
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
        memory.set_break(plan.break_start.wrapping_add(bias));
        self.make_stack(memory, invocation, bias)
    }

    fn make_stack(
        self,
        memory: &AddressSpace,
        invocation: &Invocation<'_>,
        bias: u64,
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
                ..Auxiliary::of(&self.plan, bias)
            },
            top,
            total_limit: invocation.limit,
        }
        .image()
        .map_err(Refusal::Arguments)?;
        memory.write(image.pointer, &image.bytes)?;
        let registers = Registers {
            rip: self.plan.entry.wrapping_add(bias),
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
