// Signals and threads: to one, to any that does not block it; masks are a thread's own.
#include "fact.h"
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

static volatile pid_t caught_by;
static volatile int caught, ready, stop;
static volatile pid_t ids[3];

static void handler(int number) {
    (void)number;
    caught_by = syscall(SYS_gettid);
    caught++;
}

static void *wait_in_sleep(void *index) {
    ids[(long)index] = syscall(SYS_gettid);
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (!stop) {
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    return NULL;
}

static void *spin(void *index) {
    ids[(long)index] = syscall(SYS_gettid);
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (!stop) { // no system call
    }
    return NULL;
}

static void *blocked(void *index) {
    sigset_t set;
    sigfillset(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return wait_in_sleep(index);
}

static void until(volatile int *what, int value) {
    for (int i = 0; i < 1000 && *what < value; i++) {
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

static pthread_t one(void *(*run)(void *), long index) {
    pthread_t thread;
    need("pthread_create", pthread_create(&thread, NULL, run, (void *)index) ? -1 : 0);
    return thread;
}

static void *exit_early(void *unused) {
    pthread_exit(unused);
}

int main(void) {
    signal(SIGUSR1, handler);
    pthread_t asleep = one(wait_in_sleep, 0), spinning = one(spin, 1), deaf = one(blocked, 2);
    until(&ready, 3);
    fact_if("three threads", ids[0] && ids[1] && ids[2] && ids[0] != ids[1] && ids[1] != ids[2]);
    fact_if("none is the process", ids[0] != getpid() && ids[1] != getpid());
    fact_if("the first one is", syscall(SYS_gettid) == getpid());
    result("to one that sleeps", pthread_kill(asleep, SIGUSR1));
    until(&caught, 1);
    fact_if("it ran there", caught == 1 && caught_by == ids[0]);
    result("to one that computes", pthread_kill(spinning, SIGUSR1));
    until(&caught, 2);
    fact_if("it ran there", caught == 2 && caught_by == ids[1]);
    result("to one that blocks it", pthread_kill(deaf, SIGUSR1));
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    fact("it ran", "%d", caught);
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    result("to the process, blocked here", kill(getpid(), SIGUSR1));
    until(&caught, 3);
    fact_if("another one took it", caught == 3 && caught_by != getpid() && caught_by != ids[2]);
    sigpending(&old);
    fact("pending here", "%d", sigismember(&old, SIGUSR1));
    pthread_kill(pthread_self(), SIGUSR1);
    sigpending(&old);
    fact("own pending", "%d", sigismember(&old, SIGUSR1));
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    fact_if("it ran here", caught == 4 && caught_by == getpid());
    pthread_t gone = one(exit_early, 0);
    pthread_join(gone, NULL);
    result("to a thread that is gone", syscall(SYS_tgkill, getpid(), 0x3ffffff, SIGUSR1));
    // A new thread has its creator's mask and none of its pending signals.
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    stop = 1;
    pthread_join(asleep, NULL);
    pthread_join(spinning, NULL);
    pthread_join(deaf, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
    stop = 0;
    ready = 0;
    asleep = one(wait_in_sleep, 0);
    until(&ready, 1);
    pthread_kill(asleep, SIGUSR1);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    fact("blocked in a new thread", "%d", caught);
    stop = 1;
    pthread_join(asleep, NULL);
    fact("in the end", "%d", caught);
    return 0;
}
