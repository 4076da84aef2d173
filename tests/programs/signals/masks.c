// rt_sigprocmask(2), rt_sigpending(2), rt_sigsuspend(2), rt_sigtimedwait(2), rt_sigqueueinfo(2).
#include "fact.h"
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

static volatile int count;
static volatile int values[8], codes[8];

static void handler(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    values[count % 8] = info->si_value.sival_int;
    codes[count % 8] = info->si_code;
    count++;
}

static int pending(int number) {
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, number);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    sigset_t set, old, all;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    result("block", sigprocmask(SIG_BLOCK, &set, &old));
    fact("before", "%d", sigismember(&old, SIGUSR1));
    raise(SIGUSR1);
    fact("pending", "%d, ran %d", pending(SIGUSR1), count);
    result("unblock", sigprocmask(SIG_UNBLOCK, &set, NULL));
    fact("pending", "%d, ran %d", pending(SIGUSR1), count);
    result("how 3", sigprocmask(3, &set, NULL));
    result("how 3 without a set", sigprocmask(3, NULL, &old));
    result("another size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 4));
    sigfillset(&all);
    result("all", sigprocmask(SIG_SETMASK, &all, NULL));
    unsigned long raw;
    syscall(SYS_rt_sigprocmask, 0, 0, &raw, 8);
    fact("but not these", "%lx", ~raw & ~(3ul << 31));
    sigprocmask(SIG_SETMASK, &old, NULL);

    // Real-time signals queue, in order, with their values.
    count = 0;
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 4; i++) {
        result("sigqueue", sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 100 + i}));
    }
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 2});
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    fact("ran", "%d", count);
    // The last frame that is set up runs first.
    for (int i = 0; i < count; i++) {
        fact("value and code", "%d %d", values[i], codes[i]);
    }
    result("sigqueue with a code of the kernel", syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1,
                                                         &(siginfo_t){.si_code = SI_USER, .si_signo = SIGUSR1}));

    // Waiting for one.
    siginfo_t info;
    struct timespec none = {0, 0}, some = {0, 20000000}, bad = {0, 1000000000};
    sigprocmask(SIG_BLOCK, &set, NULL);
    result("sigtimedwait, nothing", sigtimedwait(&set, &info, &none));
    result("sigtimedwait, in time nothing", sigtimedwait(&set, &info, &some));
    result("sigtimedwait, a bad time", sigtimedwait(&set, &info, &bad));
    raise(SIGUSR1);
    result("sigtimedwait, something", sigtimedwait(&set, &info, &some) == SIGUSR1);
    fact("info", "code %d, from here %d", info.si_code, info.si_pid == getpid());
    fact("pending", "%d", pending(SIGUSR1));
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7});
    result("sigwaitinfo", sigwaitinfo(&set, &info) == SIGRTMIN);
    fact("info", "code %d, value %d", info.si_code, info.si_value.sival_int);

    // Suspending: the handler runs under the given mask, then the old one is back.
    count = 0;
    raise(SIGUSR1);
    sigset_t empty;
    sigemptyset(&empty);
    result("sigsuspend", sigsuspend(&empty));
    fact("ran", "%d", count);
    sigprocmask(SIG_BLOCK, NULL, &old);
    fact("blocked again", "%d", sigismember(&old, SIGUSR1));
    result("sigsuspend with another size", syscall(SYS_rt_sigsuspend, &empty, 4));

    // A blocked signal that is then ignored is dropped; one that is ignored is not pending.
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    fact("pending after it is ignored", "%d", pending(SIGUSR1));
    raise(SIGUSR1);
    fact("ignored and blocked is pending", "%d", pending(SIGUSR1));
    return 0;
}
