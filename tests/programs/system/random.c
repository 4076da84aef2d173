// getrandom(2), /dev/random and its kin, /dev/zero, /dev/null, /dev/full.
#include "fact.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool varied(const unsigned char *bytes, int count) {
    int seen[256] = {0}, kinds = 0;
    for (int i = 0; i < count; i++) {
        kinds += seen[bytes[i]]++ == 0;
    }
    return kinds > 200;
}

int main(void) {
    static unsigned char one[4096], other[4096];
    result("getrandom", getrandom(one, sizeof one, 0));
    result("again", getrandom(other, sizeof other, GRND_NONBLOCK));
    fact_if("of all kinds", varied(one, sizeof one) && varied(other, sizeof other));
    fact_if("not the same", memcmp(one, other, sizeof one) != 0);
    result("nothing", getrandom(one, 0, 0));
    result("the random pool", getrandom(one, 16, GRND_RANDOM));
    result("unknown flag", getrandom(one, 16, 8));
    result("flags that do not go together", getrandom(one, 16, GRND_RANDOM | 4));
    result("bad pointer", getrandom(BAD, 16, 0));
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    result("across the end of a mapping", getrandom(pages + 4000, 4096, 0));

    const char *names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};
    for (int i = 0; i < 5; i++) {
        int file = open(names[i], O_RDWR);
        outcome(names[i], file);
        struct stat status;
        need("fstat", fstat(file, &status));
        fact("device", "%o %d:%d", status.st_mode & S_IFMT, major(status.st_rdev), minor(status.st_rdev));
        memset(one, 1, sizeof one);
        result("read", read(file, one, 100));
        fact("what", "%s", one[0] == 1 && one[99] == 1 ? "nothing" : varied(one, 100) || one[0] || one[1] ? "something" : "zeros");
        result("read into a bad pointer", read(file, BAD, 100));
        result("write", write(file, one, 100));
        result("seek", lseek(file, 10, SEEK_SET));
        result("truncate", ftruncate(file, 0));
        close(file);
    }
    int zero = need("open", open("/dev/zero", O_RDWR));
    char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    outcome("a mapping of /dev/zero", (long)mapped);
    fact("what", "%d", mapped[5]);
    outcome("open with O_TRUNC", open("/dev/null", O_WRONLY | O_TRUNC));
    result("write from a bad pointer to /dev/null", write(open("/dev/null", O_WRONLY), BAD, 100));
    return 0;
}
