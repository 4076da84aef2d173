// run: fast 1000
// run: signal 100
// run: gs 1000
// run: fault 1000
// Everything survives many system calls, of one way back or the other. `tests/src/doors.rs` interrupts this program at
// every instruction of the kernel's doors.
#include "keep.h"
#include <asm/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static volatile int handled;
static void handler(int number) {
    (void)number;
    handled++;
}

int main(int count, char **arguments) {
    const char *how = count > 1 ? arguments[1] : "fast";
    int turns = count > 2 ? atoi(arguments[2]) : 1, wrong = 0;
    long parent = getppid();
    if (strcmp(how, "gs") == 0) {
        static long word = 42;
        need("arch_prctl", syscall(SYS_arch_prctl, ARCH_SET_GS, &word));
        wrong = keep(SYS_getppid, parent, turns);
        long found;
        __asm__ volatile("mov %%gs:0, %0" : "=r"(found));
        fact("gs", "%ld", found);
    } else if (strcmp(how, "signal") == 0) {
        // A blocked signal becomes pending and is let through by the call: the way out through a handler.
        signal(SIGUSR1, handler);
        static sigset_t empty;
        for (int turn = 0; turn < turns; turn++) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            sigprocmask(SIG_BLOCK, &set, NULL);
            raise(SIGUSR1);
            sigprocmask(SIG_SETMASK, &empty, NULL);
            wrong += keep(SYS_getppid, parent, 1);
        }
        fact("handled", "%d", handled);
    } else if (strcmp(how, "fault") == 0) {
        for (int turn = 0; turn < turns; turn++) {
            volatile long *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            page[7] = turn;
            wrong += page[7] != turn || page[8] != 0;
            munmap((void *)page, 4096);
            wrong += keep(SYS_getppid, parent, 1);
        }
    } else {
        wrong = keep(SYS_getppid, parent, turns);
    }
    fact(how, "%d turns, wrong: %d", turns, wrong);
    return wrong != 0;
}
