// A site in a tight loop, hit by a timer's signals: each shows an address of the loop and registers that fit it.
#include "fault.h"
#include <sys/time.h>

// rbx counts, r14 = 2 × rbx + 5 all the time but between the two instructions that change them; r13 is never changed.
__asm__(".text\n .type loop, @function\n"
        "loop: push %rbx\n push %r13\n push %r14\n mov %rdi, %rbx\n lea 5(%rdi, %rdi), %r14\n mov $77, %r13\n"
        "again: mov $39, %eax\n syscall\n"
        " mov %r13, %rdi\n mov $102, %eax\n mov %rbx, %rsi\n syscall\n"
        " dec %rbx\n lea 5(%rbx, %rbx), %r14\n cmpl $0, done(%rip)\n jne 1f\n test %rbx, %rbx\n jnz again\n"
        "1: pop %r14\n pop %r13\n pop %rbx\n ret\n"
        ".size loop, . - loop\n loop_end: nop\n");
void loop(long count);
extern const char loop_end[];
volatile int done;
static volatile int hits, outside, wrong;

static void on_alarm(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const char *rip = (const char *)registers[REG_RIP];
    hits++;
    if (rip < (const char *)loop || rip >= loop_end) {
        outside++;
    } else if (registers[REG_R13] != 77) {
        // Before its load, or behind the pops.
        wrong++;
    }
    if (hits == 40) {
        done = 1;
    }
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = {.it_interval.tv_usec = 5000, .it_value.tv_usec = 5000};
    setitimer(ITIMER_REAL, &every, NULL);
    loop(1L << 40);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    fact_if("signals", hits >= 40);
    fact("outside of the loop", "%d", outside);
    fact("with wrong registers", "%d", wrong);
    return 0;
}
