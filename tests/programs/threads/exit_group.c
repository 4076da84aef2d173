// run: exit
// run: first
// run: last
// run: signal
// The end of a process with threads that sleep, wait, read and compute; of its first thread alone.
#include "fact.h"
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int pipes[2];

static void *sleeps(void *unused) {
    nanosleep(&(struct timespec){1000, 0}, NULL);
    return unused;
}
static void *waits(void *unused) {
    pthread_mutex_lock(&mutex);
    return unused;
}
static void *reads(void *unused) {
    char byte;
    result("read", read(pipes[0], &byte, 1));
    return unused;
}
static void *computes(void *unused) {
    for (;;) {
    }
    return unused;
}
static void *ends_later(void *unused) {
    nanosleep(&(struct timespec){0, 30000000}, NULL);
    printf("the second thread ends\n");
    fflush(stdout);
    _exit(23);
    return unused;
}
static void *just_ends(void *unused) {
    nanosleep(&(struct timespec){0, 30000000}, NULL);
    printf("the last thread ends\n");
    fflush(stdout);
    syscall(SYS_exit, 29);
    return unused;
}

static void start(void *(*run)(void *)) {
    pthread_t thread;
    need("pthread_create", pthread_create(&thread, NULL, run, NULL) ? -1 : 0);
}

int main(int count, char **arguments) {
    const char *how = count > 1 ? arguments[1] : "exit";
    need("pipe", pipe(pipes));
    pthread_mutex_lock(&mutex);
    if (strcmp(how, "last") == 0) {
        start(just_ends);
        printf("the first thread ends\n");
        fflush(stdout);
        syscall(SYS_exit, 31);
    }
    start(sleeps);
    start(waits);
    start(reads);
    start(computes);
    if (strcmp(how, "first") == 0) {
        start(ends_later);
        printf("the first thread ends\n");
        fflush(stdout);
        syscall(SYS_exit, 5);
    }
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    printf("the process ends\n");
    fflush(stdout);
    if (strcmp(how, "signal") == 0) {
        kill(getpid(), SIGTERM);
        pause();
    }
    return 17;
}
