// socketpair(2) and AF_UNIX streams, records and datagrams.
#include "../fact.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void pollfact(const char *what, int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&entry, 1, 0);
    fact(what, "%s%s%s%s%s", entry.revents & POLLIN ? "in " : "", entry.revents & POLLOUT ? "out " : "",
         entry.revents & POLLHUP ? "hup " : "", entry.revents & POLLRDHUP ? "rdhup " : "",
         entry.revents & POLLERR ? "err " : "");
}

static int option(int fd, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -errno : value;
}

static int got_pipe;
static void on_pipe(int signal) { got_pipe = signal; }

static void streams(void) {
    int s[2];
    char b[100];
    result("stream pair", socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    fact("type, domain, protocol", "%d %d %d", option(s[0], SO_TYPE), option(s[0], SO_DOMAIN), option(s[0], SO_PROTOCOL));
    pollfact("fresh", s[0]);
    result("write", write(s[0], "hello ", 6));
    result("write", write(s[0], "world", 5));
    int waiting = -1;
    ioctl(s[1], FIONREAD, &waiting);
    fact("FIONREAD", "%d", waiting);
    pollfact("something to read", s[1]);
    result("peek", recv(s[1], b, 8, MSG_PEEK));
    fact("peeked", "%.8s", b);
    result("read", read(s[1], b, sizeof b));
    fact("was", "%.11s", b);
    result("nothing there", recv(s[1], b, 1, MSG_DONTWAIT));
    fcntl(s[1], F_SETFL, O_NONBLOCK);
    result("nonblocking read", read(s[1], b, 1));
    result("empty write", write(s[0], "", 0));
    result("empty send", send(s[0], "", 0, 0));
    result("still nothing", read(s[1], b, 1));
    result("shutdown of writing", shutdown(s[0], SHUT_WR));
    pollfact("end at the other side", s[1]);
    pollfact("who shut", s[0]);
    result("end", read(s[1], b, 1));
    result("write after it", send(s[0], "x", 1, MSG_NOSIGNAL));
    signal(SIGPIPE, on_pipe);
    result("and with the signal", write(s[0], "x", 1));
    fact_if("SIGPIPE", got_pipe == SIGPIPE);
    result("the other way still works", write(s[1], "back", 4));
    result("read it", read(s[0], b, sizeof b));
    result("shutdown of reading", shutdown(s[0], SHUT_RD));
    pollfact("both shut", s[0]);
    pollfact("both shut, other side", s[1]);
    result("bad shutdown", shutdown(s[0], 9));
    close(s[1]);
    pollfact("peer closed", s[0]);
    close(s[0]);

    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[0], "lost", 4);
    close(s[1]);
    pollfact("closed with unread bytes", s[0]);
    fact("SO_ERROR", "%s", error_name(option(s[0], SO_ERROR)));
    result("read then", read(s[0], b, 1));
    got_pipe = 0;
    result("write then", write(s[0], "x", 1));
    fact_if("SIGPIPE", got_pipe != 0);
    close(s[0]);

    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[0], "last", 4);
    close(s[0]);
    result("bytes survive their writer", read(s[1], b, sizeof b));
    result("then the end", read(s[1], b, sizeof b));
    close(s[1]);
}

