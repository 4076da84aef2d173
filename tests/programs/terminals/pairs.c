// Pseudo-terminals: posix_openpt(3) and its family, pty(7), packet mode, closing either side.
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

static int master, slave;
static volatile int resized;

static void count(int signal) {
    (void)signal;
    resized++;
}

static void take(const char *what, int fd) {
    char text[300], shown[1200];
    // Linux hands bytes over by a worker of its own.
    usleep(20000);
    ssize_t length = read(fd, text, sizeof text);
    if (length < 0) {
        fact(what, "%s", error_name(errno));
        return;
    }
    size_t at = 0;
    for (ssize_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        at += (size_t)sprintf(shown + at, byte < 32 || byte > 126 ? "<%02x>" : "%c", byte);
    }
    shown[at] = 0;
    fact(what, "%ld %s", (long)length, shown);
}

static void events(const char *what, int fd) {
    struct pollfd asked = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
    usleep(20000);
    poll(&asked, 1, 0);
    fact(what, "%x", asked.revents);
}

int main(void) {
    int value = -1;
    char name[64];
    struct stat status;
    struct termios settings;
    signal(SIGWINCH, count);
    signal(SIGHUP, SIG_IGN);
    need("ptmx", stat("/dev/ptmx", &status));
    fact("/dev/ptmx", "%x:%x", major(status.st_rdev), minor(status.st_rdev));
    master = need("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY));
    result("number", ioctl(master, TIOCGPTN, &value) || value < 0);
    snprintf(name, sizeof name, "/dev/pts/%d", value);
    fact_if("ptsname", !strcmp(ptsname(master), name));
    result("grantpt", grantpt(master));
    result("open while locked", open(name, O_RDWR | O_NOCTTY));
    ioctl(master, TIOCGPTLCK, &value);
    fact("locked", "%d", value);
    result("unlockpt", unlockpt(master));
    ioctl(master, TIOCGPTLCK, &value);
    fact("locked", "%d", value);
    events("master before the slave", master);
    fcntl(master, F_SETFL, O_NONBLOCK);
    take("read before the slave", master);
    slave = need("open", open(name, O_RDWR | O_NOCTTY));
    need("fstat", fstat(slave, &status));
    fact("slave", "%o, major %d", status.st_mode & (S_IFMT | 0600), major(status.st_rdev));
    fact_if("terminals", isatty(master) && isatty(slave));
    fact_if("ttyname", !strcmp(ttyname(slave), name));
    need("tcgetattr", tcgetattr(slave, &settings));
    fact("settings", "%x %x %x %x", settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag);

    result("type a line", write(master, "hello\r", 6));
    take("echo", master);
    events("slave", slave);
    take("line", slave);
    fcntl(slave, F_SETFL, O_NONBLOCK);
    take("no line", slave);
    result("half a line", write(master, "ab\177c", 4));
    take("no line", slave);
    take("echo", master);
    result("its end", write(master, "\4", 1));
    take("half a line", slave);
    result("end of file", write(master, "\4", 1));
    take("end of file", slave);
    result("print", write(slave, "one\ntwo\n", 8));
    usleep(20000);
    result("waiting for the master", ioctl(master, FIONREAD, &value));
    fact("bytes", "%d", value);
    take("printed", master);
    take("no more", master);

    cfmakeraw(&settings);
    result("raw", tcsetattr(slave, TCSANOW, &settings));
    struct termios seen;
    tcgetattr(master, &seen);
    fact_if("the master shows the slave's settings", seen.c_lflag == settings.c_lflag);
    result("type", write(master, "x\3y", 3));
    take("raw bytes", slave);
    take("no echo", master);
    result("print", write(slave, "a\n", 2));
    take("printed", master);

    struct winsize size = {.ws_row = 30, .ws_col = 100};
    result("size", ioctl(master, TIOCSWINSZ, &size));
    memset(&size, 0, sizeof size);
    result("size", ioctl(slave, TIOCGWINSZ, &size));
    fact("rows and columns", "%d %d", size.ws_row, size.ws_col);
    fact("SIGWINCH without a session", "%d", resized);
    result("foreground of no session", tcgetpgrp(slave));

    value = 1;
    result("packet mode", ioctl(master, TIOCPKT, &value));
    ioctl(master, TIOCGPKT, &value);
    fact("packet mode", "%d", value);
    need("print", write(slave, "data", 4));
    take("a packet", master);
    result("flush", tcflush(slave, TCIFLUSH));
    events("master", master);
    take("a status", master);
    result("stop", tcflow(slave, TCOOFF));
    take("stopped", master);
    result("go on", tcflow(slave, TCOON));
    take("started", master);
    value = 0;
    ioctl(master, TIOCPKT, &value);

    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    outcome("the slave by the master", peer);
    fact("close on exec", "%d", fcntl(peer, F_GETFD));
    need("print", write(peer, "peer", 4));
    take("from there", master);
    result("a signal that is none of it", ioctl(master, TIOCSIG, SIGUSR1));
    result("seek", lseek(slave, 0, SEEK_SET));
    result("sync", fsync(slave));
    result("number of a slave", ioctl(slave, TIOCGPTN, &value));

    need("print", write(slave, "last words", 10));
    close(peer);
    close(slave);
    events("master without a slave", master);
    take("what is left", master);
    take("then", master);
    slave = need("open", open(name, O_RDWR | O_NOCTTY));
    take("open again", master);
    need("type", write(master, "lost", 4));
    close(master);
    events("slave without a master", slave);
    take("read", slave);
    result("write", write(slave, "x", 1));
    result("settings", tcgetattr(slave, &settings));
    outcome("open without a master", open(name, O_RDWR));
    outcome("the node", stat(name, &status));
    close(slave);
    int first = need("ptmx", posix_openpt(O_RDWR | O_NOCTTY)), second = need("ptmx", posix_openpt(O_RDWR | O_NOCTTY));
    int numbers[2];
    ioctl(first, TIOCGPTN, &numbers[0]);
    ioctl(second, TIOCGPTN, &numbers[1]);
    fact_if("two numbers", numbers[0] != numbers[1]);
    return 0;
}
