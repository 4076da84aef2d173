// System call sites of many forms: result, registers, flags and red zone behind each.
#include "fact.h"
#include <sys/syscall.h>

// rax rcx rdx rbx rsp rbp rsi rdi r8 … r15, flags
struct registers {
    uint64_t general[16], flags;
};
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

void run(struct registers *registers, const void *code);
uint64_t number = SYS_getpid;

// `run` loads all registers but the stack pointer and jumps to the code, which ends at `finish`. Neither touches the
// red zone of the code: its stack pointer is 256 bytes below.
__asm__(".text\n .type run, @function\n"
        "run: push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n sub $256, %rsp\n"
        "     mov %rdi, kept_pointer(%rip)\n mov %rsi, kept_code(%rip)\n mov %rsp, 32(%rdi)\n"
        "     mov $16, %ecx\n"
        "1:   mov %rcx, %rax\n neg %rax\n mov %rcx, (%rsp, %rax, 8)\n dec %ecx\n jnz 1b\n"
        "     push 128(%rdi)\n popfq\n movq $1, -8(%rsp)\n"
        "     mov 0(%rdi), %rax\n mov 8(%rdi), %rcx\n mov 16(%rdi), %rdx\n mov 24(%rdi), %rbx\n mov 40(%rdi), %rbp\n"
        "     mov 48(%rdi), %rsi\n mov 64(%rdi), %r8\n mov 72(%rdi), %r9\n mov 80(%rdi), %r10\n mov 88(%rdi), %r11\n"
        "     mov 96(%rdi), %r12\n mov 104(%rdi), %r13\n mov 112(%rdi), %r14\n mov 120(%rdi), %r15\n"
        "     mov 56(%rdi), %rdi\n jmp *kept_code(%rip)\n"
        ".size run, . - run\n"
        ".type finish, @function\n"
        "finish: mov %rax, kept_result(%rip)\n mov kept_pointer(%rip), %rax\n"
        "     mov %rcx, 8(%rax)\n mov %rdx, 16(%rax)\n mov %rbx, 24(%rax)\n mov %rsp, 32(%rax)\n mov %rbp, 40(%rax)\n"
        "     mov %rsi, 48(%rax)\n mov %rdi, 56(%rax)\n mov %r8, 64(%rax)\n mov %r9, 72(%rax)\n mov %r10, 80(%rax)\n"
        "     mov %r11, 88(%rax)\n mov %r12, 96(%rax)\n mov %r13, 104(%rax)\n mov %r14, 112(%rax)\n mov %r15, 120(%rax)\n"
        "     mov kept_result(%rip), %rcx\n mov %rcx, 0(%rax)\n"
        // Each word of the red zone, into a sum that hangs on the order; then the flags, which may overwrite it.
        "     lea red_zone(%rip), %rdx\n mov $-16, %rcx\n"
        "2:   mov (%rsp, %rcx, 8), %rsi\n mov %rsi, 128(%rdx, %rcx, 8)\n lea 1(%rcx), %rcx\n jrcxz 3f\n jmp 2b\n"
        "3:   pushfq\n pop 128(%rax)\n cld\n"
        "     add $256, %rsp\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
        ".size finish, . - finish\n"
        ".local kept_pointer, kept_code, kept_result\n .comm kept_pointer, 8\n .comm kept_code, 8\n .comm kept_result, 8\n"
        ".comm red_zone, 128\n");
extern uint64_t red_zone[16];

