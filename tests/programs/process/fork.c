// A child is a copy: what it inherits, what it does not, what both share.
#include "child.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>

static int number = 1;
static volatile sig_atomic_t caught;

static void on_signal(int signal) {
    (void)signal;
    caught++;
}

static void identity(void) {
    pid_t parent = getpid(), group = getpgrp(), session = getsid(0);
    IN_CHILD("identity", {
        fact_if("own number", getpid() != parent && getpid() > 1);
        fact_if("thread number is the process's", syscall(SYS_gettid) == getpid());
        fact_if("parent", getppid() == parent);
        fact_if("group", getpgrp() == group);
        fact_if("session", getsid(0) == session);
        result("wait without children", waitpid(-1, NULL, 0));
    });
}

static void memory(void) {
    int on_stack = 2, *on_heap = malloc(sizeof *on_heap);
    *on_heap = 3;
    IN_CHILD("memory", {
        fact("child sees", "%d %d %d", number, on_stack, *on_heap);
        number = 10, on_stack = 20, *on_heap = 30;
        fact("child has", "%d %d %d", number, on_stack, *on_heap);
    });
    fact("parent keeps", "%d %d %d", number, on_stack, *on_heap);
    free(on_heap);
}

static void descriptors(void) {
    int file = (int)need("open", open("shared", O_RDWR | O_CREAT | O_TRUNC, 0600));
    need("write", write(file, "0123456789", 10));
    lseek(file, 2, SEEK_SET);
    int closing = (int)need("dup", fcntl(file, F_DUPFD_CLOEXEC, 100));
    IN_CHILD("descriptors", {
        char byte = 0;
        need("read", read(file, &byte, 1));
        fact("child reads", "%c", byte);
        result("close-on-exec stays", fcntl(closing, F_GETFD));
        close(closing);
        close(file);
    });
    char byte = 0;
    need("read", read(file, &byte, 1));
    fact("parent reads behind it", "%c", byte);
    result("parent's stays open", fcntl(closing, F_GETFD));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5};
    need("lock", fcntl(file, F_SETLK, &lock));
    IN_CHILD("locks", {
        struct flock other = lock;
        result("the parent's lock is not the child's", fcntl(file, F_SETLK, &other));
        other.l_type = F_WRLCK;
        need("ask", fcntl(file, F_GETLK, &other));
        fact_if("it is the parent's", other.l_pid == getppid() && other.l_type == F_WRLCK);
        // Closing does not free what others hold.
        close(closing);
    });
    close(closing);
    close(file);
    unlink("shared");
}

static void context(void) {
    char before[4096], after[4096];
    need("chdir", chdir("/proc"));
    need("getcwd", getcwd(before, sizeof before) ? 0 : -1);
    mode_t mask = umask(027);
    IN_CHILD("working directory and umask", {
        fact("umask", "%03o", umask(077));
        need("chdir", chdir("/"));
    });
    fact("umask stays", "%03o", umask(mask));
    fact_if("working directory stays", getcwd(after, sizeof after) && strcmp(before, after) == 0);
}

static void signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    need("sigaction", sigaction(SIGUSR1, &action, NULL));
    signal(SIGUSR2, SIG_IGN);
    sigset_t blocked, pending;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    IN_CHILD("signals", {
        sigpending(&pending);
        fact_if("pending signals are not inherited", !sigismember(&pending, SIGUSR1));
        sigset_t now;
        sigprocmask(SIG_SETMASK, NULL, &now);
        fact_if("the mask is", sigismember(&now, SIGUSR1));
        sigprocmask(SIG_UNBLOCK, &blocked, NULL);
        raise(SIGUSR1);
        fact("handlers are", "%d", (int)caught);
        raise(SIGUSR2);
        fact("ignored ones are", "yes");
        signal(SIGUSR1, SIG_DFL);
    });
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    fact("the parent's handler stays", "%d", (int)caught);
    char stack[SIGSTKSZ];
    stack_t given = {.ss_sp = stack, .ss_size = sizeof stack}, kept;
    need("sigaltstack", sigaltstack(&given, NULL));
    IN_CHILD("alternate stack", {
        sigaltstack(NULL, &kept);
        fact_if("kept", kept.ss_sp == stack && !(kept.ss_flags & SS_DISABLE));
    });
    given.ss_flags = SS_DISABLE;
    sigaltstack(&given, NULL);
}

static void timers(void) {
    struct itimerval set = {.it_value = {1000, 0}}, left;
    setitimer(ITIMER_REAL, &set, NULL);
    alarm(1000);
    timer_t timer;
    need("timer_create", timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer));
    IN_CHILD("timers", {
        getitimer(ITIMER_REAL, &left);
        fact_if("no interval timer", left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0);
        result("no alarm", alarm(0));
        struct itimerspec spec;
        result("no POSIX timer", timer_gettime(timer, &spec));
        struct rusage usage;
        getrusage(RUSAGE_CHILDREN, &usage);
        fact_if("children's time is 0", usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    });
    fact_if("the parent's alarm stays", alarm(0) > 900);
    timer_delete(timer);
}

static void attributes(void) {
    char name[16] = "";
    prctl(PR_SET_NAME, "a name");
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_TIMERSLACK, 1234);
    setpriority(PRIO_PROCESS, 0, 5);
    struct rlimit limit = {50, 60};
    need("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
    IN_CHILD("attributes", {
        prctl(PR_GET_NAME, name);
        fact("name", "%s", name);
        int value = -1;
        prctl(PR_GET_PDEATHSIG, &value);
        fact("signal at the parent's death", "%d", value);
        prctl(PR_GET_CHILD_SUBREAPER, &value);
        fact("subreaper", "%d", value);
        result("timer slack", prctl(PR_GET_TIMERSLACK));
        result("nice", getpriority(PRIO_PROCESS, 0));
        getrlimit(RLIMIT_NOFILE, &limit);
        fact("limit", "%ld %ld", (long)limit.rlim_cur, (long)limit.rlim_max);
    });
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    prctl(PR_SET_PDEATHSIG, 0);
}

