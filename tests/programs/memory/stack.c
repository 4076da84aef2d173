// The stack: it grows by touch, up to its limit, then SIGSEGV on another stack. Mappings that grow down.
#include "fault.h"
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096

static volatile int depth;

__attribute__((noinline)) static int descend(int level) {
    volatile char frame[1024];
    frame[0] = (char)level;
    depth = level;
    if (level < 0) {
        return 0;
    }
    return descend(level + 1) + frame[0];
}

int main(void) {
    catch_faults();
    struct rlimit limit;
    need("getrlimit", getrlimit(RLIMIT_STACK, &limit));
    fact("limit", "%ld", (long)limit.rlim_cur);
    volatile char *here = __builtin_frame_address(0);
    ATTEMPT("1 MiB below", here, poke((char *)here - (1 << 20)));
    ATTEMPT("7 MiB below", here, poke((char *)here - (7 << 20)));
    if (sigsetjmp(fault_back, 1) == 0) {
        descend(0);
    }
    fact("at the end", "%s code %d", signal_name(fault_signal), fault_code);
    fact_if("between 7 and 8 MiB deep", depth > 6500 && depth < 8192);
    if (sigsetjmp(fault_back, 1) == 0) {
        descend(0);
    }
    fact("once more", "%s", signal_name(fault_signal));

    char *area = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(area, 1024 * PAGE);
    char *top = area + 1000 * PAGE;
    char *grows = mmap(top, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    fact_if("a mapping that grows down", grows == top);
    ATTEMPT("its page", top, poke(top));
    ATTEMPT("the page below", top, poke(top - PAGE));
    ATTEMPT("some pages below", top, poke(top - 5 * PAGE));
    return 0;
}
