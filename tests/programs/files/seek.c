// lseek(2), pread(2), pwrite(2): offsets and their errors.
#include "fact.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

int main(void) {
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    char buffer[32];
    need("write", write(file, "0123456789", 10));
    result("to 3", lseek(file, 3, SEEK_SET));
    result("4 on", lseek(file, 4, SEEK_CUR));
    result("2 before the end", lseek(file, -2, SEEK_END));
    result("before the start", lseek(file, -1, SEEK_SET));
    result("before the start from here", lseek(file, -20, SEEK_CUR));
    result("still there", lseek(file, 0, SEEK_CUR));
    result("whence 99", lseek(file, 0, 99));
    result("far behind the end", lseek(file, 1000, SEEK_SET));
    result("read there", read(file, buffer, 10));
    result("too far", lseek(file, 1, SEEK_CUR) && lseek(file, INT64_MAX, SEEK_CUR));
    result("closed", lseek(99, 0, SEEK_SET));
    int pipes[2];
    need("pipe", pipe(pipes));
    result("a pipe", lseek(pipes[0], 0, SEEK_CUR));
    result("pread of a pipe", pread(pipes[0], buffer, 1, 0));
    result("pwrite to a pipe", pwrite(pipes[1], buffer, 1, 0));

    lseek(file, 2, SEEK_SET);
    result("pread", pread(file, buffer, 4, 5));
    fact("what", "%.4s", buffer);
    result("pread over the end", pread(file, buffer, 20, 8));
    result("pread at the end", pread(file, buffer, 20, 10));
    result("pread of a negative offset", pread(file, buffer, 1, -1));
    result("pread into a bad pointer", pread(file, BAD, 1, 0));
    result("pwrite", pwrite(file, "AB", 2, 4));
    result("pwrite at a negative offset", pwrite(file, "AB", 2, -1));
    result("offset unchanged", lseek(file, 0, SEEK_CUR));
    struct iovec parts[2] = {{buffer, 3}, {buffer + 10, 3}};
    result("preadv", preadv(file, parts, 2, 1));
    fact("parts", "%.3s %.3s", buffer, buffer + 10);
    result("pwritev", pwritev(file, parts, 2, 20));
    result("preadv2 at -1 is at the offset", preadv2(file, parts, 1, -1, 0));
    result("offset after it", lseek(file, 0, SEEK_CUR));
    result("preadv2 with an unknown flag", preadv2(file, parts, 1, 0, 0x4000));

    // Two descriptors of one opening share the offset, two openings do not.
    int same = dup(file), other = open("file", O_RDONLY);
    lseek(file, 7, SEEK_SET);
    result("of a duplicate", lseek(same, 0, SEEK_CUR));
    result("of another opening", lseek(other, 0, SEEK_CUR));

    // Holes.
    int sparse = need("open", open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("pwrite", pwrite(sparse, "x", 1, 1 << 20));
    result("size with a hole", lseek(sparse, 0, SEEK_END));
    result("read of a hole", pread(sparse, buffer, 8, 4096));
    fact_if("it is zero", memcmp(buffer, "\0\0\0\0\0\0\0\0", 8) == 0);
    result("first data", lseek(sparse, 0, SEEK_DATA));
    result("first hole", lseek(sparse, 0, SEEK_HOLE));
    result("hole after the data", lseek(sparse, 1 << 20, SEEK_HOLE));
    result("data behind the end", lseek(sparse, 2 << 20, SEEK_DATA));
    result("hole behind the end", lseek(sparse, 2 << 20, SEEK_HOLE));
    result("seek in a directory", lseek(need("open", open(".", O_RDONLY)), 0, SEEK_SET));
    return 0;
}
