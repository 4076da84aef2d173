// Several CPUs, or one: threads stay where they may run, and what one CPU takes away no other goes on using.
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static cpu_set_t all;
static int first, last;

static const char *yes(int is) { return is ? "yes" : "no"; }

static int pin(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one);
}

static int runs_on(int cpu) {
    unsigned by_call = -1, node = -1;
    int right = 1;
    for (int i = 0; i < 20; i++) {
        syscall(SYS_getcpu, &by_call, &node, NULL);
        right &= by_call == (unsigned)cpu && sched_getcpu() == cpu;
    }
    return right;
}

static void *in_thread(void *argument) {
    cpu_set_t mine;
    sched_getaffinity(0, sizeof mine, &mine);
    *(int *)argument = CPU_COUNT(&mine) == 1 && CPU_ISSET(last, &mine) && runs_on(last);
    return NULL;
}

static void affinity(void) {
    int right = 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all)) right &= pin(cpu) == 0 && runs_on(cpu);
    printf("runs where it may: %s\n", yes(right));
    pthread_t thread;
    int inherited = 0;
    pthread_create(&thread, NULL, in_thread, &inherited);
    pthread_join(thread, NULL);
    printf("a thread inherits it: %s\n", yes(inherited));
    pid_t child = fork();
    if (child == 0) {
        int of_child = 0;
        in_thread(&of_child);
        _exit(of_child);
    }
    int status;
    waitpid(child, &status, 0);
    printf("a child inherits it: %s\n", yes(WEXITSTATUS(status)));
    cpu_set_t none;
    CPU_ZERO(&none);
    printf("no CPU: %s\n", sched_setaffinity(0, sizeof none, &none) ? strerror(errno) : "done");
    printf("nobody: %s\n", sched_setaffinity(INT_MAX, sizeof all, &all) ? strerror(errno) : "done");
    printf("nobody's: %s\n", sched_getaffinity(INT_MAX, sizeof all, &all) ? strerror(errno) : "done");
    printf("nowhere: %s\n", sched_setaffinity(0, sizeof all, (void *)8) ? strerror(errno) : "done");
    printf("everywhere again: %s\n", yes(sched_setaffinity(0, sizeof all, &all) == 0));
}

static atomic_int moves;
static atomic_int stop;

static void *busy(void *argument) {
    (void)argument;
    while (!stop) {
    }
    return NULL;
}

// Somebody else's thread, while it runs.
static void *pusher(void *argument) {
    pid_t other = *(pid_t *)argument;
    for (int i = 0; i < 200; i++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(i % 2 ? first : last, &one);
        moves += sched_setaffinity(other, sizeof one, &one) == 0;
        sched_yield();
    }
    return NULL;
}

static pid_t busy_id;

static void *busy_with_id(void *argument) {
    busy_id = gettid();
    atomic_fetch_add((atomic_int *)argument, 1);
    return busy(NULL);
}

static void pushed(void) {
    pthread_t runner, other;
    atomic_int ready = 0;
    stop = 0;
    pthread_create(&runner, NULL, busy_with_id, &ready);
    while (!ready) sched_yield();
    pthread_create(&other, NULL, pusher, &busy_id);
    pthread_join(other, NULL);
    stop = 1;
    pthread_join(runner, NULL);
    printf("moved a thread that runs: %d times\n", moves);
}

enum { ROUNDS = 2000 };
static int pipes[2][2];

static void *echo(void *argument) {
    (void)argument;
    pin(last);
    char byte;
    for (int i = 0; i < ROUNDS; i++)
        if (read(pipes[0][0], &byte, 1) != 1 || write(pipes[1][1], &byte, 1) != 1) return "failed";
    return NULL;
}

static void pipe_pingpong(void) {
    pthread_t thread;
    void *failed;
    int right = pipe(pipes[0]) == 0 && pipe(pipes[1]) == 0;
    pthread_create(&thread, NULL, echo, NULL);
    pin(first);
    for (int i = 0; i < ROUNDS; i++) {
        char byte = i, back = ~i;
        right &= write(pipes[0][1], &byte, 1) == 1 && read(pipes[1][0], &back, 1) == 1 && byte == back;
    }
    pthread_join(thread, &failed);
    printf("a pipe between two: %s\n", yes(right && !failed));
}

