//! The console's device: a virtio console port that the command line names, or the first serial port.

mod serial;
mod virtio;

use crate::command_line::CommandLine;
use birgus_syscalls::console::{CONSOLE, Port};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Once;

/// What the kernel itself needs of the device.
trait Device: Port + Sync {
    /// Passes on what has arrived; whether there was anything.
    fn poll(&self) -> bool;
    /// Lets arriving bytes interrupt, from now on.
    fn listen(&self);
    /// Waits until all that was sent has been taken.
    fn flush(&self);
}

static DEVICE: Once<&'static dyn Device> = Once::new();
static LOGGING: AtomicBool = AtomicBool::new(false);

/// Finds the device and attaches the console to it.
pub(crate) fn start(command_line: &CommandLine) {
    let device: &'static dyn Device = match virtio::find(command_line) {
        Some(device) => device,
        None => serial::start(),
    };
    DEVICE.call_once(|| device);
    match virtio::PORT.get() {
        Some(port) => CONSOLE.attach(port),
        None => CONSOLE.attach(&serial::PORT),
    }
}

/// Turns the log on.
pub(crate) fn set_logging(on: bool) {
    LOGGING.store(on, Ordering::Relaxed);
}

/// Writes a line to the log, if it is on.
pub(crate) fn log(line: fmt::Arguments<'_>) {
    if LOGGING.load(Ordering::Relaxed) {
        CONSOLE.log(alloc::format!("{line}\n").as_bytes());
    }
}

/// Passes on what has arrived; whether there was anything.
pub(crate) fn poll() -> bool {
    DEVICE.get().is_some_and(|device| device.poll())
}

/// Lets arriving bytes interrupt.
pub(crate) fn listen() {
    if let Some(device) = DEVICE.get() {
        device.listen();
    }
}

/// The device's interrupt.
pub(crate) fn interrupt() {
    poll();
}

/// Waits until all that was sent has been taken.
pub(crate) fn flush() {
    if let Some(device) = DEVICE.get() {
        device.flush();
    }
}

/// A last message.
pub(crate) fn panic(text: &[u8]) {
    CONSOLE.log(text);
    CONSOLE.end(birgus_syscalls::wire::Ending::Panicked);
    flush();
}
