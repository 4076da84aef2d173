// rt_sigaction(2), kill(2), raise: what is remembered, what runs, what is refused.
#include "fact.h"
#include <signal.h>
#include <sys/syscall.h>

static volatile int count, last, inner;
static sigset_t during;

static void handler(int number) {
    count++;
    last = number;
    sigprocmask(SIG_BLOCK, NULL, &during);
}

static void nested(int number) {
    if (inner++ == 0) {
        raise(number);
        fact("depth at once", "%d", inner);
    }
}

static void other(int number) {
    (void)number;
    fact("blocked while it runs", "%d %d", sigismember(&during, SIGUSR1), inner);
}

struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction action = {.sa_handler = handler}, old;
    sigaddset(&action.sa_mask, SIGUSR2);
    result("sigaction", sigaction(SIGUSR1, &action, &old));
    fact_if("the old one is the default", old.sa_handler == SIG_DFL);
    result("raise", raise(SIGUSR1));
    fact("it ran", "%d, %d", count, last == SIGUSR1);
    fact("blocked in it", "%d %d %d", sigismember(&during, SIGUSR1), sigismember(&during, SIGUSR2), sigismember(&during, SIGHUP));
    sigprocmask(SIG_BLOCK, NULL, &during);
    fact("blocked after it", "%d %d", sigismember(&during, SIGUSR1), sigismember(&during, SIGUSR2));
    result("kill of this process", kill(getpid(), SIGUSR1));
    fact("it ran", "%d", count);
    result("kill with 0", kill(getpid(), 0));
    result("kill of an absent process", kill(0x3ffffff, SIGUSR1));
    result("kill with 65", kill(getpid(), 65));
    result("kill with -1", kill(getpid(), -1));
    result("tgkill", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1));
    result("tgkill of another group", syscall(SYS_tgkill, getpid() + 1, syscall(SYS_gettid), SIGUSR1));
    result("tgkill of thread 0", syscall(SYS_tgkill, getpid(), 0, SIGUSR1));
    result("tkill", syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1));
    result("tkill of an absent thread", syscall(SYS_tkill, 0x3ffffff, SIGUSR1));
    fact("it ran", "%d", count);

    result("sigaction of SIGKILL", syscall(SYS_rt_sigaction, SIGKILL, &(struct kernel_action){.handler = handler}, 0, 8));
    result("asking for SIGKILL", syscall(SYS_rt_sigaction, SIGKILL, 0, &(struct kernel_action){0}, 8));
    result("sigaction of SIGSTOP", syscall(SYS_rt_sigaction, SIGSTOP, &(struct kernel_action){.handler = handler}, 0, 8));
    result("sigaction of 0", syscall(SYS_rt_sigaction, 0, 0, 0, 8));
    result("sigaction of 65", syscall(SYS_rt_sigaction, 65, 0, 0, 8));
    result("sigaction with another size of set", syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 16));
    struct kernel_action strange = {.handler = handler, .flags = 0x04000000 | 0x100 | 0x400, .restorer = NULL}, back;
    result("unknown flags", syscall(SYS_rt_sigaction, SIGWINCH, &strange, 0, 8));
    need("sigaction", syscall(SYS_rt_sigaction, SIGWINCH, 0, &back, 8));
    fact("what is kept", "%lx", back.flags);
    strange.mask = ~0ul;
    need("sigaction", syscall(SYS_rt_sigaction, SIGWINCH, &strange, 0, 8));
    need("sigaction", syscall(SYS_rt_sigaction, SIGWINCH, 0, &back, 8));
    fact("a full mask is kept as", "%lx", back.mask);

    action = (struct sigaction){.sa_handler = nested, .sa_flags = SA_NODEFER};
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    inner = 0;
    action.sa_flags = 0;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    fact("without SA_NODEFER, in the end", "%d", inner);
    action = (struct sigaction){.sa_handler = handler, .sa_flags = SA_RESETHAND};
    sigaction(SIGHUP, &action, NULL);
    raise(SIGHUP);
    sigaction(SIGHUP, NULL, &old);
    fact_if("after SA_RESETHAND it is the default", old.sa_handler == SIG_DFL);
    fact("its flags", "%x", old.sa_flags & ~0x04000000);
    signal(SIGTERM, SIG_IGN);
    result("an ignored one", raise(SIGTERM));
    result("a default that is ignored", raise(SIGCHLD) | raise(SIGURG) | raise(SIGCONT));

    // Two at a time: the lower number is delivered first, so its handler runs last.
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    sigprocmask(SIG_BLOCK, &both, NULL);
    inner = 10;
    action = (struct sigaction){.sa_handler = other};
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    int before = count;
    sigprocmask(SIG_UNBLOCK, &both, NULL);
    fact("two of one kind are one", "%d", count - before);
    return 0;
}