// A site: what comes before it, and behind. The distances from the start to what follows each site are a table of
// numbers, so that no address of it is known anywhere.
#define SITE(name, before, after) \
    void name(void); \
    extern const uint32_t name##_behind; \
    __asm__(".text\n .balign 16\n .type " #name ", @function\n" #name ":\n" before "\n syscall\n" \
            ".Lbehind_" #name ":\n" after "\n jmp *finish_pointer(%rip)\n .size " #name ", . - " #name "\n" \
            ".section .rodata\n .balign 4\n" #name "_behind: .long .Lbehind_" #name " - " #name "\n .text\n");
void finish(void);
void (*finish_pointer)(void) = finish;
void nothing(void);
__asm__(".text\n .type nothing, @function\n nothing: ret\n .size nothing, . - nothing\n");

SITE(number_short, "mov $39, %eax", "")
SITE(number_long, "mov $39, %rax", "")
SITE(number_early, "mov $39, %eax\n mov %rbx, %r13\n lea 8(%rbp), %r14", "mov %r13, %r15")
SITE(number_in_memory, "mov number(%rip), %rax", "")
SITE(register_and_moves, "mov %r12, %rax\n mov %rbx, %rdi", "")
SITE(moves_behind, "mov %r12, %rax", "cmp $-4095, %rax\n jae 1f\n mov %rbp, %r13\n 1:")
SITE(jumped_to, "mov %r12, %rax\n jmp 1f\n nop\n 1:", "mov %rbx, %r13\n mov %rcx, %r14\n mov %r11, %r15")
SITE(red_zone_before, "mov %r12, %rax\n mov %rbx, -40(%rsp)", "mov -40(%rsp), %r13")
SITE(red_zone_behind, "mov %r12, %rax\n 1:", "mov -24(%rsp), %r13\n mov %r13, -32(%rsp)\n test %ebp, %ebp\n js 1b")
SITE(push_and_pop, "mov %r12, %rax\n push %rbx\n pop %r13\n push %rbp\n pop %r14", "push %rcx\n pop %r15")
SITE(flags_read_behind, "mov %r12, %rax", "setc %r13b\n setz %r14b\n seto %r15b")
SITE(between_calls, "mov %r12, %rax\n call nothing", "call nothing\n jmp 1f\n .balign 16\n 1:")
SITE(in_a_loop, "mov $5, %ebx\n 1: mov %r12, %rax", "dec %ebx\n jnz 1b")
SITE(in_a_tight_loop, "mov $-5, %rbx\n mov %r12, %rax\n 1:", "mov %rax, %r13\n mov %r12, %rax\n inc %rbx\n jnz 1b\n mov %r13, %rax")
SITE(looks_like_a_number, "mov %r12, %rax\n .byte 0x41, 0xb8\n .long 24", "mov %r8, %r13")
SITE(a_site_as_number, "mov $0x050f050f, %r13d\n mov %r12, %rax", "mov $0x050f050f, %r14d\n add $0x050f, %r14")

static const struct {
    const char *name;
    void (*code)(void);
    const uint32_t *behind;
} sites[] = {
#define ROW(name) {#name, name, &name##_behind}
    ROW(number_short), ROW(number_long), ROW(number_early), ROW(number_in_memory), ROW(register_and_moves),
    ROW(moves_behind), ROW(jumped_to), ROW(red_zone_before), ROW(red_zone_behind), ROW(push_and_pop),
    ROW(flags_read_behind), ROW(between_calls), ROW(in_a_loop), ROW(in_a_tight_loop), ROW(looks_like_a_number),
    ROW(a_site_as_number),
};

// Registers as words that hang on no address; r13 to r15 may hold one.
enum { NO_CALL = 999 };
static void show(const char *name, const struct registers *after, uint64_t behind, uint64_t flags) {
    // What hangs on a process's number must not come into the flags: most sites ask for a call that is none.
    uint64_t wanted = strncmp(name, "number", 6) == 0 ? (uint64_t)getpid() : (uint64_t)-ENOSYS;
    printf("%s: result %s, rcx %s, r11 %s, flags %lx", name, after->general[RAX] == wanted ? "right" : "wrong",
           after->general[RCX] == behind ? "behind" : "elsewhere",
           (after->general[R11] & 0xcd5) == (flags & 0xcd5) ? "flags" : "others", after->flags & 0xcd5);
    for (int i = RDX; i <= R15; i++) {
        if (i != RSP && i != R11) {
            uint64_t value = after->general[i];
            printf(" %lx", value == behind ? 1 : value == after->general[R11] ? 2 : value);
        }
    }
    printf(", red zone");
    for (int i = 15; i >= 0; i--) {
        printf(" %lx", red_zone[i]);
    }
    printf("\n");
}

int main(void) {
    static const uint64_t flags[] = {0x202, 0x246, 0x283, 0xad7, 0x602};
    for (unsigned i = 0; i < sizeof sites / sizeof *sites; i++) {
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned set = 0; set < sizeof flags / sizeof *flags; set++) {
                struct registers registers = {.flags = flags[set]};
                for (int index = 0; index < 16; index++) {
                    registers.general[index] = 0x1111111111111111 * (uint64_t)index + round;
                }
                registers.general[R12] = NO_CALL;
                registers.general[RBP] = 0x12345678;
                run(&registers, (const void *)sites[i].code);
                // Instructions of the site's own may change the flags before it: those without do not.
                uint64_t behind = (uint64_t)sites[i].code + *sites[i].behind;
                if (round == 2) {
                    show(sites[i].name, &registers, behind, registers.general[R11]);
                }
            }
        }
    }
    return 0;
}
