//! A client of QEMU's debug stub: the remote serial protocol of GDB's manual, appendix E, as far as it is needed here.

use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Registers by their numbers in the protocol, for x86-64.
pub(crate) const RCX: usize = 2;
pub(crate) const RBP: usize = 6;
pub(crate) const RSP: usize = 7;
pub(crate) const RIP: usize = 16;

/// Nothing that is asked for takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine under the debugger's control; it stands still between two calls.
pub(crate) struct Debugger {
    stream: UnixStream,
    received: Vec<u8>,
}

/// All registers, as the stub packs them.
pub(crate) struct Registers(Vec<u8>);

impl Registers {
    /// What differs between two sets, SS apart: it is null on a landing stack (SDM volume 3, 6.14.5) and then, after a
    /// nested interrupt, the kernel's selector; in 64-bit mode the one means as much as the other.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        /// Behind RIP: RFLAGS and CS in four bytes each.
        const SS: Range<usize> = 8 * RIP + 16..8 * RIP + 20;
        let pairs = self.0.iter().zip(&other.0).enumerate();
        let different = pairs.filter(|(at, (one, two))| one != two && !SS.contains(at));
        let told: Vec<String> = different.map(|(at, (one, two))| format!("byte {at}: {one:x} {two:x}")).collect();
        let same = told.is_empty() && self.0.len() == other.0.len();
        (!same).then(|| format!("at {:#x} and {:#x}: {}", self.get(RIP), other.get(RIP), told.join(", ")))
    }

    /// A general register or RIP.
    pub(crate) fn get(&self, number: usize) -> u64 {
        let bytes = self.0.get(8 * number..8 * number + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    }
}

/// Why the machine does not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// A breakpoint or the end of a step.
    Trap,
    /// It has ended.
    Ended,
}

