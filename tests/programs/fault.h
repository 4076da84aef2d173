// What happens at an access: nothing, or which signal with which code and address.
#ifndef FAULT_H
#define FAULT_H

#include "fact.h"
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

static sigjmp_buf fault_back;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;
static volatile uint64_t fault_rip, fault_rsp, fault_error, fault_trap, fault_cr2, fault_segments, fault_flags;

static void fault_caught(int number, siginfo_t *info, void *context) {
    ucontext_t *user = context;
    fault_signal = number;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    fault_rip = user->uc_mcontext.gregs[REG_RIP];
    fault_rsp = user->uc_mcontext.gregs[REG_RSP];
    fault_error = user->uc_mcontext.gregs[REG_ERR];
    fault_trap = user->uc_mcontext.gregs[REG_TRAPNO];
    fault_cr2 = user->uc_mcontext.gregs[REG_CR2];
    fault_segments = user->uc_mcontext.gregs[REG_CSGSFS];
    fault_flags = user->uc_mcontext.gregs[REG_EFL];
    siglongjmp(fault_back, 1);
}

static inline void catch_faults(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    need("sigaltstack", sigaltstack(&alternate, NULL));
    struct sigaction action = {.sa_sigaction = fault_caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        need("sigaction", sigaction(signals[i], &action, NULL));
    }
}

static inline const char *signal_name(int number) {
    switch (number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGILL: return "SIGILL";
    case SIGFPE: return "SIGFPE";
    case SIGTRAP: return "SIGTRAP";
    default: return "another signal";
    }
}

// Runs the statements; then `what: fine`, or the signal, its code, the address relative to `base`, and the page
// fault's error code; there, whether the page was present is the kernel's own affair.
#define ATTEMPT(what, base, ...)                                                                                       \
    do {                                                                                                               \
        if (sigsetjmp(fault_back, 1) == 0) {                                                                           \
            __VA_ARGS__;                                                                                               \
            fact(what, "fine");                                                                                        \
        } else if (fault_trap == 14) {                                                                                 \
            fact(what, "%s code %d at %+ld, error %lx, cr2 %+ld", signal_name(fault_signal), fault_code,               \
                 (long)((char *)fault_address - (char *)(base)), (long)fault_error & ~1l,                                 \
                 (long)(fault_cr2 - (uint64_t)(base)));                                                                \
        } else {                                                                                                       \
            fact(what, "%s code %d at %+ld, trap %d, error %lx", signal_name(fault_signal), fault_code,                \
                 (long)((char *)fault_address - (char *)(base)), (int)fault_trap, (long)fault_error);                  \
        }                                                                                                              \
    } while (0)

// The same, but only the signal's name is told.
#define ATTEMPT_ANY(what, ...)                                                                                         \
    do {                                                                                                               \
        if (sigsetjmp(fault_back, 1) == 0) {                                                                           \
            __VA_ARGS__;                                                                                               \
            fact(what, "fine");                                                                                        \
        } else {                                                                                                       \
            fact(what, "%s", signal_name(fault_signal));                                                               \
        }                                                                                                              \
    } while (0)

static inline char peek(const volatile void *address) { return *(const volatile char *)address; }
static inline void poke(volatile void *address) { *(volatile char *)address = 1; }

// Whether the kernel finds the page mapped.
static inline bool mapped(void *page) {
    unsigned char vector;
    extern int mincore(void *, size_t, unsigned char *);
    return mincore(page, 4096, &vector) == 0;
}

#endif
