// Wild accesses: signal, code, address, the page fault's error code.
#include "fault.h"
#include <sys/mman.h>

int main(void) {
    catch_faults();
    ATTEMPT("read null", 0, peek(NULL));
    ATTEMPT("write null", 0, poke(NULL));
    ATTEMPT("read 0x123", 0, peek((void *)0x123));
    ATTEMPT("run null", 0, ((void (*)(void))(uintptr_t)(fault_signal ? 0 : 0))());
    fact_if("its instruction is at null", fault_rip == 0);
    ATTEMPT("read below 64 KiB", 0, peek((void *)0xffff));
    ATTEMPT("read the last page", 0, peek((void *)0x7fffffffeff8));
    ATTEMPT("read an address that is none", 0, peek((void *)0x800000000000));
    ATTEMPT("write an address that is none", 0, poke((void *)0x1234567890abcdef));
    ATTEMPT("run an address that is none", 0, ((void (*)(void))0x8000000000001234)());
    ATTEMPT("push with a stack that is none", 0,
            __asm__ volatile("mov %%rsp, %%rbx\n movabs $0x8000000000001000, %%rsp\n push %%rax\n mov %%rbx, %%rsp" ::: "rbx"));

    // The fault's own instruction, and registers as they were.
    if (sigsetjmp(fault_back, 1) == 0) {
        __asm__ volatile("lea 1f(%%rip), %%r12\n mov %%r12, %0\n 1: movb $1, 0x321" : "=m"(fault_flags)::"r12", "memory");
    }
    fact("cr2", "%lx", (long)fault_cr2);
    void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static volatile int i;
    for (i = 0; i < 1000; i++) {
        if (sigsetjmp(fault_back, 1) == 0) {
            poke((char *)page + i);
        } else if (fault_address != (char *)page + i) {
            fact("a wrong address at", "%d", i);
        }
    }
    fact("a thousand faults", "done");
    return 0;
}
