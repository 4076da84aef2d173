//! `/proc`: processes and the machine as files, `proc(5)`.
//!
//! Formats are Linux's byte for byte, field widths and blanks included: programs parse them with less care than
//! they should. What this system does not count is shown as 0.

mod computer;
mod descriptors;
mod extent;
mod limits;
mod maps;
mod memory;
mod mounts;
mod network;
mod oom;
mod process;
mod processor;
mod settings;
mod startup;
mod stat;
mod status;
mod subject;

#[cfg(test)]
mod tests;

pub(super) use processor::list_of_cpus;

use super::generated::{Directory, Fixed, Generated, Object, PathLink, Target};
use super::{Entry, Kind, Link};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::{Process, registry};
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use linux_raw_sys::general::PROC_SUPER_MAGIC;
use process::ProcessDirectory;
use subject::Subject;

/// A new `/proc` with its root.
pub fn procfs() -> (Arc<Generated>, Arc<Entry>) {
    Generated::mountable("proc", PROC_SUPER_MAGIC, Root(Fixed::later(machine_files)))
}

/// Everything in the root but the processes.
fn machine_files() -> Vec<(&'static str, Object)> {
    let mut files = alloc::vec![
        ("self", Object::link(Oneself { thread: false })),
        ("thread-self", Object::link(Oneself { thread: true })),
        ("cpuinfo", Object::text(processor::cpuinfo)),
        ("mounts", Object::link(PathLink("self/mounts"))),
        ("net", Object::link(PathLink("self/net"))),
        ("sys", settings::settings()),
    ];
    files.extend(computer::files());
    files
}

/// The first position behind the machine's files; a process's is this and its number.
const PROCESSES: u64 = 256;

/// The root: files of the machine, and a directory for each process.
struct Root(Fixed);

impl Directory for Root {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        match (name, number(name)) {
            // Asked for at nearly every start: this should not make the other files.
            (b"self", _) => Ok(Object::link(Oneself { thread: false })),
            (_, Some(id)) => Ok(Object::directory(ProcessDirectory::new(find(id)?))),
            _ => self.0.lookup(name),
        }
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        let mut goes_on = true;
        if position < PROCESSES {
            self.0.list(position, &mut |next, name, kind| {
                goes_on = each(next, name, kind);
                goes_on
            });
        }
        // A position names the process that was listed last: those behind it follow.
        let first = (position + 1).saturating_sub(PROCESSES);
        let kernel = registry::visible(registry::KERNEL).filter(|kernel| kernel.id as u64 >= first);
        for process in kernel.into_iter().chain(registry::all(|process| process.id as u64 >= first)) {
            if !goes_on {
                return;
            }
            goes_on = each(PROCESSES + process.id as u64, process.id.to_string().as_bytes(), Kind::Directory);
        }
    }

    fn links(&self) -> u32 {
        // The kernel's is one of them.
        self.0.links() + 1 + registry::all(|_| true).len() as u32
    }
}

/// The process of a number, or the one that a thread of this number belongs to: Linux finds threads here, too, but
/// does not list them. `ENOENT`.
fn find(id: i32) -> Result<Subject> {
    if let Some(process) = registry::visible(id) {
        return Ok(Subject::of_process(&process));
    }
    let thread = registry::thread(id).ok_or(Errno::ENOENT)?;
    Ok(Subject::of_thread(&thread))
}

/// The number that a name is: decimal digits without zeros in front.
fn number(name: &[u8]) -> Option<i32> {
    if !name.iter().all(u8::is_ascii_digit) || name.len() > 1 && name.first() == Some(&b'0') {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

/// `self` and `thread-self`.
struct Oneself {
    thread: bool,
}

impl Target for Oneself {
    fn follow(&self) -> Result<Link> {
        let thread = machine().current();
        let process: &Process = &thread.process;
        let path = match self.thread {
            true => format!("{}/task/{}", process.id, thread.id()),
            false => process.id.to_string(),
        };
        Ok(Link::Path(Arc::from(path.as_bytes())))
    }
}

/// Adds formatted text.
fn put(to: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    struct Adder<'a>(&'a mut Vec<u8>);
    impl Write for Adder<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Nothing here fails.
    let _ = Adder(to).write_fmt(text);
}

/// The number that a program writes into a file: decimal, blanks around it allowed. `EINVAL`.
fn written_number(bytes: &[u8]) -> Result<i64> {
    let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    text.trim_matches(['\0', '\n', ' ', '\t']).parse().map_err(|_| Errno::EINVAL)
}
