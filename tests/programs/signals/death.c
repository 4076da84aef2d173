// run: HUP
// run: INT
// run: QUIT
// run: ILL
// run: ABRT
// run: BUS
// run: FPE
// run: KILL
// run: USR1
// run: SEGV
// run: PIPE
// run: ALRM
// run: TERM
// run: XCPU
// run: SYS
// run: RTMAX
// run: null
// run: null-ignored
// run: null-blocked
// run: kernel-handler
// run: abort
// run: trap
// run: divide
// run: ud2
// run: hlt
// run: stack
// run: thread
// run: in-handler
// run: alarm
// run: sigpipe
// stderr: any
// Ends by a signal: the exit code is 128 and its number, and what was written before is there.
#include "fault.h"
#include <pthread.h>
#include <sys/mman.h>

static const struct {
    const char *name;
    int number;
} signals[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ILL", SIGILL},   {"ABRT", SIGABRT},
               {"BUS", SIGBUS},   {"FPE", SIGFPE},   {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},
               {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM}, {"XCPU", SIGXCPU}, {"SYS", SIGSYS},
               {"RTMAX", 64}};

static void again(int number) {
    printf("in the handler of %d\n", number);
    fflush(stdout);
    poke(BAD);
}

static void *die(void *unused) {
    poke(BAD);
    return unused;
}

__attribute__((noinline)) static int descend(int level) {
    volatile char frame[1024];
    frame[0] = (char)level;
    return level < 0 ? 0 : descend(level + 1) + frame[0];
}

int main(int count, char **arguments) {
    const char *how = count > 1 ? arguments[1] : "";
    printf("before %s\n", how);
    fflush(stdout);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (strcmp(signals[i].name, how) == 0) {
            kill(getpid(), signals[i].number);
        }
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    pthread_t thread;
    if (strcmp(how, "null") == 0) {
        poke(BAD);
    } else if (strcmp(how, "null-ignored") == 0) {
        signal(SIGSEGV, SIG_IGN);
        poke(BAD);
    } else if (strcmp(how, "null-blocked") == 0) {
        signal(SIGSEGV, again);
        sigprocmask(SIG_BLOCK, &set, NULL);
        poke(BAD);
    } else if (strcmp(how, "kernel-handler") == 0) {
        signal(SIGUSR1, (void (*)(int))8);
        raise(SIGUSR1);
    } else if (strcmp(how, "abort") == 0) {
        abort();
    } else if (strcmp(how, "trap") == 0) {
        __asm__ volatile("int3");
    } else if (strcmp(how, "divide") == 0) {
        __asm__ volatile("xor %%ecx, %%ecx\n div %%ecx" ::: "eax", "ecx", "edx");
    } else if (strcmp(how, "ud2") == 0) {
        __asm__ volatile("ud2");
    } else if (strcmp(how, "hlt") == 0) {
        __asm__ volatile("hlt");
    } else if (strcmp(how, "stack") == 0) {
        return descend(0);
    } else if (strcmp(how, "thread") == 0) {
        pthread_create(&thread, NULL, die, NULL);
        pthread_join(thread, NULL);
    } else if (strcmp(how, "in-handler") == 0) {
        signal(SIGSEGV, again);
        poke(BAD);
    } else if (strcmp(how, "alarm") == 0) {
        alarm(1);
        for (;;) {
        }
    } else if (strcmp(how, "sigpipe") == 0) {
        int pipes[2];
        need("pipe", pipe(pipes));
        close(pipes[0]);
        result("write", write(pipes[1], "x", 1));
    }
    printf("still there\n");
    return 0;
}
