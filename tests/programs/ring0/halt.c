// options: --icount
// `hlt` is a fault at the instruction, and only where it was run: a program that is interrupted behind one that it has
// jumped over, or behind another instruction that ends in the same byte, goes on.
#include "fault.h"
#include <time.h>

enum { SWEEP = 800 };

extern char after_conditional[], in_loop[], at_the_end[], behind_carry[];
void conditional(long), loop(long), end(long), carry(long);

// As musl's assertions in malloc, glibc's abort and glibc's _start.
__asm__(".text\n"
        ".p2align 4\n conditional: test %rdi, %rdi\n je 1f\n after_conditional: hlt\n 1: mov $1, %eax\n ret\n"
        ".p2align 4\n loop: test %rdi, %rdi\n je 2f\n in_loop: hlt\n jmp in_loop\n 2: ret\n"
        ".p2align 4\n end: test %rdi, %rdi\n jne 1f\n ret\n 1: xor %eax, %eax\n at_the_end: hlt\n .p2align 4\n"
        ".p2align 4\n carry: cmp $1, %rdi\n jb 1f\n behind_carry: hlt\n 1: ret\n");

// `mov -12(%rbp), %eax` and its like, over and over, and jumps over `hlt`.
void innocent(void);
__asm__(".text\n"
        ".p2align 4\n innocent: push %rbp\n lea -64(%rsp), %rbp\n mov $40, %ecx\n"
        "1: mov -12(%rbp), %eax\n mov -12(%rbp), %edx\n cmp $-12, %eax\n add $-12, %edx\n test %ecx, %ecx\n"
        "jne 2f\n hlt\n 2: lea -12(%rbp), %rax\n xor %eax, %eax\n je 3f\n hlt\n 3: jmp 4f\n hlt\n 4: call 5f\n"
        "dec %ecx\n jne 1b\n pop %rbp\n ret\n"
        "hlt\n 5: ret\n");

static void try(const char *what, void (*function)(long), char *instruction) {
    function(0);
    if (sigsetjmp(fault_back, 1) == 0) {
        function(1);
        fact(what, "went on");
        return;
    }
    fact(what, "%s code %d, address %s, at %+ld, trap %d, error %lx", signal_name(fault_signal), fault_code,
         fault_address == NULL ? "null" : "not null", (long)(fault_rip - (uint64_t)instruction), (int)fault_trap,
         (long)fault_error);
}

static volatile int alarms;
static void on_alarm(int number) {
    (void)number;
    alarms++;
}

int main(void) {
    catch_faults();
    try("behind a conditional jump", conditional, after_conditional);
    try("in a loop", loop, in_loop);
    try("at a function's end", end, at_the_end);
    try("behind another conditional jump", carry, behind_carry);

    signal(SIGALRM, on_alarm);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    need("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
    for (int delay = 1; delay <= SWEEP; delay++) {
        struct itimerspec when = {.it_value = {0, delay}};
        int before = alarms;
        need("timer_settime", timer_settime(timer, 0, &when, NULL));
        do {
            innocent();
        } while (alarms == before);
    }
    fact_if("the innocent lives", alarms >= SWEEP);
    return 0;
}
