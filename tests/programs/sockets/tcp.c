// TCP over loopback: connections, ends, errors, readiness.
#include "../fact.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void pollfact(const char *what, int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&entry, 1, 0);
    fact(what, "%s%s%s%s%s", entry.revents & POLLIN ? "in " : "", entry.revents & POLLOUT ? "out " : "",
         entry.revents & POLLHUP ? "hup " : "", entry.revents & POLLRDHUP ? "rdhup " : "",
         entry.revents & POLLERR ? "err " : "");
}

static int await(int fd, int events) {
    struct pollfd entry = {.fd = fd, .events = events};
    return poll(&entry, 1, 2000);
}

static struct sockaddr_in local(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int listener_at(struct sockaddr_in *address, int backlog) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address = local(0);
    bind(fd, (void *)address, sizeof *address);
    socklen_t length = sizeof *address;
    getsockname(fd, (void *)address, &length);
    listen(fd, backlog);
    return fd;
}

static int error_of(int fd) {
    int value = 0;
    socklen_t length = sizeof value;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);
    return value;
}

static const char *named(int error) { return error ? error_name(error) : "none"; }

static int is(const struct sockaddr_in *a, const struct sockaddr_in *b) {
    return a->sin_family == AF_INET && a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

static void connections(void) {
    struct sockaddr_in at, other, mine;
    char b[64];
    int listener = listener_at(&at, 5);
    fact_if("a port was chosen", at.sin_port != 0);
    pollfact("listening", listener);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    pollfact("unconnected", client);
    socklen_t length = sizeof other;
    result("no peer", getpeername(client, (void *)&other, &length));
    result("send unconnected", send(client, "x", 1, MSG_NOSIGNAL));
    result("receive unconnected", recv(client, b, 1, 0));
    result("shutdown unconnected", shutdown(socket(AF_INET, SOCK_STREAM, 0), SHUT_RDWR));
    result("connect", connect(client, (void *)&at, sizeof at));
    result("connect again", connect(client, (void *)&at, sizeof at));
    pollfact("connected", client);
    pollfact("somebody is there", listener);
    result("early bytes", send(client, "early", 5, 0));
    length = sizeof other;
    int served = accept4(listener, (void *)&other, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    fact("accept4", "%s, %d bytes, flags %d %d", served >= 0 ? "ok" : error_name(errno), (int)length,
         fcntl(served, F_GETFD), fcntl(served, F_GETFL) & O_NONBLOCK);
    length = sizeof mine;
    getsockname(client, (void *)&mine, &length);
    fact_if("it is from the client", is(&mine, &other));
    length = sizeof other;
    getpeername(client, (void *)&other, &length);
    fact_if("whose peer is the listener's address", is(&at, &other));
    length = sizeof other;
    getsockname(served, (void *)&other, &length);
    fact_if("which the accepted has, too", is(&at, &other));
    await(served, POLLIN);
    result("read them", recv(served, b, sizeof b, 0));
    result("nothing more", recv(served, b, sizeof b, 0));
    result("answer", send(served, "answer", 6, 0));
    result("comes", recv(client, b, sizeof b, 0));
    send(client, "waitall", 7, 0);
    send(client, "!", 1, 0);
    await(served, POLLIN);
    fcntl(served, F_SETFL, 0);
    result("MSG_WAITALL", recv(served, b, 8, MSG_WAITALL));
    int waiting = -1;
    send(client, "12345", 5, 0);
    await(served, POLLIN);
    ioctl(served, FIONREAD, &waiting);
    fact("FIONREAD", "%d", waiting);
    result("peek", recv(served, b, 3, MSG_PEEK));
    result("and read", recv(served, b, sizeof b, 0));
    result("shutdown of writing", shutdown(client, SHUT_WR));
    await(served, POLLIN);
    pollfact("the other side", served);
    pollfact("this side", client);
    result("end", recv(served, b, 1, 0));
    result("the other way works", send(served, "half", 4, 0));
    result("still", recv(client, b, sizeof b, 0));
    result("send after shutdown", send(client, "x", 1, MSG_NOSIGNAL));
    close(served);
    await(client, POLLIN);
    pollfact("both closed", client);
    result("end", recv(client, b, 1, 0));
    result("accept4 with bad flags", accept4(listener, NULL, NULL, 1));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    result("nobody there", accept(listener, NULL, NULL));
    close(client);
    close(listener);
}

static void ends(void) {
    struct sockaddr_in at;
    char b[64];
    int listener = listener_at(&at, 5);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    int served = accept(listener, NULL, NULL);
    close(served);
    await(client, POLLRDHUP);
    pollfact("peer closed", client);
    result("end", recv(client, b, 1, 0));
    result("first send is taken", send(client, "x", 1, MSG_NOSIGNAL));
    await(client, POLLERR);
    pollfact("then it is known", client);
    fact("SO_ERROR", "%s", named(error_of(client)));
    result("and fails", send(client, "x", 1, MSG_NOSIGNAL));
    result("receive", recv(client, b, 1, 0));
    close(client);

    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    served = accept(listener, NULL, NULL);
    send(client, "unread", 6, 0);
    await(served, POLLIN);
    close(served);
    await(client, POLLERR);
    pollfact("closed with unread bytes", client);
    result("receive", recv(client, b, 1, 0));
    result("and then", recv(client, b, 1, 0));
    result("send", send(client, "x", 1, MSG_NOSIGNAL));
    close(client);

    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    served = accept(listener, NULL, NULL);
    struct linger linger = {1, 0};
    result("SO_LINGER", setsockopt(served, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    close(served);
    await(client, POLLERR);
    fact("reset", "%s", named(error_of(client)));
    close(client);

    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    close(listener);
    await(client, POLLERR);
    fact("never accepted", "%s", named(error_of(client)));
    close(client);
}

static void refused(void) {
    struct sockaddr_in at, other;
    int listener = listener_at(&at, 5);
    close(listener);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    result("nobody listens", connect(client, (void *)&at, sizeof at));
    fact("SO_ERROR", "%s", named(error_of(client)));
    listener = listener_at(&other, 5);
    result("the socket can try again", connect(client, (void *)&other, sizeof other));
    close(client);
    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    result("nonblocking", connect(client, (void *)&at, sizeof at));
    await(client, POLLOUT);
    pollfact("then", client);
    fact("SO_ERROR", "%s", named(error_of(client)));
    fact("once", "%s", named(error_of(client)));
    close(client);
    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    result("nonblocking to a listener", connect(client, (void *)&other, sizeof other));
    await(client, POLLOUT);
    fact("SO_ERROR", "%s", named(error_of(client)));
    result("connect tells", connect(client, (void *)&other, sizeof other));
    result("connect again", connect(client, (void *)&other, sizeof other));
    close(client);
    close(listener);
}

static void addresses(void) {
    struct sockaddr_in at, any = {.sin_family = AF_INET};
    int listener = listener_at(&at, 5), two = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    result("taken", bind(two, (void *)&at, sizeof at));
    setsockopt(two, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    result("by a listener, even so", bind(two, (void *)&at, sizeof at));
    any.sin_port = at.sin_port;
    result("all addresses", bind(two, (void *)&any, sizeof any));
    close(listener);
    result("free again", bind(two, (void *)&at, sizeof at));
    result("bound twice", bind(two, (void *)&at, sizeof at));
    close(two);
    two = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in foreign = {.sin_family = AF_INET};
    foreign.sin_addr.s_addr = inet_addr("192.0.2.1");
    result("not ours", bind(two, (void *)&foreign, sizeof foreign));
    struct sockaddr_in wrong = {.sin_family = AF_UNIX};
    result("wrong family", bind(two, (void *)&wrong, sizeof wrong));
    result("too short", bind(two, (void *)&at, 8));
    result("too long", bind(two, (void *)&at, 200));
    result("connect to a wrong family", connect(two, (void *)&wrong, sizeof wrong));
    result("listen without a name", listen(two, 1));
    socklen_t length = sizeof at;
    getsockname(two, (void *)&at, &length);
    fact_if("it has a port", at.sin_port != 0);
    result("connect a listener", connect(two, (void *)&at, sizeof at));
    close(two);
    result("raw of nothing", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    result("no such protocol", socket(AF_INET, SOCK_STREAM, 300));
    result("sequenced packets", socket(AF_INET, SOCK_SEQPACKET, 0));
    result("no such family", socket(99, SOCK_STREAM, 0));
    result("no such type", socket(AF_INET, 12, 0));
    int share[2];
    for (int i = 0; i < 2; i++) {
        share[i] = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(share[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    at = local(0);
    result("one of two", bind(share[0], (void *)&at, sizeof at));
    length = sizeof at;
    getsockname(share[0], (void *)&at, &length);
    result("the other", bind(share[1], (void *)&at, sizeof at));
    fact("both listen", "%d %d", listen(share[0], 5), listen(share[1], 5));
}

static void *drain(void *fd) {
    static char b[70000];
    long sum = 0;
    ssize_t count;
    while ((count = recv((int)(intptr_t)fd, b, sizeof b, 0)) > 0)
        for (ssize_t i = 0; i < count; i++)
            sum = sum * 31 + b[i];
    return (void *)sum;
}

static void much(void) {
    struct sockaddr_in at;
    int listener = listener_at(&at, 5), client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    int served = accept(listener, NULL, NULL);
    pthread_t reader;
    pthread_create(&reader, NULL, drain, (void *)(intptr_t)served);
    static char b[1 << 20];
    long sum = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof b; i++) {
            b[i] = (char)(i * 7 + round);
            sum = sum * 31 + b[i];
        }
        result("a megabyte", send(client, b, sizeof b, 0));
    }
    shutdown(client, SHUT_WR);
    void *got;
    pthread_join(reader, &got);
    fact_if("arrives unchanged", (long)got == sum);
    fcntl(client, F_SETFL, O_NONBLOCK);
    close(client);
    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&at, sizeof at);
    served = accept(listener, NULL, NULL);
    fcntl(client, F_SETFL, O_NONBLOCK);
    while (send(client, b, sizeof b, 0) > 0)
        ;
    fact("full", "%s", error_name(errno));
    pollfact("full", client);
    shutdown(served, SHUT_WR);
    for (ssize_t left = 1; left > 0;) {
        left = recv(served, b, sizeof b, MSG_DONTWAIT);
    }
    await(client, POLLOUT);
    pollfact("room again", client);
}

static void options(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
    socklen_t length = sizeof value;
    struct { const char *what; int level, name, set; } all[] = {
        {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1}, {"TCP_CORK", IPPROTO_TCP, TCP_CORK, 1},
        {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 60}, {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 4}, {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 5000},
        {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 3}, {"IP_TTL", IPPROTO_IP, IP_TTL, 33},
        {"IP_TOS", IPPROTO_IP, IP_TOS, 16}, {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
        {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1}, {"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 1},
        {"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 1}, {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1},
        {"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 3}, {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 5},
        {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 20000}, {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 20000},
        {"SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, 1}, {"SO_DONTROUTE", SOL_SOCKET, SO_DONTROUTE, 1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int before = -1, after = -1;
        length = sizeof before;
        getsockopt(fd, all[i].level, all[i].name, &before, &length);
        int outcome = setsockopt(fd, all[i].level, all[i].name, &all[i].set, sizeof(int));
        int error = errno;
        length = sizeof after;
        getsockopt(fd, all[i].level, all[i].name, &after, &length);
        bool buffer = all[i].name == SO_RCVBUF || all[i].name == SO_SNDBUF;
        fact(all[i].what, "%d, %s, %d, %d bytes", buffer && all[i].level == SOL_SOCKET ? 0 : before,
             outcome ? error_name(error) : "set", after, (int)length);
    }
    fact("type, domain, protocol", "%d", fd >= 0);
    result("too short", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 2));
    result("no such option", setsockopt(fd, IPPROTO_TCP, 999, &value, sizeof value));
    result("no such level", setsockopt(fd, 999, 1, &value, sizeof value));
    result("SO_TYPE cannot be set", setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, sizeof value));
    value = 0;
    result("TCP_KEEPIDLE of 0", setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value));
    value = 300;
    result("IP_TTL of 300", setsockopt(fd, IPPROTO_IP, IP_TTL, &value, sizeof value));
    struct tcp_info information;
    length = sizeof information;
    result("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &length));
    fact("state", "%d", information.tcpi_state);
    length = -1;
    result("negative length", getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
    struct linger linger = {1, 7}, back = {0, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    length = sizeof back;
    getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &length);
    fact("SO_LINGER", "%d %d, %d bytes", back.l_onoff, back.l_linger, (int)length);
    length = 2;
    value = 0;
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length);
    fact("cut", "%d, %d bytes", value, (int)length);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    connections();
    ends();
    refused();
    addresses();
    much();
    options();
}
