//! Processes, their limits and their ends.

use super::machinery::{given, is_error, named_bits, named_numbers, names, peek, structures};
use super::{hex, pointer, signal, text_out};
use crate::argument::{Call, format_bits};
use core::fmt::{self, Write};
use linux_raw_sys::general::*;
use linux_raw_sys::prctl::*;

// linux-raw-sys has these in an enumeration or not at all.
const SCHED_OTHER: u32 = SCHED_NORMAL;
const SECCOMP_SET_MODE_STRICT: u32 = 0;
const SECCOMP_SET_MODE_FILTER: u32 = 1;
const SECCOMP_GET_ACTION_AVAIL: u32 = 2;
const SECCOMP_GET_NOTIF_SIZES: u32 = 3;
const MEMBARRIER_CMD_QUERY: u32 = 0;
const MEMBARRIER_CMD_GLOBAL: u32 = 1;
const MEMBARRIER_CMD_GLOBAL_EXPEDITED: u32 = 2;
const MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED: u32 = 4;
const MEMBARRIER_CMD_PRIVATE_EXPEDITED: u32 = 8;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: u32 = 16;
const MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 32;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 64;
const MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: u32 = 128;
const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ: u32 = 256;
const MEMBARRIER_CMD_GET_REGISTRATIONS: u32 = 512;
const IPC_RMID: u32 = 0;
const IPC_SET: u32 = 1;
const IPC_STAT: u32 = 2;
const IPC_INFO: u32 = 3;
const IPC_CREAT: u32 = 0o1000;
const IPC_EXCL: u32 = 0o2000;
const IPC_NOWAIT: u32 = 0o4000;

named_numbers! {
    /// `RLIMIT_*`.
    resource: u32 {
        RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE
        RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO
        RLIMIT_RTTIME
    }
    /// `getrusage(2)`'s whose.
    usage_of: i32 { RUSAGE_SELF RUSAGE_CHILDREN RUSAGE_THREAD }
    /// `setpriority(2)`'s whose.
    priority_which: i32 { PRIO_PROCESS PRIO_PGRP PRIO_USER }
    /// A scheduling policy.
    scheduler: i32 { SCHED_OTHER SCHED_FIFO SCHED_RR SCHED_BATCH SCHED_IDLE SCHED_DEADLINE SCHED_EXT }
    /// `waitid(2)`'s whom.
    wait_kind: i32 { P_ALL P_PID P_PGID P_PIDFD }
    /// `seccomp(2)`'s operation.
    seccomp_operation: u32 {
        SECCOMP_SET_MODE_STRICT SECCOMP_SET_MODE_FILTER SECCOMP_GET_ACTION_AVAIL SECCOMP_GET_NOTIF_SIZES
    }
    /// `membarrier(2)`'s command.
    barrier_command: u32 {
        MEMBARRIER_CMD_QUERY MEMBARRIER_CMD_GLOBAL MEMBARRIER_CMD_GLOBAL_EXPEDITED
        MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ MEMBARRIER_CMD_GET_REGISTRATIONS
    }
    /// `shmctl(2)`'s, `semctl(2)`'s, `msgctl(2)`'s command.
    ipc_command: u32 { IPC_RMID IPC_SET IPC_STAT IPC_INFO }
    /// `prctl(2)`'s option.
    prctl_option: i32 {
        PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE PR_SET_DUMPABLE PR_GET_KEEPCAPS PR_SET_KEEPCAPS
        PR_GET_TIMING PR_SET_TIMING PR_SET_NAME PR_GET_NAME PR_GET_SECCOMP PR_SET_SECCOMP PR_CAPBSET_READ
        PR_CAPBSET_DROP PR_GET_TSC PR_SET_TSC PR_GET_SECUREBITS PR_SET_SECUREBITS PR_SET_TIMERSLACK
        PR_GET_TIMERSLACK PR_MCE_KILL PR_MCE_KILL_GET PR_SET_MM PR_SET_PTRACER PR_SET_CHILD_SUBREAPER
        PR_GET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_GET_TID_ADDRESS PR_SET_THP_DISABLE
        PR_GET_THP_DISABLE PR_CAP_AMBIENT PR_GET_SPECULATION_CTRL PR_SET_SPECULATION_CTRL PR_SET_IO_FLUSHER
        PR_GET_IO_FLUSHER PR_SET_SYSCALL_USER_DISPATCH PR_SCHED_CORE PR_SET_MDWE PR_GET_MDWE PR_SET_VMA
        PR_GET_AUXV PR_SET_MEMORY_MERGE PR_GET_MEMORY_MERGE
    }
    /// `futex(2)`'s operation without its flags.
    futex_command: u32 {
        FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP FUTEX_LOCK_PI FUTEX_UNLOCK_PI
        FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI FUTEX_CMP_REQUEUE_PI
        FUTEX_LOCK_PI2
    }
}

