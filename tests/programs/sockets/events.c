// Sockets and epoll(7): levels, edges, ends; many threads on one listener; IPv6 where the host has it.
#include "../fact.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static int epoll;

static void add(int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void wait_for(const char *what, int milliseconds) {
    struct epoll_event event = {0};
    int count = epoll_wait(epoll, &event, 1, milliseconds);
    unsigned e = event.events;
    fact(what, "%d %s%s%s%s%s", count, e & EPOLLIN ? "in " : "", e & EPOLLOUT ? "out " : "", e & EPOLLHUP ? "hup " : "",
         e & EPOLLRDHUP ? "rdhup " : "", e & EPOLLERR ? "err " : "");
}

static void edges(int one, int other) {
    char b[8];
    epoll = epoll_create1(0);
    add(one, EPOLLIN | EPOLLRDHUP | EPOLLET);
    wait_for("nothing", 0);
    send(other, "ab", 2, 0);
    wait_for("an edge", 1000);
    wait_for("once", 0);
    send(other, "cd", 2, 0);
    wait_for("another", 1000);
    recv(one, b, 1, 0);
    wait_for("reading a part is none", 0);
    recv(one, b, sizeof b, 0);
    fact("the rest", "%s", recv(one, b, 1, MSG_DONTWAIT) == -1 ? error_name(errno) : "bytes");
    shutdown(other, SHUT_WR);
    wait_for("the end", 1000);
    close(epoll);
    epoll = epoll_create1(0);
    add(other, EPOLLIN);
    send(one, "x", 1, 0);
    wait_for("a level", 1000);
    wait_for("stays", 1000);
    recv(other, b, 1, 0);
    wait_for("until it is read", 0);
    close(one);
    wait_for("closed", 1000);
    close(other);
    close(epoll);
}

static int listener_at(struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd, (void *)address, sizeof *address);
    socklen_t length = sizeof *address;
    getsockname(fd, (void *)address, &length);
    listen(fd, 16);
    return fd;
}

static void *accept_one(void *listener) {
    int fd = accept((int)(intptr_t)listener, NULL, NULL);
    char b;
    ssize_t count = recv(fd, &b, 1, 0);
    send(fd, &b, 1, 0);
    close(fd);
    return (void *)(intptr_t)count;
}

static void threads(void) {
    struct sockaddr_in at;
    int listener = listener_at(&at), served = 0, answered = 0;
    pthread_t all[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&all[i], NULL, accept_one, (void *)(intptr_t)listener);
    for (int i = 0; i < 8; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        connect(client, (void *)&at, sizeof at);
        send(client, "x", 1, 0);
        char b;
        answered += recv(client, &b, 1, 0) == 1;
        close(client);
    }
    for (int i = 0; i < 8; i++) {
        void *count;
        pthread_join(all[i], &count);
        served += count == (void *)1;
    }
    fact("threads served", "%d, clients answered %d", served, answered);
    close(listener);
}

static void many(void) {
    enum { COUNT = 200 };
    struct sockaddr_in at;
    int listener = listener_at(&at), clients[COUNT], sum = 0;
    epoll = epoll_create1(0);
    for (int i = 0; i < COUNT; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(clients[i], (void *)&at, sizeof at))
            fact("connect", "%d %s", i, error_name(errno));
        int served = accept(listener, NULL, NULL);
        add(served, EPOLLIN);
    }
    for (int i = 0; i < COUNT; i++)
        send(clients[i], &i, sizeof i, 0);
    for (int left = COUNT; left > 0;) {
        struct epoll_event events[16];
        int count = epoll_wait(epoll, events, 16, 2000), value;
        if (count <= 0)
            break;
        for (int i = 0; i < count; i++, left--) {
            recv(events[i].data.fd, &value, sizeof value, 0);
            sum += value;
        }
    }
    fact("many connections", "sum %d", sum);
    for (int i = 0; i < COUNT; i++)
        close(clients[i]);
    close(epoll);
    close(listener);
}

