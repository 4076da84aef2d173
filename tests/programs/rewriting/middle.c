// Jumps into the middle of what a rewriter may replace, to addresses that are computed and stand nowhere.
#include "fact.h"
#include <sys/syscall.h>

// rdi: the number that a jump past its load brings; rsi: how far into the code. `mark` tells which moves were passed.
__asm__(".text\n .type at_the_load, @function\n"
        "at_the_load: mov %rdi, %rax\n xor %r8d, %r8d\n lea 1f(%rip), %rcx\n add %rsi, %rcx\n jmp *%rcx\n"
        "1: mov $39, %eax\n syscall\n mov %r8, mark(%rip)\n ret\n .size at_the_load, . - at_the_load\n"
        " .type at_the_moves, @function\n"
        "at_the_moves: mov %rdi, %rax\n xor %r8d, %r8d\n lea 1f(%rip), %rcx\n add %rsi, %rcx\n jmp *%rcx\n"
        "1: mov $39, %eax\n or $1, %r8\n or $2, %r8\n syscall\n mov %r8, mark(%rip)\n ret\n"
        " .size at_the_moves, . - at_the_moves\n"
        " .type behind_it, @function\n"
        "behind_it: mov %rdi, %rax\n xor %r8d, %r8d\n lea 1f(%rip), %rcx\n add %rsi, %rcx\n jmp *%rcx\n"
        "1: syscall\n or $1, %r8\n or $2, %r8\n mov %r8, mark(%rip)\n ret\n .size behind_it, . - behind_it\n"
        ".comm mark, 8\n");
long at_the_load(long number, long offset), at_the_moves(long number, long offset), behind_it(long number, long offset);
extern long mark;

static void try(const char *name, long (*code)(long, long), long offset) {
    // Often enough that whoever rewrites at the Nth trap has done so.
    for (int round = 0; round < 200; round++) {
        code(SYS_getuid, 0);
    }
    for (int round = 0; round < 3; round++) {
        long answer = code(SYS_getppid, offset);
        const char *who = answer == getpid() ? "process" : answer == getppid() ? "parent" : answer == SYS_getppid ? "none" : "?";
        fact(name, "+%ld: %s, marks %ld", offset, who, mark);
    }
}

int main(void) {
    static const long loads[] = {0, 5}, moves[] = {0, 5, 9, 13}, behind[] = {0, 2, 6};
    for (int i = 0; i < 2; i++) {
        try("at the load", at_the_load, loads[i]);
    }
    for (int i = 0; i < 4; i++) {
        try("at the moves", at_the_moves, moves[i]);
    }
    for (int i = 0; i < 3; i++) {
        try("behind it", behind_it, behind[i]);
    }
    return 0;
}
