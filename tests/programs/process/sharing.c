// What processes share: memory, futexes in it, pipes, files; and what a fork copies when it is written.
#include "child.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096
#define PAGES 64

static void *map(int flags, int file, size_t length) {
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) {
        need("mmap", -1);
    }
    return memory;
}

static void copies(void) {
    unsigned char *area = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, PAGES * PAGE);
    for (int i = 0; i < PAGES; i++) {
        area[i * PAGE] = (unsigned char)i;
    }
    // Three generations, each changing a third of what it finds.
    IN_CHILD("first", {
        for (int i = 0; i < PAGES; i += 3) {
            area[i * PAGE] += 100;
        }
        IN_CHILD("second", {
            for (int i = 1; i < PAGES; i += 3) {
                area[i * PAGE] += 100;
            }
            int sum = 0;
            for (int i = 0; i < PAGES; i++) {
                sum += area[i * PAGE] - i;
            }
            fact("grandchild's changes", "%d", sum);
        });
        int sum = 0;
        for (int i = 0; i < PAGES; i++) {
            sum += area[i * PAGE] - i;
        }
        fact("child's changes", "%d", sum);
    });
    int sum = 0;
    for (int i = 0; i < PAGES; i++) {
        sum += area[i * PAGE] - i;
    }
    fact("parent's changes", "%d", sum);
    // A system call writes to a page that is shared with a child.
    int pipes[2];
    need("pipe", pipe(pipes));
    pid_t child = branch();
    if (child == 0) {
        char byte;
        need("read", read(pipes[0], &byte, 1));
        _exit(area[0]);
    }
    int zero = (int)need("open", open("/dev/zero", O_RDONLY));
    memset(area, 5, PAGE);
    need("read", read(zero, area, PAGE));
    fact("after read", "%d", area[0]);
    need("write", write(pipes[1], "x", 1));
    reap("the child still has", child);
    // Protection changes on one side.
    need("mprotect", mprotect(area, PAGE, PROT_READ));
    IN_CHILD("protection", {
        need("mprotect", mprotect(area, PAGE, PROT_READ | PROT_WRITE));
        area[0] = 9;
        munmap(area + PAGE, PAGE);
    });
    fact("parent's page", "%d %d", area[0], area[PAGE]);
    IN_CHILD("written although read-only", area[0] = 1);
    close(zero);
    munmap(area, PAGES * PAGE);
}

