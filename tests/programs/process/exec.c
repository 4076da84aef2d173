// Another program in a process's place. It runs itself with other words: the first says what to look at.
#include "child.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

extern char **environ;
static char self[4096];

static void on_signal(int number) { (void)number; }

// What the program that was started finds.
static int look(int count, char **words) {
    const char *what = words[1];
    if (strncmp(what, "words", 5) == 0) {
        for (int i = 0; i < count; i++) {
            fact("word", "[%s]", strrchr(words[i], '/') ? strrchr(words[i], '/') + 1 : words[i]);
        }
        for (char **variable = environ; *variable; variable++) {
            fact("variable", "[%s]", *variable);
        }
    } else if (strcmp(what, "signals") == 0) {
        struct sigaction action;
        sigaction(SIGUSR1, NULL, &action);
        fact_if("a handler is the default", action.sa_handler == SIG_DFL && action.sa_flags == 0);
        sigaction(SIGUSR2, NULL, &action);
        fact_if("ignored stays ignored", action.sa_handler == SIG_IGN);
        sigset_t set;
        sigprocmask(SIG_SETMASK, NULL, &set);
        fact_if("the mask stays", sigismember(&set, SIGHUP) && !sigismember(&set, SIGINT));
        sigpending(&set);
        fact_if("pending stays", sigismember(&set, SIGHUP));
        stack_t stack;
        sigaltstack(NULL, &stack);
        fact_if("no alternate stack", stack.ss_flags & SS_DISABLE);
    } else if (strcmp(what, "state") == 0) {
        char name[16];
        prctl(PR_GET_NAME, name);
        fact("name", "%s", name);
        result("close-on-exec", fcntl(50, F_GETFD));
        result("inherited", fcntl(51, F_GETFD));
        result("keep capabilities", prctl(PR_GET_KEEPCAPS));
        result("timer", timer_gettime((timer_t)(uintptr_t)0, &(struct itimerspec){0}));
        fact_if("alarm goes on", alarm(0) > 900);
        fact("umask", "%03o", umask(0));
        result("nice", getpriority(PRIO_PROCESS, 0));
        fact_if("number stays", getpid() == atoi(words[2]) && syscall(SYS_gettid) == getpid());
        fact_if("parent stays", getppid() == atoi(words[3]));
        fact("dumpable", "%d", prctl(PR_GET_DUMPABLE));
        fact("execfn", "%s", strrchr((char *)getauxval(AT_EXECFN), '/') + 1);
        result("secure", (long)getauxval(AT_SECURE));
        FILE *status = fopen("/proc/self/status", "r");
        for (char line[256]; fgets(line, sizeof line, status);) {
            if (strncmp(line, "Threads:", 8) == 0 || strncmp(line, "VmLck:", 6) == 0) {
                printf("%s", line);
            }
        }
        char link[4096] = "";
        need("readlink", readlink("/proc/self/exe", link, sizeof link - 1));
        fact_if("/proc/self/exe", strcmp(link, words[4]) == 0);
    } else if (strcmp(what, "registers") == 0) {
        unsigned int control;
        unsigned short x87;
        __asm__("stmxcsr %0" : "=m"(control));
        __asm__("fnstcw %0" : "=m"(x87));
        fact("mxcsr, x87", "%#x %#x", control, x87);
    } else if (strcmp(what, "user") == 0) {
        uid_t real, effective, saved;
        getresuid(&real, &effective, &saved);
        fact("users", "%d %d %d", real, effective, saved);
        gid_t groups[3];
        getresgid(&groups[0], &groups[1], &groups[2]);
        fact("groups", "%d %d %d", groups[0], groups[1], groups[2]);
        result("secure", (long)getauxval(AT_SECURE));
        result("dumpable", prctl(PR_GET_DUMPABLE));
    }
    fflush(stdout);
    return 42;
}

static char *no_variables[] = {NULL};

static void run(const char *file, char **words, char **variables) {
    execve(file, words, variables);
    result("execve", -1);
}

// A file with these bytes that may be run.
static void make(const char *name, const char *text, size_t length, mode_t mode) {
    int file = (int)need("open", open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700));
    need("write", write(file, text, length));
    need("chmod", fchmod(file, mode));
    close(file);
}

static void copy_self(const char *name, mode_t mode) {
    int from = (int)need("open", open(self, O_RDONLY)), to = (int)need("open", open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700));
    char buffer[65536];
    for (ssize_t length; (length = read(from, buffer, sizeof buffer)) > 0;) {
        need("write", write(to, buffer, (size_t)length));
    }
    close(from);
    need("chmod", fchmod(to, mode));
    close(to);
}

