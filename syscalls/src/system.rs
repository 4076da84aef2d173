//! What a program asks about the machine: `uname(2)`, `sysinfo(2)`, `getrandom(2)`.

use crate::argument::Address;
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::machine;
use crate::thread::Thread;
use crate::time::SECOND;
use crate::transfer::Destination;
use crate::user::UserPtr;
use alloc::vec::Vec;
use linux_raw_sys::general::{CAP_SYS_ADMIN, GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM};
use spin::{Mutex, Once};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The release that programs see.
pub const RELEASE: &str = "6.12.0-birgus";
/// The version: what `uname -v` prints.
pub const VERSION: &str = "#1 SMP Birgus";

const FIELD: usize = 65;

/// `struct new_utsname`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Names {
    system: [u8; FIELD],
    node: [u8; FIELD],
    release: [u8; FIELD],
    version: [u8; FIELD],
    machine: [u8; FIELD],
    domain: [u8; FIELD],
}

struct HostNames {
    node: Vec<u8>,
    domain: Vec<u8>,
}

static HOST: Mutex<HostNames> = Mutex::new(HostNames { node: Vec::new(), domain: Vec::new() });

/// Sets the machine's name before the first program runs.
pub fn set_node_name(name: &[u8]) {
    HOST.lock().node = name[..name.len().min(FIELD - 1)].to_vec();
}

/// The machine's name.
pub fn node_name() -> Vec<u8> {
    let node = HOST.lock().node.clone();
    if node.is_empty() { b"birgus".to_vec() } else { node }
}

/// Sets the domain's name; what is longer than 64 bytes is cut.
pub fn set_domain_name(name: &[u8]) {
    HOST.lock().domain = name.iter().take(FIELD - 1).copied().collect();
}

/// The domain's name.
pub fn domain_name() -> Vec<u8> {
    let domain = HOST.lock().domain.clone();
    if domain.is_empty() { b"(none)".to_vec() } else { domain }
}

static COMMAND_LINE: Once<Vec<u8>> = Once::new();

/// Says once with which command line the kernel was started.
pub fn set_command_line(line: &[u8]) {
    COMMAND_LINE.call_once(|| line.to_vec());
}

/// The kernel's command line.
pub fn command_line() -> &'static [u8] {
    COMMAND_LINE.get().map_or(&[], Vec::as_slice)
}

/// `uname(2)`.
pub fn uname(thread: &Thread, names: UserPtr<Names>) -> Result<()> {
    let mut value = Names::new_zeroed();
    let set = |field: &mut [u8; FIELD], text: &[u8]| field[..text.len()].copy_from_slice(text);
    set(&mut value.system, b"Linux");
    set(&mut value.node, &node_name());
    set(&mut value.release, RELEASE.as_bytes());
    set(&mut value.version, VERSION.as_bytes());
    set(&mut value.machine, b"x86_64");
    set(&mut value.domain, &domain_name());
    names.write(thread, &value)
}

fn read_name(thread: &Thread, name: UserPtr<u8>, length: i32) -> Result<Vec<u8>> {
    match usize::try_from(length) {
        Ok(length) if length < FIELD => name.read_array(thread, length),
        _ => Err(Errno::EINVAL),
    }
}

/// `EPERM` for those who may not name the machine.
fn may_name(thread: &Thread) -> Result<()> {
    if thread.process.credentials().has(CAP_SYS_ADMIN) { Ok(()) } else { Err(Errno::EPERM) }
}

/// `sethostname(2)`.
pub fn sethostname(thread: &Thread, name: UserPtr<u8>, length: i32) -> Result<()> {
    may_name(thread)?;
    HOST.lock().node = read_name(thread, name, length)?;
    Ok(())
}

/// `setdomainname(2)`.
pub fn setdomainname(thread: &Thread, name: UserPtr<u8>, length: i32) -> Result<()> {
    may_name(thread)?;
    HOST.lock().domain = read_name(thread, name, length)?;
    Ok(())
}

/// `struct sysinfo`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SystemInformation {
    uptime: i64,
    loads: [u64; 3],
    total_memory: u64,
    free_memory: u64,
    shared_memory: u64,
    buffer_memory: u64,
    total_swap: u64,
    free_swap: u64,
    processes: u16,
    pad: [u8; 6],
    total_high: u64,
    free_high: u64,
    unit: u32,
    tail: [u8; 4],
}

/// `sysinfo(2)`.
pub fn sysinfo(thread: &Thread, information: UserPtr<SystemInformation>) -> Result<()> {
    let (total, free) = machine().frames();
    let mut value = SystemInformation::new_zeroed();
    value.uptime = machine().monotonic().0.div_ceil(SECOND) as i64;
    value.total_memory = total * PAGE;
    value.free_memory = free * PAGE;
    value.processes = crate::process::registry::thread_count() as u16;
    value.unit = 1;
    information.write(thread, &value)
}

/// `getrandom(2)`.
pub fn getrandom(thread: &Thread, buffer: Address, count: usize, flags: u32) -> Result<usize> {
    if flags & !(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) != 0
        || flags & (GRND_RANDOM | GRND_INSECURE) == GRND_RANDOM | GRND_INSECURE
    {
        return Err(Errno::EINVAL);
    }
    let count = count.min(i32::MAX as usize);
    let mut piece = [0; 256];
    let mut to = Destination::user(thread, buffer.0, count)?;
    while to.remaining() > 0 {
        let length = piece.len().min(to.remaining());
        machine().random(&mut piece[..length]);
        match to.put(&piece[..length]) {
            Err(errno) if to.done() == 0 => return Err(errno),
            Err(_) => break,
            Ok(_) if thread.is_interrupted() => break,
            Ok(_) => {}
        }
    }
    Ok(to.done())
}