static void advice(void) {
    long page = sysconf(_SC_PAGESIZE);
    char *area = mmap(NULL, (size_t)page * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *shared = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(area, 'a', (size_t)page * 4);
    shared[0] = 'a';
    result("MADV_WIPEONFORK", madvise(area + page, (size_t)page, MADV_WIPEONFORK));
    result("MADV_WIPEONFORK of shared memory", madvise(shared, (size_t)page, MADV_WIPEONFORK));
    result("MADV_DONTFORK", madvise(area + 2 * page, (size_t)page, MADV_DONTFORK));
    result("mlock", mlock(area, (size_t)page));
    IN_CHILD("advice", {
        unsigned char resident[1];
        fact("ordinary", "%c", area[0]);
        fact("wiped", "%d", area[page]);
        result("left out", mincore(area + 2 * page, (size_t)page, resident));
        fact("behind it", "%c", area[3 * page]);
        shared[0] = 'b';
    });
    fact("parent's", "%c %c %c", area[page], area[2 * page], shared[0]);
    munmap(area, (size_t)page * 4);
    munmap(shared, (size_t)page);
}

static void *waits(void *unused) {
    pause();
    return unused;
}

static void threads(void) {
    pthread_t thread;
    need("pthread_create", pthread_create(&thread, NULL, waits, NULL) ? -1 : 0);
    IN_CHILD("threads", {
        FILE *status = fopen("/proc/self/status", "r");
        char line[256];
        while (status && fgets(line, sizeof line, status)) {
            if (strncmp(line, "Threads:", 8) == 0) {
                fact("threads", "%d", atoi(line + 8));
            }
        }
    });
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

static pid_t raw_clone(unsigned long flags, int *parent, int *child) {
    return (pid_t)syscall(SYS_clone, flags, 0, parent, child, 0);
}

static void clones(void) {
    int parent_number = -1;
    static int child_number = -1;
    fflush(stdout);
    pid_t child = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &parent_number, &child_number);
    if (child == 0) {
        _exit(child_number == getpid() ? 0 : 1);
    }
    fact_if("CLONE_PARENT_SETTID", parent_number == child);
    fact("the child's word here", "%d", child_number);
    reap("CLONE_CHILD_SETTID", child);
    result("CLONE_SIGHAND without VM", raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL));
    result("CLONE_THREAD without SIGHAND", raw_clone(CLONE_THREAD | CLONE_VM | SIGCHLD, NULL, NULL));
    result("CLONE_NEWUSER with CLONE_FS", raw_clone(CLONE_NEWUSER | CLONE_FS | SIGCHLD, NULL, NULL));
    // Shared descriptors and directories.
    child = raw_clone(CLONE_FILES | CLONE_FS | SIGCHLD, NULL, NULL);
    if (child == 0) {
        umask(01);
        _exit(dup2(1, 77) == 77 ? 0 : 1);
    }
    reap("CLONE_FILES", child);
    result("its descriptor is here", fcntl(77, F_GETFD));
    result("close", close(77));
    fact("its umask, too", "%03o", umask(022));
    // A child whose end says nothing.
    child = raw_clone(0, NULL, NULL);
    if (child == 0) {
        _exit(4);
    }
    result("wait without __WALL", waitpid(child, NULL, 0));
    int status = 0;
    fact_if("wait with __WALL", waitpid(child, &status, __WALL) == child && WEXITSTATUS(status) == 4);
    caught = 0;
    child = raw_clone(SIGUSR1, NULL, NULL);
    if (child == 0) {
        _exit(5);
    }
    fact_if("wait with __WCLONE", waitpid(-1, &status, __WCLONE) == child && WEXITSTATUS(status) == 5);
    fact("its signal", "%d", (int)caught);
    struct clone_args arguments = {.exit_signal = SIGCHLD, .flags = CLONE_PIDFD};
    int descriptor = -1;
    arguments.pidfd = (uintptr_t)&descriptor;
    child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) {
        _exit(6);
    }
    fact_if("clone3 gives a descriptor", descriptor > 2);
    result("which closes on exec", fcntl(descriptor, F_GETFD));
    siginfo_t info = {0};
    result("waitid of it", waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED));
    fact("clone3's child", "%d", info.si_status);
    fact_if("it was that one", info.si_pid == child);
    result("signal to one that is gone", syscall(SYS_pidfd_send_signal, descriptor, 0, NULL, 0));
    close(descriptor);
    arguments.exit_signal = 65;
    result("clone3 with a bad signal", syscall(SYS_clone3, &arguments, sizeof arguments));
    arguments = (struct clone_args){.exit_signal = SIGCHLD, .stack = 4096};
    result("clone3 with half a stack", syscall(SYS_clone3, &arguments, sizeof arguments));
    arguments = (struct clone_args){.exit_signal = SIGCHLD, .flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM};
    result("clone3 of a thread with a signal", syscall(SYS_clone3, &arguments, sizeof arguments));
    result("clone3 too short", syscall(SYS_clone3, &arguments, 32));
}

int main(void) {
    // What these tell no tests before them: start without zombies and without an inherited SIGCHLD.
    signal(SIGCHLD, SIG_DFL);
    identity();
    memory();
    descriptors();
    context();
    signals();
    timers();
    advice();
    threads();
    clones();
    attributes();
    return 0;
}
