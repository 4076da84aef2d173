// futex(2): values, timeouts, errors, counts of waking and moving.
#include "fact.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static unsigned word, second;
static volatile int awake;

static long futex(void *at, int operation, unsigned value, const void *time, void *other, unsigned third) {
    return syscall(SYS_futex, at, operation, value, time, other, third);
}

static void *sleeper(void *unused) {
    futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    __atomic_add_fetch(&awake, 1, __ATOMIC_SEQ_CST);
    return unused;
}

static void *sleeper_of_bits(void *bits) {
    futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (unsigned)(long)bits);
    __atomic_add_fetch(&awake, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void start(pthread_t *threads, int count, void *(*run)(void *)) {
    awake = 0;
    for (int i = 0; i < count; i++) {
        need("pthread_create", pthread_create(&threads[i], NULL, run, (void *)(1L << i)) ? -1 : 0);
    }
    nanosleep(&(struct timespec){0, 50000000}, NULL);
}

static void settle(int wanted) {
    for (int i = 0; i < 500 && awake < wanted; i++) {
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    fact("awake", "%d", awake);
}

int main(void) {
    struct timespec some = {0, 10000000}, bad = {0, 1000000000}, negative = {-1, 0}, past = {1, 0};
    result("wait for another value", futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    result("wait for 10 ms", futex(&word, FUTEX_WAIT, 0, &some, NULL, 0));
    result("wait, bad time", futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    result("wait, negative time", futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0));
    result("wait, another value and a bad time", futex(&word, FUTEX_WAIT, 1, &bad, NULL, 0));
    result("wait until a time that has passed", futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, ~0u));
    result("the same by the wall", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, ~0u));
    result("wait for no bits", futex(&word, FUTEX_WAIT_BITSET, 0, &some, NULL, 0));
    result("wake nobody", futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
    result("wake no bits", futex(&word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 0));
    result("odd address", futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
    result("odd address to wake", futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0));
    result("bad address", futex((void *)4096, FUTEX_WAIT, 0, NULL, NULL, 0));
    result("bad address to wake", futex((void *)4096, FUTEX_WAKE, 1, NULL, NULL, 0));
    result("bad address to wake, private", futex((void *)4096, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    result("kernel address to wake, private", futex(KERNEL, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    result("unknown operation", futex(&word, 99, 0, NULL, NULL, 0));
    result("move of another value", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &second, 7));
    result("move, negative", futex(&word, FUTEX_CMP_REQUEUE, -1, (void *)1, &second, 0));

    pthread_t threads[8];
    start(threads, 4, sleeper);
    result("wake one", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    settle(1);
    result("of another kind", futex(&second, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    result("move: wake one, move one", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &second, 0));
    settle(2);
    result("wake the moved", futex(&second, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    settle(3);
    result("wake the rest", futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    settle(4);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    start(threads, 4, sleeper_of_bits);
    result("wake bits 2 and 3", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 12));
    settle(2);
    result("wake all bits", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, ~0u));
    settle(4);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    start(threads, 2, sleeper);
    // second += 5, wake one of `word`, and of `second` when it was 0.
    result("wake by operation", futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &second,
                                      FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)));
    fact("second", "%u", second);
    settle(1);
    futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0);
    settle(2);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    // One page at two addresses: a shared futex is one, whatever the address.
    int file = need("memfd_create", syscall(SYS_memfd_create, "futex", 0));
    need("ftruncate", ftruncate(file, 4096));
    unsigned *one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    unsigned *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    result("shared, nobody", futex(one, FUTEX_WAKE, 1, NULL, NULL, 0));
    result("shared, wait through another mapping", (*one = 3, futex(other, FUTEX_WAIT, 0, &some, NULL, 0)));
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    futex(&word, FUTEX_WAIT, 0, &(struct timespec){0, 30000000}, NULL, 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long passed = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    fact_if("30 ms are not less", passed >= 30000000);
    return 0;
}
