// AF_UNIX by name: paths, abstract names, connections, credentials.
#include "../fact.h"
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char folder[] = "/tmp/birgus-socket-XXXXXX";

static socklen_t path_address(struct sockaddr_un *address, const char *name) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", folder, name);
    return sizeof *address;
}

static socklen_t abstract_address(struct sockaddr_un *address, const char *name) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "%s-%d", name, getpid());
    return offsetof(struct sockaddr_un, sun_path) + 1 + length;
}

static void pollfact(const char *what, int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&entry, 1, 0);
    fact(what, "%s%s%s%s%s", entry.revents & POLLIN ? "in " : "", entry.revents & POLLOUT ? "out " : "",
         entry.revents & POLLHUP ? "hup " : "", entry.revents & POLLRDHUP ? "rdhup " : "",
         entry.revents & POLLERR ? "err " : "");
}

static void by_path(void) {
    struct sockaddr_un address, other;
    socklen_t size = path_address(&address, "stream"), length;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    char b[16];
    pollfact("unconnected", client);
    length = sizeof other;
    result("no name", getsockname(client, (void *)&other, &length));
    fact("its length", "%d", (int)length);
    result("no peer", getpeername(client, (void *)&other, &length));
    result("send unconnected", send(client, "x", 1, MSG_NOSIGNAL));
    result("receive unconnected", recv(client, b, 1, 0));
    result("connect to nobody", connect(client, (void *)&address, size));
    result("listen without a name", listen(listener, 1));
    result("bind", bind(listener, (void *)&address, size));
    struct stat status;
    fact("a socket", "%d %d", stat(address.sun_path, &status), S_ISSOCK(status.st_mode));
    result("open it", open(address.sun_path, O_RDWR));
    result("bind twice", bind(listener, (void *)&address, size));
    int another = socket(AF_UNIX, SOCK_STREAM, 0);
    result("bind another there", bind(another, (void *)&address, size));
    result("nobody listens", connect(client, (void *)&address, size));
    result("accept without listen", accept(listener, NULL, NULL));
    result("listen", listen(listener, 1));
    pollfact("listening", listener);
    result("another type", connect(socket(AF_UNIX, SOCK_SEQPACKET, 0), (void *)&address, size));
    result("connect", connect(client, (void *)&address, size));
    result("connect twice", connect(client, (void *)&address, size));
    pollfact("somebody knocks", listener);
    result("bytes before the accept", send(client, "early", 5, 0));
    length = sizeof other;
    int served = accept(listener, (void *)&other, &length);
    fact("accepted from", "%s, %d bytes", served >= 0 ? "ok" : error_name(errno), (int)length);
    result("they are there", recv(served, b, sizeof b, 0));
    length = sizeof other;
    getsockname(served, (void *)&other, &length);
    fact_if("it has the listener's name", !strcmp(other.sun_path, address.sun_path));
    length = sizeof other;
    getpeername(client, (void *)&other, &length);
    fact_if("so has the client's peer", !strcmp(other.sun_path, address.sun_path));
    struct ucred who;
    length = sizeof who;
    result("SO_PEERCRED", getsockopt(served, SOL_SOCKET, SO_PEERCRED, &who, &length));
    fact_if("is this process", who.pid == getpid() && who.uid == geteuid() && who.gid == getegid());
    int value;
    length = sizeof value;
    getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &length);
    fact("SO_ACCEPTCONN", "%d", value);
    int full[4], n = 0;
    for (; n < 4; n++) {
        full[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(full[n], (void *)&address, size))
            break;
    }
    fact("connections that fit", "%d, then %s", n, error_name(errno));
    close(listener);
    pollfact("who was never accepted", full[0]);
    result("reads", recv(full[0], b, 1, 0));
    result("gone, but its path is there", connect(another, (void *)&address, size));
    result("unlink", unlink(address.sun_path));
    result("and now", connect(another, (void *)&address, size));
    result("the connection lives", send(served, "still", 5, 0));
    result("at both ends", recv(client, b, sizeof b, 0));
}

static void abstract(void) {
    struct sockaddr_un address, other;
    socklen_t size = abstract_address(&address, "birgus"), length;
    int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
    char b[16];
    result("bind", bind(one, (void *)&address, size));
    result("taken", bind(two, (void *)&address, size));
    result("sendto", sendto(two, "from nobody", 11, 0, (void *)&address, size));
    length = sizeof other;
    result("recvfrom", recvfrom(one, b, sizeof b, 0, (void *)&other, &length));
    fact("address length", "%d", (int)length);
    sa_family_t family = AF_UNIX;
    result("autobind", bind(two, (void *)&family, sizeof family));
    length = sizeof other;
    getsockname(two, (void *)&other, &length);
    fact("five digits", "%d, %d", (int)length, other.sun_path[0]);
    result("connect", connect(two, (void *)&address, size));
    result("send", send(two, "hello", 5, 0));
    length = sizeof other;
    result("recvfrom", recvfrom(one, b, sizeof b, 0, (void *)&other, &length));
    result("answer", sendto(one, "answer", 6, 0, (void *)&other, length));
    result("comes", recv(two, b, sizeof b, 0));
    int three = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un second = other;
    result("a stranger", sendto(three, "x", 1, 0, (void *)&second, length));
    close(one);
    result("peer gone", send(two, "x", 1, 0));
    result("name is free again", bind(three, (void *)&address, size));
    struct sockaddr_un bad = {.sun_family = AF_INET};
    result("wrong family", bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&bad, sizeof bad));
    result("too long", bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&bad, 120));
    result("too short", connect(three, (void *)&address, 1));
    result("bad address", connect(three, (void *)8, 16));
    result("no destination", send(three, "x", 1, 0));
    result("listen on datagrams", listen(three, 1));
    result("accept on datagrams", accept(three, NULL, NULL));
    result("send nothing for too many", sendto(three, "x", 1, 0, (void *)&address, size));
    result("to itself", recv(three, b, sizeof b, MSG_DONTWAIT));
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    by_path();
    abstract();
    rmdir(folder);
}