static void records(void) {
    int s[2];
    char b[100];
    result("record pair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    write(s[0], "one", 3);
    write(s[0], "second", 6);
    send(s[0], "", 0, 0);
    result("first", read(s[1], b, sizeof b));
    result("second, cut", read(s[1], b, 2));
    result("empty record", recv(s[1], b, sizeof b, MSG_DONTWAIT));
    write(s[0], "longer", 6);
    result("MSG_TRUNC", recv(s[1], b, 2, MSG_TRUNC));
    write(s[0], "flags", 5);
    struct iovec v = {b, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    result("recvmsg", recvmsg(s[1], &m, 0));
    fact("flags", "%#x", m.msg_flags);
    close(s[0]);
    result("end", read(s[1], b, sizeof b));
    close(s[1]);
}

static void datagrams(void) {
    int s[2];
    char b[100];
    result("datagram pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    pollfact("fresh", s[0]);
    write(s[0], "one", 3);
    send(s[0], "", 0, 0);
    write(s[0], "three", 5);
    result("first", read(s[1], b, sizeof b));
    result("empty", read(s[1], b, sizeof b));
    result("cut", read(s[1], b, 2));
    result("rest is lost", recv(s[1], b, 2, MSG_DONTWAIT));
    int count = 0;
    while (send(s[0], "x", 1, MSG_DONTWAIT) == 1)
        count++;
    fact("full after some", "%s, %s", count > 0 ? "yes" : "no", error_name(errno));
    pollfact("full", s[0]);
    while (recv(s[1], b, 1, MSG_DONTWAIT) == 1)
        ;
    pollfact("room again", s[0]);
    close(s[1]);
    result("peer gone", send(s[0], "x", 1, 0));
    result("and again", send(s[0], "x", 1, 0));
    close(s[0]);
}

static void vectors(void) {
    int s[2];
    char a[4] = {0}, b[8] = {0};
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct iovec out[2] = {{"abcd", 4}, {"efgh", 4}};
    result("writev", writev(s[0], out, 2));
    struct iovec in[2] = {{a, 3}, {b, 5}};
    result("readv", readv(s[1], in, 2));
    fact("pieces", "%.3s %.5s", a, b);
    struct mmsghdr messages[3] = {0};
    for (int i = 0; i < 3; i++) {
        messages[i].msg_hdr.msg_iov = out;
        messages[i].msg_hdr.msg_iovlen = 2;
    }
    close(s[0]), close(s[1]);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    result("sendmmsg", sendmmsg(s[0], messages, 3, 0));
    fact("lengths", "%u %u %u", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
    for (int i = 0; i < 3; i++)
        messages[i].msg_hdr.msg_iov = in;
    result("recvmmsg", recvmmsg(s[1], messages, 3, MSG_DONTWAIT, NULL));
    fact("lengths", "%u %u %u", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
    struct timespec no_time = {0, 0};
    send(s[0], "x", 1, 0);
    result("recvmmsg with a time", recvmmsg(s[1], messages, 3, MSG_WAITFORONE, &no_time));
    close(s[0]), close(s[1]);
}

static void timeouts(void) {
    int s[2];
    char b[1];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct timeval time = {0, 30000}, back;
    result("SO_RCVTIMEO", setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    socklen_t length = sizeof back;
    getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &back, &length);
    fact_if("is kept", back.tv_sec == 0 && back.tv_usec >= 28000 && back.tv_usec <= 32000 && length == sizeof back);
    result("read ends", read(s[0], b, 1));
    result("recv ends", recv(s[0], b, 1, 0));
    time.tv_usec = 1000000;
    result("too many microseconds", setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    time.tv_usec = 30000;
    result("SO_SNDTIMEO", setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    static char much[1 << 22];
    ssize_t sent = write(s[0], much, sizeof much);
    fact_if("a part is sent", sent > 0 && sent < (ssize_t)sizeof much);
    result("nothing more", write(s[0], much, 1));
    result("short", setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, 4));
    close(s[0]), close(s[1]);
}

static void mistakes(void) {
    int s[2];
    char b[4];
    result("no such family", socketpair(200, SOCK_STREAM, 0, s));
    result("no such type", socketpair(AF_UNIX, 77, 0, s));
    result("no such protocol", socketpair(AF_UNIX, SOCK_STREAM, 7, s));
    result("of the Internet", socketpair(AF_INET, SOCK_STREAM, 0, s));
    int *volatile nowhere = (int *)8;
    result("bad place", socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere));
    result("no socket", recv(0, b, 1, MSG_DONTWAIT));
    result("no descriptor", recv(77, b, 1, MSG_DONTWAIT));
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s);
    fact("flags", "%d %d", fcntl(s[0], F_GETFD), fcntl(s[0], F_GETFL) & O_NONBLOCK);
    result("lseek", lseek(s[0], 0, SEEK_CUR));
    result("pread", pread(s[0], b, 1, 0));
    result("listen", listen(s[0], 1));
    result("accept", accept(s[0], NULL, NULL));
    result("sendto on a stream", sendto(s[0], "x", 1, 0, (struct sockaddr *)"\1\0abc", 5));
    result("bad flags of socket", socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
    result("bad buffer", recv(s[0], (void *)8, 1, 0));
    send(s[1], "x", 1, 0);
    result("bad buffer with a byte", recv(s[0], (void *)8, 1, 0));
    result("the byte is still there", recv(s[0], b, 4, 0));
    result("send from nowhere", send(s[0], (void *)8, 1, 0));
    close(s[0]), close(s[1]);
}

int main(void) {
    streams();
    records();
    datagrams();
    vectors();
    timeouts();
    mistakes();
}
