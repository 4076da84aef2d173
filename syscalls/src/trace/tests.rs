//! Whole lines.

use super::*;
use crate::errno::Errno;
use crate::machine::host::{bytes_of_user, spawn, take_trace, test_process, user_bytes, user_pages};
use std::string::{String, ToString};
use std::sync::{Mutex as Lock, MutexGuard, PoisonError, mpsc};
use std::vec::Vec;

/// There is one trace: tests that look at it take turns.
static TURN: Lock<()> = Lock::new(());

fn turn() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    take_trace();
    turn
}

/// Answers with what the test put into `rbx`.
extern "C" fn answering(_: &Thread, registers: &mut Registers) -> i64 {
    registers.rbx as i64
}

fn registers(number: u32, arguments: &[u64], result: i64) -> Registers {
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
    Registers {
        rbx: result as u64,
        number: number.into(),
        rdi: argument(0),
        rsi: argument(1),
        rdx: argument(2),
        r10: argument(3),
        r8: argument(4),
        r9: argument(5),
        ..Registers::default()
    }
}

/// The lines since the last time without the pid before them.
fn lines() -> Vec<String> {
    let strip = |line: String| line.split_once("] ").expect("a pid").1.to_string();
    take_trace().into_iter().map(strip).collect()
}

/// The line of one call with this result.
fn line(number: u32, arguments: &[u64], result: i64) -> String {
    let thread = machine().current();
    assert_eq!(traced_by(&thread, &mut registers(number, arguments, result), answering), result);
    let mut lines = lines();
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

/// Structures for a program's memory.
fn words(words: &[u64]) -> u64 {
    user_bytes(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>())
}

const ENOENT: i64 = Errno::ENOENT.to_register();
const DIRECTORY: u64 = -100_i64 as u64;

#[test]
fn files_read_as_strace_shows_them() {
    let _turn = turn();
    test_process();
    let path = user_bytes(b"/etc/passwd\0");
    assert_eq!(
        line(257, &[DIRECTORY, path, 0o2_000_000, 7], 3),
        "openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3"
    );
    assert_eq!(
        line(257, &[DIRECTORY, path, 0o2_000_000 | 0o1101, 0o7], 4),
        "openat(AT_FDCWD, \"/etc/passwd\", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 007) = 4"
    );
    assert_eq!(
        line(257, &[DIRECTORY, path, 0o20_200_002, 0o640], ENOENT),
        "openat(AT_FDCWD, \"/etc/passwd\", O_RDWR|O_TMPFILE, 0640) = -1 ENOENT (No such file or directory)"
    );
    let text = user_bytes(&b"a\x001\x01b\"\\\n\xff".repeat(5));
    let shown = r#""a\0001\1b\"\\\n\377a\0001\1b\"\\\n\377a\0001\1b\"\\\n\377a\0001\1b"..."#;
    assert_eq!(line(1, &[4, text, 45], 45), std::format!("write(4, {shown}, 45) = 45"));
    assert_eq!(line(0, &[3, text, 4096], 3), "read(3, \"a\\0001\", 4096) = 3");
    assert_eq!(
        line(0, &[3, text, 4096], -9),
        std::format!("read(3, {text:#x}, 4096) = -1 EBADF (Bad file descriptor)")
    );
    assert_eq!(line(0, &[3, 0x4000, 4096], 5), "read(3, 0x4000, 4096) = 5");
    assert_eq!(line(1, &[1, 0, 5], -14), "write(1, NULL, 5) = -1 EFAULT (Bad address)");
    assert_eq!(line(8, &[3, 5, 0], 5), "lseek(3, 5, SEEK_SET) = 5");
    assert_eq!(line(72, &[3, 3, 0xdead], 0x8000), "fcntl(3, F_GETFL) = 0x8000 (flags O_RDONLY|O_LARGEFILE)");
    assert_eq!(line(72, &[3, 1], 1), "fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)");
    assert_eq!(line(72, &[3, 2, 1], 0), "fcntl(3, F_SETFD, FD_CLOEXEC) = 0");
    assert_eq!(
        line(72, &[4, 7, words(&[1, 0, 0, 0])], 0),
        "fcntl(4, F_SETLKW, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=0}) = 0"
    );
    assert_eq!(line(95, &[0o22], 0o22), "umask(022) = 022");
    assert_eq!(line(95, &[0], 0), "umask(000) = 000");
    assert_eq!(line(21, &[path, 6], 0), "access(\"/etc/passwd\", R_OK|W_OK) = 0");
    assert_eq!(line(92, &[path, 0xffff_ffff, 0], 0), "chown(\"/etc/passwd\", -1, 0) = 0");
    assert_eq!(line(259, &[DIRECTORY, path, 0o010_600], 0), "mknodat(AT_FDCWD, \"/etc/passwd\", S_IFIFO|0600) = 0");
    assert_eq!(line(133, &[path, 0o020_600, 0x103], 0), "mknod(\"/etc/passwd\", S_IFCHR|0600, makedev(0x1, 0x3)) = 0");
    assert_eq!(line(291, &[0o2_004_000], 4), "epoll_create1(EPOLL_CLOEXEC|EPOLL_NONBLOCK) = 4");
    assert_eq!(line(292, &[1, 2, 0o2_000_001], -22), "dup3(1, 2, O_CLOEXEC|0x1) = -1 EINVAL (Invalid argument)");
    assert_eq!(line(293, &[words(&[9 | 11 << 32]), 0o2_000_000], 0), "pipe2([9, 11], O_CLOEXEC) = 0");
    assert_eq!(line(22, &[words(&[9 | 11 << 32])], 0), "pipe([9, 11]) = 0");
}

#[test]
fn status_shows_size_or_device() {
    let _turn = turn();
    test_process();
    let mut status = [0; 18];
    status[3] = 0o100_644;
    status[6] = 1221;
    let empty = user_bytes(b"\0");
    assert_eq!(
        line(262, &[3, empty, words(&status), 0x1000], 0),
        "newfstatat(3, \"\", {st_mode=S_IFREG|0644, st_size=1221, ...}, AT_EMPTY_PATH) = 0"
    );
    status[3] = 0o020_666;
    status[5] = 0x103;
    assert_eq!(
        line(5, &[1, words(&status)], 0),
        "fstat(1, {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}) = 0"
    );
    assert_eq!(line(5, &[9, 0x5000], -9), "fstat(9, 0x5000) = -1 EBADF (Bad file descriptor)");
}

#[test]
fn vectors_show_what_was_moved() {
    let _turn = turn();
    test_process();
    let (one, two) = (user_bytes(b"xabc"), user_bytes(b"defgh?????"));
    let vector = words(&[one, 4, two, 10]);
    assert_eq!(
        line(19, &[9, vector, 2], 9),
        "readv(9, [{iov_base=\"xabc\", iov_len=4}, {iov_base=\"defgh\", iov_len=10}], 2) = 9"
    );
    assert_eq!(
        line(20, &[9, vector, 2], 14),
        "writev(9, [{iov_base=\"xabc\", iov_len=4}, {iov_base=\"defgh?????\", iov_len=10}], 2) = 14"
    );
    assert_eq!(line(20, &[9, 0x4000, 2], -14), "writev(9, 0x4000, 2) = -1 EFAULT (Bad address)");
}

#[test]
fn memory_calls_show_addresses() {
    let _turn = turn();
    test_process();
    assert_eq!(
        line(9, &[0, 4096, 3, 0x22, u64::MAX, 0], 0x7000_0000),
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x70000000"
    );
    assert_eq!(line(12, &[0], 0x55_5000), "brk(NULL) = 0x555000");
    assert_eq!(line(10, &[0x1000, 4096, 0], 0), "mprotect(0x1000, 4096, PROT_NONE) = 0");
    assert_eq!(line(28, &[0x1000, 4096, 4], 0), "madvise(0x1000, 4096, MADV_DONTNEED) = 0");
    assert_eq!(line(158, &[0x1002, 0x7123], 0), "arch_prctl(ARCH_SET_FS, 0x7123) = 0");
}

#[test]
fn signals_have_names() {
    let _turn = turn();
    let thread = test_process();
    let action = words(&[0x7f1b_494d_4d00, 0x0c00_0000, 0x7f1b_4980_9050, 0]);
    assert_eq!(
        line(13, &[10, action, words(&[0; 4]), 8], 0),
        "rt_sigaction(SIGUSR1, {sa_handler=0x7f1b494d4d00, sa_mask=[], sa_flags=SA_RESTORER|SA_ONSTACK, \
         sa_restorer=0x7f1b49809050}, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0"
    );
    let set = words(&[1 << 1 | 1 << 14]);
    assert_eq!(line(14, &[0, set, words(&[0]), 8], 0), "rt_sigprocmask(SIG_BLOCK, [INT TERM], [], 8) = 0");
    assert_eq!(
        line(14, &[2, words(&[!(1 << 31 | 1 << 32 | 1 << 63)]), 0, 8], 0),
        "rt_sigprocmask(SIG_SETMASK, ~[RTMIN RT_1 RT_32], NULL, 8) = 0"
    );
    assert_eq!(line(62, &[-7_i64 as u64, 15], 0), "kill(-7, SIGTERM) = 0");
    let mut information = [0; 128];
    information[0] = 11;
    information[8] = 1;
    signal(&thread, &information);
    information[0] = 10;
    information[8] = 0;
    information[16] = 12;
    signal(&thread, &information);
    information[0] = 17;
    information[8] = 1;
    information[24] = 3;
    signal(&thread, &information);
    exited(&thread, 3);
    killed(&thread, 9);
    assert_eq!(
        lines(),
        [
            "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---",
            "--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=12, si_uid=0} ---",
            "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=12, si_uid=0, si_status=3, si_utime=0, \
             si_stime=0} ---",
            "+++ exited with 3 +++",
            "+++ killed by SIGKILL +++",
        ]
    );
}

#[test]
fn sockets_show_addresses_and_options() {
    let _turn = turn();
    test_process();
    let mut address = std::vec![2, 0, 0x8d, 0xb7, 127, 0, 0, 1];
    address.resize(16, 0);
    let address = user_bytes(&address);
    let shown = "{sa_family=AF_INET, sin_port=htons(36279), sin_addr=inet_addr(\"127.0.0.1\")}";
    assert_eq!(line(49, &[5, address, 16], 0), std::format!("bind(5, {shown}, 16) = 0"));
    assert_eq!(line(51, &[5, address, words(&[16])], 0), std::format!("getsockname(5, {shown}, [16]) = 0"));
    assert_eq!(line(41, &[2, 0o2_000_001, 6], 3), "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3");
    assert_eq!(line(54, &[5, 1, 2, words(&[1]), 4], 0), "setsockopt(5, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0");
    assert_eq!(line(55, &[5, 1, 4, words(&[0]), words(&[4])], 0), "getsockopt(5, SOL_SOCKET, SO_ERROR, [0], [4]) = 0");
    let path = user_bytes(b"\x01\0/tmp/none\0");
    assert_eq!(
        line(42, &[6, path, 12], ENOENT),
        "connect(6, {sa_family=AF_UNIX, sun_path=\"/tmp/none\"}, 12) = -1 ENOENT (No such file or directory)"
    );
    let vector = words(&[user_bytes(b"hithere"), 100]);
    let message = words(&[0, 0, vector, 1, 0, 0, 0]);
    assert_eq!(
        line(47, &[8, message, 0], 7),
        "recvmsg(8, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hithere\", iov_len=100}], msg_iovlen=1, \
         msg_controllen=0, msg_flags=0}, 0) = 7"
    );
    let messages = words(&[0, 0, vector, 1, 0, 0, 0, 2]);
    assert_eq!(
        line(299, &[8, messages, 1, 0, 0], 1),
        "recvmmsg(8, [{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"hi\", iov_len=100}], msg_iovlen=1, \
         msg_controllen=0, msg_flags=0}, msg_len=2}], 1, 0, NULL) = 1"
    );
}

#[test]
fn results_tell_what_is_ready() {
    let _turn = turn();
    test_process();
    let fds = words(&[9 | 1 << 32 | 1 << 48]);
    assert_eq!(line(7, &[fds, 1, 10], 1), "poll([{fd=9, events=POLLIN}], 1, 10) = 1 ([{fd=9, revents=POLLIN}])");
    assert_eq!(line(7, &[fds, 1, 10], 0), "poll([{fd=9, events=POLLIN}], 1, 10) = 0 (Timeout)");
    let time = words(&[0, 100_000_000]);
    assert_eq!(
        line(270, &[12, words(&[1 << 9]), words(&[1 << 11]), 0, time, 0], 2),
        "pselect6(12, [9], [11], NULL, {tv_sec=0, tv_nsec=100000000}, NULL) = 2 (in [9], out [11])"
    );
    assert_eq!(
        line(270, &[0, 0, 0, 0, time, 0], 0),
        "pselect6(0, NULL, NULL, NULL, {tv_sec=0, tv_nsec=100000000}, NULL) = 0 (Timeout)"
    );
    let event = words(&[1 | 9 << 32, 0]);
    assert_eq!(
        line(233, &[12, 1, 9, event], 0),
        "epoll_ctl(12, EPOLL_CTL_ADD, 9, {events=EPOLLIN, data={u32=9, u64=9}}) = 0"
    );
    assert_eq!(
        line(232, &[12, event, 1023, 100], 1),
        "epoll_wait(12, [{events=EPOLLIN, data={u32=9, u64=9}}], 1023, 100) = 1"
    );
    assert_eq!(
        line(61, &[28841, words(&[0x300]), 0, 0], 28841),
        "wait4(28841, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 28841"
    );
}

#[test]
fn processes_limits_and_clocks() {
    let _turn = turn();
    test_process();
    assert_eq!(
        line(302, &[0, 3, 0, words(&[8192 * 1024, u64::MAX])], 0),
        "prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0"
    );
    assert_eq!(
        line(230, &[1, 1, words(&[3266, 571_933_992]), 0], 0),
        "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=3266, tv_nsec=571933992}, NULL) = 0"
    );
    assert_eq!(
        line(202, &[0x1000, 0, 0], -11),
        "futex(0x1000, FUTEX_WAIT, 0, NULL) = -1 EAGAIN (Resource temporarily unavailable)"
    );
    assert_eq!(line(202, &[0x1000, 0x81, 1, 5, 6, 7], 1), "futex(0x1000, FUTEX_WAKE_PRIVATE, 1) = 1");
    assert_eq!(
        line(202, &[0x1000, 0x189, 2, 0, 0, u64::MAX], -512),
        "futex(0x1000, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 2, NULL, NULL, FUTEX_BITSET_MATCH_ANY) = \
         ? ERESTARTSYS (To be restarted if SA_RESTART is set)"
    );
    assert_eq!(line(157, &[15, user_bytes(b"abc\0"), 5, 6, 7], 0), "prctl(PR_SET_NAME, \"abc\") = 0");
    assert_eq!(
        line(56, &[0x0120_0011, 0, 0, 0x7f1b, 0], 28841),
        "clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, 0x7f1b, NULL) = 28841"
    );
    let (name, argument) = (user_bytes(b"/bin/ls\0"), user_bytes(b"ls\0"));
    let environment = words(&[name, name, 0]);
    assert_eq!(
        line(59, &[name, words(&[argument, name, 0]), environment], ENOENT),
        std::format!(
            "execve(\"/bin/ls\", [\"ls\", \"/bin/ls\"], {environment:#x} /* 2 vars */) = \
             -1 ENOENT (No such file or directory)"
        )
    );
    assert_eq!(line(204, &[0, 8, words(&[3])], 8), "sched_getaffinity(0, 8, [0 1]) = 8");
    assert_eq!(
        line(16, &[0, 0x5413, words(&[80 << 16 | 24])], 0),
        "ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0"
    );
    assert_eq!(
        line(16, &[0, 0x5401, 0x7ffc], -25),
        "ioctl(0, TCGETS, 0x7ffc) = -1 ENOTTY (Inappropriate ioctl for device)"
    );
    assert_eq!(
        line(16, &[0, 0x8004_4501, 0], -25),
        "ioctl(0, _IOC(_IOC_READ, 0x45, 0x1, 0x4), NULL) = -1 ENOTTY (Inappropriate ioctl for device)"
    );
}

#[test]
fn what_is_absent_or_unknown_says_so() {
    let _turn = turn();
    let thread = test_process();
    assert_eq!(traced(&thread, &mut registers(323, &[5], 0)), Errno::ENOSYS.to_register());
    traced(&thread, &mut registers(400, &[1, 2, 3, 4, 5, 6], 0));
    let mut far = registers(0, &[], 0);
    far.number = 0xffff_fffe;
    traced(&thread, &mut far);
    let lines = lines();
    assert_eq!(lines[0], "userfaultfd(UFFD_USER_MODE_ONLY|0x4) = -1 ENOSYS (Function not implemented)");
    assert_eq!(lines[1], "syscall_0x190(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)");
    assert!(lines[2].starts_with("syscall_0xfffffffe(0x0, 0x0, "));
    assert_eq!(lines.len(), 3);
}

#[test]
fn the_upper_half_of_the_number_does_not_count() {
    let _turn = turn();
    let thread = test_process();
    let mut upper = registers(39, &[], 0);
    upper.number |= 7 << 32;
    assert_eq!(traced(&thread, &mut upper), i64::from(thread.process.id));
    assert_eq!(lines(), [std::format!("getpid() = {}", thread.process.id)]);
}

#[test]
fn calls_that_do_not_return_are_printed_before() {
    let _turn = turn();
    let thread = test_process();
    extern "C" fn looking(thread: &Thread, _: &mut Registers) -> i64 {
        assert_eq!(take_trace(), [std::format!("[pid {}] exit_group(3) = ?", thread.id())]);
        0
    }
    traced_by(&thread, &mut registers(231, &[3], 0), looking);
    assert_eq!(lines(), [""; 0]);
}

#[test]
fn calls_that_turn_out_not_to_return_say_so() {
    let _turn = turn();
    let thread = test_process();
    extern "C" fn ending_in_the_call(thread: &Thread, registers: &mut Registers) -> i64 {
        killed(thread, 9);
        registers.rbx as i64
    }
    traced_by(&thread, &mut registers(34, &[], 0), ending_in_the_call);
    extern "C" fn calling_again(thread: &Thread, registers: &mut Registers) -> i64 {
        traced_by(thread, &mut self::registers(39, &[], 7), answering);
        registers.rbx as i64
    }
    traced_by(&thread, &mut registers(39, &[], 8), calling_again);
    let lines = lines();
    assert_eq!(lines[..2], ["pause() = ?", "+++ killed by SIGKILL +++"]);
    assert_eq!(lines[3..5], ["getpid() = ?", "getpid() = 7"]);
}

#[test]
fn waiting_calls_are_resumed() {
    let _turn = turn();
    let thread = test_process();
    let (started, has_started) = mpsc::channel();
    extern "C" fn waiting(_: &Thread, registers: &mut Registers) -> i64 {
        idle();
        registers.rbx as i64
    }
    let buffer = user_bytes(b"abc");
    traced_by(&thread, &mut registers(0, &[0, buffer, 16], 3), waiting);
    assert_eq!(lines(), ["read(0,  <unfinished ...>", "<... read resumed>\"abc\", 16) = 3"]);

    // Another thread's call comes between the two ends of this one's.
    extern "C" fn letting_another_run(thread: &Thread, registers: &mut Registers) -> i64 {
        let process = thread.process.clone();
        let other = spawn(&process, |other| traced_by(other, &mut self::registers(39, &[], 7), answering));
        other.join().expect("no panic");
        registers.rbx as i64
    }
    traced_by(&thread, &mut registers(202, &[0x1000, 0x80, 1], 0), letting_another_run);
    let lines = take_trace();
    started.send(lines).expect("a receiver");
    let lines: Vec<String> = has_started.recv().expect("lines");
    assert_eq!(
        lines[0],
        std::format!("[pid {}] futex(0x1000, FUTEX_WAIT_PRIVATE, 1, NULL <unfinished ...>", thread.id())
    );
    assert!(lines[1].ends_with("] getpid() = 7"));
    assert_ne!(lines[1].split(']').next(), lines[0].split(']').next());
    assert_eq!(lines[2], std::format!("[pid {}] <... futex resumed>) = 0", thread.id()));
}

#[test]
fn times_are_shown_on_demand() {
    let _turn = turn();
    test_process();
    configure(Options { intervals: true, durations: true });
    let first = line(39, &[], 7);
    configure(Options::default());
    let (interval, rest) = first.split_once(' ').expect("an interval");
    assert!(interval.split_once('.').is_some_and(|(_, fraction)| fraction.len() == 6), "{first}");
    assert!(rest.starts_with("getpid() = 7 <0.00") && rest.ends_with('>'), "{first}");
}

#[test]
fn a_trace_never_writes_and_never_overflows() {
    let _turn = turn();
    test_process();
    let page = user_pages(1);
    for number in 0..512 {
        for result in [0, 1, -1, -4, i64::MAX, i64::MIN, 4096] {
            for argument in [0, 1, page, page + 4090, u64::MAX, 0x7fff_ffff_efff] {
                let thread = machine().current();
                traced_by(&thread, &mut registers(number, &[argument; 6], result), answering);
            }
        }
    }
    assert!(bytes_of_user(page, 4096).iter().all(|&byte| byte == 0));
    assert!(take_trace().iter().all(|line| line.len() <= 17 * 1024 && !line.contains('\n')));
}

#[test]
fn every_error_has_a_text() {
    // 41 and 58 are gaps.
    for number in (1..=133).filter(|number| ![41, 58].contains(number)) {
        let (name, text) = describe_error(number).expect("a text");
        assert!(name.starts_with('E') && !text.is_empty());
        assert!(Errno::from_number(number).name().is_none_or(|known| known == name), "{name}");
    }
    for number in [0, 41, 58, 134, 511, 515, 517, 4095] {
        assert_eq!(describe_error(number), None);
    }
    assert_eq!(describe_error(2), Some(("ENOENT", "No such file or directory")));
}

#[test]
fn a_line_ends_where_it_was_cut_off() {
    let mut line = Line::default();
    for _ in 0..2000 {
        write!(line, "0123456789").expect("no failure");
    }
    let length = line.length();
    assert!((16_000..=16 * 1024).contains(&length));
    write!(line, "x").expect("no failure");
    assert_eq!(line.length(), length);
}
