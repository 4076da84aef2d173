// What a parent learns of its children: wait4, waitid, SIGCHLD.
#include "child.h"
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>

static volatile sig_atomic_t count;
static siginfo_t last;

static void on_child(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    last = *info;
    count++;
}

static void handle(int flags) {
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | flags};
    sigaction(SIGCHLD, &action, NULL);
    count = 0;
    memset(&last, 0, sizeof last);
}

static const char *code_name(int code) {
    switch (code) {
    case CLD_EXITED: return "exited";
    case CLD_KILLED: return "killed";
    case CLD_DUMPED: return "dumped";
    case CLD_STOPPED: return "stopped";
    case CLD_CONTINUED: return "continued";
    default: return "nothing";
    }
}

static void tell(const char *what, const siginfo_t *info, pid_t child) {
    fact(what, "%s %d, signal %d, %s", code_name(info->si_code), info->si_status, info->si_signo,
         info->si_pid == child ? "the child" : info->si_pid == 0 ? "nobody" : "somebody");
}

static pid_t sleeper(void) {
    pid_t child = branch();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    return child;
}

static pid_t ending_with(int code) {
    pid_t child = branch();
    if (child == 0) {
        _exit(code);
    }
    return child;
}

static void ends(void) {
    IN_CHILD("exit 0", _exit(0));
    IN_CHILD("exit 255", _exit(255));
    IN_CHILD("exit 256", _exit(256));
    IN_CHILD("kill", raise(SIGKILL));
    IN_CHILD("term", raise(SIGTERM));
    IN_CHILD("real-time signal", raise(SIGRTMIN + 1));
    IN_CHILD("segmentation fault", *(volatile int *)8 = 1);
    IN_CHILD("abort", abort());
}

static void errors(void) {
    int status;
    result("no children", wait(&status));
    result("no such child", waitpid(getppid(), &status, 0));
    result("pid INT_MIN", syscall(SYS_wait4, -2147483647 - 1, &status, 0, NULL));
    result("bad options", waitpid(-1, &status, 0x100));
    result("waitid without a kind of change", waitid(P_ALL, 0, NULL, 0));
    result("waitid with bad options", waitid(P_ALL, 0, NULL, WEXITED | 0x100));
    result("waitid with a bad kind", waitid(17, 0, NULL, WEXITED));
    result("waitid of process 0", waitid(P_PID, 0, NULL, WEXITED));
    result("waitid of a bad descriptor", waitid(P_PIDFD, 1000, NULL, WEXITED));
    result("waitid of no pidfd", waitid(P_PIDFD, 1, NULL, WEXITED));
    pid_t child = ending_with(3);
    result("bad status pointer", syscall(SYS_wait4, child, BAD, 0, NULL));
    result("the child is gone nevertheless", waitpid(child, &status, 0));
}

static void options(void) {
    int status = 0x1234;
    pid_t child = sleeper();
    result("WNOHANG of one that runs", waitpid(child, &status, WNOHANG));
    fact("status untouched", "%#x", status);
    siginfo_t info;
    memset(&info, 0x55, sizeof info);
    result("waitid WNOHANG", waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG));
    tell("tells", &info, child);
    kill(child, SIGSTOP);
    fact_if("WUNTRACED", waitpid(child, &status, WUNTRACED) == child);
    ending("stopped", status);
    result("only once", waitpid(child, &status, WUNTRACED | WNOHANG));
    kill(child, SIGCONT);
    fact_if("WCONTINUED", waitpid(child, &status, WCONTINUED) == child);
    ending("continued", status);
    result("only once", waitpid(child, &status, WCONTINUED | WNOHANG));
    // In a group of its own, which its parent's makes one that is not orphaned: so the signal stops it.
    need("setpgid", setpgid(child, child));
    kill(child, SIGTSTP);
    memset(&info, 0, sizeof info);
    result("waitid WSTOPPED, kept", waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT));
    tell("tells", &info, child);
    memset(&info, 0, sizeof info);
    result("waitid WSTOPPED", waitid(P_PID, (id_t)child, &info, WSTOPPED));
    tell("tells", &info, child);
    result("plain wait does not see a stop", waitpid(child, &status, WNOHANG));
    kill(child, SIGKILL);
    memset(&info, 0, sizeof info);
    result("waitid WEXITED, kept", waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
    tell("tells", &info, child);
    result("waitid of others' changes", waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG));
    reap("the same by waitpid", child);
}

