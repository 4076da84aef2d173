// flags: -mavx
// Every register but rax, rcx and r11 is what it was after a system call: vector registers and red zone too.
#include "fact.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

// General registers, then 16 vector registers, then the red zone.
struct state {
    uint64_t general[13];
    uint64_t unused[3];
    uint8_t vectors[16][32];
    uint64_t red_zone[16];
} __attribute__((aligned(32)));

static struct state before, after;
static uint64_t arguments[6];
static uint64_t saved_rsp;

static void call(uint64_t number) {
    __asm__ volatile(
        "push %%rbp\n mov %%rsp, %[rsp]\n"
        // Vector registers and red zone get patterns.
        "vmovdqu 128+%[before], %%ymm0\n vmovdqu 160+%[before], %%ymm1\n vmovdqu 192+%[before], %%ymm2\n"
        "vmovdqu 224+%[before], %%ymm3\n vmovdqu 256+%[before], %%ymm4\n vmovdqu 288+%[before], %%ymm5\n"
        "vmovdqu 320+%[before], %%ymm6\n vmovdqu 352+%[before], %%ymm7\n vmovdqu 384+%[before], %%ymm8\n"
        "vmovdqu 416+%[before], %%ymm9\n vmovdqu 448+%[before], %%ymm10\n vmovdqu 480+%[before], %%ymm11\n"
        "vmovdqu 512+%[before], %%ymm12\n vmovdqu 544+%[before], %%ymm13\n vmovdqu 576+%[before], %%ymm14\n"
        "vmovdqu 608+%[before], %%ymm15\n"
        "sub $256, %%rsp\n"
        "mov $16, %%ecx\n 1: lea 0x700(%%rcx), %%rdx\n neg %%rcx\n mov %%rdx, (%%rsp,%%rcx,8)\n neg %%rcx\n loop 1b\n"
        "mov 0+%[arguments], %%rdi\n mov 8+%[arguments], %%rsi\n mov 16+%[arguments], %%rdx\n"
        "mov 24+%[arguments], %%r10\n mov 32+%[arguments], %%r8\n mov 40+%[arguments], %%r9\n"
        "mov $0xb1b1b1b1b1, %%rbx\n mov $0xb2b2b2b2b2, %%rbp\n mov $0xc2c2c2c2c2, %%r12\n mov $0xc3c3c3c3c3, %%r13\n"
        "mov $0xc4c4c4c4c4, %%r14\n mov $0xc5c5c5c5c5, %%r15\n"
        "syscall\n"
        "mov %%rbx, 0+%[after]\n mov %%rdx, 8+%[after]\n mov %%rsi, 16+%[after]\n mov %%rdi, 24+%[after]\n"
        "mov %%rbp, 32+%[after]\n mov %%rsp, 40+%[after]\n mov %%r8, 48+%[after]\n mov %%r9, 56+%[after]\n"
        "mov %%r10, 64+%[after]\n mov %%r12, 72+%[after]\n mov %%r13, 80+%[after]\n mov %%r14, 88+%[after]\n"
        "mov %%r15, 96+%[after]\n"
        "vmovdqu %%ymm0, 128+%[after]\n vmovdqu %%ymm1, 160+%[after]\n vmovdqu %%ymm2, 192+%[after]\n"
        "vmovdqu %%ymm3, 224+%[after]\n vmovdqu %%ymm4, 256+%[after]\n vmovdqu %%ymm5, 288+%[after]\n"
        "vmovdqu %%ymm6, 320+%[after]\n vmovdqu %%ymm7, 352+%[after]\n vmovdqu %%ymm8, 384+%[after]\n"
        "vmovdqu %%ymm9, 416+%[after]\n vmovdqu %%ymm10, 448+%[after]\n vmovdqu %%ymm11, 480+%[after]\n"
        "vmovdqu %%ymm12, 512+%[after]\n vmovdqu %%ymm13, 544+%[after]\n vmovdqu %%ymm14, 576+%[after]\n"
        "vmovdqu %%ymm15, 608+%[after]\n"
        "mov $16, %%ecx\n lea 640+%[after], %%rdi\n"
        "2: neg %%rcx\n mov (%%rsp,%%rcx,8), %%rdx\n neg %%rcx\n mov %%rdx, -8(%%rdi,%%rcx,8)\n loop 2b\n"
        "mov %[rsp], %%rsp\n pop %%rbp\n vzeroupper\n"
        : [after] "=o"(after), [rsp] "=m"(saved_rsp), "+a"(number)
        : [before] "o"(before), [arguments] "o"(arguments)
        : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0",
          "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
          "xmm14", "xmm15");
}

static void check(const char *what, uint64_t number) {
    uint64_t wanted[13] = {0xb1b1b1b1b1, arguments[2], arguments[1], arguments[0], 0xb2b2b2b2b2, saved_rsp, arguments[4],
                           arguments[5], arguments[3], 0xc2c2c2c2c2, 0xc3c3c3c3c3, 0xc4c4c4c4c4, 0xc5c5c5c5c5};
    static const char *names[13] = {"rbx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r12", "r13", "r14", "r15"};
    int changed = 0;
    call(number);
    wanted[5] = saved_rsp - 256;
    for (int i = 0; i < 13; i++) {
        if (after.general[i] != wanted[i]) {
            fact(names[i], "changed");
            changed++;
        }
    }
    for (int i = 0; i < 16; i++) {
        if (memcmp(before.vectors[i], after.vectors[i], 32) != 0) {
            fact("a vector register that changed", "%d", i);
            changed++;
        }
        if (after.red_zone[i] != 0x701u + i) {
            fact("a word of the red zone that changed", "%d", i);
            changed++;
        }
    }
    fact(what, "%d changed", changed);
}

_Static_assert(offsetof(struct state, vectors) == 128, "layout");

int main(void) {
    for (int i = 0; i < 16 * 32; i++) {
        ((uint8_t *)before.vectors)[i] = (uint8_t)(i * 7 + 1);
    }
    arguments[0] = 0x1111, arguments[1] = 0x2222, arguments[2] = 0x3333;
    arguments[3] = 0x4444, arguments[4] = 0x5555, arguments[5] = 0x6666;
    check("getppid", SYS_getppid);
    check("sched_yield", SYS_sched_yield);
    check("a bad descriptor", SYS_read);
    check("an unknown call", 999);
    check("a negative call", -1);
    check("a call beyond 32 bits", 0x100000000 + SYS_getppid);
    static char buffer[4096];
    arguments[0] = need("open", open("/dev/zero", O_RDONLY));
    arguments[1] = (uint64_t)buffer;
    arguments[2] = sizeof buffer;
    check("read", SYS_read);
    struct timespec {
        long seconds, nanoseconds;
    } rest = {0, 1000000};
    arguments[0] = (uint64_t)&rest;
    arguments[1] = 0;
    check("nanosleep", SYS_nanosleep);
    arguments[0] = arguments[3] = 0;
    check("brk", SYS_brk);
    return 0;
}