static void *executes(void *unused) {
    run(self, (char *[]){"exec", "registers", NULL}, no_variables);
    return unused;
}
static void *waits(void *unused) {
    for (;;) {
        pause();
    }
    return unused;
}

static void errors(void) {
    char *words[] = {"x", NULL};
#define TRY(what, file) IN_CHILD(what, run(file, words, no_variables))
    TRY("absent", "absent");
    TRY("empty name", "");
    TRY("directory", ".");
    TRY("below a file", "/proc/self/exe/x");
    make("plain", "echo hi\n", 8, 0700);
    TRY("text", "plain");
    make("empty", "", 0, 0700);
    TRY("empty file", "empty");
    make("locked", "#!/bin/sh\n", 10, 0600);
    TRY("not executable", "locked");
    make("elf", "\177ELF\2\1\1 and no more", 20, 0700);
    TRY("damaged", "elf");
    need("symlink", symlink("circle", "circle"));
    TRY("circle", "circle");
    make("orphan", "#! absent-interpreter\n", 22, 0700);
    TRY("script without interpreter", "orphan");
    make("itself", "#! ./itself\n", 12, 0700);
    TRY("script of itself", "itself");
    TRY("too long", memset(malloc(5000), 'x', 4999));
    IN_CHILD("bad path", result("execve", syscall(SYS_execve, BAD, words, no_variables)));
    IN_CHILD("bad argument", result("execve", syscall(SYS_execve, self, ((char *[]){"x", BAD, NULL}), no_variables)));
    IN_CHILD("bad list", result("execve", syscall(SYS_execve, self, BAD, no_variables)));
    IN_CHILD("bad environment", result("execve", syscall(SYS_execve, self, words, KERNEL)));
    char *large = malloc(1 << 18);
    memset(large, 'x', 1 << 18);
    large[(1 << 17) - 1] = 0;
    IN_CHILD("longest argument", run(self, (char *[]){"x", "none", large, NULL}, no_variables));
    large[(1 << 17) - 1] = 'x', large[1 << 17] = 0;
    IN_CHILD("longer", run(self, (char *[]){"x", "none", large, NULL}, no_variables));
    large[(1 << 17) - 2] = 0;
    char *many[65] = {"x", "none"};
    for (int i = 2; i < 64; i++) {
        many[i] = large;
    }
    IN_CHILD("too much together", run(self, many, no_variables));
    int writer = (int)need("open", open("busy", O_RDWR | O_CREAT, 0700));
    TRY("open for writing", "busy");
    close(writer);
    for (int i = 0; i < 10; i++) {
        const char *names[] = {"plain", "empty", "locked", "elf", "circle", "orphan", "itself", "busy"};
        unlink(names[i % 8]);
    }
}

static void scripts(void) {
    char text[5000];
    int length = snprintf(text, sizeof text, "#! %s \twords  with  blanks \nignored\n", self);
    make("script", text, (size_t)length, 0755);
    IN_CHILD("script", run("script", (char *[]){"zero", "one", "two words", NULL}, (char *[]){"A=b", NULL}));
    IN_CHILD("script without words", run("./script", (char *[]){NULL}, no_variables));
    make("outer", "#!./script outer\n", 17, 0755);
    IN_CHILD("script of a script", run("./outer", (char *[]){"zero", "last", NULL}, no_variables));
    int file = (int)need("open", open("script", O_RDONLY | O_CLOEXEC));
    IN_CHILD("script that closes", {
        syscall(SYS_execveat, file, "", ((char *[]){"zero", NULL}), no_variables, AT_EMPTY_PATH);
        result("execveat", -1);
    });
    close(file);
    unlink("script");
    unlink("outer");
}

static void by_descriptor(void) {
    int file = (int)need("open", open(self, O_RDONLY | O_CLOEXEC)), path = (int)need("open", open(self, O_PATH | O_CLOEXEC));
    char *words[] = {"zero", "words", "one", NULL};
#define AT(what, fd, name, flags)                                          \
    IN_CHILD(what, {                                                       \
        syscall(SYS_execveat, fd, name, words, no_variables, flags);       \
        result("execveat", -1);                                            \
    })
    AT("AT_EMPTY_PATH", file, "", AT_EMPTY_PATH);
    AT("O_PATH", path, "", AT_EMPTY_PATH);
    AT("without AT_EMPTY_PATH", file, "", 0);
    AT("bad flags", file, "x", 0x20000);
    AT("bad descriptor", 999, "x", 0);
    AT("absolute path", 999, self, 0);
    AT("no directory", file, "x", 0);
    need("symlink", symlink(self, "link"));
    int here = (int)need("open", open(".", O_RDONLY | O_DIRECTORY));
    AT("in a directory", here, "link", 0);
    AT("no following", here, "link", AT_SYMLINK_NOFOLLOW);
    AT("directory itself", here, "", AT_EMPTY_PATH);
    unlink("link");
    close(here);
    close(path);
    close(file);
}

