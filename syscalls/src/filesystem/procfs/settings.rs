//! `/proc/sys`: the kernel's settings. What cannot be changed here is read-only, also where Linux's is not.

use super::super::generated::{Content, Fixed, Object, Owned};
use super::put;
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::ipc::{messages, semaphores, shared_memory};
use crate::machine::machine;
use crate::memory::{LOWEST_ADDRESS, MAXIMUM_AREAS};
use crate::pipe::{set_unprivileged_capacity, unprivileged_capacity};
use crate::process::registry;
use crate::system;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;
use spin::Once;

/// One setting.
#[derive(Clone, Copy)]
enum Setting {
    /// Always this.
    Fixed(&'static str),
    /// What a function adds; it ends the line.
    Shown(fn(&mut Vec<u8>)),
    /// A value that programs may change: what shows it (with the line's end), and what takes another.
    Value(fn(&mut Vec<u8>), fn(&str) -> Result<()>),
    /// A name that programs may change.
    Name(fn() -> Vec<u8>, fn(&[u8])),
}

impl Content for Setting {
    fn generate(&self, to: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Fixed(value) => put(to, format_args!("{value}\n")),
            Self::Shown(show) | Self::Value(show, _) => show(to),
            Self::Name(name, _) => {
                to.extend(name());
                to.push(b'\n');
            }
        }
        Ok(())
    }

    fn open(&self, flags: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        // The mode holds for the super-user, too.
        if flags.writes() && self.owned().mode & 0o222 == 0 { Err(Errno::EACCES) } else { Ok(None) }
    }

    fn store(&self, bytes: &[u8], _: u64) -> Result<usize> {
        if let Self::Value(_, set) = self {
            let text = core::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
            return set(text.trim_matches(['\0', '\n', ' ', '\t'])).map(|()| bytes.len());
        }
        let Self::Name(_, set) = self else { return Err(Errno::EACCES) };
        let name = bytes.split(|&byte| byte == b'\n' || byte == 0).next().unwrap_or_default();
        set(name);
        Ok(bytes.len())
    }

    fn owned(&self) -> Owned {
        Owned::root(if matches!(self, Self::Name(..) | Self::Value(..)) { 0o644 } else { 0o444 })
    }
}