impl Debugger {
    /// Connects to the stub that listens at `path`, or soon will.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn connect(path: &Path) -> Result<Self, String> {
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => return Err(format!("no debug stub: {error}")),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let mut debugger = Self { stream, received: Vec::new() };
        // With the target's description the stub packs control registers too.
        debugger.ask("qSupported:xmlRegisters=i386")?;
        debugger.ask("qXfer:features:read:target.xml:0,1000")?;
        Ok(debugger)
    }

    fn send(&mut self, request: &str) -> Result<(), String> {
        let sum = request.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.stream, "${request}#{sum:02x}").map_err(|error| format!("{request}: {error}"))
    }

    /// The next packet, acknowledged; `None` when the connection has ended.
    fn receive(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(start) = self.received.iter().position(|&byte| byte == b'$')
                && let Some(length) = self.received[start..].iter().position(|&byte| byte == b'#')
                && self.received.len() >= start + length + 3
            {
                let packet = String::from_utf8_lossy(&self.received[start + 1..start + length]).into_owned();
                self.received.drain(..start + length + 3);
                // Not there any more to take it: the next read tells.
                let _ = self.stream.write_all(b"+");
                return Ok(Some(packet));
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => self.received.extend(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(format!("no answer of the debug stub: {error}")),
            }
        }
    }

    fn ask(&mut self, request: &str) -> Result<String, String> {
        self.send(request)?;
        match self.receive()? {
            None => Err(format!("{request}: the machine has ended")),
            Some(answer) if answer.is_empty() || answer.starts_with('E') => {
                Err(format!("{request}: answer {answer:?}"))
            }
            Some(answer) => Ok(answer),
        }
    }

    pub(crate) fn set_breakpoint(&mut self, address: u64) -> Result<(), String> {
        self.ask(&format!("Z0,{address:x},1")).map(|_| ())
    }

    pub(crate) fn clear_breakpoint(&mut self, address: u64) -> Result<(), String> {
        self.ask(&format!("z0,{address:x},1")).map(|_| ())
    }

    fn run(&mut self, how: &str) -> Result<Stop, String> {
        self.send(how)?;
        match self.receive()? {
            None => Ok(Stop::Ended),
            Some(stop) if stop.starts_with(['T', 'S']) => Ok(Stop::Trap),
            Some(stop) if stop.starts_with(['W', 'X']) => Ok(Stop::Ended),
            Some(other) => Err(format!("a stop of no kind: {other}")),
        }
    }

    /// Goes on to the next breakpoint.
    pub(crate) fn go_on(&mut self) -> Result<Stop, String> {
        self.run("c")
    }

    /// Runs to this address.
    ///
    /// # Errors
    /// When something else stops the machine.
    pub(crate) fn run_to(&mut self, address: u64) -> Result<(), String> {
        self.set_breakpoint(address)?;
        let stop = self.go_on()?;
        if stop == Stop::Ended {
            return Err(format!("the machine has ended before it came to {address:#x}"));
        }
        self.clear_breakpoint(address)?;
        match self.registers()?.get(RIP) {
            rip if rip == address => Ok(()),
            rip => Err(format!("the machine has stopped at {rip:#x}, not at {address:#x}")),
        }
    }

    /// Runs one instruction, or none: QEMU counts a look at the local APIC as a step. Interrupts wait meanwhile.
    pub(crate) fn step(&mut self) -> Result<(), String> {
        match self.run("s")? {
            Stop::Trap => Ok(()),
            Stop::Ended => Err("the machine has ended in a step".to_owned()),
        }
    }

    /// Steps until the instruction that is next now has run: RIP or RSP is another.
    pub(crate) fn step_over(&mut self) -> Result<Registers, String> {
        let before = self.registers()?;
        loop {
            self.step()?;
            let after = self.registers()?;
            if (after.get(RIP), after.get(RSP)) != (before.get(RIP), before.get(RSP)) {
                return Ok(after);
            }
        }
    }

    pub(crate) fn registers(&mut self) -> Result<Registers, String> {
        unhex(&self.ask("g")?).map(Registers)
    }

    pub(crate) fn set_register(&mut self, number: usize, value: u64) -> Result<(), String> {
        self.ask(&format!("P{number:x}={}", hex(&value.to_le_bytes()))).map(|_| ())
    }

    pub(crate) fn read_word(&mut self, address: u64) -> Result<u64, String> {
        let bytes = unhex(&self.ask(&format!("m{address:x},8"))?)?;
        bytes.try_into().map(u64::from_le_bytes).map_err(|_| format!("no word at {address:#x}"))
    }

    pub(crate) fn write_word(&mut self, address: u64, value: u64) -> Result<(), String> {
        self.ask(&format!("M{address:x},8:{}", hex(&value.to_le_bytes()))).map(|_| ())
    }

    /// A command of QEMU's monitor.
    pub(crate) fn monitor(&mut self, command: &str) -> Result<(), String> {
        let mut answer = self.ask(&format!("qRcmd,{}", hex(command.as_bytes())))?;
        // What it prints comes first.
        while answer != "OK" {
            let text = unhex(answer.strip_prefix('O').unwrap_or_default())?;
            let text = String::from_utf8_lossy(&text);
            if text.contains("rror") || text.contains("unknown") {
                return Err(format!("{command}: {text}"));
            }
            answer = self.receive()?.ok_or("the machine has ended")?;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digits in pairs; what is not available (`xx`) counts as zero.
fn unhex(digits: &str) -> Result<Vec<u8>, String> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        if pair == "xx" { Ok(0) } else { u8::from_str_radix(pair, 16).map_err(|_| format!("not hexadecimal: {pair}")) }
    };
    digits.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_digits() {
        assert_eq!(hex(&[0, 0x7f, 0xff]), "007fff");
        assert_eq!(unhex("007fffxx").unwrap(), [0, 0x7f, 0xff, 0]);
        assert!(unhex("0g").is_err());
    }
}
