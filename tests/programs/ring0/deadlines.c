// options: --icount
// run: fast
// run: gs
// A timer's signal at each instruction around a system call, the call's way in and out among them: deadlines a
// nanosecond apart, and a machine that runs one instruction a nanosecond. Whatever is interrupted is what it was.
// With `cover` it is told whether calls were hit often enough, which only the guest can promise: see `cases.rs`.
#include "keep.h"
#include <asm/prctl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

enum { SWEEP = 3000 };

static volatile int arrived, strange;
static int before_call, behind_call;
extern char etext[];

static void handler(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    ucontext_t *user = context;
    uint64_t rip = user->uc_mcontext.gregs[REG_RIP], rsp = user->uc_mcontext.gregs[REG_RSP];
    arrived = 1;
    before_call += rip == (uint64_t)keep_call;
    behind_call += rip == (uint64_t)keep_behind;
    if (rip == (uint64_t)keep_behind) {
        // Behind a call, but before anything else: what the call gives is there already.
        strange += (uint64_t)user->uc_mcontext.gregs[REG_RCX] != rip || rsp != keep_before.general[RSP]
                   || (uint64_t)user->uc_mcontext.gregs[REG_R11] != keep_before.flags;
    }
    // The program's code, or the vDSO's; never the kernel's.
    strange += rip >= 1ul << 47 || rsp >= 1ul << 47;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm7\n movdqa %%xmm0, %%xmm15" ::: "xmm0", "xmm7", "xmm15");
}

int main(int count, char **arguments) {
    bool cover = count > 1 && strcmp(arguments[1], "cover") == 0;
    const char *how = count > 1 ? arguments[count - 1] : "fast";
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    need("sigaction", sigaction(SIGALRM, &action, NULL));
    if (strcmp(how, "gs") == 0) {
        static long word = 42;
        need("arch_prctl", syscall(SYS_arch_prctl, ARCH_SET_GS, &word));
    }
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    need("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    long parent = getppid();
    int wrong = 0;
    for (int delay = 1; delay <= SWEEP; delay++) {
        struct itimerspec when = {.it_value = {0, delay}};
        arrived = 0;
        need("timer_settime", timer_settime(timer, 0, &when, NULL));
        do {
            wrong += keep(SYS_getppid, parent, 1);
        } while (!arrived);
    }
    if (cover) {
        fact_if("at a call, behind a call, by itself and in the window", before_call >= 2 && behind_call >= 30);
    }
    fact(how, "wrong: %d, strange: %d", wrong, strange);
    return 0;
}
