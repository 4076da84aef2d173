// run: 0
// Echoes what comes by TCP and UDP at a port, until a connection says `quit`; port 0 only tells that it could.
#include "../fact.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum { MOST = 256 };

static int bound(int style, int port) {
    int fd = socket(AF_INET, style, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&at, sizeof at))
        exit(1);
    return fd;
}

static int write_all(int fd, const char *bytes, ssize_t length) {
    for (ssize_t done = 0; done < length;) {
        ssize_t count = send(fd, bytes + done, length - done, MSG_NOSIGNAL);
        if (count < 0)
            return -1;
        done += count;
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count != 2)
        return 2;
    int port = atoi(arguments[1]), fds = 2;
    struct pollfd all[MOST] = {{bound(SOCK_STREAM, port), POLLIN, 0}, {bound(SOCK_DGRAM, port), POLLIN, 0}};
    if (listen(all[0].fd, 64))
        return 1;
    fact("ready", "yes");
    fflush(stdout);
    static char bytes[65536];
    while (port != 0) {
        poll(all, fds, -1);
        if (all[1].revents) {
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            ssize_t length = recvfrom(all[1].fd, bytes, sizeof bytes, 0, (void *)&from, &size);
            if (length >= 0)
                sendto(all[1].fd, bytes, length, 0, (void *)&from, size);
        }
        for (int i = 2; i < fds; i++) {
            if (!all[i].revents)
                continue;
            ssize_t length = recv(all[i].fd, bytes, sizeof bytes, 0);
            if (length == 4 && !memcmp(bytes, "quit", 4)) {
                write_all(all[i].fd, "bye", 3);
                return 0;
            }
            if (length <= 0 || write_all(all[i].fd, bytes, length)) {
                close(all[i].fd);
                all[i--] = all[--fds];
            }
        }
        if (all[0].revents && fds < MOST)
            all[fds++] = (struct pollfd){accept(all[0].fd, NULL, NULL), POLLIN, 0};
    }
    return 0;
}
