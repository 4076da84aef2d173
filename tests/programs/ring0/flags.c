// Flags over system calls; a `popf` that clears the interrupt flag; the trap flag.
#include "fault.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static volatile int alarms;
static void on_alarm(int number) {
    (void)number;
    alarms++;
}

static long offsets[64];
static volatile int steps;
static char *base;

static void step(int number, siginfo_t *info, void *context) {
    (void)number;
    ucontext_t *user = context;
    if (steps < 64) {
        offsets[steps++] = user->uc_mcontext.gregs[REG_RIP] - (long)base;
    }
    if (steps == 1) {
        fact("first step", "code %d, trap flag shown %d", info->si_code, (int)(user->uc_mcontext.gregs[REG_EFL] >> 8 & 1));
    }
}

static unsigned long over_call(unsigned long set) {
    unsigned long result, number = SYS_getppid;
    __asm__ volatile("pushfq\n or %2, (%%rsp)\n popfq\n syscall\n pushfq\n pop %0\n push $0x202\n popfq"
                     : "=r"(result), "+a"(number)
                     : "r"(set)
                     : "rcx", "r11", "cc", "memory");
    return result & set;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    struct {
        const char *name;
        unsigned long bits;
    } kinds[] = {{"arithmetic", 0x8d5}, {"direction", 1 << 10}, {"alignment check", 1 << 18}, {"ID", 1 << 21}, {"NT", 1 << 14}};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fact(kinds[i].name, "%lx of %lx", over_call(kinds[i].bits), kinds[i].bits);
    }
    unsigned long flags, number = SYS_getppid, r11, rcx, here;
    __asm__ volatile("lea 1f(%%rip), %4\n stc\n syscall\n 1: mov %%r11, %0\n mov %%rcx, %1\n pushfq\n pop %2"
                     : "=r"(r11), "=r"(rcx), "=r"(flags), "+a"(number), "=&r"(here)::"rcx", "r11", "cc", "memory");
    fact_if("rcx is the place after it", rcx == here);
    fact("r11 is the flags", "%lx", (r11 ^ flags) & 0xfff);

    // IF cannot be cleared by a program; at ring 0 it can, but not for long.
    __asm__ volatile("pushfq\n andq $~0x200, (%%rsp)\n popfq" ::: "cc", "memory");
    syscall(SYS_getppid);
    __asm__ volatile("pushfq\n pop %0" : "=r"(flags));
    fact("interrupt flag after popf and a call", "%d", (int)(flags >> 9 & 1));
    signal(SIGALRM, on_alarm);
    struct itimerval timer = {{0, 0}, {0, 20000}};
    __asm__ volatile("pushfq\n andq $~0x200, (%%rsp)\n popfq" ::: "cc", "memory");
    need("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
    while (!alarms) { // no system call here
    }
    fact("an alarm in a loop without calls", "%d", alarms);
    need("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
    __asm__ volatile("pushfq\n andq $~0x200, (%%rsp)\n popfq" ::: "cc", "memory");
    struct timespec rest = {5, 0};
    result("sleep after popf", nanosleep(&rest, NULL));

    // Single steps.
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    __asm__ volatile("lea 1f(%%rip), %0\n mov %0, %1\n pushfq\n orq $0x100, (%%rsp)\n popfq\n"
                     "1: nop\n mov $39, %%eax\n syscall\n nop\n nop\n pushfq\n andq $~0x100, (%%rsp)\n popfq\n nop\n"
                     : "=&r"(here), "=m"(base)::"rax", "rcx", "r11", "cc", "memory");
    printf("steps:");
    for (int i = 0; i < steps; i++) {
        printf(" %ld", offsets[i]);
    }
    putchar('\n');
    return 0;
}
