// Out of memory is an answer: a limit on address space, not on the machine.
#include "fact.h"
#include <sys/mman.h>
#include <sys/resource.h>

int main(void) {
    struct rlimit limit = {64 << 20, 64 << 20};
    need("setrlimit", setrlimit(RLIMIT_AS, &limit));
    int count = 0;
    while (malloc(1 << 20) && count < 1000) {
        count++;
    }
    fact_if("some", count > 40 && count < 64);
    outcome("then", -1);
    outcome("mmap", (long)mmap(NULL, 8 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    return 0;
}