fn directory(settings: &[(&'static str, Setting)]) -> Vec<(&'static str, Object)> {
    settings.iter().map(|&(name, setting)| (name, Object::file(setting))).collect()
}

fn folder(entries: Vec<(&'static str, Object)>) -> Object {
    Object::directory(Fixed::new(entries))
}

/// `/proc/sys`.
pub(super) fn settings() -> Object {
    use Setting::{Fixed as Always, Name, Shown, Value};
    let random = directory(&[
        ("boot_id", Shown(boot_id)),
        ("entropy_avail", Always("256")),
        ("poolsize", Always("256")),
        ("uuid", Shown(|to| put_uuid(&random_uuid(), to))),
    ]);
    let mut kernel = directory(&[
        ("arch", Always("x86_64")),
        ("cap_last_cap", Always("40")),
        ("core_pattern", Always("core")),
        ("core_uses_pid", Always("0")),
        ("domainname", Name(system::domain_name, system::set_domain_name)),
        ("hostname", Name(system::node_name, system::set_node_name)),
        ("msg_next_id", Value(|to| line(to, messages::next()), |text| messages::set_next(number(text)?))),
        ("msgmax", Value(|to| line(to, messages::longest()), |text| messages::set_longest(number(text)?))),
        ("msgmnb", Value(|to| line(to, messages::capacity()), |text| messages::set_capacity(number(text)?))),
        ("msgmni", Value(|to| line(to, messages::most()), |text| messages::set_most(number(text)?))),
        ("ngroups_max", Always("65536")),
        ("osrelease", Always(system::RELEASE)),
        ("ostype", Always("Linux")),
        ("overflowgid", Always("65534")),
        ("overflowuid", Always("65534")),
        ("pid_max", Always("4194304")),
        ("printk", Always("4\t4\t1\t7")),
        ("randomize_va_space", Always("2")),
        ("sem", Value(semaphore_limits, set_semaphore_limits)),
        ("sem_next_id", Value(|to| line(to, semaphores::next()), |text| semaphores::set_next(number(text)?))),
        ("shm_next_id", Value(|to| line(to, shared_memory::next()), |text| shared_memory::set_next(number(text)?))),
        (
            "shmall",
            Value(|to| line(to, shared_memory::all_pages()), |text| shared_memory::set_all_pages(number(text)?)),
        ),
        ("shmmax", Value(|to| line(to, shared_memory::largest()), |text| shared_memory::set_largest(number(text)?))),
        ("shmmni", Value(|to| line(to, shared_memory::most()), |text| shared_memory::set_most(number(text)?))),
        ("tainted", Always("0")),
        ("threads-max", Shown(|to| put(to, format_args!("{}\n", (machine().frames().0 / 32).max(20))))),
        ("version", Always(system::VERSION)),
    ]);
    kernel.push(("random", folder(random)));
    let memory = directory(&[
        ("max_map_count", Shown(|to| put(to, format_args!("{MAXIMUM_AREAS}\n")))),
        ("mmap_min_addr", Shown(|to| put(to, format_args!("{LOWEST_ADDRESS}\n")))),
        ("nr_hugepages", Always("0")),
        ("overcommit_kbytes", Always("0")),
        ("overcommit_memory", Always("0")),
        ("overcommit_ratio", Always("50")),
        ("swappiness", Always("60")),
    ]);
    let epoll = directory(&[("max_user_watches", Shown(|to| put(to, format_args!("{}\n", watches()))))]);
    let mut files = directory(&[
        ("file-max", Always("9223372036854775807")),
        ("file-nr", Shown(|to| put(to, format_args!("{}\t0\t9223372036854775807\n", open_files())))),
        ("nr_open", Always("1048576")),
        (
            "pipe-max-size",
            Value(|to| line(to, unprivileged_capacity()), |text| set_unprivileged_capacity(number(text)?)),
        ),
    ]);
    files.push(("epoll", folder(epoll)));
    let sockets = directory(&[
        ("rmem_default", Always("212992")),
        ("rmem_max", Always("212992")),
        ("somaxconn", Always("4096")),
        ("wmem_default", Always("212992")),
        ("wmem_max", Always("212992")),
    ]);
    let internet = directory(&[
        ("ip_forward", Always("0")),
        ("ip_local_port_range", Always("32768\t60999")),
        ("ip_unprivileged_port_start", Always("1024")),
        ("tcp_congestion_control", Always("reno")),
        ("tcp_fin_timeout", Always("60")),
        ("tcp_keepalive_intvl", Always("75")),
        ("tcp_keepalive_probes", Always("9")),
        ("tcp_keepalive_time", Always("7200")),
        ("tcp_max_syn_backlog", Always("256")),
        ("tcp_rmem", Always("4096\t131072\t6291456")),
        ("tcp_wmem", Always("4096\t16384\t4194304")),
    ]);
    let unix = directory(&[("max_dgram_qlen", Always("10"))]);
    let network = vec![("core", folder(sockets)), ("ipv4", folder(internet)), ("unix", folder(unix))];
    folder(vec![("fs", folder(files)), ("kernel", folder(kernel)), ("net", folder(network)), ("vm", folder(memory))])
}

fn line(to: &mut Vec<u8>, value: impl Display) {
    put(to, format_args!("{value}\n"));
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Errno::EINVAL)
}

fn semaphore_limits(to: &mut Vec<u8>) {
    let [in_set, in_all, operations, sets] = semaphores::limits();
    put(to, format_args!("{in_set}\t{in_all}\t{operations}\t{sets}\n"));
}

fn set_semaphore_limits(text: &str) -> Result<()> {
    let numbers: Result<Vec<i64>> = text.split_ascii_whitespace().map(number).collect();
    semaphores::set_limits(numbers?.try_into().map_err(|_| Errno::EINVAL)?)
}

/// Linux's default: what 4 % of memory could hold of watches of 160 bytes.
fn watches() -> u64 {
    machine().frames().0 / 25 * crate::frame::PAGE / 160
}

/// The descriptors in use.
fn open_files() -> usize {
    registry::all(|_| true).iter().map(|process| process.files.snapshot().len()).sum()
}

fn random_uuid() -> [u8; 16] {
    let mut uuid = [0; 16];
    machine().random(&mut uuid);
    // RFC 9562, version 4, variant 10.
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

fn put_uuid(uuid: &[u8; 16], to: &mut Vec<u8>) {
    for (index, byte) in uuid.iter().enumerate() {
        let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
        put(to, format_args!("{dash}{byte:02x}"));
    }
    to.push(b'\n');
}

/// Stays the same until the machine ends.
fn boot_id(to: &mut Vec<u8>) {
    static BOOT: Once<[u8; 16]> = Once::new();
    put_uuid(BOOT.call_once(random_uuid), to);
}
