//! `/sys`, `sysfs(5)`: the few files of it that runtimes read. There is no tree of devices.

use super::generated::{Content, Directory, Entries, Fixed, Generated, Object, Owned};
use super::procfs::list_of_cpus;
use super::{Entry, Kind};
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::frame::PAGE;
use crate::machine::machine;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use linux_raw_sys::general::SYSFS_MAGIC;

/// A new `/sys` with its root.
pub fn sysfs() -> (Arc<Generated>, Arc<Entry>) {
    Generated::mountable("sysfs", SYSFS_MAGIC, Folder(Fixed::later(root)))
}

/// A directory, with the mode that sysfs gives to all of them.
struct Folder(Fixed);

impl Directory for Folder {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        self.0.lookup(name)
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        self.0.list(position, each);
    }

    fn owned(&self) -> Owned {
        Owned::root(0o755)
    }

    fn links(&self) -> u32 {
        self.0.links()
    }
}

/// Gives an attribute's line for a CPU, or whatever a number says.
type Show = fn(u32) -> String;

/// An attribute: one line.
struct Attribute(Show, u32);

impl Content for Attribute {
    fn generate(&self, to: &mut Vec<u8>) -> Result<()> {
        to.extend_from_slice((self.0)(self.1).as_bytes());
        to.push(b'\n');
        Ok(())
    }

    fn open(&self, flags: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        // None can be written, not by the super-user either.
        if flags.writes() { Err(Errno::EACCES) } else { Ok(None) }
    }

    fn size(&self) -> u64 {
        PAGE
    }
}

fn folder(entries: Entries) -> Object {
    Object::directory(Folder(Fixed::new(entries)))
}

fn attribute(show: Show) -> Object {
    Object::file(Attribute(show, 0))
}

fn root() -> Entries {
    let clock = folder(vec![
        ("available_clocksource", attribute(|_| "tsc ".to_string())),
        ("current_clocksource", attribute(|_| "tsc".to_string())),
    ]);
    let huge_pages = folder(vec![
        ("enabled", attribute(|_| "always madvise [never]".to_string())),
        ("hpage_pmd_size", attribute(|_| "2097152".to_string())),
    ]);
    let system = folder(vec![
        ("clocksource", folder(vec![("clocksource0", clock)])),
        ("cpu", Object::directory(Cpus(Fixed::new(cpus())))),
    ]);
    vec![
        ("block", folder(vec![])),
        ("bus", folder(vec![])),
        ("class", folder(vec![("net", folder(vec![]))])),
        ("devices", folder(vec![("system", system)])),
        ("fs", folder(vec![("cgroup", folder(vec![]))])),
        ("kernel", folder(vec![("mm", folder(vec![("transparent_hugepage", huge_pages)]))])),
    ]
}

/// `devices/system/cpu` but for the CPUs' own directories.
fn cpus() -> Entries {
    let all = |_| list_of_cpus(machine().cpus());
    vec![
        ("isolated", attribute(|_| String::new())),
        ("kernel_max", attribute(|_| "63".to_string())),
        ("offline", attribute(|_| String::new())),
        ("online", attribute(all)),
        ("possible", attribute(all)),
        ("present", attribute(all)),
    ]
}

/// `devices/system/cpu`.
struct Cpus(Fixed);

/// The CPU of a name such as `cpu0`, if there is one.
fn cpu_of(name: &[u8]) -> Option<u32> {
    let digits = core::str::from_utf8(name.strip_prefix(b"cpu")?).ok()?;
    let number: u32 = digits.parse().ok()?;
    ((number as usize) < machine().cpus() && number.to_string() == digits).then_some(number)
}

impl Directory for Cpus {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        match cpu_of(name) {
            Some(cpu) => Ok(folder(vec![("topology", topology(cpu))])),
            None => self.0.lookup(name),
        }
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        let fixed = self.0.len();
        let mut goes_on = true;
        self.0.list(position, &mut |next, name, kind| {
            goes_on = each(next, name, kind);
            goes_on
        });
        for cpu in position.saturating_sub(fixed)..machine().cpus() as u64 {
            goes_on = goes_on && each(fixed + cpu + 1, format!("cpu{cpu}").as_bytes(), Kind::Directory);
        }
    }

    fn owned(&self) -> Owned {
        Owned::root(0o755)
    }

    fn links(&self) -> u32 {
        2 + machine().cpus() as u32
    }
}

/// A CPU's place: all are cores of one package, each with one thread.
fn topology(cpu: u32) -> Object {
    fn all_list(_: u32) -> String {
        list_of_cpus(machine().cpus())
    }
    fn all_mask(_: u32) -> String {
        format!("{:x}", u64::MAX >> (64 - machine().cpus().clamp(1, 64)))
    }
    fn own_list(cpu: u32) -> String {
        cpu.to_string()
    }
    fn own_mask(cpu: u32) -> String {
        format!("{:x}", 1_u64 << (cpu % 64))
    }
    let attributes: [(&'static str, Show); 10] = [
        ("core_cpus", own_mask),
        ("core_cpus_list", own_list),
        ("core_id", own_list),
        ("core_siblings", all_mask),
        ("core_siblings_list", all_list),
        ("package_cpus", all_mask),
        ("package_cpus_list", all_list),
        ("physical_package_id", |_| "0".to_string()),
        ("thread_siblings", own_mask),
        ("thread_siblings_list", own_list),
    ];
    folder(attributes.into_iter().map(|(name, show)| (name, Object::file(Attribute(show, cpu)))).collect())
}
