// mprotect(2): what is allowed, and what each access then does.
#include "fault.h"
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096

static void run(void *code) { ((void (*)(void))code)(); }

int main(void) {
    catch_faults();
    char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 0xc3, 4 * PAGE); // ret
    struct {
        const char *name;
        int protection;
    } kinds[] = {{"none", PROT_NONE},
                 {"read", PROT_READ},
                 {"write", PROT_WRITE},
                 {"execute", PROT_READ | PROT_EXEC},
                 {"all", PROT_READ | PROT_WRITE | PROT_EXEC}};
    for (int i = 0; i < 5; i++) {
        char what[64];
        result(kinds[i].name, mprotect(pages + PAGE, PAGE, kinds[i].protection));
        snprintf(what, sizeof what, "%s, read", kinds[i].name);
        ATTEMPT(what, pages, peek(pages + PAGE));
        snprintf(what, sizeof what, "%s, run", kinds[i].name);
        ATTEMPT(what, pages, run(pages + PAGE + 7));
        snprintf(what, sizeof what, "%s, write", kinds[i].name);
        ATTEMPT(what, pages, poke(pages + PAGE + PAGE - 1));
    }
    ATTEMPT("a neighbour", pages, poke(pages), poke(pages + 2 * PAGE));
    result("at an odd address", mprotect(pages + 1, PAGE, PROT_READ));
    result("of size 0", mprotect(pages, 0, PROT_NONE));
    result("of size 0 where nothing is", mprotect((void *)PAGE, 0, PROT_NONE));
    result("part of a page", mprotect(pages, 1, PROT_NONE));
    ATTEMPT("its end", pages, peek(pages + PAGE - 1));
    result("an unknown protection", mprotect(pages, PAGE, 0x40));
    result("both growing ways", mprotect(pages, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
    result("back", mprotect(pages, 4 * PAGE, PROT_READ | PROT_WRITE));
    munmap(pages + 2 * PAGE, PAGE);
    result("over a hole", mprotect(pages, 4 * PAGE, PROT_READ));
    ATTEMPT("before the hole it holds", pages, poke(pages));
    ATTEMPT("behind the hole it does not", pages, poke(pages + 3 * PAGE));
    result("where nothing is", mprotect((void *)0x10000, PAGE, PROT_READ));
    result("in the kernel", mprotect(KERNEL, PAGE, PROT_READ));
    result("size that wraps", mprotect(pages, -PAGE, PROT_READ));

    // Program text and constants.
    static const char constant[] = "constant";
    ATTEMPT("write a constant", constant, poke((void *)constant));
    ATTEMPT("write text", main, poke((void *)main));
    static char data[16];
    data[0] = (char)0xc3;
    ATTEMPT("run data", data, run(data));
    char local[16];
    local[0] = (char)0xc3;
    *(volatile char *)local = local[0];
    ATTEMPT("run the stack", local, run(local));
    return 0;
}
