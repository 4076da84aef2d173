// splice(2), tee(2), vmsplice(2), sendfile(2) into pipes.
#include "fact.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>

static int first[2], second[2];
static char text[200000], got[200000];

static int waiting(int fd) {
    int count = -1;
    need("FIONREAD", ioctl(fd, FIONREAD, &count));
    return count;
}

static void *write_late(void *unused) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("write", write(first[1], "late", 4));
    return unused;
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    for (size_t at = 0; at < sizeof text; at++) {
        text[at] = (char)('a' + at % 26 + at / 4096 % 7);
    }
    need("pipe", pipe(first) | pipe(second));
    int file = need("open", open("spliced", O_RDWR | O_CREAT | O_TRUNC, 0600));
    int copy = need("open", open("spliced-copy", O_RDWR | O_CREAT | O_TRUNC, 0600));
    need("write", write(file, text, sizeof text));
    loff_t offset = 100;
    result("file to pipe, at an offset", splice(file, &offset, first[1], NULL, 70000, 0));
    fact("offset", "%ld, of the file %ld", (long)offset, (long)lseek(file, 0, SEEK_CUR));
    fact("waiting", "%d", waiting(first[0]));
    result("the pipe is full", splice(file, &offset, first[1], NULL, 1, SPLICE_F_NONBLOCK));
    result("write to the full", (fcntl(first[1], F_SETFL, O_NONBLOCK), write(first[1], "x", 1)));
    fcntl(first[1], F_SETFL, 0);
    result("pipe to pipe", splice(first[0], NULL, second[1], NULL, 5000, 0));
    fact("waiting", "%d and %d", waiting(first[0]), waiting(second[0]));
    result("tee", tee(first[0], second[1], 10000, 0));
    fact("waiting", "%d and %d", waiting(first[0]), waiting(second[0]));
    result("read", read(second[0], got, sizeof got));
    fact_if("the right bytes", !memcmp(got, text + 100, 5000) && !memcmp(got + 5000, text + 5100, 10000));
    offset = 10;
    result("pipe to file, at an offset", splice(first[0], NULL, copy, &offset, 60000, 0));
    fact("offset", "%ld, of the file %ld", (long)offset, (long)lseek(copy, 0, SEEK_CUR));
    result("pipe to file", splice(first[0], NULL, copy, NULL, 60000, 0));
    fact("size", "%ld", (long)lseek(copy, 0, SEEK_END));
    need("pread", pread(copy, got, 60010, 0));
    fact_if("the right bytes there", !memcmp(got + 500, text + 5100 + 490, 100));
    result("an empty pipe, no waiting", splice(first[0], NULL, copy, NULL, 10, SPLICE_F_NONBLOCK));
    pthread_t thread;
    pthread_create(&thread, NULL, write_late, NULL);
    result("an empty pipe", splice(first[0], NULL, copy, NULL, 10, 0));
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, write_late, NULL);
    result("tee of an empty pipe", tee(first[0], second[1], 10, 0));
    pthread_join(thread, NULL);
    result("read the copy", read(second[0], got, 100));
    result("read the original", read(first[0], got, 100));
    lseek(file, -3, SEEK_END);
    result("near the end", splice(file, NULL, first[1], NULL, 10, 0));
    result("at the end", splice(file, NULL, first[1], NULL, 10, 0));
    result("read", read(first[0], got, 100));

    result("nothing", splice(-1, NULL, -1, NULL, 0, 0));
    result("bad descriptor", splice(-1, NULL, first[1], NULL, 1, 0));
    result("file to file", splice(file, NULL, copy, NULL, 1, 0));
    result("a pipe to itself", splice(first[0], NULL, first[1], NULL, 1, 0));
    result("offset of a pipe", splice(first[0], &offset, copy, NULL, 1, 0));
    result("offset of a pipe out", splice(file, NULL, first[1], &offset, 1, 0));
    result("the wrong end", splice(first[1], NULL, copy, NULL, 1, 0));
    result("flags", splice(first[0], NULL, copy, NULL, 1, 0x100));
    int append = need("open", open("spliced-copy", O_WRONLY | O_APPEND));
    need("write", write(first[1], "12345", 5));
    result("to one that appends", splice(first[0], NULL, append, NULL, 5, 0));
    result("tee to a file", tee(first[0], copy, 5, 0));
    result("tee to itself", tee(first[0], first[1], 5, 0));
    result("to /dev/null", splice(first[0], NULL, need("open", open("/dev/null", O_WRONLY)), NULL, 5, 0));
    result("from /dev/zero", splice(need("open", open("/dev/zero", O_RDONLY)), NULL, first[1], NULL, 100, 0));
    result("read", read(first[0], got, 1000));

    struct iovec vector[2] = {{text, 10}, {text + 100, 20}};
    result("vmsplice", vmsplice(first[1], vector, 2, 0));
    result("read", read(first[0], got, 1000));
    fact_if("the right bytes", !memcmp(got, text, 10) && !memcmp(got + 10, text + 100, 20));
    need("write", write(first[1], "0123456789", 10));
    struct iovec into[2] = {{got, 4}, {got + 100, 4}};
    result("vmsplice to memory", vmsplice(first[0], into, 2, 0));
    fact("what", "%.4s %.4s", got, got + 100);
    result("vmsplice of a file", vmsplice(file, vector, 2, 0));
    result("read", read(first[0], got, 1000));
    offset = 0;
    result("sendfile to a pipe", sendfile(first[1], file, &offset, 5000));
    result("read", read(first[0], got, 10000));
    fact_if("the right bytes", !memcmp(got, text, 5000));
    result("sendfile from a pipe", sendfile(copy, first[0], NULL, 10));
    close(first[0]);
    result("nobody reads", splice(file, &offset, first[1], NULL, 10, 0));
    close(second[1]);
    result("nobody writes", splice(second[0], NULL, copy, NULL, 10, 0));
    unlink("spliced");
    unlink("spliced-copy");
    return 0;
}
