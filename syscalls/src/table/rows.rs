//! The rows: one a call, by number. A call is added by a level and a handler at the end of its row.

use super::table_rows;
use crate::argument::{Address, Fd};
use crate::event::epoll::EpollEvent;
use crate::event::epoll::calls::{self as epoll, EpollFlags};
use crate::event::eventfd::{self, EventFdFlags};
use crate::event::inotify::{self, InotifyFlags};
use crate::event::poll::{self, PollFd};
use crate::event::select::{self, SizedSet};
use crate::file::calls as file;
use crate::file::calls::descriptor::CloseRangeFlags;
use crate::file::calls::mounting::{OldStatistics, UnmountFlags};
use crate::file::calls::names::RenameFlags;
use crate::file::calls::opening::OpenHow;
use crate::file::calls::status::{Stat, StatFs, Statx};
use crate::file::{AtFlags, OpenFlags};
use crate::filesystem::tmpfs::memory_file;
use crate::futex::vector::{self, VectorEntry};
use crate::futex::{calls as futex, robust};
use crate::ipc::queues::{self, QueueAttributes};
use crate::ipc::semaphores::{self, Operation};
use crate::ipc::{messages, shared_memory};
use crate::memory::{calls as memory, remote};
use crate::pipe::calls::{self as pipe, PipeFlags};
use crate::process::capabilities::{self, CapabilityData, CapabilityHeader};
use crate::process::credentials::{groups, users};
use crate::process::limits::Limit;
use crate::process::pidfd::{self, PidFdFlags};
use crate::process::scheduling::SchedulingAttributes;
use crate::process::session::calls as session;
use crate::process::usage::{ProcessTimes, Usage};
use crate::process::{
    affinity, barrier, calls as process, compare, exec, fork, identity, limits, personality, prctl, priority, reboot,
    scheduling, usage, wait,
};
use crate::signal::kill as send;
use crate::signal::signalfd::{self, SignalFdFlags};
use crate::signal::stack::{StackDescription, sigaltstack};
use crate::signal::{Action, SigInfo, SigSet, calls as signal, mask, restart, rt_sigreturn, waiting};
use crate::socket::calls::{self as socket, AcceptFlags, CountedMessageHeader, MessageHeader};
use crate::system;
use crate::thread::{calls as thread, clone};
use crate::time::clock::{self, TimeVal, TimeZone};
use crate::time::descriptor::{self as timer_file, SetTimeFlags, TimerFdFlags};
use crate::time::interval::{self, IntervalSetting, Which};
use crate::time::posix::{self, SignalEvent};
use crate::time::schedule::TimerSpec;
use crate::time::{TimeSpec, sleep};
use crate::transfer::IoVec;
use crate::user::{UserPtr, UserString};