named_bits! {
    /// `clone(2)`'s flags without the signal.
    clone_bits: u64 {
        CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT CLONE_THREAD
        CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED
        CLONE_CHILD_SETTID CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET CLONE_IO
        CLONE_CLEAR_SIGHAND CLONE_INTO_CGROUP
    }
    /// `unshare(2)`'s and `setns(2)`'s flags, whose low byte is no signal.
    unshare_flags: u64 {
        CLONE_NEWTIME CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM
        CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET
    }
    /// `wait4(2)`'s and `waitid(2)`'s options.
    wait_options: u32 { WNOHANG WSTOPPED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE }
    /// `pidfd_open(2)`'s flags.
    process_fd_flags: u32 { O_NONBLOCK O_EXCL }
    /// `getrandom(2)`'s flags.
    random_flags: u32 { GRND_NONBLOCK GRND_RANDOM GRND_INSECURE }
    /// `futex_wait(2)`'s and `futex_wake(2)`'s flags; their lowest two bits are the word's size.
    futex2_flags: u32 { FUTEX2_SIZE_U64 FUTEX2_SIZE_U32 FUTEX2_SIZE_U16 FUTEX2_NUMA FUTEX2_MPOL FUTEX2_PRIVATE }
}

/// `clone(2)`'s flags with the signal in their low byte.
pub fn clone_flags(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let (flags, ending) = (raw & !0xff, raw & 0xff);
    match (flags, ending) {
        (0, 0) => out.write_char('0'),
        (0, _) => signal(ending, call, out),
        (_, 0) => clone_bits(flags, call, out),
        _ => {
            clone_bits(flags, call, out)?;
            out.write_char('|')?;
            signal(ending, call, out)
        }
    }
}

/// `shmget(2)`'s and its likes' flags with the permissions in their low bits.
pub fn ipc_flags(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let flags = raw & 0xffff_fe00;
    if flags != 0 {
        format_bits(flags, names! { IPC_CREAT IPC_EXCL IPC_NOWAIT }, out)?;
        out.write_char('|')?;
    }
    super::mode(raw & 0o777, call, out)
}

/// A System V key.
pub fn ipc_key(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match raw as u32 {
        0 => out.write_str("IPC_PRIVATE"),
        key => write!(out, "{key:#x}"),
    }
}

/// `futex(2)`'s operation with its two flags.
pub fn futex_operation(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    futex_command(raw & FUTEX_CMD_MASK as u32 as u64, call, out)?;
    let private = raw & u64::from(FUTEX_PRIVATE_FLAG) != 0;
    out.write_str(if private { "_PRIVATE" } else { "" })?;
    let real_time = raw & u64::from(FUTEX_CLOCK_REALTIME) != 0;
    out.write_str(if real_time { "|FUTEX_CLOCK_REALTIME" } else { "" })
}

fn futex_command_of(call: &Call<'_>) -> u32 {
    call.arguments[1] as u32 & FUTEX_CMD_MASK as u32
}

