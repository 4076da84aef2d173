// vfork, posix_spawn, system, popen: children that use their parent's memory until they run something else.
#include "child.h"
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>

extern char **environ;
static volatile int shared;
static volatile sig_atomic_t caught;
static void on_signal(int number) { (void)number, caught++; }

static int body(void *unused) {
    (void)unused;
    shared = 7;
    return 21;
}

static void spawned(const char *what, char **words, posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes) {
    pid_t child;
    fflush(stdout);
    int error = posix_spawn(&child, "/proc/self/exe", files, attributes, words, environ);
    if (error) {
        fact(what, "%s", error_name(error));
    } else {
        reap(what, child);
    }
}

int main(int count, char **words) {
    if (count > 1) {
        if (strcmp(words[1], "copy") == 0) {
            char buffer[100];
            ssize_t length = read(0, buffer, sizeof buffer);
            printf("%.*s", (int)length, buffer);
        }
        if (strcmp(words[1], "group") == 0) {
            sigset_t set;
            sigprocmask(SIG_SETMASK, NULL, &set);
            fact_if("group", getpgrp() == getpid());
            fact_if("mask", sigismember(&set, SIGHUP));
            fact_if("default", signal(SIGUSR1, SIG_DFL) == SIG_DFL);
        }
        return atoi(words[count - 1]);
    }
    signal(SIGCHLD, SIG_DFL);

    fflush(stdout);
    volatile int here = 1;
    pid_t child = vfork();
    if (child == 0) {
        shared = 5;
        here = 2;
        _exit(3);
    }
    fact("memory is shared", "%d %d", shared, here);
    reap("vfork", child);

    child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", "spawn", "4", NULL);
        _exit(99);
    }
    reap("vfork and exec", child);

    // The parent stands still until then, whatever signals come.
    signal(SIGUSR1, on_signal);
    child = vfork();
    if (child == 0) {
        kill(getppid(), SIGUSR1);
        shared = caught;
        _exit(0);
    }
    fact("handled before, after", "%d %d", shared, (int)caught);
    reap("vfork with a signal", child);

    child = vfork();
    if (child == 0) {
        kill(getpid(), SIGKILL);
    }
    reap("vfork and a violent end", child);

    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    child = clone(body, stack + 65536, CLONE_VM | SIGCHLD, NULL);
    reap("clone with CLONE_VM", child);
    fact("its change is here", "%d", shared);
    shared = 0;
    child = clone(body, stack + 65536, SIGCHLD, NULL);
    reap("clone without", child);
    fact("its change is not", "%d", shared);
    child = clone(body, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, NULL);
    reap("clone with all", child);

    spawned("posix_spawn", (char *[]){"spawn", "6", NULL}, NULL, NULL);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    int file = (int)need("open", open("words", O_RDWR | O_CREAT | O_TRUNC, 0600));
    need("write", write(file, "through a file\n", 15));
    posix_spawn_file_actions_addopen(&files, 0, "words", O_RDONLY, 0);
    posix_spawn_file_actions_addclose(&files, file);
    spawned("with file actions", (char *[]){"spawn", "copy", "7", NULL}, &files, NULL);
    posix_spawn_file_actions_addopen(&files, 5, "absent", O_RDONLY, 0);
    spawned("with one that fails", (char *[]){"spawn", "8", NULL}, &files, NULL);
    close(file);
    unlink("words");
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    posix_spawnattr_setsigmask(&attributes, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    spawned("with attributes", (char *[]){"spawn", "group", "9", NULL}, NULL, &attributes);
    int error = posix_spawn(&child, "absent", NULL, NULL, words, environ);
    fact("absent program", "%s", error_name(error));
    return 0;
}
