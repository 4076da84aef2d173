// sigaltstack(2).
#include "fact.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

static char stack[32768] __attribute__((aligned(16)));
static volatile int depth;
static sigjmp_buf back;

static bool on_it(void) {
    char *here = __builtin_frame_address(0);
    return here >= stack && here < stack + sizeof stack;
}

static void handler(int number) {
    stack_t now;
    sigaltstack(NULL, &now);
    fact("in the handler", "on it %d, flags %d", on_it(), now.ss_flags);
    fact_if("sixteen bytes aligned", ((uintptr_t)__builtin_frame_address(0) & 15) == 0);
    result("change it now", sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL));
    if (depth++ == 0) {
        raise(number == SIGUSR1 ? SIGUSR2 : SIGUSR1);
    }
}

static void jump(int number) {
    (void)number;
    siglongjmp(back, 1);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    stack_t now, set = {.ss_sp = stack, .ss_size = sizeof stack};
    need("sigaltstack", sigaltstack(NULL, &now));
    fact("at first", "flags %d", now.ss_flags);
    result("set", sigaltstack(&set, &now));
    need("sigaltstack", sigaltstack(NULL, &now));
    fact("then", "flags %d, size %ld, the same %d", now.ss_flags, (long)now.ss_size, now.ss_sp == stack);
    set.ss_size = 100;
    result("too small", sigaltstack(&set, NULL));
    set.ss_size = sizeof stack;
    set.ss_flags = 0x10;
    result("unknown flags", sigaltstack(&set, NULL));
    set.ss_flags = SS_ONSTACK;
    result("SS_ONSTACK", sigaltstack(&set, NULL));
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR1);
    depth = 1;
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR1, &action, NULL);
    result("disable", sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL));
    raise(SIGUSR1);
    set.ss_flags = (int)(1u << 31); // SS_AUTODISARM
    result("SS_AUTODISARM", sigaltstack(&set, NULL));
    need("sigaltstack", sigaltstack(NULL, &now));
    fact("flags then", "%x", now.ss_flags);
    raise(SIGUSR1);
    result("disable", sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL));

    // Leaving it by a jump, often.
    set.ss_flags = 0;
    need("sigaltstack", sigaltstack(&set, NULL));
    action.sa_handler = jump;
    sigaction(SIGUSR1, &action, NULL);
    volatile int jumps = 0;
    while (jumps < 100) {
        if (sigsetjmp(back, 1) == 0) {
            raise(SIGUSR1);
        } else {
            jumps = jumps + 1;
        }
    }
    fact("jumps", "%d", jumps);
    return 0;
}
