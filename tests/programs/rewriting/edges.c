// Sites at the very end of a page and of a mapping, over a page boundary, and in code that changes.
#include "fault.h"
#include <sys/mman.h>
#include <sys/syscall.h>

static const unsigned char call[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05}; // mov eax, 39; syscall

static char *at;
static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    fact("fault", "signal %d, code %d, at the end: %s, result %s", number, info->si_code,
         registers[REG_RIP] == (long)at ? "yes" : "no", registers[REG_RAX] == getpid() ? "right" : "wrong");
    // As if the code had returned.
    registers[REG_RIP] = *(long *)registers[REG_RSP];
    registers[REG_RSP] += 8;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    char *pages = mmap(NULL, 3 * 4096, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long (*code)(void);

    // At the end of the first two pages, with nothing behind.
    mprotect(pages + 8192, 4096, PROT_NONE);
    at = pages + 8192;
    memcpy(at - sizeof call, call, sizeof call);
    code = (long (*)(void))(at - sizeof call);
    for (int round = 0; round < 3; round++) {
        code();
    }

    // Over a page boundary, at each place.
    for (int before = 1; before <= 7; before++) {
        char *start = pages + 4096 - before;
        memcpy(start, call, sizeof call);
        start[sizeof call] = (char)0xc3;
        code = (long (*)(void))start;
        int right = 0;
        for (int round = 0; round < 100; round++) {
            right += code() == getpid();
        }
        fact("over a boundary", "%d before it: %d right", before, right);
    }

    // Another number, another instruction, then none at all.
    char *start = pages + 64;
    memcpy(start, call, sizeof call);
    start[sizeof call] = (char)0xc3;
    code = (long (*)(void))start;
    long sum = 0;
    for (int round = 0; round < 100; round++) {
        sum += code() == getpid();
    }
    start[1] = 110;
    __builtin___clear_cache(start, start + 8);
    for (int round = 0; round < 100; round++) {
        sum += code() == getppid();
    }
    memcpy(start + 5, "\x90\x90", 2);
    __builtin___clear_cache(start, start + 8);
    for (int round = 0; round < 100; round++) {
        sum += code() == 110;
    }
    fact("code that changes", "%ld of 300", sum);
    fact("what it reads of itself", "%02x %02x %02x", start[0] & 0xff, start[1] & 0xff, start[5] & 0xff);

    // Not writable any more, then gone, and other code at the same place.
    memcpy(start, call, sizeof call);
    mprotect(pages, 4096, PROT_READ | PROT_EXEC);
    sum = 0;
    for (int round = 0; round < 100; round++) {
        sum += code() == getpid();
    }
    munmap(pages, 4096);
    mmap(pages, 4096, all, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy(start, "\xb8\x05\0\0\0\x90\x90\xc3", 8);
    sum += code() == 5;
    fact("mapped anew", "%ld of 101", sum);
    return 0;
}
