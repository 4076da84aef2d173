// madvise(2), mlock(2), msync(2).
#include "fault.h"
#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096

int main(void) {
    catch_faults();
    char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 'a', 4 * PAGE);
    result("not needed", madvise(pages + PAGE, PAGE, MADV_DONTNEED));
    fact("zero again", "%d %d %d", pages[0], pages[PAGE], pages[2 * PAGE]);
    result("free", madvise(pages + 2 * PAGE, PAGE, MADV_FREE));
    pages[2 * PAGE] = 'w';
    fact("written since", "%c", pages[2 * PAGE]);
    result("normal", madvise(pages, PAGE, MADV_NORMAL));
    result("random", madvise(pages, PAGE, MADV_RANDOM));
    result("sequential", madvise(pages, PAGE, MADV_SEQUENTIAL));
    result("will need", madvise(pages, PAGE, MADV_WILLNEED));
    result("don't dump", madvise(pages, PAGE, MADV_DONTDUMP));
    result("don't fork", madvise(pages, PAGE, MADV_DONTFORK));
    result("unknown", madvise(pages, PAGE, 9999));
    result("at an odd address", madvise(pages + 1, PAGE, MADV_DONTNEED));
    result("of size 0", madvise(pages, 0, MADV_DONTNEED));
    result("where nothing is", madvise((void *)0x10000, PAGE, MADV_DONTNEED));
    munmap(pages + 2 * PAGE, PAGE);
    pages[3 * PAGE] = 'z';
    result("over a hole", madvise(pages, 4 * PAGE, MADV_DONTNEED));
    fact("behind it, done all the same", "%d", pages[3 * PAGE]);

    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("write", write(file, "content", 7));
    char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    private[0] = 'X';
    result("not needed, of a file", madvise(private, PAGE, MADV_DONTNEED));
    fact("the file's again", "%.7s", private);
    pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 2 * PAGE, PAGE);
    result("mlock", mlock(pages, PAGE));
    result("mlock over a hole", mlock(pages, 4 * PAGE));
    result("not needed, locked", madvise(pages, PAGE, MADV_DONTNEED));
    result("munlock", munlock(pages, PAGE));
    result("msync", msync(private, PAGE, MS_SYNC));
    result("msync with both ways", msync(private, PAGE, MS_SYNC | MS_ASYNC));
    result("msync at an odd address", msync(private + 1, PAGE, MS_SYNC));
    result("msync over a hole", msync(pages, 4 * PAGE, MS_ASYNC));
    return 0;
}
