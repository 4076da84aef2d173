// UDP over loopback.
#include "../fact.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct sockaddr_in local(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int bound(struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *address = local(0);
    bind(fd, (void *)address, sizeof *address);
    socklen_t length = sizeof *address;
    getsockname(fd, (void *)address, &length);
    return fd;
}

static int error_of(int fd) {
    int value = 0;
    socklen_t length = sizeof value;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);
    return value;
}

static void pollfact(const char *what, int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&entry, 1, 0);
    fact(what, "%s%s%s%s%s", entry.revents & POLLIN ? "in " : "", entry.revents & POLLOUT ? "out " : "",
         entry.revents & POLLHUP ? "hup " : "", entry.revents & POLLRDHUP ? "rdhup " : "",
         entry.revents & POLLERR ? "err " : "");
}

int main(void) {
    struct sockaddr_in one_at, two_at, from, mine;
    char b[100];
    int one = bound(&one_at), two = bound(&two_at);
    pollfact("fresh", one);
    result("nothing", recv(one, b, sizeof b, MSG_DONTWAIT));
    result("send to nobody in particular", send(one, "x", 1, 0));
    result("sendto", sendto(two, "hello", 5, 0, (void *)&one_at, sizeof one_at));
    pollfact("something", one);
    int waiting = -1;
    ioctl(one, FIONREAD, &waiting);
    fact("FIONREAD", "%d", waiting);
    socklen_t length = sizeof from;
    result("peek", recvfrom(one, b, 2, MSG_PEEK | MSG_TRUNC, (void *)&from, &length));
    length = sizeof from;
    result("recvfrom", recvfrom(one, b, sizeof b, 0, (void *)&from, &length));
    fact_if("from the other", from.sin_port == two_at.sin_port && from.sin_addr.s_addr == two_at.sin_addr.s_addr);
    sendto(two, "cut me", 6, 0, (void *)&one_at, sizeof one_at);
    struct iovec vector = {b, 3};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    result("recvmsg", recvmsg(one, &message, 0));
    fact("flags", "%#x", message.msg_flags);
    result("empty", sendto(two, "", 0, 0, (void *)&one_at, sizeof one_at));
    result("comes", recv(one, b, sizeof b, 0));
    int fresh = socket(AF_INET, SOCK_DGRAM, 0);
    result("unbound", sendto(fresh, "x", 1, 0, (void *)&one_at, sizeof one_at));
    length = sizeof mine;
    getsockname(fresh, (void *)&mine, &length);
    fact_if("has a port now", mine.sin_port != 0 && mine.sin_addr.s_addr == 0);
    recv(one, b, sizeof b, 0);
    result("connect", connect(fresh, (void *)&one_at, sizeof one_at));
    length = sizeof mine;
    getsockname(fresh, (void *)&mine, &length);
    fact_if("and an address", mine.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    result("send", send(fresh, "connected", 9, 0));
    result("comes", recv(one, b, sizeof b, 0));
    sendto(two, "stranger", 8, 0, (void *)&mine, sizeof mine);
    result("strangers are not heard", recv(fresh, b, sizeof b, MSG_DONTWAIT));
    sendto(one, "friend", 6, 0, (void *)&mine, sizeof mine);
    result("the peer is", recv(fresh, b, sizeof b, 0));
    result("sendto all the same", sendto(fresh, "x", 1, 0, (void *)&two_at, sizeof two_at));
    result("comes", recv(two, b, sizeof b, 0));
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    result("disconnect", connect(fresh, &unspecified, sizeof unspecified));
    result("no peer", getpeername(fresh, (void *)&from, &length));
    close(one);
    connect(fresh, (void *)&one_at, sizeof one_at);
    result("nobody there", send(fresh, "x", 1, 0));
    pollfact("is told", fresh);
    fact("SO_ERROR", "%s", error_name(error_of(fresh)));
    send(fresh, "x", 1, 0);
    result("or at the next call", recv(fresh, b, sizeof b, MSG_DONTWAIT));
    result("once", recv(fresh, b, sizeof b, MSG_DONTWAIT));
    static char large[70000];
    result("too large", sendto(two, large, 65508, 0, (void *)&two_at, sizeof two_at));
    result("largest", sendto(two, large, 65507, 0, (void *)&two_at, sizeof two_at));
    result("comes whole", recv(two, large, sizeof large, 0));
    struct sockaddr_in broadcast = {.sin_family = AF_INET, .sin_port = htons(9)};
    broadcast.sin_addr.s_addr = INADDR_BROADCAST;
    result("broadcast without leave", sendto(two, "x", 1, 0, (void *)&broadcast, sizeof broadcast));
    struct sockaddr_in no_port = local(0);
    result("port 0", sendto(two, "x", 1, 0, (void *)&no_port, sizeof no_port));
    result("shutdown unconnected", shutdown(two, SHUT_RD));
    result("listen", listen(two, 1));
    result("accept", accept(two, NULL, NULL));
    int same = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    result("taken", bind(same, (void *)&two_at, sizeof two_at));
    setsockopt(same, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    result("still", bind(same, (void *)&two_at, sizeof two_at));
    setsockopt(two, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    result("both agree", bind(same, (void *)&two_at, sizeof two_at));
    int info = bound(&one_at);
    setsockopt(info, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(info, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    setsockopt(info, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
    sendto(fresh, "x", 1, 0, (void *)&one_at, sizeof one_at);
    char control[256];
    struct msghdr with = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(other, "x", 1, 0, (void *)&one_at, sizeof one_at);
    result("recvmsg", recvmsg(info, &with, 0));
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&with); h; h = CMSG_NXTHDR(&with, h)) {
        fact("message", "level %d type %d length %zu", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
        if (h->cmsg_type == IP_PKTINFO && h->cmsg_level == IPPROTO_IP) {
            struct in_pktinfo *p = (void *)CMSG_DATA(h);
            fact("to", "interface %d, %s", p->ipi_ifindex, inet_ntoa(p->ipi_addr));
        }
        if (h->cmsg_type == IP_TTL && h->cmsg_level == IPPROTO_IP)
            fact("hops", "%d", *(int *)CMSG_DATA(h));
    }
}
