// pipe(2): order, sizes, ends, not blocking.
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>

static int ends[2];
static char block[200000];

static void *feed(void *unused) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("write", write(ends[1], "late", 4));
    return unused;
}

static void *flood(void *unused) {
    fact("a large write", "%ld", (long)write(ends[1], block, sizeof block));
    close(ends[1]);
    return unused;
}

int main(void) {
    char buffer[5000];
    signal(SIGPIPE, SIG_IGN);
    result("pipe", pipe(ends));
    fact_if("one after the other", ends[1] == ends[0] + 1);
    result("write", write(ends[1], "abcdef", 6));
    result("read some", read(ends[0], buffer, 4));
    fact("what", "%.4s", buffer);
    result("write", write(ends[1], "ghi", 3));
    result("read all", read(ends[0], buffer, 100));
    fact("what", "%.5s", buffer);
    result("read nothing", read(ends[0], buffer, 0));
    result("write nothing", write(ends[1], buffer, 0));
    result("write to the read end", write(ends[0], buffer, 1));
    result("read from the write end", read(ends[1], buffer, 1));
    pthread_t thread;
    pthread_create(&thread, NULL, feed, NULL);
    result("read that waits", read(ends[0], buffer, 100));
    pthread_join(thread, NULL);
    fact("flags", "%x %x", fcntl(ends[0], F_GETFL), fcntl(ends[1], F_GETFL));
    result("not blocking", fcntl(ends[0], F_SETFL, O_NONBLOCK) | fcntl(ends[1], F_SETFL, O_NONBLOCK));
    result("read, empty", read(ends[0], buffer, 1));
    result("capacity", fcntl(ends[0], F_GETPIPE_SZ));
    result("write to the full", write(ends[1], block, sizeof block));
    result("write more", write(ends[1], block, 1));
    struct pollfd polls[2] = {{.fd = ends[0], .events = POLLIN | POLLOUT}, {.fd = ends[1], .events = POLLIN | POLLOUT}};
    result("poll", poll(polls, 2, 0));
    fact("events", "%x %x", polls[0].revents, polls[1].revents);
    result("read 100", read(ends[0], buffer, 100));
    result("a small write, less than a page free", write(ends[1], block, 100));
    result("read to a page", read(ends[0], buffer, 3996));
    result("an atomic write", write(ends[1], block, 4096));
    int available;
    need("FIONREAD", ioctl(ends[0], FIONREAD, &available));
    fact("available", "%d", available);
    result("larger capacity", fcntl(ends[0], F_SETPIPE_SZ, 100000));
    result("smaller than its contents", fcntl(ends[0], F_SETPIPE_SZ, 4096));
    fcntl(ends[0], F_SETFL, 0);
    fcntl(ends[1], F_SETFL, 0);
    while (available > 0) {
        available -= need("read", read(ends[0], buffer, sizeof buffer));
    }
    pthread_create(&thread, NULL, flood, NULL);
    long total = 0, got;
    while ((got = read(ends[0], buffer, sizeof buffer)) > 0) {
        total += got;
    }
    pthread_join(thread, NULL);
    fact("read until the end", "%ld, then %ld", total, got);
    polls[0].events = POLLIN;
    result("poll at the end", poll(polls, 1, 0));
    fact("events", "%x", polls[0].revents);

    need("pipe2", pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    fact("flags", "%x %x", fcntl(ends[0], F_GETFL), fcntl(ends[0], F_GETFD));
    close(ends[0]);
    result("write without a reader", write(ends[1], "x", 1));
    result("write nothing without a reader", write(ends[1], "x", 0));
    polls[0] = (struct pollfd){.fd = ends[1], .events = POLLOUT};
    result("poll without a reader", poll(polls, 1, 0));
    fact("events", "%x", polls[0].revents);
    result("unknown flag", pipe2(ends, O_APPEND));
    result("O_DIRECT", pipe2(ends, O_DIRECT));
    need("write", write(ends[1], "one", 3));
    need("write", write(ends[1], "two", 3));
    result("a packet", read(ends[0], buffer, 100));
    result("a packet, cut", read(ends[0], buffer, 1));
    return 0;
}
