//! COM1 as the console: where no tool is on the other side.

use super::Device;
use alloc::vec::Vec;
use birgus_syscalls::console::{CONSOLE, Port};
use x86_64::instructions::port::Port as IoPort;

const BASE: u16 = 0x3f8;
const LINE_STATUS: u16 = BASE + 5;
const DATA_READY: u8 = 1;
const TRANSMITTER_READY: u8 = 0x20;
const TRANSMITTER_EMPTY: u8 = 0x40;

/// The port.
pub(super) struct SerialPort;

/// COM1.
pub(super) static PORT: SerialPort = SerialPort;

pub(super) fn start() -> &'static dyn Device {
    &PORT
}

fn read(port: u16) -> u8 {
    // SAFETY: a UART register of COM1.
    unsafe { IoPort::new(port).read() }
}

fn write(port: u16, value: u8) {
    // SAFETY: a UART register of COM1.
    unsafe { IoPort::new(port).write(value) }
}

impl Port for SerialPort {
    fn send(&self, bytes: Vec<u8>) {
        for byte in bytes {
            while read(LINE_STATUS) & TRANSMITTER_READY == 0 {
                core::hint::spin_loop();
            }
            write(BASE, byte);
        }
    }

    fn is_framed(&self) -> bool {
        false
    }
}

impl Device for SerialPort {
    fn poll(&self) -> bool {
        let mut any = false;
        while read(LINE_STATUS) & DATA_READY != 0 {
            CONSOLE.receive(&[read(BASE)]);
            any = true;
        }
        any
    }

    fn listen(&self) {}

    fn flush(&self) {
        while read(LINE_STATUS) & TRANSMITTER_EMPTY == 0 {
            core::hint::spin_loop();
        }
    }
}
