//! The console's device: a virtio console, or the first serial port.
//!
//! A virtio console speaks the wire protocol with the tool that started the machine; the serial line is for machines
//! started by hand. Which of them: the last `console=` of the command line; without one, virtio if the command line
//! names a virtio device or the tool has handed over a program, otherwise serial. Where no virtio console is found it
//! is serial.

mod serial;
mod virtio;

use alloc::string::String;
use birgus_loader::command_line::{CommandLine, Console};
use birgus_syscalls::console::{CONSOLE, Port};
use birgus_syscalls::wire::{Control, Ending, Stream, data_header};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Once;

/// What the kernel itself needs of the device.
trait Device: Port + Sync {
    /// Passes on what has arrived without an interrupt; whether there was anything.
    fn poll(&self) -> bool;
    /// The device's interrupt: passes on what has arrived.
    fn interrupt(&self);
    /// Lets arriving bytes interrupt, from now on.
    fn listen(&self);
    /// Waits until all that was sent has been taken.
    fn flush(&self);
    /// Sends these pieces (together at most 4 KiB) without allocating and without respect for locks, and waits, but
    /// not for ever, until they have been taken.
    fn send_last(&self, pieces: &[&[u8]]);
}

static DEVICE: Once<&'static dyn Device> = Once::new();
static LOGGING: AtomicBool = AtomicBool::new(false);

/// Finds the device and attaches the console to it. `from_tool`: whether the tool started this machine.
pub(crate) fn start(command_line: CommandLine<'_>, from_tool: bool) {
    let virtio_by_default = from_tool || command_line.virtio_mmio_devices().next().is_some();
    let by_default = if virtio_by_default { Console::Virtio } else { Console::Serial };
    let found = match command_line.console().unwrap_or(by_default) {
        Console::Virtio => virtio::find(command_line),
        Console::Serial => None,
    };
    let device = *DEVICE.call_once(|| found.unwrap_or(&serial::PORT));
    CONSOLE.attach(device);
}

/// Turns the log on.
pub(crate) fn set_logging(on: bool) {
    LOGGING.store(on, Ordering::Relaxed);
}

/// Writes a line to the log, if it is on.
pub(crate) fn log(line: fmt::Arguments<'_>) {
    if LOGGING.load(Ordering::Relaxed) {
        report(line);
    }
}

/// Writes a line to the log, whether it is on or not: the tool shows it in the end, a serial line at once.
pub(crate) fn report(line: fmt::Arguments<'_>) {
    let Some(device) = DEVICE.get() else { return };
    let mut text = alloc::format!("{line}\n");
    if !device.is_framed() {
        text = with_carriage_returns(&text);
    }
    CONSOLE.log(text.as_bytes());
}

/// A serial line's terminal goes to the next line by `\n`, to its begin by `\r`.
fn with_carriage_returns(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// Passes on what has arrived; whether there was anything.
pub(crate) fn poll() -> bool {
    DEVICE.get().is_some_and(|device| device.poll())
}

/// Lets arriving bytes interrupt.
pub(crate) fn listen() {
    if let Some(device) = DEVICE.get() {
        device.listen();
        CONSOLE.listen();
    }
}

/// Passes on what has arrived, for one who waits for it with interrupts off.
pub(crate) fn look() {
    if let Some(device) = DEVICE.get() {
        device.listen();
        if !device.poll() {
            core::hint::spin_loop();
        }
    }
}

/// The device's interrupt.
pub(crate) fn interrupt() {
    if let Some(device) = DEVICE.get() {
        device.interrupt();
    }
}

/// Waits until all that was sent has been taken.
pub(crate) fn flush() {
    if let Some(device) = DEVICE.get() {
        device.flush();
    }
}

/// A last message: to the tool if there is one, otherwise to the serial line, if need be before the console is
/// started. Allocates nothing and takes no lock, since either may be what failed.
pub(crate) fn panic(text: &[u8]) {
    let Some(device) = DEVICE.get().filter(|device| device.is_framed()) else {
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => serial::PORT.send_last(&[line, b"\r\n"]),
                None => serial::PORT.send_last(&[line]),
            }
        }
        return;
    };
    // The log's credit is not asked for: the tool has room for a frame as short as this.
    let end = Control::Exit(Ending::Panicked).encode();
    match data_header(Stream::Log, text.len()) {
        Ok(header) => device.send_last(&[&header, text, &end]),
        Err(_) => device.send_last(&[&end]),
    }
}
