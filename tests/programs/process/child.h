// Children: their ends, and what is said of them.
#ifndef CHILD_H
#define CHILD_H

#include "fact.h"
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

// How a child ended, in words that hold no number of a process.
static inline void ending(const char *what, int status) {
    if (WIFEXITED(status)) {
        fact(what, "exit %d", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        fact(what, "signal %d", WTERMSIG(status));
    } else if (WIFSTOPPED(status)) {
        fact(what, "stopped by %d", WSTOPSIG(status));
    } else if (WIFCONTINUED(status)) {
        fact(what, "continued");
    } else {
        fact(what, "status %#x", status);
    }
}

// Waits for one child and tells its end.
static inline void reap(const char *what, pid_t child) {
    int status = 0;
    fflush(stdout);
    pid_t found = waitpid(child, &status, 0);
    if (found != child) {
        result(what, found);
    } else {
        ending(what, status);
    }
}

// A fork with nothing left in buffers that both would write.
static inline pid_t branch(void) {
    fflush(stdout);
    return need("fork", fork());
}

// Runs statements in a child and tells how that ends.
#define IN_CHILD(what, ...)           \
    do {                              \
        pid_t child_ = branch();      \
        if (child_ == 0) {            \
            __VA_ARGS__;              \
            fflush(stdout);           \
            _exit(0);                 \
        }                             \
        reap(what, child_);           \
    } while (0)

static inline void sleep_milliseconds(int count) {
    struct timespec left = {count / 1000, count % 1000 * 1000000L};
    while (nanosleep(&left, &left) == -1 && errno == EINTR) {
    }
}

// Asks again until it holds; a minute at most.
#define UNTIL(condition)                                            \
    do {                                                            \
        for (int tries_ = 0; !(condition) && tries_ < 6000; tries_++) \
            sleep_milliseconds(10);                                 \
    } while (0)

#endif