static void memory(void) {
    int *anonymous = map(MAP_SHARED | MAP_ANONYMOUS, -1, PAGE * 2);
    int file = (int)need("open", open("shared", O_RDWR | O_CREAT | O_TRUNC, 0600));
    need("ftruncate", ftruncate(file, PAGE));
    int *filed = map(MAP_SHARED, file, PAGE), *private = map(MAP_PRIVATE, file, PAGE);
    anonymous[0] = filed[0] = 1;
    private[1] = 1;
    IN_CHILD("shared memory", {
        anonymous[0]++;
        anonymous[PAGE / 4] = 50;
        filed[0]++;
        private[1]++;
        fact("private page of a file", "%d %d", private[0], private[1]);
    });
    fact("anonymous, file, private", "%d %d %d %d", anonymous[0], anonymous[PAGE / 4], filed[0], private[1]);
    int read_back = 0;
    need("pread", pread(file, &read_back, sizeof read_back, 0));
    fact("the file", "%d", read_back);
    unlink("shared");
    close(file);
    // Many add to one number.
    for (int i = 0; i < 8; i++) {
        if (branch() == 0) {
            for (int j = 0; j < 1000; j++) {
                __atomic_fetch_add(anonymous, 1, __ATOMIC_RELAXED);
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    fact("eight children add", "%d", anonymous[0]);
}

static long futex(int *word, int operation, int value, const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static void futexes(void) {
    int *word = map(MAP_SHARED | MAP_ANONYMOUS, -1, PAGE);
    pid_t child = branch();
    if (child == 0) {
        while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 0) {
            futex(word, FUTEX_WAIT, 0, NULL);
        }
        _exit(*word);
    }
    sleep_milliseconds(20);
    __atomic_store_n(word, 17, __ATOMIC_SEQ_CST);
    result("wakes", futex(word, FUTEX_WAKE, 10, NULL));
    reap("a waiter in a child", child);
    // The same address in private memory is another word.
    static int private;
    *word = 0;
    child = branch();
    if (child == 0) {
        __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
        result("a private wait", futex(&private, FUTEX_WAIT_PRIVATE, 0, &(struct timespec){0, 60000000}));
        result("a wait that could be shared", futex(&private, FUTEX_WAIT, 0, &(struct timespec){0, 60000000}));
        fflush(stdout);
        _exit(0);
    }
    UNTIL(__atomic_load_n(word, __ATOMIC_SEQ_CST));
    long woken = 0;
    for (int i = 0; i < 20; i++) {
        sleep_milliseconds(2);
        woken += futex(&private, FUTEX_WAKE_PRIVATE, 10, NULL) + futex(&private, FUTEX_WAKE, 10, NULL);
    }
    fact("woken through private memory", "%ld", woken);
    reap("not woken", child);
    // What the C library makes of them.
    struct {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        sem_t turns[2];
        int value;
    } *shared = map(MAP_SHARED | MAP_ANONYMOUS, -1, PAGE);
    pthread_mutexattr_t attribute;
    pthread_mutexattr_init(&attribute);
    pthread_mutexattr_setpshared(&attribute, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attribute, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->mutex, &attribute);
    pthread_condattr_t of_condition;
    pthread_condattr_init(&of_condition);
    pthread_condattr_setpshared(&of_condition, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared->changed, &of_condition);
    sem_init(&shared->turns[0], 1, 1);
    sem_init(&shared->turns[1], 1, 0);
    child = branch();
    if (child == 0) {
        for (int i = 0; i < 200; i++) {
            sem_wait(&shared->turns[1]);
            shared->value = shared->value * 2 % 10007;
            sem_post(&shared->turns[0]);
        }
        _exit(0);
    }
    for (int i = 0; i < 200; i++) {
        sem_wait(&shared->turns[0]);
        shared->value += i;
        sem_post(&shared->turns[1]);
    }
    reap("semaphores", child);
    fact("in turns", "%d", shared->value);
    shared->value = 0;
    child = branch();
    if (child == 0) {
        pthread_mutex_lock(&shared->mutex);
        shared->value = 1;
        pthread_cond_broadcast(&shared->changed);
        pthread_mutex_unlock(&shared->mutex);
        // Ends with the lock held, when nobody waits for it.
        sem_wait(&shared->turns[1]);
        pthread_mutex_lock(&shared->mutex);
        shared->value = 2;
        kill(getpid(), SIGKILL);
    }
    pthread_mutex_lock(&shared->mutex);
    while (shared->value == 0) {
        pthread_cond_wait(&shared->changed, &shared->mutex);
    }
    pthread_mutex_unlock(&shared->mutex);
    sem_post(&shared->turns[1]);
    fact("condition", "%s", "heard");
    reap("it died with the lock", child);
    int error = pthread_mutex_lock(&shared->mutex);
    fact("the lock says", "%s, %d", error_name(error), shared->value);
    pthread_mutex_consistent(&shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
}

static void pipes(void) {
    int down[2], up[2];
    need("pipe", pipe(down));
    need("pipe", pipe(up));
    pid_t child = branch();
    if (child == 0) {
        close(down[1]);
        close(up[0]);
        unsigned char buffer[3000];
        for (ssize_t length; (length = read(down[0], buffer, sizeof buffer)) > 0;) {
            for (ssize_t i = 0; i < length; i++) {
                buffer[i] ^= 0x55;
            }
            need("write", write(up[1], buffer, (size_t)length));
        }
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    pid_t feeder = branch();
    if (feeder == 0) {
        close(up[0]);
        unsigned char buffer[5000];
        for (int i = 0; i < 60; i++) {
            memset(buffer, i, sizeof buffer);
            need("write", write(down[1], buffer, sizeof buffer));
        }
        _exit(0);
    }
    close(down[1]);
    unsigned long sum = 0, bytes = 0;
    unsigned char buffer[4096];
    for (ssize_t length; (length = read(up[0], buffer, sizeof buffer)) > 0; bytes += (unsigned long)length) {
        for (ssize_t i = 0; i < length; i++) {
            sum += buffer[i] ^ 0x55;
        }
    }
    fact("through two pipes", "%lu bytes, sum %lu", bytes, sum);
    reap("feeder", feeder);
    reap("changer", child);
    // A reader that is gone.
    need("pipe", pipe(down));
    child = branch();
    if (child == 0) {
        close(down[0]);
        sleep_milliseconds(20);
        for (;;) {
            need("write", write(down[1], buffer, sizeof buffer));
        }
    }
    close(down[0]);
    close(down[1]);
    reap("writer without a reader", child);
}

int main(void) {
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    copies();
    memory();
    futexes();
    pipes();
    return 0;
}
