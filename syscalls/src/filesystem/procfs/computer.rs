//! The machine's own files in `/proc`: memory, times, versions.

use super::super::generated::{Fixed, Object};
use super::super::{FILE_SYSTEMS, tmpfs};
use super::put;
use super::stat::TICK;
use crate::errno::Result;
use crate::frame::PAGE;
use crate::machine::machine;
use crate::memory::Residency;
use crate::process::registry;
use crate::system;
use crate::time::SECOND;
use alloc::vec::Vec;

/// Names and contents.
pub(super) fn files() -> [(&'static str, Object); 15] {
    [
        ("cmdline", Object::text(command_line)),
        ("devices", Object::text(devices)),
        ("filesystems", Object::text(filesystems)),
        ("interrupts", Object::text(interrupts)),
        ("loadavg", Object::text(load)),
        ("meminfo", Object::text(memory)),
        ("modules", Object::text(|_| Ok(()))),
        ("partitions", Object::text(|_| Ok(()))),
        ("stat", Object::text(statistics)),
        ("swaps", Object::text(swaps)),
        ("sysvipc", Object::directory(Fixed::later(interprocess))),
        ("uptime", Object::text(uptime)),
        ("version", Object::text(version)),
        ("vmstat", Object::text(memory_counters)),
        ("consoles", Object::text(|_| Ok(()))),
    ]
}

/// `sysvipc`.
fn interprocess() -> Vec<(&'static str, Object)> {
    fn of(list: fn(&mut Vec<u8>)) -> Object {
        Object::text(move |to| {
            list(to);
            Ok(())
        })
    }
    let (messages, semaphores) = (of(crate::ipc::messages::list), of(crate::ipc::semaphores::list));
    Vec::from([("msg", messages), ("sem", semaphores), ("shm", of(crate::ipc::shared_memory::list))])
}

fn command_line(to: &mut Vec<u8>) -> Result<()> {
    to.extend_from_slice(system::command_line());
    to.push(b'\n');
    Ok(())
}

fn devices(to: &mut Vec<u8>) -> Result<()> {
    let character = [(1, "mem"), (5, "/dev/tty"), (5, "/dev/console"), (5, "/dev/ptmx"), (10, "misc"), (136, "pts")];
    put(to, format_args!("Character devices:\n"));
    for (major, name) in character {
        put(to, format_args!("{major:3} {name}\n"));
    }
    put(to, format_args!("\nBlock devices:\n"));
    Ok(())
}

fn filesystems(to: &mut Vec<u8>) -> Result<()> {
    for name in FILE_SYSTEMS {
        put(to, format_args!("nodev\t{name}\n"));
    }
    Ok(())
}

/// Interrupts are not counted: the table has its head, and the counts of errors.
fn interrupts(to: &mut Vec<u8>) -> Result<()> {
    put(to, format_args!("{:9}", ""));
    for cpu in 0..machine().cpus() {
        put(to, format_args!("  CPU{cpu:<6}"));
    }
    put(to, format_args!("\nERR: {:10}\nMIS: {:10}\n", 0, 0));
    Ok(())
}

/// Load is not averaged; the numbers behind it are threads that run, all threads, and the latest number given out.
fn load(to: &mut Vec<u8>) -> Result<()> {
    let all = registry::thread_count();
    put(to, format_args!("0.00 0.00 0.00 {}/{all} {}\n", running(), registry::last_id()));
    Ok(())
}

/// The threads that run or could.
fn running() -> usize {
    let threads = registry::all(|_| true).into_iter().flat_map(|process| process.threads());
    threads.filter_map(|thread| thread.task()).filter(|task| !task.is_parked()).count()
}

/// What the processes have of memory, in pages; a page that two map counts twice.
fn in_processes() -> Residency {
    let mut sum = Residency::default();
    for process in registry::all(|process| process.end().is_none()) {
        sum += process.memory().resident(0, u64::MAX);
    }
    sum
}

fn memory(to: &mut Vec<u8>) -> Result<()> {
    let (total, free) = machine().frames();
    let used = in_processes();
    let cached = tmpfs::held_pages();
    let kib = PAGE / 1024;
    let lines = [
        ("MemTotal:", total),
        ("MemFree:", free),
        // Nothing here can be dropped to make room: what tmpfs holds is all there is of it.
        ("MemAvailable:", free),
        ("Buffers:", 0),
        ("Cached:", cached),
        ("SwapCached:", 0),
        ("Active:", used.anonymous),
        ("Inactive:", cached),
        ("Active(anon):", used.anonymous),
        ("Inactive(anon):", cached),
        ("Active(file):", 0),
        ("Inactive(file):", 0),
        ("Unevictable:", 0),
        ("Mlocked:", 0),
        ("SwapTotal:", 0),
        ("SwapFree:", 0),
        ("Dirty:", 0),
        ("Writeback:", 0),
        ("AnonPages:", used.anonymous),
        ("Mapped:", used.file),
        ("Shmem:", cached),
        ("KReclaimable:", 0),
        ("Slab:", 0),
        ("SReclaimable:", 0),
        ("SUnreclaim:", 0),
        ("KernelStack:", 0),
        ("PageTables:", 0),
        ("SecPageTables:", 0),
        ("NFS_Unstable:", 0),
        ("Bounce:", 0),
        ("WritebackTmp:", 0),
        ("CommitLimit:", total / 2),
        ("Committed_AS:", committed()),
        ("VmallocTotal:", 34_359_738_367 / kib),
        ("VmallocUsed:", 0),
        ("VmallocChunk:", 0),
        ("Percpu:", 0),
        ("AnonHugePages:", 0),
        ("ShmemHugePages:", 0),
        ("ShmemPmdMapped:", 0),
        ("FileHugePages:", 0),
        ("FilePmdMapped:", 0),
    ];
    for (name, pages) in lines {
        put(to, format_args!("{name:<15} {:8} kB\n", pages * kib));
    }
    for name in ["HugePages_Total:", "HugePages_Free:", "HugePages_Rsvd:", "HugePages_Surp:"] {
        put(to, format_args!("{name:<16}{:8}\n", 0));
    }
    put(to, format_args!("Hugepagesize:   {:8} kB\nHugetlb:        {:8} kB\n", 2048, 0));
    Ok(())
}

/// Pages that private, writable mappings could come to need.
fn committed() -> u64 {
    registry::all(|process| process.end().is_none()).iter().map(|process| process.memory().counts().data).sum()
}

fn memory_counters(to: &mut Vec<u8>) -> Result<()> {
    let (_, free) = machine().frames();
    let used = in_processes();
    let cached = tmpfs::held_pages();
    let lines = [
        ("nr_free_pages", free),
        ("nr_inactive_anon", cached),
        ("nr_active_anon", used.anonymous),
        ("nr_inactive_file", 0),
        ("nr_active_file", 0),
        ("nr_unevictable", 0),
        ("nr_mlock", 0),
        ("nr_anon_pages", used.anonymous),
        ("nr_mapped", used.file),
        ("nr_file_pages", cached),
        ("nr_dirty", 0),
        ("nr_writeback", 0),
        ("nr_shmem", cached),
        ("pgpgin", 0),
        ("pgpgout", 0),
        ("pswpin", 0),
        ("pswpout", 0),
    ];
    for (name, count) in lines {
        put(to, format_args!("{name} {count}\n"));
    }
    Ok(())
}

/// Ticks that all CPUs have worked, and that they have not.
fn busy_and_idle() -> (u64, u64) {
    let all = machine().monotonic().0.saturating_mul(machine().cpus() as u64) / TICK;
    let busy = (registry::cpu_time() / TICK).min(all);
    (busy, all - busy)
}

fn statistics(to: &mut Vec<u8>) -> Result<()> {
    let (busy, idle) = busy_and_idle();
    put(to, format_args!("cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n"));
    let cpus = machine().cpus().max(1);
    for cpu in 0..cpus {
        // Which CPU worked is not counted: each has its share.
        let (busy, idle) = (busy / cpus as u64, idle / cpus as u64);
        put(to, format_args!("cpu{cpu} {busy} 0 0 {idle} 0 0 0 0 0 0\n"));
    }
    let started = machine().realtime_offset() / SECOND;
    put(to, format_args!("intr 0\nctxt 0\nbtime {started}\nprocesses {}\n", registry::last_id()));
    put(to, format_args!("procs_running {}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n", running()));
    Ok(())
}

fn uptime(to: &mut Vec<u8>) -> Result<()> {
    let up = machine().monotonic().0 / TICK;
    let (_, idle) = busy_and_idle();
    put(to, format_args!("{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100));
    Ok(())
}

fn swaps(to: &mut Vec<u8>) -> Result<()> {
    put(to, format_args!("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"));
    Ok(())
}

fn version(to: &mut Vec<u8>) -> Result<()> {
    let (release, version) = (system::RELEASE, system::VERSION);
    put(to, format_args!("Linux version {release} (birgus@birgus) (rustc, rust-lld) {version}\n"));
    Ok(())
}
