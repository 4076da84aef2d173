// dup, dup2, dup3, fcntl, close, close_range, ioctl.
#include "fact.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

int main(void) {
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    need("write", write(file, "0123456789", 10));
    int copy = need("dup", dup(file));
    fact_if("dup takes the next", copy == file + 1);
    result("dup of a closed one", dup(99));
    result("dup2", dup2(file, 50));
    result("dup2 to itself", dup2(file, file) == file);
    result("dup2 of a closed one to itself", dup2(99, 99));
    result("dup2 to -1", dup2(file, -1));
    result("dup3 to itself", dup3(file, file, 0));
    result("dup3", dup3(file, 51, O_CLOEXEC));
    result("dup3 with an unknown flag", dup3(file, 52, O_APPEND));
    struct rlimit limit = {64, 64};
    need("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
    result("dup2 beyond the limit", dup2(file, 64));
    result("dup2 at the limit", dup2(file, 63));
    result("F_DUPFD beyond the limit", fcntl(file, F_DUPFD, 64));

    result("close-on-exec", fcntl(file, F_GETFD));
    result("of a dup", fcntl(copy, F_GETFD));
    result("of a dup3", fcntl(51, F_GETFD));
    result("set", fcntl(copy, F_SETFD, FD_CLOEXEC));
    result("get", fcntl(copy, F_GETFD));
    result("F_DUPFD from 40", fcntl(file, F_DUPFD, 40));
    result("F_DUPFD_CLOEXEC from 40", fcntl(file, F_DUPFD_CLOEXEC, 40));
    result("its flag", fcntl(41, F_GETFD));
    result("F_DUPFD, negative", fcntl(file, F_DUPFD, -1));
    fact("status", "%x", fcntl(file, F_GETFL));
    result("set append and others", fcntl(file, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY | O_CREAT));
    fact("status then", "%x", fcntl(file, F_GETFL));
    fact("seen by a dup", "%x", fcntl(copy, F_GETFL));
    fact("of a path", "%x", fcntl(open("file", O_PATH), F_GETFL));
    fact("of a reader", "%x", fcntl(open("file", O_RDONLY), F_GETFL));
    result("an unknown command", fcntl(file, 9999));
    result("of a closed one", fcntl(99, F_GETFL));
    result("F_GETFD of a closed one", fcntl(99, F_GETFD));

    result("close", close(copy));
    result("close again", close(copy));
    result("close of -1", close(-1));
    result("close_range", close_range(40, 51, 0));
    result("one of them", fcntl(50, F_GETFD));
    result("close_range, reversed", close_range(10, 5, 0));
    result("close_range with an unknown flag", close_range(10, 15, 0x100));
    result("close_range to mark", close_range(63, ~0u, CLOSE_RANGE_CLOEXEC));
    result("marked", fcntl(63, F_GETFD));

    int available = -1;
    int pipes[2];
    need("pipe", pipe(pipes));
    need("write", write(pipes[1], "12345", 5));
    result("FIONREAD of a pipe", ioctl(pipes[0], FIONREAD, &available));
    fact("available", "%d", available);
    struct winsize window;
    result("TIOCGWINSZ of a pipe", ioctl(pipes[0], TIOCGWINSZ, &window));
    result("TIOCGWINSZ of a file", ioctl(file, TIOCGWINSZ, &window));
    result("isatty of a file", isatty(file) ? 1 : -1);
    int on = 1;
    result("FIONBIO", ioctl(pipes[0], FIONBIO, &on));
    fact("status of it", "%x", fcntl(pipes[0], F_GETFL));
    result("FIOCLEX", ioctl(pipes[0], FIOCLEX));
    result("its flag then", fcntl(pipes[0], F_GETFD));
    result("ioctl of a closed one", ioctl(99, FIONREAD, &available));
    result("FIONREAD into a bad pointer", ioctl(pipes[0], FIONREAD, BAD));

    // All that are there, up to EMFILE.
    int last = -1, count = 0;
    for (int next; (next = open("file", O_RDONLY)) >= 0; count++) {
        last = next;
    }
    outcome("one too many", -1);
    fact("the last", "%d", last);
    result("pipe without room", pipe(pipes));
    result("dup without room", dup(file));
    close(last);
    result("pipe with room for one", pipe(pipes));
    fact_if("took none", open("file", O_RDONLY) == last);
    return 0;
}
