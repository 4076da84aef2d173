// siginfo and ucontext of a handler; returning to another place; what the frame shows of segments and flags.
#include "fault.h"
#include <sys/syscall.h>

static volatile int step;

static void skip(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_RIP] += 2; // ud2
    user->uc_mcontext.gregs[REG_RAX] = 42;
    user->uc_mcontext.gregs[REG_R15] = 0x1122334455667788;
    sigaddset(&user->uc_sigmask, SIGUSR2);
}

static void show(int number, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    fact("number", "%d %d", number == SIGUSR1, info->si_signo == SIGUSR1);
    fact("code", "%d", info->si_code);
    fact_if("from this process", info->si_pid == getpid() && info->si_uid == getuid());
    uint64_t segments = user->uc_mcontext.gregs[REG_CSGSFS];
    fact("cs", "%x", (int)(segments & 0xffff));
    fact("ss", "%x", (int)(segments >> 48));
    fact("fs and gs selectors", "%x %x", (int)(segments >> 32 & 0xffff), (int)(segments >> 16 & 0xffff));
    fact("flags", "%lx", (long)(user->uc_mcontext.gregs[REG_EFL] & ~0x8d5l)); // without arithmetic
    fact("context flags", "%lx", user->uc_flags & 6);
    fact_if("there is extended state", user->uc_mcontext.fpregs != NULL);
    fact_if("its place is aligned", ((uintptr_t)user->uc_mcontext.fpregs & 63) == 0);
    fact("mxcsr", "%x", user->uc_mcontext.fpregs->mxcsr);
    fact("x87 control word", "%x", user->uc_mcontext.fpregs->cwd);
    fact("magic", "%x", ((unsigned *)user->uc_mcontext.fpregs)[464 / 4]);
    fact_if("link is none", user->uc_link == NULL);
    fact("own flags: direction", "%d", (int)(__builtin_ia32_readeflags_u64() >> 10 & 1));
    step++;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction action = {.sa_sigaction = show, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    fact("handlers", "%d", step);
    // With the direction flag set, a handler begins with it clear, and gets it back.
    unsigned long flags, value;
    __asm__ volatile("std\n syscall\n pushfq\n pop %0\n cld"
                     : "=r"(flags), "=a"(value)
                     : "a"(SYS_tgkill), "D"(getpid()), "S"(syscall(SYS_gettid)), "d"(SIGUSR1)
                     : "rcx", "r11", "memory");
    fact("direction flag after it", "%d, result %ld", (int)(flags >> 10 & 1), value);

    action.sa_sigaction = skip;
    sigaction(SIGILL, &action, NULL);
    unsigned long a = 7, r15;
    __asm__ volatile("xor %%r15d, %%r15d\n ud2\n mov %%r15, %1" : "+a"(a), "=r"(r15)::"r15");
    fact("changed by the handler", "%ld %lx", a, r15);
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
    fact("mask by the handler", "%d", sigismember(&set, SIGUSR2));
    return 0;
}