/// `futex(2)`'s fourth argument: a timeout, a second number, or unused.
pub fn futex_timeout(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match futex_command_of(call) {
        FUTEX_WAIT | FUTEX_LOCK_PI | FUTEX_LOCK_PI2 | FUTEX_WAIT_BITSET | FUTEX_WAIT_REQUEUE_PI => {
            super::timespec(raw, call, out)
        }
        FUTEX_REQUEUE | FUTEX_CMP_REQUEUE | FUTEX_CMP_REQUEUE_PI | FUTEX_WAKE_OP => write!(out, "{}", raw as i32),
        // Unused, but what comes behind it is not.
        FUTEX_WAKE_BITSET => pointer(raw, call, out),
        _ => Ok(()),
    }
}

/// `futex(2)`'s second word, where it has one.
pub fn futex_word2(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match futex_command_of(call) {
        FUTEX_REQUEUE | FUTEX_CMP_REQUEUE | FUTEX_CMP_REQUEUE_PI | FUTEX_WAKE_OP | FUTEX_WAIT_REQUEUE_PI
        // Unused, but what comes behind it is not.
        | FUTEX_WAIT_BITSET | FUTEX_WAKE_BITSET => pointer(raw, call, out),
        _ => Ok(()),
    }
}

/// `futex(2)`'s last argument: a set of bits, a value, an operation.
pub fn futex_value3(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match (futex_command_of(call), raw as u32) {
        (FUTEX_WAIT_BITSET | FUTEX_WAKE_BITSET, u32::MAX) => out.write_str("FUTEX_BITSET_MATCH_ANY"),
        (FUTEX_CMP_REQUEUE | FUTEX_CMP_REQUEUE_PI, value) => write!(out, "{value}"),
        (FUTEX_WAIT_BITSET | FUTEX_WAKE_BITSET | FUTEX_WAKE_OP, value) => hex(value.into(), call, out),
        _ => Ok(()),
    }
}

/// What `wait4(2)` tells of a child.
pub fn wait_status(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let result = call.result.ok_or(fmt::Error)?;
    // 0: no child has changed, and nothing was written.
    if result == 0 || is_error(result) {
        return pointer(raw, call, out);
    }
    given::<u32>(raw, call, out, |&status, call, out| {
        let number = status >> 8 & 0xff;
        match status {
            0xffff => out.write_str("[{WIFCONTINUED(s)}]"),
            _ if status & 0x7f == 0 => write!(out, "[{{WIFEXITED(s) && WEXITSTATUS(s) == {number}}}]"),
            _ if status & 0xff == 0x7f => {
                out.write_str("[{WIFSTOPPED(s) && WSTOPSIG(s) == ")?;
                signal(number.into(), call, out)?;
                out.write_str("}]")
            }
            _ => {
                out.write_str("[{WIFSIGNALED(s) && WTERMSIG(s) == ")?;
                signal(u64::from(status & 0x7f), call, out)?;
                out.write_str(if status & 0x80 != 0 { " && WCOREDUMP(s)}]" } else { "}]" })
            }
        }
    })
}

/// Writes one limit.
fn show_amount(amount: u64, out: &mut dyn Write) -> fmt::Result {
    match amount {
        u64::MAX => out.write_str("RLIM64_INFINITY"),
        // strace's way to show 8 MiB.
        _ if amount > 1024 && amount.is_multiple_of(1024) => write!(out, "{}*1024", amount / 1024),
        _ => write!(out, "{amount}"),
    }
}

fn show_limit(&[soft, hard]: &[u64; 2], _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("{rlim_cur=")?;
    show_amount(soft, out)?;
    out.write_str(", rlim_max=")?;
    show_amount(hard, out)?;
    out.write_char('}')
}

