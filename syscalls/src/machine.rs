//! What the personality needs from the machine below it.
//!
//! The kernel implements [`Machine`] on the hardware; the tests of this crate do it on the host.

#[cfg(any(test, feature = "test-machine"))]
pub mod host;

use crate::frame::Frame;
use crate::network::NetworkDevice;
use crate::registers::Registers;
use crate::thread::Thread;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::sync::Arc;
use spin::Once;

/// Access to a page that a mapping grants or a fault asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Access {
    pub read: bool,
    pub write: bool,
    pub execute: bool,
}

impl Access {
    /// No access at all: `PROT_NONE`.
    pub const NONE: Self = Self { read: false, write: false, execute: false };
    /// Reading alone.
    pub const READ: Self = Self { read: true, write: false, execute: false };
    /// Writing, which includes reading on this architecture.
    pub const WRITE: Self = Self { read: true, write: true, execute: false };

    /// Whether everything that `wanted` asks for is granted here.
    pub const fn grants(self, wanted: Self) -> bool {
        (self.read || !wanted.read) && (self.write || !wanted.write) && (self.execute || !wanted.execute)
    }

    /// Any access at all.
    pub const fn any(self) -> bool {
        self.read || self.write || self.execute
    }
}

/// A page table's answer about one page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The frame's number; the page table keeps its reference.
    pub frame: u32,
    /// What the hardware lets a program do.
    pub access: Access,
    /// Whether the page was written through this mapping.
    pub dirty: bool,
    /// Whether the page was used through this mapping.
    pub accessed: bool,
}

/// No frame was left for a page table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;

/// The page tables of one address space. Addresses are page-aligned and in the user half. Each present entry owns a
/// reference to its frame. Changes are seen by every CPU when the method returns.
pub trait PageTable: Send + Sync {
    /// Maps one page. What was mapped there before is released.
    fn map(&self, page: u64, frame: Frame, access: Access) -> Result<(), OutOfMemory>;
    /// Unmaps `[start, end)` and releases its frames and the page tables that are empty then.
    fn unmap(&self, start: u64, end: u64);
    /// Sets what a program may do with the pages mapped in `[start, end)`; with `keep_readonly`, pages that are not
    /// writable now stay so (copy-on-write).
    fn protect(&self, start: u64, end: u64, access: Access, keep_readonly: bool);
    /// Moves the mapped pages of `[from, from + length)` to `to`. The ranges do not overlap, nothing is mapped at `to`.
    fn relocate(&self, from: u64, to: u64, length: u64) -> Result<(), OutOfMemory>;
    /// A new address space in which the pages of these ranges are mapped as well, none of them writable in either from
    /// now on. The ranges are in order and do not overlap. After a failure some may be not writable any more.
    fn duplicate(&self, ranges: &mut dyn Iterator<Item = (u64, u64)>) -> Result<Box<dyn PageTable>, OutOfMemory>;
    /// How many pages are mapped.
    fn pages(&self) -> u64;
    /// What is mapped at a page.
    fn lookup(&self, page: u64) -> Option<Mapped>;
    /// Visits the mapped pages of `[start, end)` in order; absent ranges are skipped by the table, not page by page.
    fn visit(&self, start: u64, end: u64, visitor: &mut dyn FnMut(u64, Mapped));
    /// Makes this the current CPU's address space.
    fn activate(&self);
}

/// How a thread's vector registers are saved: FXSAVE's format or XSAVE's standard one (SDM volume 1, 13.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedFormat {
    /// Bytes of an image: 512 for FXSAVE, otherwise what CPUID leaf 0xD tells in EBX for the features in use.
    pub size: usize,
    /// The components in use: XCR0; 3 (x87 and SSE) for FXSAVE.
    pub features: u64,
}

