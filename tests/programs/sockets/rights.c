// SCM_RIGHTS and SCM_CREDENTIALS: files and identities that go through a socket.
#include "../fact.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static ssize_t send_files(int socket, const char *bytes, size_t length, const int *files, int count) {
    char control[CMSG_SPACE(300 * sizeof(int))] = {0};
    struct iovec vector = {(void *)bytes, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), files, count * sizeof(int));
    message.msg_controllen = header->cmsg_len;
    return sendmsg(socket, &message, 0);
}

// Receives; gives the number of files, which go to `files`.
static int receive_files(int socket, size_t room, int flags, int *files, size_t control_room, int *told) {
    char control[512], bytes[64];
    struct iovec vector = {bytes, room};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = control_room};
    ssize_t count = recvmsg(socket, &message, flags);
    result("bytes", count);
    *told = message.msg_flags;
    int found = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h && count >= 0; h = CMSG_NXTHDR(&message, h)) {
        fact("message", "level %d type %d length %zu", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
            found = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(files, CMSG_DATA(h), found * sizeof(int));
        }
    }
    fact("control length", "%zu", (size_t)message.msg_controllen);
    return found;
}

static void files(void) {
    int s[2], p[2], got[300], told;
    char b[16];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pipe(p);
    result("send a pipe's end", send_files(s[0], "x", 1, &p[1], 1));
    close(p[1]);
    fact("files", "%d", receive_files(s[1], 1, 0, got, sizeof got, &told));
    fact("flags", "%#x, close-on-exec %d", told, fcntl(got[0], F_GETFD));
    result("write to it", write(got[0], "through", 7));
    result("read at the other end", read(p[0], b, sizeof b));
    close(got[0]);
    result("it was the last", read(p[0], b, sizeof b));
    pipe(p);
    send_files(s[0], "first", 5, p, 2);
    send(s[0], "plain", 5, 0);
    fact("two files", "%d", receive_files(s[1], 60, MSG_CMSG_CLOEXEC, got, sizeof got, &told));
    fact("flags", "%d, close-on-exec %d", told & MSG_CMSG_CLOEXEC, fcntl(got[1], F_GETFD));
    fact("then plain bytes", "%d", receive_files(s[1], 60, 0, got, sizeof got, &told));
    send(s[0], "before", 6, 0);
    send_files(s[0], "with", 4, p, 1);
    send(s[0], "after", 5, 0);
    fact("bytes end with those of a file", "%d", receive_files(s[1], 60, 0, got, sizeof got, &told));
    fact("and the rest", "%d", receive_files(s[1], 60, 0, got, sizeof got, &told));
    send_files(s[0], "no room", 7, p, 2);
    fact("room for one", "%d", receive_files(s[1], 60, 0, got, CMSG_LEN(sizeof(int)), &told));
    fact("flags", "%#x", told & MSG_CTRUNC);
    send_files(s[0], "no room", 7, p, 1);
    fact("room for none", "%d", receive_files(s[1], 60, 0, got, 0, &told));
    fact("flags", "%#x", told & MSG_CTRUNC);
    send_files(s[0], "dropped", 7, p, 1);
    result("plain read drops them", read(s[1], b, sizeof b));
    int bad = 999;
    result("no such file", send_files(s[0], "x", 1, &bad, 1));
    int many[254];
    for (int i = 0; i < 254; i++)
        many[i] = p[0];
    result("too many", send_files(s[0], "x", 1, many, 254));
    send_files(s[0], "peeked", 6, p, 1);
    fact("a peek gives the file, too", "%d", receive_files(s[1], 60, MSG_PEEK, got, sizeof got, &told));
    fact("and again", "%d", receive_files(s[1], 60, 0, got, sizeof got, &told));
    struct rlimit limit = {dup(0), 1024};
    close(limit.rlim_cur);
    send_files(s[0], "full", 4, p, 2);
    setrlimit(RLIMIT_NOFILE, &limit);
    fact("no descriptor is left", "%d", receive_files(s[1], 60, 0, got, sizeof got, &told));
    fact("flags", "%#x", told & MSG_CTRUNC);
    limit.rlim_cur = 1024;
    setrlimit(RLIMIT_NOFILE, &limit);
    close(s[0]), close(s[1]);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    result("by datagram", send_files(s[0], "", 0, p, 1));
    fact("file with no byte", "%d", receive_files(s[1], 60, 0, got, sizeof got, &told));
    // A socket that is on its way through itself.
    result("itself", send_files(s[0], "x", 1, &s[1], 1));
    close(s[0]), close(s[1]);
}

static void identities(void) {
    int s[2], on = 1, told, got[4];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    send(s[0], "early", 5, 0);
    result("SO_PASSCRED", setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    send(s[0], "late", 4, 0);
    for (int i = 0; i < 2; i++) {
        char control[64], bytes[8];
        struct iovec vector = {bytes, sizeof bytes};
        struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        recvmsg(s[1], &m, 0);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        struct ucred *who = (void *)CMSG_DATA(h);
        fact("credentials", "level %d type %d length %zu", h->cmsg_level, h->cmsg_type, (size_t)h->cmsg_len);
        if (i == 0)
            fact("of nobody", "%d %u %u", who->pid, who->uid, who->gid);
        else
            fact_if("of this process", who->pid == getpid() && who->uid == geteuid() && who->gid == getegid());
    }
    char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
    struct iovec vector = {"mine", 4};
    struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_CREDENTIALS;
    h->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    struct ucred own = {getpid(), geteuid(), getegid()};
    memcpy(CMSG_DATA(h), &own, sizeof own);
    result("own credentials", sendmsg(s[0], &m, 0));
    receive_files(s[1], 8, 0, got, 64, &told);
    h->cmsg_len = CMSG_LEN(4);
    result("too short", sendmsg(s[0], &m, 0));
    h->cmsg_len = 3;
    result("no header", sendmsg(s[0], &m, 0));
    h->cmsg_len = CMSG_LEN(sizeof(struct ucred));
    h->cmsg_type = 99;
    result("no such message", sendmsg(s[0], &m, 0));
    h->cmsg_level = 99;
    result("another level", sendmsg(s[0], &m, 0));
}

int main(void) {
    files();
    identities();
}
