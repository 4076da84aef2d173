// What a system call must leave alone: every register but rax, rcx and r11, the flags, the red zone, the vector
// registers.
#ifndef KEEP_H
#define KEEP_H

#include "fact.h"
#include <string.h>

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15 };

struct keep_state {
    uint64_t general[16], flags, red_zone[16];
    unsigned char vector[16][16];
};

struct keep_state keep_before, keep_after;
// More flags for the call.
uint64_t keep_flags;
uint64_t keep_stack_pointer;
static char keep_stack[1 << 16] __attribute__((aligned(64)));

// Loads keep_before, makes the call, stores keep_after.
void keep_run(void);
extern char keep_call[], keep_behind[];

__asm__(".text\n"
        ".globl keep_run, keep_call, keep_behind\n"
        "keep_run:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n pushfq\n"
        "mov %rsp, keep_stack_pointer(%rip)\n"
        "lea keep_before(%rip), %rax\n"
        "movdqu 264(%rax), %xmm0\n movdqu 280(%rax), %xmm1\n movdqu 296(%rax), %xmm2\n movdqu 312(%rax), %xmm3\n"
        "movdqu 328(%rax), %xmm4\n movdqu 344(%rax), %xmm5\n movdqu 360(%rax), %xmm6\n movdqu 376(%rax), %xmm7\n"
        "movdqu 392(%rax), %xmm8\n movdqu 408(%rax), %xmm9\n movdqu 424(%rax), %xmm10\n movdqu 440(%rax), %xmm11\n"
        "movdqu 456(%rax), %xmm12\n movdqu 472(%rax), %xmm13\n movdqu 488(%rax), %xmm14\n movdqu 504(%rax), %xmm15\n"
        "mov 56(%rax), %rsp\n"
        "push 128(%rax)\n popfq\n"
        // The red zone, without a change of flags.
        "mov 136(%rax), %rbx\n mov %rbx, -8(%rsp)\n mov 144(%rax), %rbx\n mov %rbx, -16(%rsp)\n"
        "mov 152(%rax), %rbx\n mov %rbx, -24(%rsp)\n mov 160(%rax), %rbx\n mov %rbx, -32(%rsp)\n"
        "mov 168(%rax), %rbx\n mov %rbx, -40(%rsp)\n mov 176(%rax), %rbx\n mov %rbx, -48(%rsp)\n"
        "mov 184(%rax), %rbx\n mov %rbx, -56(%rsp)\n mov 192(%rax), %rbx\n mov %rbx, -64(%rsp)\n"
        "mov 200(%rax), %rbx\n mov %rbx, -72(%rsp)\n mov 208(%rax), %rbx\n mov %rbx, -80(%rsp)\n"
        "mov 216(%rax), %rbx\n mov %rbx, -88(%rsp)\n mov 224(%rax), %rbx\n mov %rbx, -96(%rsp)\n"
        "mov 232(%rax), %rbx\n mov %rbx, -104(%rsp)\n mov 240(%rax), %rbx\n mov %rbx, -112(%rsp)\n"
        "mov 248(%rax), %rbx\n mov %rbx, -120(%rsp)\n mov 256(%rax), %rbx\n mov %rbx, -128(%rsp)\n"
        "mov 8(%rax), %rbx\n mov 16(%rax), %rcx\n mov 24(%rax), %rdx\n mov 32(%rax), %rsi\n mov 40(%rax), %rdi\n"
        "mov 48(%rax), %rbp\n mov 64(%rax), %r8\n mov 72(%rax), %r9\n mov 80(%rax), %r10\n mov 88(%rax), %r11\n"
        "mov 96(%rax), %r12\n mov 104(%rax), %r13\n mov 112(%rax), %r14\n mov 120(%rax), %r15\n mov (%rax), %rax\n"
        "keep_call: syscall\n"
        "keep_behind: mov %rax, keep_after(%rip)\n lea keep_after(%rip), %rax\n"
        "mov %rbx, 8(%rax)\n mov %rcx, 16(%rax)\n mov %rdx, 24(%rax)\n mov %rsi, 32(%rax)\n mov %rdi, 40(%rax)\n"
        "mov %rbp, 48(%rax)\n mov %rsp, 56(%rax)\n mov %r8, 64(%rax)\n mov %r9, 72(%rax)\n mov %r10, 80(%rax)\n"
        "mov %r11, 88(%rax)\n mov %r12, 96(%rax)\n mov %r13, 104(%rax)\n mov %r14, 112(%rax)\n mov %r15, 120(%rax)\n"
        "mov -8(%rsp), %rbx\n mov %rbx, 136(%rax)\n mov -16(%rsp), %rbx\n mov %rbx, 144(%rax)\n"
        "mov -24(%rsp), %rbx\n mov %rbx, 152(%rax)\n mov -32(%rsp), %rbx\n mov %rbx, 160(%rax)\n"
        "mov -40(%rsp), %rbx\n mov %rbx, 168(%rax)\n mov -48(%rsp), %rbx\n mov %rbx, 176(%rax)\n"
        "mov -56(%rsp), %rbx\n mov %rbx, 184(%rax)\n mov -64(%rsp), %rbx\n mov %rbx, 192(%rax)\n"
        "mov -72(%rsp), %rbx\n mov %rbx, 200(%rax)\n mov -80(%rsp), %rbx\n mov %rbx, 208(%rax)\n"
        "mov -88(%rsp), %rbx\n mov %rbx, 216(%rax)\n mov -96(%rsp), %rbx\n mov %rbx, 224(%rax)\n"
        "mov -104(%rsp), %rbx\n mov %rbx, 232(%rax)\n mov -112(%rsp), %rbx\n mov %rbx, 240(%rax)\n"
        "mov -120(%rsp), %rbx\n mov %rbx, 248(%rax)\n mov -128(%rsp), %rbx\n mov %rbx, 256(%rax)\n"
        "pushfq\n pop 128(%rax)\n"
        "movdqu %xmm0, 264(%rax)\n movdqu %xmm1, 280(%rax)\n movdqu %xmm2, 296(%rax)\n movdqu %xmm3, 312(%rax)\n"
        "movdqu %xmm4, 328(%rax)\n movdqu %xmm5, 344(%rax)\n movdqu %xmm6, 360(%rax)\n movdqu %xmm7, 376(%rax)\n"
        "movdqu %xmm8, 392(%rax)\n movdqu %xmm9, 408(%rax)\n movdqu %xmm10, 424(%rax)\n movdqu %xmm11, 440(%rax)\n"
        "movdqu %xmm12, 456(%rax)\n movdqu %xmm13, 472(%rax)\n movdqu %xmm14, 488(%rax)\n movdqu %xmm15, 504(%rax)\n"
        "mov keep_stack_pointer(%rip), %rsp\n"
        "popfq\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

// Makes a call without arguments that matter `turns` times, each time with other values in the registers; gives how
// often something was not as it should be, and tells the first such thing.
static inline int keep(long number, long result, int turns) {
    static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    static uint64_t seed = 0x9e3779b97f4a7c15;
    static bool told;
    int wrong = 0;
    for (int turn = 0; turn < turns; turn++) {
        for (uint64_t *word = (uint64_t *)&keep_before; word < (uint64_t *)(&keep_before + 1); word++) {
            *word = seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        }
        // Arithmetic flags and the direction flag.
        keep_before.flags = (keep_before.flags & 0xcd5) | 0x202 | keep_flags;
        keep_before.general[RAX] = number;
        keep_before.general[RSP] = (uint64_t)(keep_stack + sizeof keep_stack - 64);
        keep_run();
        struct keep_state wanted = keep_before;
        wanted.general[RAX] = result;
        wanted.general[RCX] = (uint64_t)keep_behind;
        wanted.general[R11] = wanted.flags;
        if (memcmp(&wanted, &keep_after, sizeof wanted) == 0) {
            continue;
        }
        wrong++;
        for (int i = 0; i < 16 && !told; i++) {
            if (wanted.general[i] != keep_after.general[i]) {
                fact(names[i], "%lx instead of %lx", (long)keep_after.general[i], (long)wanted.general[i]);
            }
            if (wanted.red_zone[i] != keep_after.red_zone[i]) {
                fact("red zone", "%lx instead of %lx", (long)keep_after.red_zone[i], (long)wanted.red_zone[i]);
            }
            if (memcmp(wanted.vector[i], keep_after.vector[i], 16) != 0) {
                fact("vector register", "%d", i);
            }
        }
        if (wanted.flags != keep_after.flags && !told) {
            fact("flags", "%lx instead of %lx", (long)keep_after.flags, (long)wanted.flags);
        }
        told = true;
    }
    return wrong;
}

#endif