static void state(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    IN_CHILD("signals", {
        sigaction(SIGUSR1, &action, NULL);
        signal(SIGUSR2, SIG_IGN);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_SETMASK, &set, NULL);
        raise(SIGHUP);
        static char stack[65536];
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
        run(self, (char *[]){"exec", "signals", NULL}, no_variables);
    });
    char own[20], parents[20];
    snprintf(parents, sizeof parents, "%d", getpid());
    copy_self("a-program-with-a-long-name", 0755);
    char full[5000];
    need("getcwd", getcwd(full, 4096) ? 0 : -1);
    strcat(full, "/a-program-with-a-long-name");
    IN_CHILD("state", {
        snprintf(own, sizeof own, "%d", getpid());
        dup3(1, 50, O_CLOEXEC);
        dup2(1, 51);
        prctl(PR_SET_KEEPCAPS, 1);
        timer_t timer;
        timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer);
        alarm(1000);
        umask(035);
        mlockall(MCL_CURRENT | MCL_FUTURE);
        setpriority(PRIO_PROCESS, 0, 3);
        prctl(PR_SET_DUMPABLE, 0);
        run("./a-program-with-a-long-name", (char *[]){"exec", "state", own, parents, full, NULL}, no_variables);
    });
    unlink("a-program-with-a-long-name");
    IN_CHILD("registers", {
        unsigned int control = 0x1f80 | 1 << 15;
        __asm__ volatile("ldmxcsr %0" : : "m"(control));
        run(self, (char *[]){"exec", "registers", NULL}, no_variables);
    });
    IN_CHILD("another thread does it", {
        pthread_t threads[3];
        pthread_create(&threads[0], NULL, waits, NULL);
        pthread_create(&threads[1], NULL, waits, NULL);
        pthread_create(&threads[2], NULL, executes, NULL);
        pause();
    });
    IN_CHILD("with other threads", {
        pthread_t threads[2];
        pthread_create(&threads[0], NULL, waits, NULL);
        pthread_create(&threads[1], NULL, waits, NULL);
        executes(NULL);
    });
    pid_t child = branch();
    if (child == 0) {
        pause();
        run(self, (char *[]){"exec", "nothing", NULL}, no_variables);
    }
    result("setpgid of a child", setpgid(child, child));
    result("and back", setpgid(child, getpgrp()));
    kill(child, SIGKILL);
    reap("gone", child);
    int pipes[2];
    need("pipe", pipe2(pipes, O_CLOEXEC));
    child = branch();
    if (child == 0) {
        run("/proc/self/exe", (char *[]){"exec", "sleeps", NULL}, no_variables);
    }
    close(pipes[1]);
    char byte;
    result("a pipe closes by exec", read(pipes[0], &byte, 1));
    close(pipes[0]);
    result("setpgid after exec", setpgid(child, child));
    kill(child, SIGKILL);
    reap("gone", child);
}

static void privileges(void) {
    need("setgroups", setgroups(0, NULL));
    copy_self("as-owner", 0755);
    need("chown", chown("as-owner", 1000, 1001));
    need("chmod", chmod("as-owner", 06755));
    char *words[] = {"exec", "user", NULL};
    IN_CHILD("set-user-id", run("./as-owner", words, no_variables));
    IN_CHILD("no new privileges", {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        run("./as-owner", words, no_variables);
    });
    need("chmod", chmod("as-owner", 0711));
    IN_CHILD("not readable", {
        need("setresgid", setresgid(1002, 1002, 1002));
        need("setresuid", setresuid(1003, 1003, 1003));
        run("./as-owner", words, no_variables);
    });
    need("chmod", chmod("as-owner", 0700));
    IN_CHILD("not for others", {
        need("setresgid", setresgid(1002, 1002, 1002));
        need("setresuid", setresuid(1003, 1003, 1003));
        run("./as-owner", words, no_variables);
    });
    unlink("as-owner");
}

int main(int count, char **words) {
    if (count > 1 && strcmp(words[1], "sleeps") == 0) {
        for (;;) {
            pause();
        }
    }
    if (count > 1) {
        return look(count, words);
    }
    signal(SIGCHLD, SIG_DFL);
    need("readlink", readlink("/proc/self/exe", self, sizeof self - 1));
    need("mkdir", mkdir("room", 0755));
    need("chdir", chdir("room"));
    errors();
    scripts();
    by_descriptor();
    state();
    privileges();
    need("chdir", chdir(".."));
    result("nothing is left", rmdir("room"));
    return 0;
}
