// A signal a millisecond while system calls are made: each call does what it did, registers are what they were.
#include "fact.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

static volatile unsigned long count;

static void handler(int number) {
    (void)number;
    count++;
    // Use what the interrupted code may be using.
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm7\n movdqa %%xmm0, %%xmm15" ::: "xmm0", "xmm7", "xmm15");
}

// One call with a known value in each register; the number of registers that changed.
static int call(long number, long one, long two, long three) {
    int changed;
    __asm__ volatile(
        "mov $0x1b1b, %%ebx\n mov $0x1212, %%r12d\n mov $0x1313, %%r13d\n mov $0x1414, %%r14d\n mov $0x1515, %%r15d\n"
        "mov $0x0a0a, %%r10d\n mov $0x0808, %%r8d\n mov $0x0909, %%r9d\n"
        "movq %%rbx, %%xmm0\n movq %%r12, %%xmm7\n movq %%r13, %%xmm15\n"
        "movq $0x5a5a, -8(%%rsp)\n movq $0x6b6b, -128(%%rsp)\n"
        "stc\n syscall\n"
        "mov $0, %%eax\n"
        "setnc %%al\n"
        "cmp $0x1b1b, %%rbx\n je 1f\n inc %%eax\n 1: cmp $0x1212, %%r12\n je 1f\n inc %%eax\n"
        "1: cmp $0x1313, %%r13\n je 1f\n inc %%eax\n 1: cmp $0x1414, %%r14\n je 1f\n inc %%eax\n"
        "1: cmp $0x1515, %%r15\n je 1f\n inc %%eax\n 1: cmp $0x0a0a, %%r10\n je 1f\n inc %%eax\n"
        "1: cmp $0x0808, %%r8\n je 1f\n inc %%eax\n 1: cmp $0x0909, %%r9\n je 1f\n inc %%eax\n"
        "1: movq %%xmm0, %%rcx\n cmp %%rcx, %%rbx\n je 1f\n inc %%eax\n"
        "1: movq %%xmm7, %%rcx\n cmp %%rcx, %%r12\n je 1f\n inc %%eax\n"
        "1: movq %%xmm15, %%rcx\n cmp %%rcx, %%r13\n je 1f\n inc %%eax\n"
        "1: cmpq $0x5a5a, -8(%%rsp)\n je 1f\n inc %%eax\n 1: cmpq $0x6b6b, -128(%%rsp)\n je 1f\n inc %%eax\n 1:\n"
        : "=a"(changed), "+D"(one), "+S"(two), "+d"(three)
        : "a"(number)
        : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm7", "xmm15", "memory", "cc");
    return changed;
}

int main(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 1000}, {0, 1000}};
    int zero = need("open", open("/dev/zero", O_RDONLY)), null = need("open", open("/dev/null", O_WRONLY));
    char buffer[256];
    need("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
    unsigned long changed = 0, rounds = 0;
    double sum = 0;
    while (count < 200) {
        changed += call(SYS_getpid, 0, 0, 0);
        changed += call(SYS_getppid, 0, 0, 0);
        changed += call(SYS_read, zero, (long)buffer, sizeof buffer);
        changed += call(SYS_write, null, (long)buffer, sizeof buffer);
        changed += call(SYS_sched_yield, 0, 0, 0);
        for (int i = 1; i < 50; i++) {
            sum += 1.0 / i;
        }
        rounds++;
    }
    timer = (struct itimerval){0};
    need("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
    double wanted = 0;
    for (unsigned long round = 0; round < rounds; round++) {
        for (int i = 1; i < 50; i++) {
            wanted += 1.0 / i;
        }
    }
    fact("signals", "200 or more");
    fact("registers that changed", "%lu", changed);
    fact_if("the sum is right", sum == wanted);
    return 0;
}