/// The machine's side of one thread.
pub trait Task: Send + Sync {
    /// Lets [`Machine::park`] of this thread return, now or the next time. May be called from anywhere.
    fn unpark(&self);
    /// Sets the FS base: the thread's TLS. The thread is the current one, or has not run yet.
    fn set_fs_base(&self, base: u64);
    /// The FS base.
    fn fs_base(&self) -> u64;
    /// Sets the GS base, which is the program's own from then on. As for [`Task::set_fs_base`].
    fn set_gs_base(&self, base: u64);
    /// The GS base; 0 for a thread that has not set it.
    fn gs_base(&self) -> u64;
    /// Sets FS and GS base of the current thread to what a program finds at its start; GS is not its own any more.
    fn reset_segments(&self);
    /// CPU time used so far, in nanoseconds.
    fn cpu_time(&self) -> u64;
    /// Whether the thread waits in [`Machine::park`].
    fn is_parked(&self) -> bool;
    /// If the thread runs in its program on another CPU: makes that CPU enter the kernel soon, so that it sees the
    /// thread's work. Where there is one CPU there is nothing to do.
    fn kick(&self) {}
    /// The CPUs on which it may run, a bit for each.
    fn affinity(&self) -> u64;
    /// Sets that; it takes effect before the thread goes back to its program. At least one of the CPUs is there.
    fn set_affinity(&self, cpus: u64);
    /// The CPU on which it runs or last ran.
    fn cpu(&self) -> usize;
    /// How the vector registers are saved.
    fn extended_format(&self) -> ExtendedFormat;
    /// Saves the vector registers of the current thread into `image`, which is [`ExtendedFormat::size`] long, begins
    /// at a multiple of 64 and has zeros in the header (bytes 512 to 575). What the processor leaves to software (bytes
    /// 464 to 511) stays as it is.
    fn save_extended(&self, image: &mut [u8]);
    /// Sets the vector registers of the current thread from an image that a program may have written. It begins at a
    /// multiple of 64 and is [`ExtendedFormat::size`] long; components that are not in `features` become initial. Its
    /// header is changed to what is loaded. `false`, with nothing changed, when the processor would refuse it.
    fn restore_extended(&self, image: &mut [u8], features: u64) -> bool;
    /// Sets the vector registers to what a program finds at its start.
    fn reset_extended(&self);
}

/// What the auxiliary vector tells of the processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Processor {
    /// `AT_HWCAP`: EDX of CPUID leaf 1.
    pub hwcap: u32,
    /// Bytes of an image of the vector registers, see [`ExtendedFormat::size`].
    pub extended_size: usize,
}

/// The addresses at which rewritten calls enter the kernel, as `birgus_rewriter` describes it under "The door".
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    /// Looks at the number.
    pub any: u64,
    /// For a number that is known to be in the table.
    pub number: u64,
    /// The code that answers a call on the spot, where there is such: `rax` is all that it changes.
    pub leaf: fn(number: u32) -> Option<&'static [u8]>,
}

/// The vDSO, `vdso(7)`: one page of data, which programs may read, and behind it in memory one page with the object,
/// which they may run.
#[allow(missing_docs)]
pub struct Vdso {
    pub data: Frame,
    pub image: Frame,
}

