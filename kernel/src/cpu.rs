//! The CPU: its tables, the doors into the kernel, its registers, its clocks.

pub(crate) mod apic;
pub(crate) mod application;
pub(crate) mod clock;
mod descriptors;
mod exceptions;
pub(crate) mod extended;
pub(crate) mod gs;
mod halt;
mod landing;
pub(crate) mod lock;
pub(crate) mod percpu;
pub(crate) mod syscall;
mod vectors;
mod vsyscall;

pub(crate) use vectors::Vector;

/// Makes the boot CPU ready for everything but devices. `None`: not enough memory.
pub(crate) fn start() -> Option<()> {
    percpu::start(0);
    descriptors::start(0)?;
    extended::start();
    syscall::start();
    Some(())
}
