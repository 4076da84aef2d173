// brk(2).
#include "fault.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char *set(char *to) { return (char *)syscall(SYS_brk, to); }

int main(void) {
    catch_faults();
    setvbuf(stdout, NULL, _IONBF, 0);
    char *start = set(NULL);
    char *page = (char *)(((uintptr_t)start + 4095) & ~4095ul);
    fact_if("grow", set(page + 3 * 4096) == page + 3 * 4096);
    fact_if("asked again", set(NULL) == page + 3 * 4096);
    ATTEMPT("first page", page, poke(page));
    ATTEMPT("last byte", page, poke(page + 3 * 4096 - 1));
    ATTEMPT("behind it", page, poke(page + 3 * 4096));
    fact_if("by one byte", set(page + 3 * 4096 + 1) == page + 3 * 4096 + 1);
    ATTEMPT("behind it then", page, poke(page + 3 * 4096 + 4095));
    fact_if("shrink", set(page + 4096) == page + 4096);
    ATTEMPT("what was there", page, peek(page + 2 * 4096));
    fact_if("grow again", set(page + 3 * 4096) == page + 3 * 4096);
    fact("it is new", "%d", peek(page + 3 * 4096 - 1));
    fact_if("below the start is refused", set((char *)4096) == page + 3 * 4096);
    fact_if("far too high is refused", set((char *)0x7fffffffffff) == page + 3 * 4096);
    fact_if("the kernel's is refused", set(KERNEL) == page + 3 * 4096);
    ATTEMPT("run it", page, ((void (*)(void))page)());
    void *wall = mmap(page + 8 * 4096, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    fact_if("a mapping in the way", wall == page + 8 * 4096);
    fact_if("over it is refused", set(page + 9 * 4096) == page + 3 * 4096);
    fact_if("up to it", set(page + 6 * 4096) == page + 6 * 4096);
    struct rlimit limit = {4096, RLIM_INFINITY};
    need("setrlimit", setrlimit(RLIMIT_DATA, &limit));
    fact_if("over the limit is refused", set(page + 7 * 4096) == page + 6 * 4096);
    return 0;
}