static void groups(void) {
    pid_t one = branch();
    if (one == 0) {
        pause();
    }
    pid_t two = branch();
    if (two == 0) {
        pause();
    }
    need("setpgid", setpgid(one, one));
    int status;
    result("group 0", waitpid(0, &status, WNOHANG));
    kill(two, SIGTERM);
    fact_if("own group", waitpid(0, &status, 0) == two);
    result("nobody left in it", waitpid(0, &status, WNOHANG));
    kill(one, SIGINT);
    siginfo_t info = {0};
    result("P_PGID", waitid(P_PGID, (id_t)one, &info, WEXITED | WNOWAIT));
    tell("tells", &info, one);
    fact_if("group by number", waitpid(-one, &status, 0) == one);
    ending("ended", status);
}

static void signals(void) {
    handle(0);
    pid_t child = ending_with(7);
    UNTIL(count == 1);
    tell("SIGCHLD of an exit", &last, child);
    fact_if("user", last.si_uid == getuid());
    reap("then", child);
    handle(0);
    child = sleeper();
    kill(child, SIGSTOP);
    UNTIL(count == 1);
    tell("SIGCHLD of a stop", &last, child);
    kill(child, SIGCONT);
    UNTIL(count == 2);
    tell("SIGCHLD of going on", &last, child);
    kill(child, SIGUSR1);
    UNTIL(count == 3);
    tell("SIGCHLD of a kill", &last, child);
    reap("then", child);
    handle(SA_NOCLDSTOP);
    child = sleeper();
    kill(child, SIGSTOP);
    int status;
    waitpid(child, &status, WUNTRACED);
    fact("SA_NOCLDSTOP", "%d", (int)count);
    kill(child, SIGKILL);
    reap("then", child);
    UNTIL(count == 1);
    fact("one signal for its end", "%d", (int)count);

    handle(SA_NOCLDWAIT);
    child = ending_with(1);
    result("SA_NOCLDWAIT", waitpid(child, &status, 0));
    UNTIL(count == 1);
    tell("it tells nevertheless", &last, child);
    signal(SIGCHLD, SIG_IGN);
    child = ending_with(1);
    ending_with(2);
    result("SIGCHLD ignored", waitpid(-1, &status, 0));
    signal(SIGCHLD, SIG_DFL);

    // A handler interrupts a wait, or it starts again.
    signal(SIGUSR2, SIG_DFL);
    struct sigaction action = {.sa_sigaction = on_child};
    sigaction(SIGALRM, &action, NULL);
    child = sleeper();
    alarm(1);
    result("interrupted wait", waitpid(child, &status, 0));
    kill(child, SIGKILL);
    reap("then", child);
}

static void usage(void) {
    struct rusage before, after, own;
    getrusage(RUSAGE_CHILDREN, &before);
    pid_t child = branch();
    if (child == 0) {
        pid_t grandchild = fork();
        struct timespec now = {0, 0};
        while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < 60) {
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        }
        if (grandchild != 0) {
            waitpid(grandchild, NULL, 0);
        }
        _exit(0);
    }
    int status;
    fact_if("wait4", wait4(child, &status, 0, &own) == child);
    getrusage(RUSAGE_CHILDREN, &after);
#define MILLISECONDS(u) ((u).ru_utime.tv_sec * 1000 + (u).ru_utime.tv_usec / 1000 + (u).ru_stime.tv_sec * 1000 + (u).ru_stime.tv_usec / 1000)
    fact_if("a child's usage holds its children's", MILLISECONDS(own) >= 100);
    fact_if("children's usage", MILLISECONDS(after) - MILLISECONDS(before) >= 100);
    fact_if("resident memory", after.ru_maxrss > 0 && own.ru_maxrss > 0);
    struct tms times_;
    times(&times_);
    fact_if("times", times_.tms_cutime + times_.tms_cstime >= 10);
}

static void many(void) {
    int seen[100] = {0}, ended = 0;
    for (int i = 0; i < 100; i++) {
        if (branch() == 0) {
            _exit(i);
        }
    }
    int status;
    while (wait(&status) > 0) {
        seen[WEXITSTATUS(status) % 100]++;
        ended++;
    }
    int once = 0;
    for (int i = 0; i < 100; i++) {
        once += seen[i] == 1;
    }
    fact("of 100 children", "%d, each once: %d", ended, once);
}

int main(void) {
    signal(SIGCHLD, SIG_DFL);
    ends();
    errors();
    options();
    groups();
    signals();
    usage();
    many();
    return 0;
}
