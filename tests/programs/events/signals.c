// Signal-driven I/O: O_ASYNC, FIOASYNC, F_SETOWN, F_SETSIG.
#include "fact.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static sigset_t waited;

// Takes what has been signalled.
static void taken(const char *what) {
    siginfo_t info;
    struct timespec none = {0};
    int number = sigtimedwait(&waited, &info, &none);
    if (number < 0) {
        result(what, number);
    } else if (number == SIGIO && info.si_code == SI_KERNEL) {
        fact(what, "SIGIO of the kernel");
    } else {
        fact(what, "signal %s, code %d, band %lx, fd %d", number == SIGIO ? "SIGIO" : number == SIGUSR1 ? "SIGUSR1" : "SIGRTMIN",
             info.si_code, (unsigned long)info.si_band, info.si_fd);
    }
}

static void owner(const char *what, int fd) {
    struct f_owner_ex found = {-1, -1};
    long outcome = fcntl(fd, F_GETOWN_EX, &found);
    int me = getpid();
    fact(what, "%ld, kind %d, %s", outcome, found.type,
         found.pid == 0 ? "nobody" : found.pid == me ? "this process" : found.pid == getpgrp() ? "this group" : "somebody");
}

int main(void) {
    // A group of its own has its number.
    setpgid(0, 0);
    sigemptyset(&waited);
    sigaddset(&waited, SIGIO);
    sigaddset(&waited, SIGUSR1);
    sigaddset(&waited, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &waited, NULL);

    int pair[2], on = 1, off = 0, number;
    char byte;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    owner("at first", pair[0]);
    result("signal at first", fcntl(pair[0], F_GETSIG));
    result("on", ioctl(pair[0], FIOASYNC, &on));
    fact_if("the flag", fcntl(pair[0], F_GETFL) & O_ASYNC);
    write(pair[1], "a", 1);
    taken("without an owner");
    result("own it", fcntl(pair[0], F_SETOWN, getpid()));
    fact_if("the owner", fcntl(pair[0], F_GETOWN) == getpid());
    owner("the owner in full", pair[0]);
    write(pair[1], "b", 1);
    taken("with an owner");
    taken("only once");
    result("choose a signal", fcntl(pair[0], F_SETSIG, SIGRTMIN));
    fact_if("it is chosen", fcntl(pair[0], F_GETSIG) == SIGRTMIN);
    write(pair[1], "c", 1);
    taken("the chosen one");
    result("choose SIGIO", fcntl(pair[0], F_SETSIG, SIGIO));
    write(pair[1], "d", 1);
    taken("SIGIO, chosen");
    result("no signal", fcntl(pair[0], F_SETSIG, 65));
    result("the usual one", fcntl(pair[0], F_SETSIG, 0));
    int copy = dup(pair[0]);
    owner("of a dup", copy);
    result("off", ioctl(copy, FIOASYNC, &off));
    fact_if("the flag is off", !(fcntl(pair[0], F_GETFL) & O_ASYNC));
    write(pair[1], "e", 1);
    taken("when off");
    result("on by F_SETFL", fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    fact("the flags", "%x", fcntl(pair[0], F_GETFL));
    result("this group", fcntl(pair[0], F_SETOWN, -getpgrp()));
    owner("the group", pair[0]);
    fact_if("as a number", fcntl(pair[0], F_GETOWN) == -getpgrp());
    result("nobody", fcntl(pair[0], F_SETOWN, 0));
    owner("nobody then", pair[0]);
    struct f_owner_ex mine = {F_OWNER_TID, gettid()};
    result("this thread", fcntl(pair[0], F_SETOWN_EX, &mine));
    owner("the thread", pair[0]);
    write(pair[1], "f", 1);
    taken("for a thread");
    struct f_owner_ex unknown = {7, gettid()};
    result("an unknown kind", fcntl(pair[0], F_SETOWN_EX, &unknown));
    result("no such process", fcntl(pair[0], F_SETOWN, 0x3ffffff));
    result("the least number", fcntl(pair[0], F_SETOWN, (int)0x80000000));
    result("FIOSETOWN", ioctl(pair[0], FIOSETOWN, &(int){getpid()}));
    result("FIOGETOWN", ioctl(pair[0], FIOGETOWN, &number));
    fact_if("the same", number == getpid());
    result("SIOCSPGRP", ioctl(pair[0], SIOCSPGRP, &(int){-getpgrp()}));
    result("SIOCGPGRP", ioctl(pair[0], SIOCGPGRP, &number));
    fact_if("the group's", number == -getpgrp());
    ioctl(pair[0], FIOSETOWN, &(int){getpid()});
    while (read(pair[0], &byte, 1) == 1) {
    }
    close(pair[1]);
    taken("the peer is gone");

    int pipes[2];
    pipe(pipes);
    result("a pipe", ioctl(pipes[0], FIOASYNC, &on));
    fcntl(pipes[0], F_SETOWN, getpid());
    write(pipes[1], "a", 1);
    taken("of a pipe");
    result("FIOSETOWN of a pipe", ioctl(pipes[0], FIOSETOWN, &number));
    fcntl(pipes[0], F_SETSIG, SIGUSR1);
    write(pipes[1], "a", 1);
    taken("of a pipe, chosen");

    int counter = eventfd(0, 0);
    result("an event counter", ioctl(counter, FIOASYNC, &on));
    result("by F_SETFL", fcntl(counter, F_SETFL, O_ASYNC));
    fact_if("its flag", fcntl(counter, F_GETFL) & O_ASYNC);
    result("its owner", fcntl(counter, F_SETOWN, getpid()));
    write(counter, &(uint64_t){1}, 8);
    taken("of a counter");

    // A listener tells of connections, a socket of UDP of datagrams.
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    bind(udp, (struct sockaddr *)&address, sizeof address);
    getsockname(udp, (struct sockaddr *)&address, &length);
    ioctl(udp, FIOASYNC, &on);
    fcntl(udp, F_SETOWN, getpid());
    fcntl(udp, F_SETSIG, SIGIO);
    int sender = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(sender, "x", 1, 0, (struct sockaddr *)&address, length);
    taken("a datagram");

    // The child's own: it may own what it inherits, and hears of it.
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        fcntl(pair[0], F_SETOWN, getpid());
        ioctl(pair[0], FIOASYNC, &on);
        write(pair[1], "x", 1);
        taken("in a child");
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    owner("the child is gone", pair[0]);
    write(pair[1], "x", 1);
    taken("to nobody");
    return 0;
}