fn show_cpus(&set: &u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_char('[')?;
    let mut separator = "";
    for cpu in (0..64).filter(|cpu| set >> cpu & 1 != 0) {
        write!(out, "{separator}{cpu}")?;
        separator = " ";
    }
    out.write_char(']')
}

structures! {
    /// `struct rlimit` that the call reads.
    given limit = show_limit;
    /// `struct rlimit` that the call fills.
    filled limit_out = show_limit;
    /// The first 64 CPUs of a `cpu_set_t` that the call reads.
    given cpu_set = show_cpus;
    /// The first 64 CPUs of a `cpu_set_t` that the call fills.
    filled cpu_set_out = show_cpus;
    /// `struct rusage`: its times.
    filled usage = |&[user, user_micro, system, system_micro, ..]: &[i64; 18], _, out| {
        write!(out, "{{ru_utime={{tv_sec={user}, tv_usec={user_micro}}}, ")?;
        write!(out, "ru_stime={{tv_sec={system}, tv_usec={system_micro}}}, ...}}")
    };
    /// `struct utsname`: the system and the node.
    filled names = |fields: &[[u8; 65]; 6], _, out| {
        let text = |index: usize| fields[index].split(|&byte| byte == 0).next().unwrap_or_default();
        out.write_str("{sysname=")?;
        super::quoted(text(0), out)?;
        out.write_str(", nodename=")?;
        super::quoted(text(1), out)?;
        out.write_str(", release=")?;
        super::quoted(text(2), out)?;
        out.write_str(", ...}")
    };
    /// `struct sysinfo`.
    filled system_information = |words: &[u64; 14], _, out| {
        let [uptime, load1, load5, load15, total, free, ..] = *words;
        write!(out, "{{uptime={uptime}, loads=[{load1}, {load5}, {load15}], totalram={total}, freeram={free}, ...}}")
    };
    /// `struct clone_args`, the part that each kernel with `clone3(2)` has.
    given clone_arguments = |words: &[u64; 8], call, out| {
        let [flags, process_fd, child_tid, parent_tid, ending, stack, stack_size, tls] = *words;
        out.write_str("{flags=")?;
        clone_flags(flags, call, out)?;
        for (name, address) in [("pidfd", process_fd), ("child_tid", child_tid), ("parent_tid", parent_tid)] {
            if address != 0 {
                write!(out, ", {name}={address:#x}")?;
            }
        }
        out.write_str(", exit_signal=")?;
        signal(ending, call, out)?;
        out.write_str(", stack=")?;
        pointer(stack, call, out)?;
        write!(out, ", stack_size={stack_size:#x}")?;
        if flags & u64::from(CLONE_SETTLS) != 0 {
            write!(out, ", tls={tls:#x}")?;
        }
        out.write_char('}')
    };
}

/// `prctl(2)`'s first argument behind the option.
pub fn prctl_argument(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.neighbour(-1) as u32 {
        PR_SET_PDEATHSIG => signal(raw, call, out),
        PR_SET_NAME => match peek::<[u8; 16]>(call, raw) {
            Some(name) => super::quoted(name.split(|&byte| byte == 0).next().unwrap_or_default(), out),
            None => pointer(raw, call, out),
        },
        PR_GET_NAME => text_out(raw, call, out),
        PR_GET_PDEATHSIG | PR_GET_CHILD_SUBREAPER | PR_GET_TSC => super::int_out(raw, call, out),
        _ => hex(raw, call, out),
    }
}

/// `prctl(2)`'s later arguments, which few options have.
pub fn prctl_rest(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let used = match call.arguments[0] as u32 {
        PR_SET_VMA | PR_SET_MM | PR_SET_SYSCALL_USER_DISPATCH | PR_SCHED_CORE => 5,
        PR_CAP_AMBIENT | PR_SET_SPECULATION_CTRL | PR_SET_SECCOMP | PR_MCE_KILL | PR_GET_AUXV => 3,
        _ => 2,
    };
    if call.index < used { hex(raw, call, out) } else { Ok(()) }
}
