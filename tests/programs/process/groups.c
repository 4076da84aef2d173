// Process groups, sessions, orphans: setpgid, setsid, kill of groups, reparenting, PR_SET_PDEATHSIG.
#include "child.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static volatile sig_atomic_t hung_up, continued;
static void on_hangup(int number) { (void)number, hung_up++; }
static void on_continue(int number) { (void)number, continued++; }

static pid_t sleeper(void) {
    pid_t child = branch();
    if (child == 0) {
        // Nobody stays behind for long when the parent is gone.
        alarm(20);
        for (;;) {
            pause();
        }
    }
    return child;
}

static void gone(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void moving(void) {
    pid_t one = sleeper(), two = sleeper();
    result("setpgid of a child", setpgid(one, 0));
    fact_if("its group is its own", getpgid(one) == one);
    result("another one joins", setpgid(two, one));
    fact_if("it has", getpgid(two) == one);
    result("a group that is not there", setpgid(two, 4000000));
    result("a negative group", setpgid(two, -1));
    result("somebody else", setpgid(1, 0));
    result("nobody", setpgid(4000000, 0));
    result("getpgid of nobody", getpgid(4000000));
    result("getsid of nobody", getsid(4000000));
    fact_if("getsid of a child", getsid(two) == getsid(0));
    gone(one);
    result("the group outlives its leader", kill(-one, 0));
    result("and may be joined", setpgid(0, one) == -1 && errno == EPERM ? 0 : 1);
    gone(two);
    result("not its last member", kill(-one, 0));
    IN_CHILD("setsid", {
        result("setsid", setsid() == getpid() ? 0 : -1);
        fact_if("leader of all", getsid(0) == getpid() && getpgrp() == getpid());
        result("again", setsid());
        result("setpgid of a session's leader", setpgid(0, 0));
        fact_if("no terminal", open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
    });
    IN_CHILD("setsid of a group's leader", {
        setpgid(0, 0);
        result("setsid", setsid());
    });
    pid_t other = branch();
    if (other == 0) {
        setsid();
        kill(getpid(), SIGSTOP);
        _exit(0);
    }
    waitpid(other, NULL, WUNTRACED);
    result("setpgid of a child in another session", setpgid(other, 0));
    kill(other, SIGCONT);
    reap("it goes on", other);
}

static void killing(void) {
    // All in a group of their own, so that nobody else hears of it.
    IN_CHILD("killing", {
        setpgid(0, 0);
        pid_t one = sleeper(), two = sleeper(), three = sleeper();
        setpgid(three, three);
        signal(SIGTERM, SIG_IGN);
        result("group 0", kill(0, SIGTERM));
        reap("one", one);
        reap("two", two);
        result("the third runs", waitpid(three, NULL, WNOHANG));
        result("a group by number", kill(-three, SIGUSR1));
        reap("three", three);
        result("a group that is gone", kill(-three, SIGUSR1));
        result("signal 0 to nobody", kill(4000000, 0));
        result("signal 65", kill(getpid(), 65));
        result("signal -1", kill(getpid(), -1));
        result("INT_MIN", kill(-2147483647 - 1, 0));
        pid_t zombie = branch();
        if (zombie == 0) {
            _exit(0);
        }
        siginfo_t info;
        waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT);
        result("a zombie can be signalled", kill(zombie, SIGTERM));
        result("and its group asked for", getpgid(zombie) == getpgrp() ? 0 : -1);
        reap("zombie", zombie);
        result("not when it is gone", kill(zombie, 0));
    });
}

static void permissions(void) {
    pid_t root = sleeper();
    IN_CHILD("another user", {
        pid_t before = sleeper();
        need("setresuid", setresuid(1000, 1000, 1000));
        result("kill root's", kill(root, 0));
        result("kill its parent", kill(getppid(), SIGTERM));
        result("SIGCONT within the session", kill(root, SIGCONT));
        result("a child that stayed root", kill(before, SIGTERM));
        pid_t own = sleeper();
        result("its own", kill(own, SIGTERM));
        reap("own", own);
        result("nobody of this user", kill(-1, 0) == 0 ? 0 : 0);
        result("setpriority of root's", setpriority(0, (id_t)root, 1) == -1 && (errno == EPERM || errno == EACCES) ? 0 : 1);
        _exit(0);
    });
    // What the other user could not end: its child has a new parent.
    gone(root);
}

static void orphans(void) {
    int pipes[2];
    need("pipe", pipe(pipes));
    pid_t self = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t child = branch();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            signal(SIGUSR1, on_hangup);
            need("write", write(pipes[1], "x", 1));
            UNTIL(hung_up);
            fact("signal at the parent's death", "%d", (int)hung_up);
            fact_if("the subreaper is the parent now", getppid() == self);
            fflush(stdout);
            _exit(9);
        }
        char byte;
        need("read", read(pipes[0], &byte, 1));
        _exit(8);
    }
    reap("child", child);
    int status;
    fact_if("the grandchild is ours", wait(&status) > 0);
    ending("grandchild", status);
    result("no more", wait(&status));

    // A zombie whose parent ends.
    child = branch();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            _exit(11);
        }
        siginfo_t info;
        waitid(P_PID, (id_t)grandchild, &info, WEXITED | WNOWAIT);
        _exit(10);
    }
    reap("parent of a zombie", child);
    fact_if("its zombie is ours", wait(&status) > 0);
    ending("zombie", status);

    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(pipes[0]);
    close(pipes[1]);
}

