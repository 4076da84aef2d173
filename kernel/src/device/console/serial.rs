//! COM1 as the console, where no tool is on the other side: a 16550 (data sheet: PC16550D, National Semiconductor).
//!
//! Own code rather than `uart_16550`: that crate finds out by a dozen accesses what is there, and waits, before the
//! first byte goes out.

use super::Device;
use crate::cpu::{Vector, apic};
use alloc::vec::Vec;
use birgus_syscalls::console::{CONSOLE, Port};
use core::sync::atomic::{AtomicBool, Ordering};
use x86_64::instructions::port::Port as IoPort;

const BASE: u16 = 0x3f8;
/// With the divisor latch: the low half of the divisor.
const DATA: u16 = BASE;
/// With the divisor latch: the high half of the divisor.
const INTERRUPT_ENABLE: u16 = BASE + 1;
const FIFO_CONTROL: u16 = BASE + 2;
const LINE_CONTROL: u16 = BASE + 3;
const MODEM_CONTROL: u16 = BASE + 4;
const LINE_STATUS: u16 = BASE + 5;

const RECEIVED: u8 = 1;
/// FIFOs on and emptied; an interrupt at 14 bytes, or when no more come for a while.
const FIFOS: u8 = 0xc7;
const DIVISOR_LATCH: u8 = 0x80;
/// 8 bits, no parity, one stop bit.
const EIGHT_BITS: u8 = 3;
/// Data terminal ready, request to send, and OUT2, which lets interrupts out.
const READY: u8 = 0xb;

const DATA_READY: u8 = 1;
const TRANSMITTER_READY: u8 = 0x20;
const TRANSMITTER_EMPTY: u8 = 0x40;
/// What is read where nothing is.
const NOTHING: u8 = 0xff;

/// Bytes the transmitter takes at once.
const FIFO_SIZE: usize = 16;
/// How often the transmitter is looked at before it is given up: 16 bytes at 115,200 baud take 1.4 ms, a look at least
/// 0.1 µs.
const PATIENCE: usize = 1_000_000;
/// The interrupt line of COM1.
const GSI: u32 = 4;

/// The port. It is touched at its first use.
pub(super) struct SerialPort {
    is_set_up: AtomicBool,
    is_listening: AtomicBool,
    /// The transmitter did not become ready in time, and is not waited for again.
    is_stuck: AtomicBool,
}

/// COM1.
pub(super) static PORT: SerialPort = SerialPort {
    is_set_up: AtomicBool::new(false),
    is_listening: AtomicBool::new(false),
    is_stuck: AtomicBool::new(false),
};

fn read(port: u16) -> u8 {
    // SAFETY: a UART register of COM1.
    unsafe { IoPort::new(port).read() }
}

fn write(port: u16, value: u8) {
    // SAFETY: a UART register of COM1.
    unsafe { IoPort::new(port).write(value) }
}

impl SerialPort {
    /// 115,200 baud, 8 bits, FIFOs on, interrupts off.
    fn set_up(&self) {
        if self.is_set_up.swap(true, Ordering::Relaxed) {
            return;
        }
        let registers = [
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, DIVISOR_LATCH),
            (DATA, 1),
            (INTERRUPT_ENABLE, 0),
            (LINE_CONTROL, EIGHT_BITS),
            (FIFO_CONTROL, FIFOS),
            (MODEM_CONTROL, READY),
        ];
        for (register, value) in registers {
            write(register, value);
        }
    }

    /// Waits for this bit of the line status; false if it does not come.
    fn wait_for(&self, bit: u8) -> bool {
        if self.is_stuck.load(Ordering::Relaxed) {
            return false;
        }
        for _ in 0..PATIENCE {
            if read(LINE_STATUS) & bit != 0 {
                return true;
            }
            core::hint::spin_loop();
        }
        self.is_stuck.store(true, Ordering::Relaxed);
        false
    }

    /// Sends bytes as they are.
    fn write(&self, bytes: &[u8]) {
        self.set_up();
        for run in bytes.chunks(FIFO_SIZE) {
            if !self.wait_for(TRANSMITTER_READY) {
                return;
            }
            for &byte in run {
                write(DATA, byte);
            }
        }
    }

    /// Passes on all that has arrived; whether there was anything.
    fn drain(&self) -> bool {
        let mut any = false;
        loop {
            let mut run = [0; FIFO_SIZE];
            let mut length = 0;
            for place in &mut run {
                let status = read(LINE_STATUS);
                if status & DATA_READY == 0 || status == NOTHING {
                    break;
                }
                *place = read(DATA);
                length += 1;
            }
            if length > 0 {
                CONSOLE.receive(&run[..length]);
                any = true;
            }
            if length < run.len() {
                return any;
            }
        }
    }
}

impl Port for SerialPort {
    fn send(&self, bytes: Vec<u8>) {
        self.write(&bytes);
    }

    fn is_framed(&self) -> bool {
        false
    }
}

impl Device for SerialPort {
    /// Nothing arrives without an interrupt, so the port is left alone here.
    fn poll(&self) -> bool {
        false
    }

    fn interrupt(&self) {
        self.drain();
    }

    fn listen(&self) {
        if self.is_listening.swap(true, Ordering::Relaxed) {
            return;
        }
        self.set_up();
        // First the way, then the interrupt: an edge that comes before is lost.
        if apic::route(GSI, Vector::CONSOLE).is_some() {
            write(INTERRUPT_ENABLE, RECEIVED);
        }
    }

    fn flush(&self) {
        if self.is_set_up.load(Ordering::Relaxed) {
            self.wait_for(TRANSMITTER_EMPTY);
        }
    }

    fn send_last(&self, pieces: &[&[u8]]) {
        pieces.iter().for_each(|piece| self.write(piece));
        self.flush();
    }
}
