// write(2), writev(2): sizes, descriptors, offsets, iovec edges.
#include "fact.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

int main(void) {
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    int reader = need("open", open("file", O_RDONLY));
    char buffer[64] = "0123456789";

    result("write 10", write(file, buffer, 10));
    result("write 0", write(file, buffer, 0));
    result("write 0 from a bad pointer", write(file, BAD, 0));
    result("write from a bad pointer", write(file, BAD, 1));
    result("write from a kernel pointer", write(file, KERNEL, 1));
    result("write from the last byte of addresses", write(file, (void *)-1L, 1));
    result("write to -1", write(-1, buffer, 1));
    result("write to 99", write(99, buffer, 1));
    result("write to 1 << 32", syscall(SYS_write, 0x100000000L + file, buffer, 1));
    result("write to a read-only descriptor", write(reader, buffer, 1));
    result("write of 0 bytes to a read-only descriptor", write(reader, buffer, 0));
    result("read from a write-only descriptor", read(need("open", open("file", O_WRONLY)), buffer, 1));
    result("write of a negative size", write(file, buffer, (size_t)-1));
    result("offset", lseek(file, 0, SEEK_CUR));

    struct iovec parts[3] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
    result("writev of three", writev(file, parts, 3));
    result("writev of none", writev(file, parts, 0));
    result("writev of -1", writev(file, parts, -1));
    result("writev of IOV_MAX + 1", syscall(SYS_writev, file, parts, 1025));
    result("writev with a bad array", writev(file, BAD, 1));
    parts[1] = (struct iovec){BAD, 1};
    result("writev with a bad part in the middle", writev(file, parts, 3));
    parts[0] = (struct iovec){BAD, 1};
    result("writev with a bad part first", writev(file, parts, 3));
    parts[0] = (struct iovec){"x", (size_t)-1};
    result("writev with a negative length", writev(file, parts, 1));
    struct iovec many[1024];
    for (int i = 0; i < 1024; i++) {
        many[i] = (struct iovec){"z", 1};
    }
    result("writev of IOV_MAX", writev(file, many, 1024));
    result("size", lseek(file, 0, SEEK_END));

    lseek(file, 0, SEEK_SET);
    char one[3], two[5];
    struct iovec into[2] = {{one, 3}, {two, 5}};
    result("readv", readv(file, into, 2));
    fact("readv first", "%.3s", one);
    fact("readv second", "%.5s", two);

    // A buffer that ends in a page that is not there.
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    memset(pages, 'p', 4096);
    int other = need("open", open("other", O_RDWR | O_CREAT | O_TRUNC, 0644));
    result("write across the end of a mapping", write(other, pages + 4090, 100));
    result("size then", lseek(other, 0, SEEK_END));
    int pipes[2];
    need("pipe", pipe(pipes));
    result("write to a pipe across the end of a mapping", write(pipes[1], pages + 4090, 100));
    result("write to a pipe", write(pipes[1], "abcdefghijklmnop", 16));
    result("read from a pipe across the end of a mapping", read(pipes[0], pages + 4092, 16));
    lseek(file, 0, SEEK_SET);
    result("read of a file across the end of a mapping", read(file, pages + 4086, 100));
    result("offset after it", lseek(file, 0, SEEK_CUR));
    fact("what was read", "%.10s", pages + 4086);

    int append = need("open", open("other", O_RDWR | O_APPEND));
    need("ftruncate", ftruncate(append, 0));
    result("append one", write(append, "one", 3));
    result("seek before it", lseek(append, 0, SEEK_SET));
    result("append two", write(append, "two", 3));
    result("offset after appending", lseek(append, 0, SEEK_CUR));
    result("pwrite at 0 on an appending descriptor", pwrite(append, "three", 5, 0));
    memset(buffer, 0, sizeof buffer);
    result("read all", pread(append, buffer, sizeof buffer, 0));
    fact("content", "%s", buffer);
    return 0;
}
