// memfd_create(2) and its seals, fcntl_sealing(2); /dev/zero mapped; MADV_REMOVE.
#include "fact.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MFD_EXEC
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

static char *mapped(const char *what, int protection, int flags, int fd) {
    char *at = mmap(NULL, 8192, protection, flags, fd, 0);
    outcome(what, at == MAP_FAILED ? -1 : 0);
    return at == MAP_FAILED ? NULL : at;
}

static void name(const char *what, int fd) {
    char path[64], target[300] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    need("readlink", readlink(path, target, sizeof target - 1));
    fact(what, "%s", target);
}

int main(void) {
    struct stat status;
    int fd = need("memfd_create", memfd_create("some name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    name("name", fd);
    fact("flags", "%x %x", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    need("fstat", fstat(fd, &status));
    fact("mode", "%o, %ld links, %ld bytes", status.st_mode, (long)status.st_nlink, (long)status.st_size);
    result("seals", fcntl(fd, F_GET_SEALS));
    result("write", write(fd, "0123456789", 10));
    char *at = mapped("map", PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    at[3] = 'x';
    char text[20] = "";
    result("read", pread(fd, text, 20, 0));
    fact("what", "%s", text);
    result("no seals", fcntl(fd, F_ADD_SEALS, 0));
    result("unknown seal", fcntl(fd, F_ADD_SEALS, 0x1000));
    result("seal shrinking", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    result("shrink", ftruncate(fd, 5));
    result("grow", ftruncate(fd, 20));
    result("seal growing", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    result("grow", ftruncate(fd, 30));
    result("the same size", ftruncate(fd, 20));
    result("write within", pwrite(fd, "ab", 2, 0));
    result("write beyond", pwrite(fd, "abcd", 4, 18));
    result("allocate beyond", fallocate(fd, 0, 0, 100));
    result("seal writing, mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(at, 8192);
    result("seal writing", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    result("write", pwrite(fd, "ab", 2, 0));
    result("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    mapped("map to write", PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    at = mapped("map a copy", PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
    at[0] = 'y';
    result("seals", fcntl(fd, F_GET_SEALS));
    result("seal seals", fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    result("seal more", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    result("seals", fcntl(fd, F_GET_SEALS));

    fd = need("memfd_create", memfd_create("", 0));
    name("no name", fd);
    result("seals", fcntl(fd, F_GET_SEALS));
    result("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    fd = need("memfd_create", memfd_create("future", MFD_ALLOW_SEALING));
    need("size", ftruncate(fd, 8192));
    at = mapped("map", PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    result("seal writing in future", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    at[0] = 'z';
    result("write", write(fd, "a", 1));
    mapped("map to write", PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    char *readable = mapped("map to read", PROT_READ, MAP_SHARED, fd);
    if (readable) {
        fact("seen", "%c", readable[0]);
        result("make it writable", mprotect(readable, 8192, PROT_READ | PROT_WRITE));
    }
    fd = memfd_create("exec", MFD_NOEXEC_SEAL);
    outcome("not to be run", fd);
    if (fd >= 0) {
        need("fstat", fstat(fd, &status));
        fact("mode", "%o", status.st_mode);
        result("seals", fcntl(fd, F_GET_SEALS));
        result("chmod to run", fchmod(fd, 0755));
        result("chmod", fchmod(fd, 0644));
    }
    outcome("unknown flag", memfd_create("x", 0x100));
    outcome("both", memfd_create("x", MFD_NOEXEC_SEAL | MFD_EXEC));
    outcome("bad name", memfd_create(BAD, 0));
    char longest[300];
    memset(longest, 'n', sizeof longest);
    longest[249] = 0;
    outcome("a long name", memfd_create(longest, 0));
    longest[249] = 'n';
    longest[250] = 0;
    outcome("a longer name", memfd_create(longest, 0));
    int file = need("open", open("plain", O_RDWR | O_CREAT, 0600));
    int reader = need("open", open("plain", O_RDONLY));
    result("seal without writing", fcntl(reader, F_ADD_SEALS, F_SEAL_WRITE));
    unlink("plain");
    int ends[2];
    need("pipe", pipe(ends));
    result("seals of a pipe", fcntl(ends[1], F_GET_SEALS));
    result("seal a pipe", fcntl(ends[1], F_ADD_SEALS, F_SEAL_WRITE));
    (void)file;

    int zero = need("open", open("/dev/zero", O_RDWR));
    char *private = mapped("/dev/zero, private", PROT_READ | PROT_WRITE, MAP_PRIVATE, zero);
    char *shared = mapped("/dev/zero, shared", PROT_READ | PROT_WRITE, MAP_SHARED, zero);
    fact("zeros", "%d %d", private[5000], shared[5000]);
    private[0] = shared[0] = 1;
    fact("of its own", "%d", private[0] + shared[0]);
    int only_read = need("open", open("/dev/zero", O_RDONLY));
    mapped("/dev/zero to write, not open so", PROT_READ | PROT_WRITE, MAP_SHARED, only_read);
    mapped("/dev/null", PROT_READ, MAP_PRIVATE, need("open", open("/dev/null", O_RDONLY)));

    fd = need("memfd_create", memfd_create("holes", 0));
    need("size", ftruncate(fd, 16384));
    at = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memset(at, 7, 16384);
    char *copy = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    copy[4096] = 9;
    fact("before", "%d %d %d", at[4096], copy[4096], copy[8192]);
    result("MADV_REMOVE", madvise(at + 4096, 8192, MADV_REMOVE));
    fact("after", "%d %d %d %d", at[4096], at[12288], copy[4096], copy[8192]);
    need("fstat", fstat(fd, &status));
    fact("blocks", "%ld", (long)status.st_blocks);
    fact("first hole", "%ld", (long)lseek(fd, 0, SEEK_HOLE));
    fact("then data", "%ld", (long)lseek(fd, 4096, SEEK_DATA));
    result("MADV_REMOVE of a copy", madvise(copy, 4096, MADV_REMOVE));
    result("MADV_REMOVE of /dev/zero's", madvise(shared, 4096, MADV_REMOVE));
    fact("then", "%d", shared[0]);
    return 0;
}
