// What only the privileged may do, and what a call tells somebody else.
// flags: -pthread
#include "fact.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void as_somebody_else(void) {
    fflush(stdout);
    pid_t child = need("fork", fork());
    if (child != 0) {
        waitpid(child, NULL, 0);
        return;
    }
    int ends[2];
    need("pipe", pipe(ends));
    // Capabilities go with the effective user; in a user namespace there may be no other one.
    struct { unsigned version; int pid; } head = {0x20080522, 0};
    unsigned none[6] = {0};
    need("capset", syscall(SYS_capset, &head, none));
    result("sethostname", sethostname("other", 5));
    result("setdomainname", setdomainname("other", 5));
    result("a pipe of 1 MiB", fcntl(ends[0], F_SETPIPE_SZ, 1 << 20));
    result("a pipe of 2 MiB", fcntl(ends[0], F_SETPIPE_SZ, 2 << 20));
    fflush(stdout);
    _exit(0);
}

static volatile sig_atomic_t caught;
static void on_signal(int number) { (void)number, caught++; }
static volatile pid_t other;
static pthread_barrier_t both;

static void *stay(void *unused) {
    other = syscall(SYS_gettid);
    pthread_barrier_wait(&both);
    pthread_barrier_wait(&both);
    return unused;
}

// kill(2) takes any thread's number for its process's.
static void by_thread(void) {
    pthread_t thread;
    pthread_barrier_init(&both, NULL, 2);
    signal(SIGUSR1, on_signal);
    pthread_create(&thread, NULL, stay, NULL);
    pthread_barrier_wait(&both);
    result("kill of a thread's number", kill(other, SIGUSR1));
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
    result("rt_sigqueueinfo of a thread's number", syscall(SYS_rt_sigqueueinfo, other, SIGUSR1, &info));
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    fact_if("caught", caught >= 1);
}

static void futexes(void) {
    int *word = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    result("wake of what nobody may read", syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0));
    munmap(word, 4096);
    result("wake of what is not mapped", syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0));
}

static void timeouts(void) {
    struct timeval span = {0, 1000};
    result("select", select(0, NULL, NULL, NULL, &span));
    fact("left", "%ld", (long)span.tv_usec);
    span.tv_usec = 1000;
    need("personality", personality(PER_LINUX | STICKY_TIMEOUTS));
    result("select with sticky timeouts", select(0, NULL, NULL, NULL, &span));
    fact("left", "%ld", (long)span.tv_usec);
    need("personality", personality(PER_LINUX));
}

static void clones(void) {
    struct { uint64_t flags, pidfd, more[6]; } arguments = {.flags = CLONE_PIDFD, .pidfd = 8};
    result("clone3 with a bad place for its pidfd", syscall(SYS_clone3, &arguments, 64));
    result("no child", waitpid(-1, NULL, 0));
}

// Who was woken while the machine had nothing to do must not keep those that wait for the processor from it.
static void busy(void) {
    int ends[2];
    char byte;
    need("pipe", pipe(ends));
    pid_t child = need("fork", fork());
    if (child == 0) {
        need("read", read(ends[0], &byte, 1));
        _exit(7);
    }
    usleep(20000);
    need("write", write(ends[1], "x", 1));
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
    }
    fact("the child of a busy parent ends", "%d", WEXITSTATUS(status));
}

int main(void) {
    as_somebody_else();
    by_thread();
    futexes();
    timeouts();
    clones();
    busy();
}
