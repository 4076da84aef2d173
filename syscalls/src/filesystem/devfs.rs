//! `/dev`: a tmpfs with the devices of `null(4)`, `random(4)`, `full(4)` and those that others register.

use super::tmpfs::{Root, Tmpfs};
use super::{Kind, Make, device, device_number};
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::machine::machine;
use crate::pseudo_terminal::{self, MULTIPLEXER};
use crate::transfer::{Destination, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use spin::{Mutex, Once};

/// A device that others made known: name, kind, number, mode.
type Known = (&'static str, Kind, u64, u16);

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// The file system of `/dev`. It is empty until somebody looks into it.
pub fn devfs() -> &'static Arc<Tmpfs> {
    static DEVFS: Once<Arc<Tmpfs>> = Once::new();
    DEVFS.call_once(|| Tmpfs::filled_later("devtmpfs", fill))
}

/// Makes a device known before anybody looks into `/dev`, and says what its nodes open.
pub fn register(
    name: &'static str,
    kind: Kind,
    number: u64,
    mode: u16,
    opener: impl Fn(OpenFlags) -> Result<Arc<dyn File>> + Send + Sync + 'static,
) {
    device::register(kind, number, opener);
    KNOWN.lock().push((name, kind, number, mode));
}

fn fill(root: &Root<'_>) {
    let devices: [(&str, u32, Arc<dyn File>); 5] = [
        ("null", 3, Arc::new(Null)),
        ("zero", 5, Arc::new(Zero)),
        ("full", 7, Arc::new(Full)),
        ("random", 8, Arc::new(Random)),
        ("urandom", 9, Arc::new(Random)),
    ];
    for (name, minor, file) in devices {
        let number = device_number(1, minor);
        device::register(Kind::Character, number, move |_| Ok(file.clone()));
        root.add(name, Make::Special(Kind::Character, number), 0o666);
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    for (name, target) in links {
        root.add(name, Make::Symlink(target.as_bytes()), 0o777);
    }
    root.add("shm", Make::Directory, 0o1777);
    root.add("ptmx", Make::Special(Kind::Character, MULTIPLEXER), 0o666);
    if let Some(directory) = root.add("pts", Make::Directory, 0o755) {
        pseudo_terminal::mount(&directory);
    }
    for &(name, kind, number, mode) in KNOWN.lock().iter() {
        root.add(name, Make::Special(kind, number), mode);
    }
}

/// Zeroes all that is wanted; what was done before a fault counts.
fn zeros(to: &mut Destination<'_>) -> Result<usize> {
    let before = to.done();
    match to.put_zeros(usize::MAX) {
        Err(_) if to.done() > before => Ok(to.done() - before),
        outcome => outcome,
    }
}

/// `/dev/null`: nothing to read, room for everything.
struct Null;

impl File for Null {
    fn ignores_seeks(&self) -> bool {
        true
    }

    fn read(&self, _: &mut Destination<'_>, _: u64) -> Result<usize> {
        Ok(0)
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        Ok(from.skip(usize::MAX))
    }
}

/// `/dev/zero`: zeros without end, room for everything.
struct Zero;

impl File for Zero {
    fn ignores_seeks(&self) -> bool {
        true
    }

    fn maps_zeros(&self) -> bool {
        true
    }

    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        zeros(to)
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        Ok(from.skip(usize::MAX))
    }
}

/// `/dev/full`: zeros without end, no room.
struct Full;

impl File for Full {
    fn ignores_seeks(&self) -> bool {
        true
    }

    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        zeros(to)
    }

    fn write(&self, _: &mut Source<'_>, _: u64) -> Result<usize> {
        Err(Errno::ENOSPC)
    }
}

/// `/dev/random`, `/dev/urandom`: the machine's random bytes; what is written is not needed.
struct Random;

impl File for Random {
    fn ignores_seeks(&self) -> bool {
        true
    }

    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        let mut bytes = [0; 256];
        let before = to.done();
        while to.remaining() > 0 {
            let piece = &mut bytes[..to.remaining().min(256)];
            machine().random(piece);
            if let Err(errno) = to.put(piece) {
                let done = to.done() - before;
                return if done > 0 { Ok(done) } else { Err(errno) };
            }
        }
        Ok(to.done() - before)
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        Ok(from.skip(usize::MAX))
    }
}
