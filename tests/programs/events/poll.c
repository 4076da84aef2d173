// poll(2), select(2) and their kin.
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

static volatile int signals;

static void caught(int number) {
    (void)number;
    signals++;
}

int main(void) {
    int ends[2];
    need("pipe", pipe(ends));
    int file = need("open", open("file", O_RDWR | O_CREAT, 0644));
    struct pollfd polls[4] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLOUT}, {.fd = -1, .events = POLLIN}, {.fd = 99, .events = POLLIN}};
    result("poll", poll(polls, 4, 0));
    fact("events", "%x %x %x %x", polls[0].revents, polls[1].revents, polls[2].revents, polls[3].revents);
    result("poll of none, 5 ms", poll(NULL, 0, 5));
    result("poll in vain, 5 ms", poll(polls, 1, 5));
    need("write", write(ends[1], "x", 1));
    result("poll, ready", poll(polls, 1, -1));
    fact("events", "%x", polls[0].revents);
    polls[0] = (struct pollfd){.fd = file, .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLPRI};
    result("poll of a file", poll(polls, 1, 0));
    fact("events", "%x", polls[0].revents);
    polls[0] = (struct pollfd){.fd = open(".", O_RDONLY), .events = POLLIN | POLLOUT};
    result("poll of a directory", poll(polls, 1, 0));
    fact("events", "%x", polls[0].revents);
    polls[0] = (struct pollfd){.fd = open("/dev/null", O_RDWR), .events = POLLIN | POLLOUT};
    result("poll of /dev/null", poll(polls, 1, 0));
    fact("events", "%x", polls[0].revents);
    result("too many", poll(polls, 1ul << 20, 0));
    struct timespec bad = {0, -1}, none = {0, 0}, some = {0, 5000000};
    result("ppoll, bad time", ppoll(polls, 1, &bad, NULL));
    result("ppoll", ppoll(polls, 1, &none, NULL));

    fd_set in, out, special;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&special);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    FD_SET(ends[0], &special);
    struct timeval time = {0, 0};
    result("select", select(ends[1] + 1, &in, &out, &special, &time));
    fact("sets", "%d %d %d", !!FD_ISSET(ends[0], &in), !!FD_ISSET(ends[1], &out), !!FD_ISSET(ends[0], &special));
    char byte;
    need("read", read(ends[0], &byte, 1));
    time = (struct timeval){0, 5000};
    FD_SET(ends[0], &in);
    result("select in vain", select(ends[0] + 1, &in, NULL, NULL, &time));
    fact("sets and time left", "%d %ld", !!FD_ISSET(ends[0], &in), (long)time.tv_usec);
    // A table with room for descriptor 99, whatever this process inherited.
    need("close", close(need("dup2", dup2(file, 200))));
    FD_SET(99, &in);
    result("select of a closed one", select(100, &in, NULL, NULL, &time));
    result("select beyond the count", select(99, (FD_SET(ends[0], &in), &in), NULL, NULL, &(struct timeval){0, 0}));
    result("select, negative", select(-1, NULL, NULL, NULL, &time));
    time = (struct timeval){0, -1};
    result("select, bad time", select(0, NULL, NULL, NULL, &time));
    result("pselect", pselect(0, NULL, NULL, NULL, &some, NULL));
    // A signal that is let in only while it waits.
    sigset_t set, empty;
    sigemptyset(&empty);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGUSR1, caught);
    raise(SIGUSR1);
    result("ppoll with a signal", ppoll(NULL, 0, NULL, &empty));
    fact("caught", "%d", signals);
    sigprocmask(SIG_BLOCK, NULL, &empty);
    fact("blocked again", "%d", sigismember(&empty, SIGUSR1));
    sigemptyset(&empty);
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    result("ppoll with an ignored signal", ppoll(NULL, 0, &some, &empty));
    return 0;
}