static void six(void) {
    // What is told here does not depend on whether there is IPv6: without it, nothing is.
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback}, other;
    int listener = socket(AF_INET6, SOCK_STREAM, 0);
    socklen_t length = sizeof at;
    bool ok = listener >= 0 && !bind(listener, (void *)&at, sizeof at) && !getsockname(listener, (void *)&at, &length) &&
              !listen(listener, 4);
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    bool good = true;
    if (ok) {
        good = !connect(client, (void *)&at, sizeof at);
        length = sizeof other;
        int served = accept(listener, (void *)&other, &length);
        good = good && served >= 0 && length == sizeof other && IN6_IS_ADDR_LOOPBACK(&other.sin6_addr);
        char b[2];
        send(client, "6", 1, 0);
        good = good && recv(served, b, 2, 0) == 1;
        // A socket of all addresses hears IPv4, too, and shows it mapped; one of IPv6 alone does not.
        int both = socket(AF_INET6, SOCK_STREAM, 0), four = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
        int off = 0;
        setsockopt(both, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        bind(both, (void *)&any, sizeof any);
        length = sizeof any;
        getsockname(both, (void *)&any, &length);
        listen(both, 4);
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = any.sin6_port};
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        good = good && !connect(four, (void *)&v4, sizeof v4);
        length = sizeof other;
        served = accept(both, (void *)&other, &length);
        good = good && IN6_IS_ADDR_V4MAPPED(&other.sin6_addr);
        good = good && setsockopt(both, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1 && errno == EINVAL;
        int datagrams = socket(AF_INET6, SOCK_DGRAM, 0);
        struct sockaddr_in6 there = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
        bind(datagrams, (void *)&there, sizeof there);
        length = sizeof there;
        getsockname(datagrams, (void *)&there, &length);
        good = good && sendto(datagrams, "x", 1, 0, (void *)&there, sizeof there) == 1;
        good = good && recv(datagrams, b, 2, 0) == 1;
        struct sockaddr_in6 short_one = there;
        good = good && connect(datagrams, (void *)&short_one, 20) == -1 && errno == EINVAL;
    }
    fact_if("IPv6, where there is one, works", good);
}

static void files(void) {
    int s[2], file = open("/proc/self/exe", O_RDONLY);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    off_t from = 1;
    result("sendfile", sendfile(s[0], file, &from, 3));
    char b[8];
    result("comes", recv(s[1], b, sizeof b, 0));
    fact("bytes", "%.3s", b);
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(s[1], &readable);
    struct timeval time = {0, 0};
    result("select", select(s[1] + 1, &readable, NULL, NULL, &time));
    send(s[0], "x", 1, 0);
    FD_SET(s[1], &readable);
    result("select", select(s[1] + 1, &readable, NULL, NULL, &time));
    close(s[0]), close(s[1]);
}

static void interfaces(void) {
    for (int family = 0; family < 2; family++) {
        int fd = socket(family ? AF_INET : AF_UNIX, SOCK_DGRAM, 0);
        struct ifreq request = {0};
        strcpy(request.ifr_name, "lo");
        result("SIOCGIFINDEX of lo", ioctl(fd, SIOCGIFINDEX, &request));
        fact("index", "%d", request.ifr_ifindex);
        result("SIOCGIFFLAGS", ioctl(fd, SIOCGIFFLAGS, &request));
        fact("flags", "%#x", request.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
        result("SIOCGIFADDR", ioctl(fd, SIOCGIFADDR, &request));
        fact("address", "%s", inet_ntoa(((struct sockaddr_in *)&request.ifr_addr)->sin_addr));
        strcpy(request.ifr_name, "birgus9");
        result("no such interface", ioctl(fd, SIOCGIFINDEX, &request));
        result("no such request", ioctl(fd, 0x1234, &request));
        close(fd);
    }
}

int main(void) {
    int s[2];
    interfaces();
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    edges(s[0], s[1]);
    struct sockaddr_in at;
    int listener = listener_at(&at), client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    edges(accept(listener, NULL, NULL), client);
    threads();
    many();
    six();
    files();
}
