// futex(2): the operations that know the owner of a lock (PI), and what happens when it dies; futex_waitv(2).
#include "fact.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

static uint32_t word, condition;
static volatile int entered, counter;

static long futex(void *address, int operation, uint32_t value, void *timeout, void *second, uint32_t third) {
    return syscall(SYS_futex, address, operation, value, timeout, second, third);
}

static void bits(const char *what) {
    fact(what, "%x%s", word & ~FUTEX_TID_MASK, (word & FUTEX_TID_MASK) == (uint32_t)gettid() ? ", mine" : "");
}

static struct timespec soon(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += 20000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_nsec -= 1000000000;
        time.tv_sec++;
    }
    return time;
}

static void *contend(void *unused) {
    for (int i = 0; i < 200; i++) {
        if (!__sync_bool_compare_and_swap(&word, 0, gettid())) {
            need("lock", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
        }
        int before = counter;
        sched_yield();
        counter = before + 1;
        if (!__sync_bool_compare_and_swap(&word, gettid(), 0)) {
            need("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
        }
    }
    return unused;
}

static void *wait_and_report(void *unused) {
    entered = 1;
    long got = futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    while (entered != 2) {
        sched_yield();
    }
    result("lock that waits", got);
    bits("then");
    result("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    return unused;
}

static void *try_until(void *unused) {
    struct timespec real = soon(CLOCK_REALTIME), monotonic = soon(CLOCK_MONOTONIC);
    result("until then", futex(&word, FUTEX_LOCK_PI, 0, &real, NULL, 0));
    result("until then, by the other clock", futex(&word, 13, 0, &monotonic, NULL, 0));
    result("try", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    result("unlock another's", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    return unused;
}

static void *die_holding(void *unused) {
    need("lock", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    entered = 1;
    while (!(*(volatile uint32_t *)&word & FUTEX_WAITERS)) {
        sched_yield();
    }
    return unused;
}

static void *wait_for_condition(void *unused) {
    need("wait", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &word, 0));
    counter += (word & FUTEX_TID_MASK) == (uint32_t)gettid();
    need("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    return unused;
}

static void pause_shortly(void) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
}

static struct futex_waitv vector[3];
static uint32_t words[3];

static void *wake_second(void *unused) {
    pause_shortly();
    words[1] = 1;
    need("wake", futex(&words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    return unused;
}

static long waitv(int count, int flags, struct timespec *timeout, int clock) {
    return syscall(449, vector, count, flags, timeout, clock);
}

int main(void) {
    result("lock, free", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    bits("word");
    result("lock again", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    result("try again", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    pthread_t thread, others[2];
    pthread_create(&thread, NULL, wait_and_report, NULL);
    while (!(*(volatile uint32_t *)&word & FUTEX_WAITERS)) {
        sched_yield();
    }
    bits("somebody waits");
    result("wake those who wait for a lock", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    result("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    entered = 2;
    pthread_join(thread, NULL);
    bits("at the end");
    result("unlock what is free", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    result("a word across", futex((char *)&word + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    result("a bad word", futex(BAD, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    word = FUTEX_TID_MASK;
    result("nobody's number", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    word = FUTEX_OWNER_DIED;
    result("of a dead owner", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    bits("word");
    word = 0;
    for (int i = 0; i < 2; i++) {
        pthread_create(&others[i], NULL, contend, NULL);
    }
    contend(NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(others[i], NULL);
    }
    fact("counted", "%d", counter);
    bits("word");

    word = 0;
    entered = 0;
    pthread_create(&thread, NULL, die_holding, NULL);
    while (!entered) {
        sched_yield();
    }
    result("lock of one that dies", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    bits("word");
    pthread_join(thread, NULL);
    result("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));

    word = 1;
    struct timespec time = soon(CLOCK_REALTIME);
    result("a lock of init's, with a deadline", futex(&word, FUTEX_LOCK_PI, 0, &time, NULL, 0) == -1);
    word = 0;
    need("lock", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    pthread_create(&thread, NULL, try_until, NULL);
    pthread_join(thread, NULL);
    bits("word");
    result("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    bits("word");
    result("a clock for one that has none", futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 5, NULL, NULL, 0));

    counter = 0;
    word = 0;
    for (int i = 0; i < 2; i++) {
        pthread_create(&others[i], NULL, wait_for_condition, NULL);
    }
    pause_shortly();
    result("wake those", futex(&condition, FUTEX_WAKE, 1, NULL, NULL, 0));
    result("requeue, another value", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, &word, 7));
    result("requeue, wake two", futex(&condition, FUTEX_CMP_REQUEUE_PI, 2, (void *)10, &word, 0));
    result("requeue to another word", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, (void *)&counter, 0));
    result("requeue to itself", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, &condition, 0));
    need("lock", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    result("requeue", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)10, &word, 0));
    fact("nobody runs yet", "%d", counter);
    result("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    for (int i = 0; i < 2; i++) {
        pthread_join(others[i], NULL);
    }
    fact("both", "%d", counter);
    bits("word");
    result("wait, another value", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 9, NULL, &word, 0));
    result("wait for itself", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &condition, 0));
    time = soon(CLOCK_MONOTONIC);
    result("wait, with a deadline", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, &time, &word, 0));

    for (int i = 0; i < 3; i++) {
        vector[i] = (struct futex_waitv){.uaddr = (uintptr_t)&words[i], .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG};
    }
    result("waitv of none", waitv(0, 0, NULL, CLOCK_MONOTONIC));
    result("waitv of many", waitv(129, 0, NULL, CLOCK_MONOTONIC));
    result("waitv, a flag", waitv(3, 1, NULL, CLOCK_MONOTONIC));
    time = soon(CLOCK_MONOTONIC);
    result("waitv with a deadline", waitv(3, 0, &time, CLOCK_MONOTONIC));
    time = soon(CLOCK_REALTIME);
    result("waitv by the other clock", waitv(3, 0, &time, CLOCK_REALTIME));
    result("waitv by no clock", waitv(3, 0, &time, CLOCK_PROCESS_CPUTIME_ID));
    vector[2].val = 5;
    result("waitv, another value", waitv(3, 0, NULL, CLOCK_MONOTONIC));
    vector[2].val = 0;
    vector[2].__reserved = 1;
    result("waitv, reserved", waitv(3, 0, NULL, CLOCK_MONOTONIC));
    vector[2].__reserved = 0;
    vector[2].flags = 0;
    result("waitv, no size", waitv(3, 0, NULL, CLOCK_MONOTONIC));
    vector[2].flags = FUTEX_32;
    pthread_create(&thread, NULL, wake_second, NULL);
    result("waitv", waitv(3, 0, NULL, CLOCK_MONOTONIC));
    pthread_join(thread, NULL);
    result("nobody is left", futex(&words[0], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    return 0;
}
