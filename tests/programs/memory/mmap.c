// mmap(2), munmap(2): arguments and their errors, placement, contents.
#include "fault.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static long map(void *at, size_t size, int protection, int flags, int file, long offset) {
    return syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int main(void) {
    catch_faults();
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("write", write(file, "content", 7));
    int reader = need("open", open("file", O_RDONLY)), writer = need("open", open("file", O_WRONLY));

    outcome("size 0", map(NULL, 0, RW, ANONYMOUS, -1, 0));
    outcome("size -1", map(NULL, -1, RW, ANONYMOUS, -1, 0));
    outcome("larger than all", map(NULL, 1ul << 47, RW, ANONYMOUS, -1, 0));
    outcome("neither private nor shared", map(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    outcome("private and shared", map(NULL, PAGE, RW, ANONYMOUS | MAP_SHARED, -1, 0) == -1 ? -1 : 0);
    outcome("a closed file", map(NULL, PAGE, RW, MAP_PRIVATE, 99, 0));
    outcome("no file", map(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    outcome("an odd offset", map(NULL, PAGE, RW, MAP_PRIVATE, file, 1));
    outcome("an odd offset without a file", map(NULL, PAGE, RW, ANONYMOUS, -1, 1));
    outcome("fixed at an odd address", map((void *)0x10000001, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    outcome("fixed at the end of addresses", map((void *)0x7ffffffff000, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    outcome("fixed in the kernel", map(KERNEL, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    outcome("shared and writable of a reader", map(NULL, PAGE, RW, MAP_SHARED, reader, 0));
    outcome("private and writable of a reader", map(NULL, PAGE, RW, MAP_PRIVATE, reader, 0));
    outcome("shared and readable of a reader", map(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0));
    outcome("of a writer", map(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, writer, 0));
    outcome("of a directory", map(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0));
    int pipes[2];
    need("pipe", pipe(pipes));
    outcome("of a pipe", map(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
    outcome("an unknown protection", map(NULL, PAGE, 0x40, ANONYMOUS, -1, 0));
    outcome("shared and checked, an unknown flag", map(NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x1000000, file, 0));
    outcome("32 bit", map(NULL, PAGE, RW, ANONYMOUS | MAP_32BIT, -1, 0));
    fact_if("below 2 GiB", (unsigned long)map(NULL, PAGE, RW, ANONYMOUS | MAP_32BIT, -1, 0) < 1ul << 31);

    char *three = (char *)need("mmap", map(NULL, 3 * PAGE, RW, ANONYMOUS, -1, 0));
    fact_if("zero at first", peek(three) == 0 && peek(three + 3 * PAGE - 1) == 0);
    fact_if("on a page", (uintptr_t)three % PAGE == 0);
    memset(three, 'a', 3 * PAGE);
    result("unmap the middle", munmap(three + PAGE, PAGE));
    ATTEMPT("read the first", three, peek(three));
    ATTEMPT("read the middle", three, peek(three + PAGE + 5));
    ATTEMPT("write the middle", three, poke(three + PAGE + 5));
    ATTEMPT("read the last", three, peek(three + 2 * PAGE));
    result("unmap it again", munmap(three + PAGE, PAGE));
    result("unmap all with the hole", munmap(three, 3 * PAGE));
    fact_if("gone", !mapped(three) && !mapped(three + 2 * PAGE));
    result("unmap at an odd address", munmap(three + 1, PAGE));
    result("unmap size 0", munmap(three, 0));
    result("unmap part of a page", (map(three, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), munmap(three, 1)));
    fact("what is left", "%d %d", mapped(three), mapped(three + PAGE));
    result("unmap beyond all", munmap((void *)0x7ffffffff000, 2 * PAGE));

    // Room in which no other mapping is put: what has no hint goes to its end.
    char *room = (char *)need("mmap", map(NULL, 64 * PAGE, PROT_NONE, ANONYMOUS, -1, 0));
    need("munmap", munmap(room, 64 * PAGE));
    three = room + 8 * PAGE;
    fact_if("a hint is taken", map(three, PAGE, RW, ANONYMOUS, -1, 0) == (long)three);
    fact_if("a hint that is taken is not", map(three, PAGE, RW, ANONYMOUS, -1, 0) != (long)three);
    fact_if("a hint at an odd address is rounded", map(three + 2 * PAGE + 5, PAGE, RW, ANONYMOUS, -1, 0) == (long)three + 2 * PAGE);
    poke(three);
    fact_if("fixed", map(three, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == (long)three);
    fact_if("it is new", peek(three) == 0);
    outcome("fixed, no replacing, taken", map(three, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    outcome("fixed, no replacing, half taken", map(three - PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    munmap(three, PAGE);
    fact_if("fixed, no replacing, free", map(three, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (long)three);

    char *both = (char *)need("mmap", map(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    poke(both);
    fact("shared and anonymous", "%d", peek(both));
    char *large = (char *)need("mmap", map(NULL, 1ul << 36, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0));
    ATTEMPT("reserved, in the middle", large, peek(large + (1ul << 35)));
    result("make a part usable", mprotect(large + (1ul << 35), PAGE, RW));
    ATTEMPT("then", large, poke(large + (1ul << 35)));
    result("unmap it", munmap(large, 1ul << 36));
    char *populated = (char *)need("mmap", map(NULL, 4 * PAGE, RW, ANONYMOUS | MAP_POPULATE, -1, 0));
    unsigned char present[4];
    result("mincore", mincore(populated, 4 * PAGE, present));
    fact("populated", "%d %d %d %d", present[0] & 1, present[1] & 1, present[2] & 1, present[3] & 1);
    result("mincore at an odd address", mincore(populated + 1, PAGE, present));
    result("mincore into a bad pointer", mincore(populated, PAGE, BAD));
    munmap(populated, PAGE);
    result("mincore of a hole", mincore(populated, PAGE, present));
    return 0;
}