table_rows! {
    0 => read(fd: Fd, buffer: Address as output, count: usize) -> usize, full, file::transfer::read;
    1 => write(fd: Fd, buffer: Address as input, count: usize) -> usize, full, file::transfer::write;
    2 => open(path: UserString, flags: OpenFlags as open_flags, mode: u16 as open_mode) -> Fd, full,
        file::opening::open;
    3 => close(fd: Fd), full, file::descriptor::close;
    4 => stat(path: UserString, status: UserPtr<Stat> as stat), full, file::status::stat;
    5 => fstat(fd: Fd, status: UserPtr<Stat> as stat), full, file::status::fstat;
    6 => lstat(path: UserString, status: UserPtr<Stat> as stat), full, file::status::lstat;
    7 => poll(fds: UserPtr<PollFd> as poll_fds, count: u32, timeout: i32) -> i32 as ready_poll_fds, full, poll::poll;
    8 => lseek(fd: Fd, offset: i64, whence: u32 as whence) -> i64, full, file::position::lseek;
    9 => mmap(address: Address, length: u64, protection: u64 as protection, flags: u64 as map_flags,
        fd: u64 as map_fd, offset: u64 as hex) -> Address, full, memory::mmap;
    10 => mprotect(address: Address, length: usize, protection: u64 as protection), full, memory::mprotect;
    11 => munmap(address: Address, length: usize), full, memory::munmap;
    12 => brk(address: Address) -> Address, full, memory::brk;
    13 => rt_sigaction(signal: i32 as signal, action: UserPtr<Action> as action, old: UserPtr<Action> as action_out,
        size: usize), full, signal::rt_sigaction;
    14 => rt_sigprocmask(how: i32 as mask_how, set: UserPtr<SigSet> as signal_set,
        old: UserPtr<SigSet> as signal_set_out,
        size: usize), full, mask::rt_sigprocmask;
    15 => rt_sigreturn() -> i64, full [registers], rt_sigreturn;
    16 => ioctl(fd: Fd, request: u32 as ioctl_request, argument: u64 as ioctl_argument) -> i64, full,
        file::control::ioctl;
    17 => pread64(fd: Fd, buffer: Address as output, count: usize, offset: i64) -> usize, full, file::transfer::pread64;
    18 => pwrite64(fd: Fd, buffer: Address as input, count: usize, offset: i64) -> usize, full,
        file::transfer::pwrite64;
    19 => readv(fd: Fd, vector: UserPtr<IoVec> as vector_out, count: usize) -> usize, full, file::transfer::readv;
    20 => writev(fd: Fd, vector: UserPtr<IoVec> as vector, count: usize) -> usize, full, file::transfer::writev;
    21 => access(path: UserString, mode: u32 as access_mode), full, file::status::access;
    22 => pipe(fds: UserPtr<[i32; 2]> as fd_pair), full, pipe::pipe;
    23 => select(count: i32, read: UserPtr<u64> as fd_set, write: UserPtr<u64> as fd_set, except: UserPtr<u64> as fd_set,
        timeout: UserPtr<TimeVal> as timeval) -> i32 as ready_fd_sets, full, select::select;
    24 => sched_yield(), full, thread::sched_yield;
    25 => mremap(old: Address, old_length: usize, new_length: usize, flags: u64 as remap_flags,
        new: Address) -> Address, full, memory::mremap;
    26 => msync(address: Address, length: usize, flags: i32 as sync_flags), full, memory::msync;
    27 => mincore(address: Address, length: usize, vector: UserPtr<u8>), full, memory::mincore;
    28 => madvise(address: Address, length: usize, advice: i32 as advice),
        partial("merging (KSM) and poisoning"), memory::madvise;
    29 => shmget(key: i32 as ipc_key, size: usize, flags: i32 as ipc_flags) -> i32, full, shared_memory::shmget;
    30 => shmat(id: i32, address: Address, flags: i32 as hex) -> Address, full, shared_memory::shmat;
    31 => shmctl(id: i32, command: i32 as ipc_command, buffer: UserPtr<u8>) -> i32, full, shared_memory::shmctl;
    32 => dup(fd: Fd) -> Fd, full, file::descriptor::dup;
    33 => dup2(old: Fd, new: Fd) -> Fd, full, file::descriptor::dup2;
    34 => pause(), full, waiting::pause;
    35 => nanosleep(request: UserPtr<TimeSpec> as timespec, remaining: UserPtr<TimeSpec> as remaining) -> i64, full,
        sleep::nanosleep;
    36 => getitimer(which: Which as interval_timer, value: UserPtr<IntervalSetting> as interval_out), full,
        interval::getitimer;
    37 => alarm(seconds: u32) -> u32, full, interval::alarm;
    38 => setitimer(which: Which as interval_timer, new: UserPtr<IntervalSetting> as interval,
        old: UserPtr<IntervalSetting> as interval_out), full, interval::setitimer;
    39 => getpid() -> i32, full, identity::getpid;
    40 => sendfile(out: Fd, source: Fd, offset: UserPtr<i64> as long_in, count: usize) -> usize, full,
        file::copying::sendfile;
    41 => socket(family: i32 as socket_family, kind: i32 as socket_type, protocol: i32 as socket_protocol) -> Fd,
        full, socket::socket;
    42 => connect(fd: Fd, address: UserPtr<u8> as socket_address, length: i32), full, socket::connect;
    43 => accept(fd: Fd, address: UserPtr<u8> as socket_address_out, length: UserPtr<i32> as int_out) -> Fd, full,
        socket::accept;
    44 => sendto(fd: Fd, buffer: Address as input, count: usize, flags: u32 as message_flags,
        address: UserPtr<u8> as socket_address, length: i32) -> usize, partial("no urgent data"), socket::sendto;
    45 => recvfrom(fd: Fd, buffer: Address as output, count: usize, flags: u32 as message_flags,
        address: UserPtr<u8> as socket_address_out, length: UserPtr<i32> as int_out) -> usize,
        partial("no urgent data, no error queue"), socket::recvfrom;
    46 => sendmsg(fd: Fd, message: UserPtr<MessageHeader> as message, flags: u32 as message_flags) -> usize,
        partial("no urgent data"), socket::sendmsg;
    47 => recvmsg(fd: Fd, message: UserPtr<MessageHeader> as message_out, flags: u32 as message_flags) -> usize,
        partial("no urgent data, no error queue"), socket::recvmsg;
    48 => shutdown(fd: Fd, how: i32 as shutdown_how), full, socket::shutdown;
    49 => bind(fd: Fd, address: UserPtr<u8> as socket_address, length: i32), full, socket::bind;
    50 => listen(fd: Fd, backlog: i32), full, socket::listen;
    51 => getsockname(fd: Fd, address: UserPtr<u8> as socket_address_out, length: UserPtr<i32> as int_out), full,
        socket::getsockname;
    52 => getpeername(fd: Fd, address: UserPtr<u8> as socket_address_out, length: UserPtr<i32> as int_out), full,
        socket::getpeername;
    53 => socketpair(family: i32 as socket_family, kind: i32 as socket_type, protocol: i32 as socket_protocol,
        fds: UserPtr<[i32; 2]> as fd_pair), full, socket::socketpair;
    54 => setsockopt(fd: Fd, level: i32 as socket_level, option: i32 as socket_option,
        value: UserPtr<u8> as option_value, length: i32), partial("the common options"), socket::setsockopt;
    55 => getsockopt(fd: Fd, level: i32 as socket_level, option: i32 as socket_option,
        value: UserPtr<u8> as option_value_out, length: UserPtr<i32> as int_out), partial("the common options"),
        socket::getsockopt;
    56 => clone(flags: u64 as clone_flags, stack: u64 as pointer, parent_tid: UserPtr<i32>, child_tid: UserPtr<i32>,
        tls: u64 as pointer) -> i32, full [registers], clone::clone;
    57 => fork() -> i32, full [registers], fork::fork;
    58 => vfork() -> i32, full [registers], fork::vfork;
    59 => execve(path: UserString, arguments: UserPtr<u64> as string_list, environment: UserPtr<u64> as environment),
        full [registers], exec::execve;
    60 => exit(status: i32), full, process::exit;
    61 => wait4(pid: i32, status: UserPtr<i32> as wait_status, options: u32 as wait_options,
        usage: UserPtr<Usage> as usage) -> i32, full, wait::wait4;
    62 => kill(pid: i32, signal: i32 as signal), full, send::kill;
    63 => uname(names: UserPtr<system::Names> as names), full, system::uname;
    64 => semget(key: i32 as ipc_key, count: i32, flags: i32 as ipc_flags) -> i32, full, semaphores::semget;
    65 => semop(id: i32, operations: UserPtr<Operation>, count: u32), full, semaphores::semop;
    66 => semctl(id: i32, number: i32, command: i32 as ipc_command, argument: u64 as hex) -> i32, full,
        semaphores::semctl;
    67 => shmdt(address: Address), full, shared_memory::shmdt;
    68 => msgget(key: i32 as ipc_key, flags: i32 as ipc_flags) -> i32, full, messages::msgget;
    69 => msgsnd(id: i32, message: UserPtr<i64>, size: usize, flags: i32 as hex), full, messages::msgsnd;
    70 => msgrcv(id: i32, message: UserPtr<i64>, size: usize, kind: i64, flags: i32 as hex) -> usize, full,
        messages::msgrcv;
    71 => msgctl(id: i32, command: i32 as ipc_command, buffer: UserPtr<u8>) -> i32, full, messages::msgctl;
    72 => fcntl(fd: Fd, command: u32 as fcntl_command, argument: u64 as fcntl_argument) -> i64 as fcntl_answer,
        partial("leases and notification"), file::descriptor::fcntl;
    73 => flock(fd: Fd, operation: u32 as lock_operation), full, file::locking::flock;
    74 => fsync(fd: Fd), full, file::storage::fsync;
    75 => fdatasync(fd: Fd), full, file::storage::fsync;
    76 => truncate(path: UserString, length: i64), full, file::size::truncate;
    77 => ftruncate(fd: Fd, length: i64), full, file::size::ftruncate;
    78 => getdents(fd: Fd, entries: Address, count: u32) -> usize, full, file::listing::getdents;
    79 => getcwd(buffer: Address as text_out, size: usize) -> usize, full, file::place::getcwd;
    80 => chdir(path: UserString), full, file::place::chdir;
    81 => fchdir(fd: Fd), full, file::place::fchdir;
    82 => rename(old: UserString, new: UserString), full, file::names::rename;
    83 => mkdir(path: UserString, mode: u16 as mode), full, file::names::mkdir;
    84 => rmdir(path: UserString), full, file::names::rmdir;
    85 => creat(path: UserString, mode: u16 as mode) -> Fd, full, file::opening::creat;
    86 => link(old: UserString, new: UserString), full, file::names::link;
    87 => unlink(path: UserString), full, file::names::unlink;
    88 => symlink(target: UserString, link: UserString), full, file::names::symlink;
    89 => readlink(path: UserString, buffer: Address as output, size: i32) -> usize, full, file::names::readlink;
    90 => chmod(path: UserString, mode: u16 as mode), full, file::attributes::chmod;
    91 => fchmod(fd: Fd, mode: u16 as mode), full, file::attributes::fchmod;
    92 => chown(path: UserString, user: u32 as identity, group: u32 as identity), full, file::attributes::chown;
    93 => fchown(fd: Fd, user: u32 as identity, group: u32 as identity), full, file::attributes::fchown;
    94 => lchown(path: UserString, user: u32 as identity, group: u32 as identity), full, file::attributes::lchown;
    95 => umask(mask: u32 as mode) -> u32 as mode, full, file::place::umask;
    96 => gettimeofday(time: UserPtr<TimeVal> as timeval_out, zone: UserPtr<TimeZone>), full, clock::gettimeofday;
    97 => getrlimit(resource: u32 as resource, limit: UserPtr<Limit> as limit_out), full, limits::getrlimit;
    98 => getrusage(who: i32 as usage_of, usage: UserPtr<Usage> as usage),
        partial("no system time, peak memory and counts"), usage::getrusage;
    99 => sysinfo(info: UserPtr<system::SystemInformation> as system_information), full, system::sysinfo;
    100 => times(times: UserPtr<ProcessTimes> as process_times) -> i64,
        partial("no system time"), usage::times;
    101 => ptrace(request: i64, pid: i64, address: Address, data: u64 as hex) -> i64, absent;
    102 => getuid() -> u32, full, users::getuid;
    103 => syslog(kind: i32, buffer: UserPtr<u8>, length: i32) -> i32, absent;
    104 => getgid() -> u32, full, users::getgid;
    105 => setuid(user: u32 as identity), partial("all threads of the process change together"), users::setuid;
    106 => setgid(group: u32 as identity), partial("all threads of the process change together"), users::setgid;
    107 => geteuid() -> u32, full, users::geteuid;
    108 => getegid() -> u32, full, users::getegid;
    109 => setpgid(pid: i32, group: i32), full, session::setpgid;
    110 => getppid() -> i32, full, identity::getppid;
    111 => getpgrp() -> i32, full, identity::getpgrp;
    112 => setsid() -> i32, full, session::setsid;
    113 => setreuid(real: u32 as identity, effective: u32 as identity), partial("all threads of the process change together"),
        users::setreuid;
    114 => setregid(real: u32 as identity, effective: u32 as identity), partial("all threads of the process change together"),
        users::setregid;
    115 => getgroups(count: i32, groups: UserPtr<u32> as groups_out) -> i32, full, groups::getgroups;
    116 => setgroups(count: i32, groups: UserPtr<u32> as groups), partial("all threads of the process change together"),
        groups::setgroups;
    117 => setresuid(real: u32 as identity, effective: u32 as identity, saved: u32 as identity), partial("all threads of the process change together"),
        users::setresuid;
    118 => getresuid(real: UserPtr<u32> as int_out, effective: UserPtr<u32> as int_out,
        saved: UserPtr<u32> as int_out), full, users::getresuid;
    119 => setresgid(real: u32 as identity, effective: u32 as identity, saved: u32 as identity), partial("all threads of the process change together"),
        users::setresgid;
    120 => getresgid(real: UserPtr<u32> as int_out, effective: UserPtr<u32> as int_out,
        saved: UserPtr<u32> as int_out), full, users::getresgid;
    121 => getpgid(pid: i32) -> i32, full, identity::getpgid;
    122 => setfsuid(user: u32 as identity) -> u32, partial("all threads of the process change together"),
        users::setfsuid;
    123 => setfsgid(group: u32 as identity) -> u32, partial("all threads of the process change together"),
        users::setfsgid;
    124 => getsid(pid: i32) -> i32, full, session::getsid;
    125 => capget(header: UserPtr<CapabilityHeader>, data: UserPtr<CapabilityData>), full, capabilities::capget;
    126 => capset(header: UserPtr<CapabilityHeader>, data: UserPtr<CapabilityData>), partial("all threads of the process change together"),
        capabilities::capset;
    127 => rt_sigpending(set: UserPtr<u8> as signal_set_out, size: usize), full, mask::rt_sigpending;
    128 => rt_sigtimedwait(set: UserPtr<SigSet> as signal_set, information: UserPtr<SigInfo> as signal_information_out,
        timeout: UserPtr<TimeSpec> as timespec, size: usize) -> i32, full, waiting::rt_sigtimedwait;
    129 => rt_sigqueueinfo(pid: i32, signal: i32 as signal, information: UserPtr<SigInfo> as signal_information),
        full, send::rt_sigqueueinfo;
    130 => rt_sigsuspend(set: UserPtr<SigSet> as signal_set, size: usize), full, waiting::rt_sigsuspend;
    131 => sigaltstack(new: UserPtr<StackDescription> as signal_stack,
        old: UserPtr<StackDescription> as signal_stack_out),
        full [registers], sigaltstack;
    132 => utime(path: UserString, times: UserPtr<[i64; 2]>), full, file::attributes::utime;
    133 => mknod(path: UserString, mode: u16 as file_mode, device: u32 as device), full, file::names::mknod;
    134 => uselib(path: UserString), absent;
    135 => personality(persona: u32 as hex) -> i32 as hex,
        partial("kept and given back, without effect"), personality::personality;
    136 => ustat(device: u32 as device, buffer: UserPtr<OldStatistics>), full, file::mounting::ustat;
    137 => statfs(path: UserString, buffer: UserPtr<StatFs> as file_system), full, file::status::statfs;
    138 => fstatfs(fd: Fd, buffer: UserPtr<StatFs> as file_system), full, file::status::fstatfs;
    139 => sysfs(option: i32, first: u64 as hex, second: u64 as hex) -> i32, full, file::mounting::sysfs;
    140 => getpriority(which: i32 as priority_which, who: i32) -> i32, full, priority::getpriority;
    141 => setpriority(which: i32 as priority_which, who: i32, value: i32),
        partial("kept and given back; all threads are scheduled alike"), priority::setpriority;
    142 => sched_setparam(pid: i32, parameter: UserPtr<u32> as int_list),
        partial("kept and given back; all threads are scheduled alike"), scheduling::sched_setparam;
    143 => sched_getparam(pid: i32, parameter: UserPtr<u32> as int_out), full, scheduling::sched_getparam;
    144 => sched_setscheduler(pid: i32, policy: i32 as scheduler, parameter: UserPtr<u32> as int_list),
        partial("kept and given back; all threads are scheduled alike"), scheduling::sched_setscheduler;
    145 => sched_getscheduler(pid: i32) -> i32 as scheduler, full, scheduling::sched_getscheduler;
    146 => sched_get_priority_max(policy: i32 as scheduler) -> i32, full, scheduling::sched_get_priority_max;
    147 => sched_get_priority_min(policy: i32 as scheduler) -> i32, full, scheduling::sched_get_priority_min;
    148 => sched_rr_get_interval(pid: i32, interval: UserPtr<TimeSpec> as timespec_out), full,
        scheduling::sched_rr_get_interval;
    149 => mlock(address: Address, length: usize), full, memory::mlock;
    150 => munlock(address: Address, length: usize), full, memory::munlock;
    151 => mlockall(flags: i32 as lock_all_flags), full, memory::mlockall;
    152 => munlockall(), full, memory::munlockall;
    153 => vhangup(), absent;
    154 => modify_ldt(function: i32, pointer: UserPtr<u8>, count: u64) -> i32, absent;
    155 => pivot_root(new: UserString, put_old: UserString), absent;
    156 => _sysctl(arguments: UserPtr<u8>), absent;
    157 => prctl(option: i32 as prctl_option, first: u64 as prctl_argument, second: u64 as prctl_rest,
        third: u64 as prctl_rest, fourth: u64 as prctl_rest) -> i64,
        partial("PR_SET_MM, TSC off, names in maps; slack is only kept"), prctl::prctl;
    158 => arch_prctl(code: i32 as arch_prctl_code, address: u64 as arch_prctl_argument) -> i64,
        partial("CPUID cannot be turned off"), thread::arch_prctl;
    159 => adjtimex(buffer: UserPtr<u8>) -> i32, absent;
    160 => setrlimit(resource: u32 as resource, limit: UserPtr<Limit> as limit), full, limits::setrlimit;
    161 => chroot(path: UserString), full, file::place::chroot;
    162 => sync(), full, file::storage::sync;
    163 => acct(path: UserString), absent;
    164 => settimeofday(time: UserPtr<TimeVal> as timeval, zone: UserPtr<TimeZone>), full, clock::settimeofday;
    165 => mount(source: UserString, target: UserString, kind: UserString, flags: u64 as mount_flags,
        data: UserPtr<u8>), partial("tmpfs, proc and sysfs; nothing is bound or moved, sizes are not kept"),
        file::mounting::mount;
    166 => umount2(target: UserString, flags: UnmountFlags as unmount_flags), full, file::mounting::umount2;
    167 => swapon(path: UserString, flags: i32 as hex), absent;
    168 => swapoff(path: UserString), absent;
    169 => reboot(magic: i32 as hex, magic2: i32 as hex, command: u32 as hex, argument: UserPtr<u8>),
        partial("a restart is an end; no kexec, no suspending"), reboot::reboot;
    170 => sethostname(name: UserPtr<u8> as input, length: i32), full, system::sethostname;
    171 => setdomainname(name: UserPtr<u8> as input, length: i32), full, system::setdomainname;
    172 => iopl(level: u32), absent;
    173 => ioperm(from: u64, count: u64, turn_on: i32), absent;
    174 => create_module(name: UserString, size: usize) -> Address, absent;
    175 => init_module(image: UserPtr<u8>, length: u64, parameters: UserString), absent;
    176 => delete_module(name: UserString, flags: u32 as open_flags), absent;
    177 => get_kernel_syms(table: UserPtr<u8>) -> i32, absent;
    178 => query_module(name: UserString, which: i32, buffer: UserPtr<u8>, size: usize, result: UserPtr<u64>), absent;
    179 => quotactl(command: u32 as hex, special: UserString, id: i32, address: UserPtr<u8>), absent;
    180 => nfsservctl(command: i32, argument: UserPtr<u8>, response: UserPtr<u8>) -> i64, absent;
    181 => getpmsg(), absent;
    182 => putpmsg(), absent;
    183 => afs_syscall(), absent;
    184 => tuxcall(), absent;
    185 => security(), absent;
    186 => gettid() -> i32, full, thread::gettid;
    187 => readahead(fd: Fd, offset: i64, count: usize), full, file::storage::readahead;
    188 => setxattr(path: UserString, name: UserString, value: Address as input, size: usize,
        flags: i32 as attribute_flags), full, file::extended::setxattr;
    189 => lsetxattr(path: UserString, name: UserString, value: Address as input, size: usize,
        flags: i32 as attribute_flags), full, file::extended::lsetxattr;
    190 => fsetxattr(fd: Fd, name: UserString, value: Address as input, size: usize, flags: i32 as attribute_flags),
        full, file::extended::fsetxattr;
    191 => getxattr(path: UserString, name: UserString, value: Address as output, size: usize) -> usize,
        full, file::extended::getxattr;
    192 => lgetxattr(path: UserString, name: UserString, value: Address as output, size: usize) -> usize,
        full, file::extended::lgetxattr;
    193 => fgetxattr(fd: Fd, name: UserString, value: Address as output, size: usize) -> usize,
        full, file::extended::fgetxattr;
    194 => listxattr(path: UserString, list: Address as output, size: usize) -> usize, full, file::extended::listxattr;
    195 => llistxattr(path: UserString, list: Address as output, size: usize) -> usize,
        full, file::extended::llistxattr;
    196 => flistxattr(fd: Fd, list: Address as output, size: usize) -> usize, full, file::extended::flistxattr;
    197 => removexattr(path: UserString, name: UserString), full, file::extended::removexattr;
    198 => lremovexattr(path: UserString, name: UserString), full, file::extended::lremovexattr;
    199 => fremovexattr(fd: Fd, name: UserString), full, file::extended::fremovexattr;
    200 => tkill(tid: i32, signal: i32 as signal), full, send::tkill;
    201 => time(time: UserPtr<i64> as long_out) -> i64, full, clock::time;
    202 => futex(word: u64 as pointer, operation: i32 as futex_operation, value: u32, timeout: u64 as futex_timeout,
        word2: u64 as futex_word2, value3: u32 as futex_value3) -> u32, partial("all threads have one priority: none is inherited"), futex::futex;
    203 => sched_setaffinity(pid: i32, size: u32, mask: UserPtr<u8> as cpu_set), full, affinity::sched_setaffinity;
    204 => sched_getaffinity(pid: i32, size: u32, mask: UserPtr<u64> as cpu_set_out) -> i32, full,
        affinity::sched_getaffinity;
    205 => set_thread_area(descriptor: UserPtr<u8>), absent;
    206 => io_setup(count: u32, context: UserPtr<u64>), absent;
    207 => io_destroy(context: u64 as hex), absent;
    208 => io_getevents(context: u64 as hex, least: i64, most: i64, events: UserPtr<u8>,
        timeout: UserPtr<u8> as timespec) -> i64, absent;
    209 => io_submit(context: u64 as hex, count: i64, requests: UserPtr<u64>) -> i64, absent;
    210 => io_cancel(context: u64 as hex, request: UserPtr<u8>, result: UserPtr<u8>), absent;
    211 => get_thread_area(descriptor: UserPtr<u8>), absent;
    212 => lookup_dcookie(cookie: u64 as hex, buffer: UserPtr<u8>, length: usize) -> usize, absent;
    213 => epoll_create(size: i32) -> Fd, full, epoll::epoll_create;
    214 => epoll_ctl_old(), absent;
    215 => epoll_wait_old(), absent;
    216 => remap_file_pages(address: Address, size: u64, protection: u64 as protection, offset: u64,
        flags: u64 as map_flags), full, memory::remap_file_pages;
    217 => getdents64(fd: Fd, entries: Address as directory_entries, count: u32) -> usize, full,
        file::listing::getdents64;
    218 => set_tid_address(address: UserPtr<i32>) -> i32, full, thread::set_tid_address;
    219 => restart_syscall() -> i64, full, restart::restart_syscall;
    220 => semtimedop(id: i32, operations: UserPtr<Operation>, count: u32, timeout: UserPtr<TimeSpec> as timespec), full,
        semaphores::semtimedop;
    221 => fadvise64(fd: Fd, offset: i64, length: i64, advice: u32 as file_advice), full, file::storage::fadvise64;
    222 => timer_create(clock: i32 as clock, event: UserPtr<SignalEvent> as signal_event, id: UserPtr<i32> as int_out),
        full, posix::timer_create;
    223 => timer_settime(id: i32, flags: i32 as timer_flags, new: UserPtr<TimerSpec> as timer_value,
        old: UserPtr<TimerSpec> as timer_value_out), full, posix::timer_settime;
    224 => timer_gettime(id: i32, value: UserPtr<TimerSpec> as timer_value_out), full, posix::timer_gettime;
    225 => timer_getoverrun(id: i32) -> i32, full, posix::timer_getoverrun;
    226 => timer_delete(id: i32), full, posix::timer_delete;
    227 => clock_settime(clock: i32 as clock, time: UserPtr<TimeSpec> as timespec), full, clock::clock_settime;
    228 => clock_gettime(clock: i32 as clock, time: UserPtr<TimeSpec> as timespec_out), full, clock::clock_gettime;
    229 => clock_getres(clock: i32 as clock, resolution: UserPtr<TimeSpec> as timespec_out), full, clock::clock_getres;
    230 => clock_nanosleep(clock: i32 as clock, flags: u32 as timer_flags, request: UserPtr<TimeSpec> as timespec,
        remaining: UserPtr<TimeSpec> as remaining) -> i64, full, sleep::clock_nanosleep;
    231 => exit_group(status: i32), full, process::exit_group;
    232 => epoll_wait(fd: Fd, events: UserPtr<EpollEvent> as epoll_events, count: i32, timeout: i32) -> i32, full, epoll::epoll_wait;
    233 => epoll_ctl(epoll: Fd, operation: i32 as epoll_operation, fd: Fd, event: UserPtr<EpollEvent> as epoll_event), full, epoll::epoll_ctl;
    234 => tgkill(pid: i32, tid: i32, signal: i32 as signal), full, send::tgkill;
    235 => utimes(path: UserString, times: UserPtr<[[i64; 2]; 2]> as timeval_pair), full, file::attributes::utimes;
    236 => vserver(), absent;
    237 => mbind(address: Address, length: u64, mode: u64, nodes: UserPtr<u64>, max_node: u64, flags: u32 as hex),
        absent;
    238 => set_mempolicy(mode: i32, nodes: UserPtr<u64>, max_node: u64), absent;
    239 => get_mempolicy(mode: UserPtr<i32> as int_out, nodes: UserPtr<u64>, max_node: u64, address: Address,
        flags: u64 as hex), absent;
    240 => mq_open(name: UserString, flags: OpenFlags as open_flags, mode: u16 as open_mode,
        attributes: UserPtr<QueueAttributes>) -> Fd, full, queues::mq_open;
    241 => mq_unlink(name: UserString), full, queues::mq_unlink;
    242 => mq_timedsend(queue: Fd, message: Address as input, length: usize, priority: u32,
        timeout: UserPtr<TimeSpec> as timespec), full, queues::mq_timedsend;
    243 => mq_timedreceive(queue: Fd, message: Address as output, length: usize,
        priority: UserPtr<u32> as int_out, timeout: UserPtr<TimeSpec> as timespec) -> usize, full,
        queues::mq_timedreceive;
    244 => mq_notify(queue: Fd, event: UserPtr<SignalEvent> as signal_event), partial("SIGEV_THREAD"),
        queues::mq_notify;
    245 => mq_getsetattr(queue: Fd, new: UserPtr<QueueAttributes>, old: UserPtr<QueueAttributes>), full,
        queues::mq_getsetattr;
    246 => kexec_load(entry: Address, count: u64, segments: UserPtr<u8>, flags: u64 as hex), absent;
    247 => waitid(kind: i32 as wait_kind, id: i32, information: UserPtr<SigInfo> as signal_information_out,
        options: u32 as wait_options, usage: UserPtr<Usage> as usage), full, wait::waitid;
    248 => add_key(kind: UserString, description: UserString, payload: UserPtr<u8>, length: usize,
        keyring: i32) -> i32, absent;
    249 => request_key(kind: UserString, description: UserString, information: UserString, keyring: i32) -> i32, absent;
    250 => keyctl(operation: i32, first: u64 as hex, second: u64 as hex, third: u64 as hex,
        fourth: u64 as hex) -> i64, absent;
    251 => ioprio_set(which: i32, who: i32, priority: i32),
        partial("kept and given back, without effect"), priority::io::ioprio_set;
    252 => ioprio_get(which: i32, who: i32) -> i32, full, priority::io::ioprio_get;
    253 => inotify_init() -> Fd, full, inotify::inotify_init;
    254 => inotify_add_watch(fd: Fd, path: UserString, mask: u32 as inotify_mask) -> i32, full,
        inotify::inotify_add_watch;
    255 => inotify_rm_watch(fd: Fd, watch: i32), full, inotify::inotify_rm_watch;
    256 => migrate_pages(pid: i32, max_node: u64, old: UserPtr<u64>, new: UserPtr<u64>) -> i64, absent;
    257 => openat(directory: Fd, path: UserString, flags: OpenFlags as open_flags, mode: u16 as open_mode) -> Fd,
        full, file::opening::openat;
    258 => mkdirat(directory: Fd, path: UserString, mode: u16 as mode), full, file::names::mkdirat;
    259 => mknodat(directory: Fd, path: UserString, mode: u16 as file_mode, device: u32 as device), full,
        file::names::mknodat;
    260 => fchownat(directory: Fd, path: UserString, user: u32 as identity, group: u32 as identity,
        flags: AtFlags as at_flags), full, file::attributes::fchownat;
    261 => futimesat(directory: Fd, path: UserString, times: UserPtr<[[i64; 2]; 2]> as timeval_pair), full,
        file::attributes::futimesat;
    262 => newfstatat(directory: Fd, path: UserString, status: UserPtr<Stat> as stat, flags: AtFlags as at_flags),
        full, file::status::newfstatat;
    263 => unlinkat(directory: Fd, path: UserString, flags: AtFlags as unlink_flags), full, file::names::unlinkat;
    264 => renameat(old_directory: Fd, old: UserString, new_directory: Fd, new: UserString), full,
        file::names::renameat;
    265 => linkat(old_directory: Fd, old: UserString, new_directory: Fd, new: UserString, flags: AtFlags as at_flags),
        full, file::names::linkat;
    266 => symlinkat(target: UserString, directory: Fd, link: UserString), full, file::names::symlinkat;
    267 => readlinkat(directory: Fd, path: UserString, buffer: Address as output, size: i32) -> usize, full,
        file::names::readlinkat;
    268 => fchmodat(directory: Fd, path: UserString, mode: u16 as mode), full, file::attributes::fchmodat;
    269 => faccessat(directory: Fd, path: UserString, mode: u32 as access_mode), full, file::status::faccessat;
    270 => pselect6(count: i32, read: UserPtr<u64> as fd_set, write: UserPtr<u64> as fd_set,
        except: UserPtr<u64> as fd_set, timeout: UserPtr<TimeSpec> as timespec,
        mask: UserPtr<SizedSet> as sized_signal_set) -> i32 as ready_fd_sets, full, select::pselect6;
    271 => ppoll(fds: UserPtr<PollFd> as poll_fds, count: u32, timeout: UserPtr<TimeSpec> as timespec,
        mask: UserPtr<SigSet> as signal_set, size: usize) -> i32 as ready_poll_fds, full, poll::ppoll;
    272 => unshare(flags: u64 as unshare_flags), absent;
    273 => set_robust_list(head: UserPtr<robust::Head>, length: usize), full, robust::set_robust_list;
    274 => get_robust_list(tid: i32, head: UserPtr<u64> as long_out, length: UserPtr<u64> as long_out), full,
        robust::get_robust_list;
    275 => splice(source: Fd, source_offset: UserPtr<i64> as long_in, out: Fd, out_offset: UserPtr<i64> as long_in,
        length: usize, flags: u32 as splice_flags) -> usize, full, file::splicing::splice;
    276 => tee(source: Fd, out: Fd, length: usize, flags: u32 as splice_flags) -> usize, full, file::splicing::tee;
    277 => sync_file_range(fd: Fd, offset: i64, length: i64, flags: u32 as sync_range_flags), full,
        file::storage::sync_file_range;
    278 => vmsplice(fd: Fd, vector: UserPtr<IoVec> as vector, count: usize, flags: u32 as splice_flags) -> usize, full,
        file::splicing::vmsplice;
    279 => move_pages(pid: i32, count: u64, pages: UserPtr<u64>, nodes: UserPtr<i32>, status: UserPtr<i32>,
        flags: i32 as hex) -> i64, absent;
    280 => utimensat(directory: Fd, path: UserString, times: UserPtr<[[i64; 2]; 2]> as timespec_pair,
        flags: AtFlags as at_flags),
        full, file::attributes::utimensat;
    281 => epoll_pwait(fd: Fd, events: UserPtr<EpollEvent> as epoll_events, count: i32, timeout: i32,
        mask: UserPtr<SigSet> as signal_set, size: usize) -> i32, full, epoll::epoll_pwait;
    282 => signalfd(fd: Fd, set: UserPtr<SigSet> as signal_set, size: usize) -> Fd, full, signalfd::signalfd;
    283 => timerfd_create(clock: u32 as clock, flags: TimerFdFlags as descriptor_flags) -> Fd, full,
        timer_file::timerfd_create;
    284 => eventfd(initial: u32) -> Fd, full, eventfd::eventfd;
    285 => fallocate(fd: Fd, mode: u32 as allocate_mode, offset: i64, length: i64), full, file::size::fallocate;
    286 => timerfd_settime(fd: Fd, flags: SetTimeFlags as timer_fd_flags, new: UserPtr<TimerSpec> as timer_value,
        old: UserPtr<TimerSpec> as timer_value_out), full, timer_file::timerfd_settime;
    287 => timerfd_gettime(fd: Fd, value: UserPtr<TimerSpec> as timer_value_out), full, timer_file::timerfd_gettime;
    288 => accept4(fd: Fd, address: UserPtr<u8> as socket_address_out, length: UserPtr<i32> as int_out,
        flags: AcceptFlags as socket_flags) -> Fd, full, socket::accept4;
    289 => signalfd4(fd: Fd, set: UserPtr<SigSet> as signal_set, size: usize, flags: SignalFdFlags as descriptor_flags)
        -> Fd, full, signalfd::signalfd4;
    290 => eventfd2(initial: u32, flags: EventFdFlags as event_flags) -> Fd, full, eventfd::eventfd2;
    291 => epoll_create1(flags: EpollFlags as descriptor_flags) -> Fd, full, epoll::epoll_create1;
    292 => dup3(old: Fd, new: Fd, flags: OpenFlags as descriptor_flags) -> Fd, full, file::descriptor::dup3;
    293 => pipe2(fds: UserPtr<[i32; 2]> as fd_pair, flags: PipeFlags as open_flags), full, pipe::pipe2;
    294 => inotify_init1(flags: InotifyFlags as descriptor_flags) -> Fd, full, inotify::inotify_init1;
    295 => preadv(fd: Fd, vector: UserPtr<IoVec> as vector_out, count: usize, low: i64, high: u64) -> usize, full,
        file::transfer::preadv;
    296 => pwritev(fd: Fd, vector: UserPtr<IoVec> as vector, count: usize, low: i64, high: u64) -> usize, full,
        file::transfer::pwritev;
    297 => rt_tgsigqueueinfo(pid: i32, tid: i32, signal: i32 as signal,
        information: UserPtr<SigInfo> as signal_information), full, send::rt_tgsigqueueinfo;
    298 => perf_event_open(attributes: UserPtr<u8>, pid: i32, cpu: i32, group: Fd, flags: u64 as hex) -> Fd, absent;
    299 => recvmmsg(fd: Fd, messages: UserPtr<CountedMessageHeader> as messages_out, count: u32,
        flags: u32 as message_flags, timeout: UserPtr<TimeSpec> as timespec) -> i32,
        partial("no urgent data, no error queue"), socket::recvmmsg;
    300 => fanotify_init(flags: u32 as hex, event_flags: u32 as open_flags) -> Fd, absent;
    301 => fanotify_mark(fd: Fd, flags: u32 as hex, mask: u64 as hex, directory: Fd, path: UserString), absent;
    302 => prlimit64(pid: i32, resource: u32 as resource, new: UserPtr<Limit> as limit,
        old: UserPtr<Limit> as limit_out),
        full, limits::prlimit64;
    303 => name_to_handle_at(directory: Fd, path: UserString, handle: UserPtr<u8>, mount: UserPtr<i32> as int_out,
        flags: i32 as at_flags), absent;
    304 => open_by_handle_at(mount: Fd, handle: UserPtr<u8>, flags: i32 as open_flags) -> Fd, absent;
    305 => clock_adjtime(clock: i32 as clock, buffer: UserPtr<u8>) -> i32, absent;
    306 => syncfs(fd: Fd), full, file::storage::syncfs;
    307 => sendmmsg(fd: Fd, messages: UserPtr<CountedMessageHeader> as messages, count: u32,
        flags: u32 as message_flags) -> i32, partial("no urgent data"), socket::sendmmsg;
    308 => setns(fd: Fd, kind: i32 as unshare_flags), absent;
    309 => getcpu(cpu: UserPtr<u32> as int_out, node: UserPtr<u32> as int_out), full, affinity::getcpu;
    310 => process_vm_readv(pid: i32, local: UserPtr<IoVec> as vector_out, local_count: usize, remote: UserPtr<IoVec>,
        remote_count: usize, flags: u64 as hex) -> usize, full, remote::process_vm_readv;
    311 => process_vm_writev(pid: i32, local: UserPtr<IoVec> as vector, local_count: usize, remote: UserPtr<IoVec>,
        remote_count: usize, flags: u64 as hex) -> usize, full, remote::process_vm_writev;
    312 => kcmp(first: i32, second: i32, kind: i32, first_index: u64, second_index: u64) -> i32,
        partial("KCMP_EPOLL_TFD"), compare::kcmp;
    313 => finit_module(fd: Fd, parameters: UserString, flags: i32 as hex), absent;
    314 => sched_setattr(pid: i32, attributes: UserPtr<SchedulingAttributes>, flags: u32 as hex),
        partial("kept and given back; no deadlines, no utilisation"), scheduling::sched_setattr;
    315 => sched_getattr(pid: i32, attributes: UserPtr<SchedulingAttributes>, size: u32, flags: u32 as hex), full,
        scheduling::sched_getattr;
    316 => renameat2(old_directory: Fd, old: UserString, new_directory: Fd, new: UserString,
        flags: RenameFlags as rename_flags), full, file::names::renameat2;
    317 => seccomp(operation: u32 as seccomp_operation, flags: u32 as hex, argument: UserPtr<u8>) -> i32, absent;
    318 => getrandom(buffer: Address as output, count: usize, flags: u32 as random_flags) -> usize, full,
        system::getrandom;
    319 => memfd_create(name: UserString, flags: u32 as memory_file_flags) -> Fd, full, memory_file::memfd_create;
    320 => kexec_file_load(kernel: Fd, initrd: Fd, length: u64, command_line: UserPtr<u8>, flags: u64 as hex), absent;
    321 => bpf(command: i32, attributes: UserPtr<u8>, size: u32) -> i32, absent;
    322 => execveat(directory: Fd, path: UserString, arguments: UserPtr<u64> as string_list,
        environment: UserPtr<u64> as environment, flags: AtFlags as at_flags), full [registers], exec::execveat;
    323 => userfaultfd(flags: u32 as user_fault_flags) -> Fd, absent;
    324 => membarrier(command: i32 as barrier_command, flags: u32 as hex, cpu: i32) -> i32,
        partial("one CPU; restartable sequences"), barrier::membarrier;
    325 => mlock2(address: Address, length: usize, flags: i32 as hex), full, memory::mlock2;
    326 => copy_file_range(source: Fd, source_offset: UserPtr<i64> as long_in, out: Fd,
        out_offset: UserPtr<i64> as long_in, length: usize, flags: u32 as hex) -> usize, full,
        file::copying::copy_file_range;
    327 => preadv2(fd: Fd, vector: UserPtr<IoVec> as vector_out, count: usize, low: i64, high: u64,
        flags: u32 as transfer_flags) -> usize, full, file::transfer::preadv2;
    328 => pwritev2(fd: Fd, vector: UserPtr<IoVec> as vector, count: usize, low: i64, high: u64,
        flags: u32 as transfer_flags) -> usize, full, file::transfer::pwritev2;
    329 => pkey_mprotect(address: Address, length: usize, protection: u64 as protection, key: i32), full,
        memory::pkey_mprotect;
    330 => pkey_alloc(flags: u64 as hex, rights: u64 as hex) -> i32, full, memory::pkey_alloc;
    331 => pkey_free(key: i32), full, memory::pkey_free;
    332 => statx(directory: Fd, path: UserString, flags: AtFlags as at_flags, mask: u32 as statx_mask,
        status: UserPtr<Statx> as statx), full, file::status::statx;
    333 => io_pgetevents(context: u64 as hex, least: i64, most: i64, events: UserPtr<u8>,
        timeout: UserPtr<u8> as timespec, mask: UserPtr<u8> as sized_signal_set) -> i64, absent;
    334 => rseq(area: UserPtr<u8>, length: u32, flags: i32 as hex, signature: u32 as hex), absent;
    335 => uretprobe(), absent;
    424 => pidfd_send_signal(fd: Fd, signal: i32 as signal, information: UserPtr<SigInfo> as signal_information,
        flags: u32 as hex), full, pidfd::pidfd_send_signal;
    425 => io_uring_setup(entries: u32, parameters: UserPtr<u8>) -> Fd, absent;
    426 => io_uring_enter(fd: Fd, submit: u32, complete: u32, flags: u32 as hex, argument: UserPtr<u8>,
        size: usize) -> i32, absent;
    427 => io_uring_register(fd: Fd, operation: u32, argument: UserPtr<u8>, count: u32) -> i32, absent;
    428 => open_tree(directory: Fd, path: UserString, flags: u32 as hex) -> Fd, absent;
    429 => move_mount(from_directory: Fd, from: UserString, to_directory: Fd, to: UserString, flags: u32 as hex),
        absent;
    430 => fsopen(kind: UserString, flags: u32 as hex) -> Fd, absent;
    431 => fsconfig(fd: Fd, command: u32, key: UserString, value: UserPtr<u8>, extra: i32), absent;
    432 => fsmount(fd: Fd, flags: u32 as hex, attributes: u32 as hex) -> Fd, absent;
    433 => fspick(directory: Fd, path: UserString, flags: u32 as hex) -> Fd, absent;
    434 => pidfd_open(pid: i32, flags: PidFdFlags as process_fd_flags) -> Fd, partial("PIDFD_THREAD"),
        pidfd::pidfd_open;
    435 => clone3(arguments: UserPtr<clone::CloneArguments> as clone_arguments, size: usize) -> i32,
        partial("cgroups") [registers], clone::clone3;
    436 => close_range(first: u32, last: u32, flags: CloseRangeFlags as close_range_flags), full,
        file::descriptor::close_range;
    437 => openat2(directory: Fd, path: UserString, how: UserPtr<OpenHow> as open_how, size: usize) -> Fd, full,
        file::opening::openat2;
    438 => pidfd_getfd(process: Fd, fd: Fd, flags: u32 as hex) -> Fd, full, pidfd::pidfd_getfd;
    439 => faccessat2(directory: Fd, path: UserString, mode: u32 as access_mode, flags: AtFlags as access_flags),
        full, file::status::faccessat2;
    440 => process_madvise(process: Fd, vector: UserPtr<u8>, count: usize, advice: i32 as advice,
        flags: u32 as hex) -> usize, absent;
    441 => epoll_pwait2(fd: Fd, events: UserPtr<EpollEvent> as epoll_events, count: i32, timeout: UserPtr<TimeSpec> as timespec,
        mask: UserPtr<SigSet> as signal_set, size: usize) -> i32, full, epoll::epoll_pwait2;
    442 => mount_setattr(directory: Fd, path: UserString, flags: u32 as hex, attributes: UserPtr<u8>, size: usize),
        absent;
    443 => quotactl_fd(fd: Fd, command: u32 as hex, id: i32, address: UserPtr<u8>), absent;
    444 => landlock_create_ruleset(attributes: UserPtr<u8>, size: usize, flags: u32 as hex) -> Fd, absent;
    445 => landlock_add_rule(ruleset: Fd, kind: i32, attributes: UserPtr<u8>, flags: u32 as hex), absent;
    446 => landlock_restrict_self(ruleset: Fd, flags: u32 as hex), absent;
    447 => memfd_secret(flags: u32 as descriptor_flags) -> Fd, absent;
    448 => process_mrelease(process: Fd, flags: u32 as hex), absent;
    449 => futex_waitv(waiters: UserPtr<VectorEntry>, count: u32, flags: u32 as hex,
        timeout: UserPtr<TimeSpec> as timespec, clock: i32 as clock) -> i32, full, vector::futex_waitv;
    450 => set_mempolicy_home_node(start: Address, length: u64, node: u64, flags: u64 as hex), absent;
    451 => cachestat(fd: Fd, range: UserPtr<u8>, statistics: UserPtr<u8>, flags: u32 as hex), absent;
    452 => fchmodat2(directory: Fd, path: UserString, mode: u16 as mode, flags: AtFlags as at_flags), full,
        file::attributes::fchmodat2;
    453 => map_shadow_stack(address: Address, size: u64, flags: u32 as hex) -> Address, absent;
    454 => futex_wake(word: u64 as pointer, mask: u64 as hex, count: i32, flags: u32 as futex2_flags) -> u32, full,
        vector::futex_wake;
    455 => futex_wait(word: u64 as pointer, value: u64, mask: u64 as hex, flags: u32 as futex2_flags,
        timeout: UserPtr<TimeSpec> as timespec, clock: i32 as clock), full, vector::futex_wait;
    456 => futex_requeue(waiters: UserPtr<VectorEntry>, flags: u32 as hex, wake: i32, requeue: i32) -> u32, full,
        vector::futex_requeue;
    457 => statmount(request: UserPtr<u8>, buffer: UserPtr<u8>, size: usize, flags: u32 as hex), absent;
    458 => listmount(request: UserPtr<u8>, ids: UserPtr<u64>, count: usize, flags: u32 as hex) -> usize, absent;
    459 => lsm_get_self_attr(attribute: u32, context: UserPtr<u8>, size: UserPtr<u32>, flags: u32 as hex) -> i32,
        absent;
    460 => lsm_set_self_attr(attribute: u32, context: UserPtr<u8>, size: u32, flags: u32 as hex), absent;
    461 => lsm_list_modules(ids: UserPtr<u64>, size: UserPtr<u32>, flags: u32 as hex) -> i32, absent;
    462 => mseal(address: Address, length: usize, flags: u64 as hex), absent;
    463 => setxattrat(directory: Fd, path: UserString, flags: u32 as at_flags, name: UserString,
        arguments: UserPtr<u8>, size: usize), absent;
    464 => getxattrat(directory: Fd, path: UserString, flags: u32 as at_flags, name: UserString,
        arguments: UserPtr<u8>, size: usize) -> usize, absent;
    465 => listxattrat(directory: Fd, path: UserString, flags: u32 as at_flags, list: UserPtr<u8> as output,
        size: usize) -> usize, absent;
    466 => removexattrat(directory: Fd, path: UserString, flags: u32 as at_flags, name: UserString), absent;
    467 => open_tree_attr(directory: Fd, path: UserString, flags: u32 as hex, attributes: UserPtr<u8>,
        size: usize) -> Fd, absent;
    468 => file_getattr(directory: Fd, path: UserString, attributes: UserPtr<u8>, size: usize,
        flags: u32 as at_flags), absent;
    469 => file_setattr(directory: Fd, path: UserString, attributes: UserPtr<u8>, size: usize,
        flags: u32 as at_flags), absent;
}
