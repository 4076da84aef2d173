// truncate(2), ftruncate(2), fallocate(2).
#include "fact.h"
#include <fcntl.h>
#include <sys/stat.h>

static long size(int file) {
    struct stat status;
    need("fstat", fstat(file, &status));
    return status.st_size;
}

int main(void) {
    char buffer[16];
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("write", write(file, "0123456789", 10));
    result("shrink", ftruncate(file, 4));
    result("size", size(file));
    result("offset stays", lseek(file, 0, SEEK_CUR));
    result("grow", ftruncate(file, 8));
    result("read", pread(file, buffer, 16, 0));
    fact_if("the end is zero", memcmp(buffer, "0123\0\0\0\0", 8) == 0);
    result("negative", ftruncate(file, -1));
    result("by path", truncate("file", 3));
    result("by path, negative", truncate("file", -1));
    result("by path, absent", truncate("absent", 3));
    result("by path, bad pointer", truncate(BAD, 3));
    result("a directory", truncate(".", 0));
    result("a directory's descriptor", ftruncate(open(".", O_RDONLY), 0));
    result("a read-only descriptor", ftruncate(open("file", O_RDONLY), 0));
    result("a closed descriptor", ftruncate(99, 0));
    int pipes[2];
    need("pipe", pipe(pipes));
    result("a pipe", ftruncate(pipes[1], 0));
    result("size at the end", size(file));

    result("write behind the end", write(file, "x", 1));
    result("size with a hole", size(file));
    // A page that was cut off must not come back.
    char page[8192];
    memset(page, 'p', sizeof page);
    need("pwrite", pwrite(file, page, sizeof page, 0));
    need("ftruncate", ftruncate(file, 5000));
    need("ftruncate", ftruncate(file, 8192));
    need("pread", pread(file, page, sizeof page, 0));
    fact("around the cut", "%d %d %d", page[4999], page[5000], page[8191]);

    result("fallocate", fallocate(file, 0, 0, 20000));
    result("size after it", size(file));
    result("fallocate and keep the size", fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 40000));
    result("size after that", size(file));
    result("punch a hole", fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    need("pread", pread(file, page, sizeof page, 0));
    fact("in the hole and behind", "%d %d", page[0], page[4096]);
    result("fallocate nothing", fallocate(file, 0, 0, 0));
    result("fallocate, negative", fallocate(file, 0, -1, 10));
    result("fallocate a read-only descriptor", fallocate(open("file", O_RDONLY), 0, 0, 10));
    result("fallocate a pipe", fallocate(pipes[1], 0, 0, 10));
    return 0;
}
