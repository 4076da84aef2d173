// What a signal does to calls that wait: EINTR, or begun anew with SA_RESTART.
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static volatile int count;
static int pipes[2];

// The first signal comes after 30 ms; the second, long after it, ends what was begun anew.
static void handler(int number) {
    (void)number;
    if (++count == 2) {
        need("write", write(pipes[1], "x", 1));
    }
}

static void arm(bool restart) {
    count = 0;
    struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 300000}, {0, 30000}};
    need("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
}

static void disarm(void) {
    struct itimerval timer = {0};
    setitimer(ITIMER_REAL, &timer, NULL);
    char byte;
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    while (read(pipes[0], &byte, 1) == 1) {
    }
    fcntl(pipes[0], F_SETFL, 0);
}

static int select_readable(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipes[0], &set);
    return select(pipes[0] + 1, &set, NULL, NULL, NULL);
}

#define WAIT(...)                                                                                                      \
    do {                                                                                                               \
        for (int restart = 0; restart < 2; restart++) {                                                                \
            arm(restart);                                                                                              \
            long value = __VA_ARGS__;                                                                                  \
            int error = errno, signals = count;                                                                        \
            disarm();                                                                                                  \
            errno = error;                                                                                             \
            result(restart ? #__VA_ARGS__ ", SA_RESTART" : #__VA_ARGS__, value);                                       \
            fact("signals until then", "%s", signals == 0 ? "none" : signals == 1 ? "one" : "more");                   \
        }                                                                                                              \
    } while (0)

int main(void) {
    char byte;
    need("pipe", pipe(pipes));
    int epoll = need("epoll_create1", epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    need("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event));
    struct pollfd ready = {.fd = pipes[0], .events = POLLIN};
    struct timespec long_time = {5, 0}, rest;
    int word = 0;
    sigset_t other;
    sigemptyset(&other);
    sigaddset(&other, SIGUSR2);
    WAIT(read(pipes[0], &byte, 1));
    WAIT(poll(&ready, 1, 5000));
    WAIT(ppoll(&ready, 1, &long_time, NULL));
    WAIT(select_readable());
    WAIT(epoll_wait(epoll, &event, 1, 5000));
    WAIT(nanosleep(&long_time, &rest));
    fact_if("the rest", rest.tv_sec == 4 && rest.tv_nsec > 0);
    WAIT(clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, &rest) == 0 ? 0 : (errno = EINTR, -1));
    WAIT(pause());
    WAIT(sigtimedwait(&other, NULL, &long_time));
    WAIT(syscall(SYS_futex, &word, 128, 0, &long_time, 0, 0));

    // A full pipe.
    static char block[65536];
    int full[2];
    need("pipe", pipe(full));
    need("write", write(full[1], block, sizeof block));
    arm(false);
    result("write to a full pipe", write(full[1], block, 10));
    disarm();
    need("read", read(full[0], block, 8192));
    arm(false);
    result("write to a pipe with some room", write(full[1], block, 20000));
    disarm();
    return 0;
}