/// The machine. Sizes are bytes, user addresses may be anything.
pub trait Machine: Sync {
    /// Copies from the current address space; what is not present or not allowed is not faulted in here.
    /// `Err(n)`: `n` bytes were copied, the next one could not be.
    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), usize>;
    /// Copies into the current address space, like [`Machine::copy_from_user`].
    fn copy_to_user(&self, to: u64, from: &[u8]) -> Result<(), usize>;
    /// Copies from a frame straight into the current address space.
    fn copy_frame_to_user(&self, to: u64, frame: u32, offset: usize, length: usize) -> Result<(), usize>;
    /// Copies from the current address space straight into a frame.
    fn copy_user_to_frame(&self, from: u64, frame: u32, offset: usize, length: usize) -> Result<(), usize>;
    /// Zeroes in the current address space.
    fn zero_user(&self, to: u64, length: usize) -> Result<(), usize>;
    /// Atomically replaces the aligned 32-bit word at `address` by `new` if it is `old`; gives what was there.
    fn compare_exchange_user(&self, address: u64, old: u32, new: u32) -> Result<u32, usize>;

    /// A frame with one reference; `None` when only the kernel's reserve is left.
    fn allocate_frame(&self, zeroed: bool) -> Option<Frame>;
    /// One reference more.
    fn retain_frame(&self, frame: u32);
    /// One reference less.
    fn release_frame(&self, frame: u32);
    /// References to the frame.
    fn frame_references(&self, frame: u32) -> u32;
    /// Copies out of a frame; the caller has checked the range.
    fn read_frame(&self, frame: u32, offset: usize, to: &mut [u8]);
    /// Copies into a frame; the caller has checked the range.
    fn write_frame(&self, frame: u32, offset: usize, from: &[u8]);
    /// Zeroes in a frame; the caller has checked the range.
    fn zero_frame(&self, frame: u32, offset: usize, length: usize);
    /// Copies a whole frame.
    fn copy_frame(&self, to: u32, from: u32);
    /// Frames that the machine has and that are free, without the reserve.
    fn frames(&self) -> (u64, u64);
    /// Page tables of a new, empty address space.
    fn new_page_table(&self) -> Result<Box<dyn PageTable>, OutOfMemory>;

    /// The thread that this CPU runs.
    fn current(&self) -> Arc<Thread>;
    /// Makes a thread that begins in the program with these registers; it is runnable at once.
    fn start_thread(&self, thread: Arc<Thread>, registers: &Registers, fs_base: u64) -> Result<(), OutOfMemory>;
    /// Stops the current thread until [`Task::unpark`] or the deadline.
    fn park(&self, deadline: Option<Instant>);
    /// Lets others that are runnable run first.
    fn yield_now(&self);
    /// Ends the current thread. Its [`Thread`] is no longer current anywhere afterwards.
    fn exit_thread(&self) -> !;
    /// Ends the machine: the first program has ended with this exit code (0–255; 128+n for signal n).
    fn power_off(&self, code: u8, by_signal: bool) -> !;

    /// `CLOCK_MONOTONIC`.
    fn monotonic(&self) -> Instant;
    /// Has the clock interrupt come at `deadline` at the latest; it may come earlier. Afterwards
    /// [`expire`](crate::time::expire) is due.
    fn arm(&self, deadline: Instant);
    /// What [`Machine::monotonic`] has to be moved by to give the time since 1970, in nanoseconds.
    fn realtime_offset(&self) -> u64;
    /// Sets that.
    fn set_realtime_offset(&self, nanoseconds: u64);
    /// Fills with random bytes fit for keys.
    fn random(&self, to: &mut [u8]);

    /// The network device, made ready at the first call; `None`: there is none.
    fn network(&self) -> Option<&'static dyn NetworkDevice> {
        None
    }

    /// What a program is told of the processor.
    fn processor(&self) -> Processor;
    /// The pages with which programs read the clocks themselves, if the machine has such. They stay what they are.
    fn vdso(&self) -> Option<Vdso> {
        None
    }
    /// Where rewritten calls enter, if the machine has such doors. They stay what they are.
    fn doors(&self) -> Option<Doors> {
        None
    }
    /// The instruction CPUID: EAX, EBX, ECX and EDX for a leaf and subleaf (SDM volume 2, CPUID).
    fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4];
    /// The rate of the time stamp counter in kHz.
    fn counter_khz(&self) -> u64;
    /// The number of CPUs.
    fn cpus(&self) -> usize;
    /// The CPU that runs this.
    fn current_cpu(&self) -> usize;
    /// Has each other CPU that runs a program pass a memory barrier that serialises its instructions, too, before this
    /// returns. Where there is one CPU there is nothing to do.
    fn synchronise_cpus(&self) {}

    /// One line for the kernel's log.
    fn log(&self, line: core::fmt::Arguments<'_>);

    /// One line for people, also where nobody asked for the log: why a program died.
    fn report(&self, line: core::fmt::Arguments<'_>);

    /// One line of the trace, without its end. Does not let other threads run; may wait for whoever reads the trace.
    fn trace_line(&self, line: &str) {
        self.log(format_args!("{line}"));
    }
}

static MACHINE: Once<&'static dyn Machine> = Once::new();

/// Says once, before anything else of this crate is used, which machine this is.
pub fn install(machine: &'static dyn Machine) {
    MACHINE.call_once(|| machine);
}

/// The machine. Panics before [`install`].
pub fn machine() -> &'static dyn Machine {
    *MACHINE.get().expect("machine installed")
}
