// run: fast
// run: gs
// A program that steps through itself (TF): one step each instruction, a system call among them, and none in the
// kernel. All is kept meanwhile.
#include "keep.h"
#include <asm/prctl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

static volatile int steps, at_call, behind_call, strange;
static uint64_t last;

static void step(int number, siginfo_t *info, void *context) {
    (void)number;
    ucontext_t *user = context;
    uint64_t rip = user->uc_mcontext.gregs[REG_RIP];
    steps++;
    at_call += rip == (uint64_t)keep_call;
    if (last == (uint64_t)keep_call) {
        behind_call++;
        fact_if("the next stop is right behind the call", rip == (uint64_t)keep_behind);
        fact_if("or an instruction further", rip > (uint64_t)keep_behind && rip < (uint64_t)keep_behind + 8);
    }
    strange += info->si_code != TRAP_TRACE || rip >= 1ul << 47;
    last = rip;
}

int main(int count, char **arguments) {
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    need("sigaction", sigaction(SIGTRAP, &action, NULL));
    if (count > 1 && strcmp(arguments[1], "gs") == 0) {
        static long word = 42;
        need("arch_prctl", syscall(SYS_arch_prctl, ARCH_SET_GS, &word));
    }
    long parent = getppid();
    keep_flags = 1 << 8;
    int wrong = keep(SYS_getppid, parent, 3);
    fact("at the call, behind it", "%d, %d", at_call, behind_call);
    fact("steps", "%d", steps);
    fact("wrong, strange", "%d, %d", wrong, strange);
    return 0;
}
