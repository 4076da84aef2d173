// Mappings of files: contents, the end, sharing, writing by either way.
#include "fault.h"
#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096

int main(void) {
    catch_faults();
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    for (int i = 0; i < 1500; i++) {
        need("write", write(file, "0123456789", 10));
    }
    char *private = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    char *shared = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, PAGE);
    result("close", close(file));
    file = need("open", open("file", O_RDWR));
    fact("start", "%.5s %.5s", private, shared);
    fact("second page", "%.5s", second);
    fact("around the end", "%c %d %d", private[14999], private[15000], private[4 * PAGE - 1]);
    ATTEMPT("behind the last page", private, peek(private + 4 * PAGE));
    ATTEMPT("write behind the last page", shared, poke(shared + 4 * PAGE + 9));

    private[0] = 'P';
    shared[1] = 'S';
    char buffer[8] = "";
    need("pread", pread(file, buffer, 5, 0));
    fact("read", "%s", buffer);
    fact("private page that was written", "%.5s", private);
    shared[PAGE] = 'T';
    fact("private page that was not", "%.5s", private + PAGE);
    fact("the second mapping", "%.5s", second);
    need("pwrite", pwrite(file, "WW", 2, PAGE + 2));
    fact("after a write", "%.5s %.5s %.5s", private + PAGE, shared + PAGE, second);
    need("pwrite", pwrite(file, "VV", 2, 2));
    fact("after a write, private and written", "%.5s", private);

    shared[15001] = 'x';
    fact("size is the same", "%ld", (long)lseek(file, 0, SEEK_END));
    need("ftruncate", ftruncate(file, 20000));
    need("pread", pread(file, buffer, 3, 15000));
    fact("behind the old end", "%d %d", buffer[0], buffer[1] != 0 && buffer[1] != 'x');
    ATTEMPT("a page that is there now", shared, poke(shared + 4 * PAGE));
    need("ftruncate", ftruncate(file, 100));
    ATTEMPT("a page that is gone", shared, peek(shared + PAGE));
    ATTEMPT("a private page that is gone", private, peek(private + 2 * PAGE));
    fact("the first page's end", "%d", shared[200]);
    need("ftruncate", ftruncate(file, 3 * PAGE));
    fact("back, and zero", "%d", shared[PAGE]);

    // System calls with such pages as their buffers.
    result("write from behind the end", write(1, shared + 5 * PAGE, 10));
    result("read into the mapping of the same file", pread(file, shared + PAGE, 50, 0));
    fact("what", "%.4s", shared + PAGE);
    char *readable = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
    result("read into a mapping that is not writable", pread(file, readable, 50, 10));
    int only = need("open", open("file", O_RDONLY));
    char *limited = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, only, 0);
    result("make writable what the file is not", mprotect(limited, PAGE, PROT_READ | PROT_WRITE));
    result("unlink", unlink("file"));
    fact("still there", "%.2s", shared);
    char *offset = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 1 << 20);
    ATTEMPT("an offset behind the end", offset, peek(offset));
    return 0;
}