static atomic_int turn;

static void take_turn(int own) {
    for (int i = 0; i < ROUNDS; i++) {
        int seen;
        while ((seen = turn) != own) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        turn = !own;
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void *other_turn(void *argument) {
    (void)argument;
    pin(last);
    take_turn(1);
    return NULL;
}

static void futex_pingpong(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, other_turn, NULL);
    take_turn(0);
    pthread_join(thread, NULL);
    printf("a futex between two: %d\n", turn);
}

static atomic_long sum;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long guarded;

static void *adder(void *argument) {
    (void)argument;
    for (int i = 0; i < 20000; i++) {
        sum++;
        pthread_mutex_lock(&mutex);
        guarded++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void adding(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, adder, NULL);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("added: %ld, under a mutex %ld\n", (long)sum, guarded);
}

static _Atomic(unsigned long) *volatile page;
static atomic_ulong faults, written;
static __thread sigjmp_buf back;

static void on_fault(int signal) {
    (void)signal;
    faults++;
    siglongjmp(back, 1);
}

// Writes to the page as long as it may, and notes each time that it may not.
static void *writer(void *argument) {
    (void)argument;
    pin(last);
    while (!stop) {
        if (sigsetjmp(back, 1)) continue;
        for (int i = 0; i < 1000 && !stop; i++) {
            (*page)++;
            written++;
        }
    }
    return NULL;
}

static void wait_for_more(atomic_ulong *count) {
    unsigned long before = *count;
    while (*count == before) sched_yield();
}

static void pages(void) {
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;
    stop = 0;
    pthread_create(&thread, NULL, writer, NULL);
    int stands = 1;
    for (int i = 0; i < 20; i++) {
        wait_for_more(&written);
        mprotect((void *)page, 4096, PROT_READ);
        unsigned long seen = *page;
        wait_for_more(&faults);
        stands &= *page == seen;
        mprotect((void *)page, 4096, PROT_READ | PROT_WRITE);
    }
    printf("a page without write permission stands still: %s\n", yes(stands));
    int fresh = 1;
    for (int i = 0; i < 20; i++) {
        wait_for_more(&written);
        mmap((void *)page, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        wait_for_more(&faults);
        // If the writer still had the frame, one of these would get its marks.
        unsigned char *others = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(others, 0, 16 * 4096);
        wait_for_more(&faults);
        for (int at = 0; at < 16 * 4096; at++) fresh &= others[at] == 0;
        munmap(others, 16 * 4096);
        mmap((void *)page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    printf("a page that is gone is nobody's: %s\n", yes(fresh));
    int apart = 1;
    for (int i = 0; i < 20; i++) {
        wait_for_more(&written);
        pid_t child = fork();
        if (child == 0) {
            unsigned long seen = *page;
            for (int j = 0; j < 20; j++) sched_yield();
            _exit(*page != seen);
        }
        wait_for_more(&written);
        int status;
        waitpid(child, &status, 0);
        apart &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    stop = 1;
    pthread_join(thread, NULL);
    printf("a child's copy stands still: %s\n", yes(apart));
}

static void killed(void) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t threads[3];
        stop = 0;
        for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, busy, NULL);
        usleep(20000);
        _exit(7);
    }
    int status;
    waitpid(child, &status, 0);
    printf("a process of threads that run ends: %d\n", WEXITSTATUS(status));
    child = fork();
    if (child == 0) {
        stop = 0;
        busy(NULL);
    }
    usleep(20000);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    printf("killed while it runs: %d\n", WTERMSIG(status));
}

int main(void) {
    sched_getaffinity(0, sizeof all, &all);
    for (first = 0; !CPU_ISSET(first, &all);) first++;
    for (last = CPU_SETSIZE - 1; !CPU_ISSET(last, &all);) last--;
    affinity();
    pushed();
    sched_setaffinity(0, sizeof all, &all);
    pipe_pingpong();
    futex_pingpong();
    sched_setaffinity(0, sizeof all, &all);
    adding();
    pages();
    killed();
    return 0;
}
