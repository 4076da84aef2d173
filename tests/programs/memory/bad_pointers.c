// EFAULT from many calls, for each kind of address that cannot be. (A program's own access to kernel addresses is the
// documented difference of ring 0.)
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>

static void calls(const char *kind, void *bad) {
    char what[96];
    int pipes[2];
    need("pipe", pipe(pipes));
    need("write", write(pipes[1], "x", 1));
    int epoll = need("epoll_create1", epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    need("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event));
    char byte;
#define CALL(...)                                                                                                      \
    snprintf(what, sizeof what, "%s: %s", kind, #__VA_ARGS__);                                                         \
    result(what, __VA_ARGS__)
    CALL(syscall(SYS_read, pipes[0], bad, 1));
    CALL(syscall(SYS_write, pipes[1], bad, 1));
    CALL(syscall(SYS_open, bad, O_RDONLY));
    CALL(syscall(SYS_stat, ".", bad));
    CALL(syscall(SYS_lstat, bad, bad));
    CALL(syscall(SYS_fstat, pipes[0], bad));
    CALL(syscall(SYS_newfstatat, AT_FDCWD, bad, bad, 0));
    CALL(syscall(SYS_poll, bad, 1, 0));
    CALL(syscall(SYS_ppoll, bad, 1, 0, 0, 8));
    CALL(syscall(SYS_select, 1, bad, 0, 0, 0));
    CALL(syscall(SYS_epoll_wait, epoll, bad, 1, 0));
    CALL(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_MOD, pipes[0], bad));
    CALL(syscall(SYS_readv, pipes[0], bad, 1));
    CALL(syscall(SYS_writev, pipes[1], bad, 1));
    CALL(syscall(SYS_pipe, bad));
    CALL(syscall(SYS_pipe2, bad, 0));
    CALL(syscall(SYS_nanosleep, bad, 0));
    CALL(syscall(SYS_clock_nanosleep, 0, 0, bad, 0));
    CALL(syscall(SYS_clock_gettime, 0, bad));
    CALL(syscall(SYS_clock_getres, 0, bad));
    CALL(syscall(SYS_gettimeofday, bad, 0));
    CALL(syscall(SYS_time, bad));
    CALL(syscall(SYS_setitimer, 0, bad, 0));
    CALL(syscall(SYS_getitimer, 0, bad));
    CALL(syscall(SYS_timer_create, 0, 0, bad));
    CALL(syscall(SYS_rt_sigaction, 10, bad, 0, 8));
    CALL(syscall(SYS_rt_sigaction, 10, 0, bad, 8));
    CALL(syscall(SYS_rt_sigprocmask, 0, bad, 0, 8));
    CALL(syscall(SYS_rt_sigprocmask, 0, 0, bad, 8));
    CALL(syscall(SYS_rt_sigpending, bad, 8));
    CALL(syscall(SYS_rt_sigtimedwait, bad, 0, 0, 8));
    CALL(syscall(SYS_rt_sigsuspend, bad, 8));
    CALL(syscall(SYS_rt_sigqueueinfo, getpid(), 10, bad));
    CALL(syscall(SYS_sigaltstack, bad, 0));
    CALL(syscall(SYS_sigaltstack, 0, bad));
    CALL(syscall(SYS_futex, bad, 0, 0, 0, 0, 0));
    CALL(syscall(SYS_futex, &byte - (uintptr_t)&byte % 4, 0, 0, bad, 0, 0));
    CALL(syscall(SYS_uname, bad));
    CALL(syscall(SYS_sysinfo, bad));
    CALL(syscall(SYS_getrusage, 0, bad));
    CALL(syscall(SYS_times, bad));
    CALL(syscall(SYS_getrlimit, 7, bad));
    CALL(syscall(SYS_setrlimit, 7, bad));
    CALL(syscall(SYS_prlimit64, 0, 7, bad, 0));
    CALL(syscall(SYS_getrandom, bad, 8, 0));
    CALL(syscall(SYS_getcwd, bad, 100));
    CALL(syscall(SYS_chdir, bad));
    CALL(syscall(SYS_mkdir, bad, 0755));
    CALL(syscall(SYS_rename, bad, "x"));
    CALL(syscall(SYS_readlink, "/proc/self/exe", bad, 10));
    CALL(syscall(SYS_getdents64, open(".", O_RDONLY), bad, 1000));
    CALL(syscall(SYS_sched_getaffinity, 0, 128, bad));
    CALL(syscall(SYS_prctl, 15, bad));
    CALL(syscall(SYS_prctl, 16, bad));
    CALL(syscall(SYS_arch_prctl, 0x1003, bad));
    CALL(syscall(SYS_getgroups, 0, bad) >= 0 ? 0 : -1);
    CALL(syscall(SYS_getresuid, bad, bad, bad));
    CALL(syscall(SYS_statfs, ".", bad));
    CALL(syscall(SYS_eventfd2, bad, 0) >= 0 ? 0 : -1);
    CALL(syscall(SYS_utimensat, AT_FDCWD, ".", bad, 0));
    CALL(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, bad));
    CALL(syscall(SYS_getcpu, bad, 0, 0));
    CALL(syscall(SYS_mincore, (uintptr_t)&pipes & ~4095ul, 4096, bad));
    CALL(syscall(SYS_sendfile, pipes[1], open("/proc/self/exe", O_RDONLY), bad, 1));
#undef CALL
}

int main(void) {
    calls("low", BAD);
    calls("kernel", KERNEL);
    calls("no address", (void *)0x1234567890abcdef);
    calls("the end", (void *)0xfffffffffffffff8);
    calls("the last byte of the lower half", (void *)0x7ffffffffffe);
    return 0;
}