static void without_reaper(void) {
    int pipes[2];
    need("pipe", pipe(pipes));
    pid_t child = branch();
    if (child == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            UNTIL(getppid() != parent);
            need("write", write(pipes[1], "x", 1));
            _exit(0);
        }
        sleep_milliseconds(20);
        _exit(0);
    }
    close(pipes[1]);
    reap("child", child);
    char byte;
    result("the orphan goes on", read(pipes[0], &byte, 1));
    result("and ends by itself", read(pipes[0], &byte, 1));
    result("nobody to wait for", wait(NULL));
    close(pipes[0]);

    // A stopped group that nobody in its session can let go on any more hears of it.
    need("pipe", pipe(pipes));
    child = branch();
    if (child == 0) {
        signal(SIGHUP, on_hangup);
        signal(SIGCONT, on_continue);
        pid_t stopped = fork();
        if (stopped == 0) {
            setpgid(0, 0);
            kill(getpid(), SIGSTOP);
            UNTIL(hung_up && continued);
            char heard[2] = {(char)hung_up, (char)continued};
            need("write", write(pipes[1], heard, 2));
            _exit(0);
        }
        waitpid(stopped, NULL, WUNTRACED);
        _exit(0);
    }
    close(pipes[1]);
    reap("parent of a stopped one", child);
    char heard[2] = {0, 0};
    result("the orphan speaks", read(pipes[0], heard, 2));
    fact("SIGHUP, SIGCONT", "%d %d", heard[0], heard[1]);
    close(pipes[0]);
    // Its signals for terminals do not stop it.
    child = branch();
    if (child == 0) {
        // The leader of a session: its group is an orphan.
        setsid();
        raise(SIGTSTP);
        raise(SIGTTIN);
        _exit(3);
    }
    int status = 0;
    fact_if("SIGTSTP in an orphaned group", waitpid(child, &status, WUNTRACED) == child);
    ending("does nothing", status);
}

int main(void) {
    signal(SIGCHLD, SIG_DFL);
    // A session of its own, so that the same holds wherever it is started.
    pid_t child = branch();
    if (child == 0) {
        need("setsid", setsid());
        moving();
        killing();
        permissions();
        orphans();
        without_reaper();
        fflush(stdout);
        _exit(0);
    }
    reap("all", child);
    return 0;
}
