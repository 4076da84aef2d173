//! `/proc/PID/status`.

use super::extent::Extent;
use super::processor::list_of;
use super::put;
use super::subject::Subject;
use crate::errno::Result;
use crate::frame::PAGE;
use crate::machine::machine;
use crate::process::{Credentials, Identity, Process};
use crate::signal::Slot;
use alloc::vec::Vec;

/// `status`: what `ps(1)` and people read.
pub(super) fn status(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let process = subject.process()?;
    to.extend_from_slice(b"Name:\t");
    for byte in subject.name() {
        match byte {
            b'\n' => to.extend_from_slice(b"\\n"),
            b'\\' => to.extend_from_slice(b"\\\\"),
            byte => to.push(byte),
        }
    }
    to.push(b'\n');
    put_identity(subject, &process, to);
    if !process.threads().is_empty() {
        put_memory(&process, to)?;
    }
    put(to, format_args!("CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n"));
    put_signals(subject, &process, to);
    put_capabilities(&process.credentials(), to);
    put(to, format_args!("NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n"));
    put(to, format_args!("Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunsupported\n"));
    let all = u64::MAX >> (64 - machine().cpus().clamp(1, 64));
    let cpus = subject.thread().and_then(|thread| thread.task()).map_or(all, |task| task.affinity() & all);
    put(to, format_args!("Cpus_allowed:\t{cpus:x}\n"));
    put(to, format_args!("Cpus_allowed_list:\t{}\n", list_of(cpus)));
    put(to, format_args!("Mems_allowed:\t1\nMems_allowed_list:\t0\n"));
    put(to, format_args!("voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n"));
    put(to, format_args!("x86_Thread_features:\t\nx86_Thread_features_locked:\t\n"));
    Ok(())
}

fn put_identity(subject: &Subject, process: &Process, to: &mut Vec<u8>) {
    let who = process.credentials();
    put(to, format_args!("Umask:\t{:04o}\n", process.context.umask()));
    let state = match subject.state() {
        'R' => "R (running)",
        'S' => "S (sleeping)",
        'T' => "T (stopped)",
        _ => "Z (zombie)",
    };
    let thread = subject.thread;
    put(to, format_args!("State:\t{state}\nTgid:\t{}\nNgid:\t0\nPid:\t{thread}\n", process.id));
    put(to, format_args!("PPid:\t{}\nTracerPid:\t0\n", process.parent()));
    for (name, Identity { real, effective, saved, file }) in [("Uid", who.user), ("Gid", who.group)] {
        put(to, format_args!("{name}:\t{real}\t{effective}\t{saved}\t{file}\n"));
    }
    // Linux's tables grow by powers of two from 64.
    put(to, format_args!("FDSize:\t{}\nGroups:\t", process.files.size().next_power_of_two().max(64)));
    for (index, group) in who.groups.iter().enumerate() {
        put(to, format_args!("{}{group}", if index > 0 { " " } else { "" }));
    }
    let group = process.group();
    put(to, format_args!(" \nNStgid:\t{}\nNSpid:\t{thread}\nNSpgid:\t{group}\n", process.id));
    put(to, format_args!("NSsid:\t{}\nKthread:\t0\n", process.session()));
}

fn put_memory(process: &Process, to: &mut Vec<u8>) -> Result<()> {
    let extent = Extent::of(&process.memory(), process.program().as_ref())?;
    let Extent { total, data, stack, locked, executable, code, resident } = extent;
    let lines = [
        // The highest size so far is not kept: it is the present one at least.
        ("VmPeak", total),
        ("VmSize", total),
        ("VmLck", locked),
        ("VmPin", 0),
        ("VmHWM", resident.resident),
        ("VmRSS", resident.resident),
        ("RssAnon", resident.anonymous),
        ("RssFile", resident.file),
        ("RssShmem", 0),
        ("VmData", data),
        ("VmStk", stack),
        ("VmExe", code),
        ("VmLib", executable.saturating_sub(code)),
        ("VmPTE", 0),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ];
    for (name, pages) in lines {
        put(to, format_args!("{name}:\t{:8} kB\n", pages * (PAGE / 1024)));
    }
    Ok(())
}

fn put_signals(subject: &Subject, process: &Process, to: &mut Vec<u8>) {
    put(to, format_args!("Threads:\t{}\n", process.threads().len().max(1)));
    put(to, format_args!("SigQ:\t{}/{}\n", Slot::in_use(), process.signal_limit()));
    let thread = subject.thread();
    let (ignored, handled) = process.signals.actions().ignored_and_handled();
    let sets = [
        ("SigPnd", thread.as_ref().map(|thread| thread.signals.pending()).unwrap_or_default()),
        ("ShdPnd", process.signals.pending()),
        ("SigBlk", thread.as_ref().map(|thread| thread.signals.blocked()).unwrap_or_default()),
        ("SigIgn", ignored),
        ("SigCgt", handled),
    ];
    for (name, set) in sets {
        put(to, format_args!("{name}:\t{:016x}\n", set.0));
    }
}

fn put_capabilities(who: &Credentials, to: &mut Vec<u8>) {
    let all = (1_u64 << 41) - 1;
    let sets =
        [("CapInh", 0), ("CapPrm", who.capabilities), ("CapEff", who.capabilities), ("CapBnd", all), ("CapAmb", 0)];
    for (name, set) in sets {
        put(to, format_args!("{name}:\t{set:016x}\n"));
    }
}
