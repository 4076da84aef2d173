// flock(2) and fcntl(2) record locks, as far as one process can see them.
#include "fact.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

int main(void) {
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    int other = need("open", open("file", O_RDWR));
    result("flock", flock(file, LOCK_EX));
    result("flock of another opening", flock(other, LOCK_EX | LOCK_NB));
    result("shared of another opening", flock(other, LOCK_SH | LOCK_NB));
    result("unlock", flock(file, LOCK_UN));
    result("shared", flock(file, LOCK_SH));
    result("shared of another opening then", flock(other, LOCK_SH | LOCK_NB));
    result("no operation", flock(file, 0));
    result("closed", flock(99, LOCK_SH));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
    result("record lock", fcntl(file, F_SETLK, &lock));
    result("of the same process", fcntl(other, F_SETLK, &lock));
    result("ask", fcntl(other, F_GETLK, &lock));
    fact_if("free for the same process", lock.l_type == F_UNLCK);
    lock.l_type = F_WRLCK;
    result("on a reader", fcntl(open("file", O_RDONLY), F_SETLK, &lock));
    lock.l_type = 99;
    result("bad type", fcntl(file, F_SETLK, &lock));
    result("bad pointer", fcntl(file, F_SETLK, BAD));
    lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    result("open file lock", fcntl(file, F_OFD_SETLK, &lock));
    result("open file lock of another opening", fcntl(other, F_OFD_SETLK, &lock));
    lock.l_type = F_UNLCK;
    result("open file unlock", fcntl(file, F_OFD_SETLK, &lock));
    // The later one first: whoever asks is told of the one that begins first.
    lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = 5};
    result("a later range", fcntl(file, F_SETLK, &lock));
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 5};
    result("an earlier range", fcntl(file, F_SETLK, &lock));
    fflush(stdout);
    pid_t child = need("fork", fork());
    if (child == 0) {
        lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 16, .l_len = 0};
        result("a child asks", fcntl(other, F_GETLK, &lock));
        fact("what is in the way", "%d %ld %ld %d", lock.l_type, (long)lock.l_start, (long)lock.l_len,
             lock.l_pid == getppid());
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}
