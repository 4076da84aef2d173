// epoll(7): levels, edges, once; errors; waking of a waiter.
#include "fact.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

static int epoll, ends[2];
static char buffer[100];

static void show(const char *what) {
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, 0);
    if (count < 0) {
        outcome(what, -1);
        return;
    }
    printf("%s: %d", what, count);
    for (int i = 0; i < count; i++) {
        printf(", %x of %d", events[i].events, (int)events[i].data.u32);
    }
    putchar('\n');
}

static int control(int operation, int file, unsigned events, unsigned data) {
    struct epoll_event event = {.events = events, .data.u32 = data};
    return epoll_ctl(epoll, operation, file, &event);
}

static void *wake(void *unused) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("write", write(ends[1], "x", 1));
    return unused;
}

int main(void) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    outcome("epoll_create1", epoll);
    result("unknown flag", epoll_create1(1));
    result("size 0", epoll_create(0));
    need("pipe", pipe2(ends, O_NONBLOCK));
    show("empty");
    result("add", control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    result("add again", control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    result("add the other end", control(EPOLL_CTL_ADD, ends[1], EPOLLOUT, 2));
    show("writable");
    need("write", write(ends[1], "abc", 3));
    result("change to nothing", control(EPOLL_CTL_MOD, ends[1], 0, 2));
    show("readable");
    show("still readable");
    need("read", read(ends[0], buffer, 1));
    show("after a part");
    result("edge", control(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 3));
    show("an edge");
    show("no edge");
    need("read", read(ends[0], buffer, 1));
    show("no edge by reading");
    need("write", write(ends[1], "d", 1));
    show("an edge by writing");
    result("once", control(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4));
    show("once");
    show("not again");
    result("arm again", control(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 5));
    show("again");
    result("delete", control(EPOLL_CTL_DEL, ends[0], 0, 0));
    result("delete again", control(EPOLL_CTL_DEL, ends[0], 0, 0));
    result("change what is not there", control(EPOLL_CTL_MOD, ends[0], EPOLLIN, 0));
    show("deleted");
    result("itself", control(EPOLL_CTL_ADD, epoll, EPOLLIN, 0));
    result("a file", control(EPOLL_CTL_ADD, open("file", O_RDWR | O_CREAT, 0644), EPOLLIN, 0));
    result("a closed one", control(EPOLL_CTL_ADD, 99, EPOLLIN, 0));
    result("in what is none", epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &(struct epoll_event){0}));
    result("unknown operation", control(9, ends[0], EPOLLIN, 0));
    struct epoll_event one;
    result("wait for none", epoll_wait(epoll, &one, 0, 0));
    result("wait in what is none", epoll_wait(ends[0], &one, 1, 0));
    result("wait 10 ms", epoll_wait(epoll, &one, 1, 10));

    while (read(ends[0], buffer, 100) > 0) {
    }
    need("add", control(EPOLL_CTL_ADD, ends[0], EPOLLIN, 6));
    pthread_t thread;
    pthread_create(&thread, NULL, wake, NULL);
    result("wait without end", epoll_wait(epoll, &one, 1, -1));
    fact("who", "%x of %d", one.events, (int)one.data.u32);
    pthread_join(thread, NULL);
    int inner = epoll;
    epoll = need("epoll_create1", epoll_create1(0));
    need("add", control(EPOLL_CTL_ADD, inner, EPOLLIN, 7));
    show("one in another");
    int outer = epoll;
    epoll = inner;
    result("a circle", control(EPOLL_CTL_ADD, outer, EPOLLIN, 8));
    close(ends[1]);
    show("hung up");
    int copy = dup(ends[0]);
    close(ends[0]);
    show("closed, but a duplicate is open");
    close(copy);
    show("closed");
    int counter = need("eventfd", eventfd(1, EFD_NONBLOCK));
    need("add", control(EPOLL_CTL_ADD, counter, EPOLLIN | EPOLLOUT | EPOLLET, 9));
    show("eventfd, both");
    need("eventfd_write", eventfd_write(counter, 1));
    show("eventfd, each write is an edge");
    struct timespec bad = {0, 1000000000}, some = {0, 5000000};
    result("epoll_pwait2", syscall(441, epoll, &one, 1, &some, NULL, 8) >= 0);
    result("epoll_pwait2, bad time", syscall(441, epoll, &one, 1, &bad, NULL, 8));
    result("epoll_pwait, another size of set", syscall(SYS_epoll_pwait, epoll, &one, 1, 0, &bad, 4));
    return 0;
}
