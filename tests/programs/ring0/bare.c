// build: nostdlib
// The state in which a program begins, and system calls from a program without a library.
typedef unsigned long word;

static long call(word number, word one, word two, word three) {
    long value;
    __asm__ volatile("syscall" : "=a"(value) : "a"(number), "D"(one), "S"(two), "d"(three) : "rcx", "r11", "memory");
    return value;
}

static void put(const char *text) {
    word length = 0;
    while (text[length]) {
        length++;
    }
    call(1, 1, (word)text, length);
}

static void fact(const char *what, word value) {
    char digits[18];
    int at = 17;
    digits[at] = 0;
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    put(what);
    put(": ");
    put(digits + at);
    put("\n");
}

word entry_registers[18];

__asm__(".globl _start\n"
        "_start:\n"
        "mov %rax, entry_registers\n mov %rbx, entry_registers+8\n mov %rcx, entry_registers+16\n"
        "mov %rdx, entry_registers+24\n mov %rsi, entry_registers+32\n mov %rdi, entry_registers+40\n"
        "mov %rbp, entry_registers+48\n mov %rsp, entry_registers+56\n mov %r8, entry_registers+64\n"
        "mov %r9, entry_registers+72\n mov %r10, entry_registers+80\n mov %r11, entry_registers+88\n"
        "mov %r12, entry_registers+96\n mov %r13, entry_registers+104\n mov %r14, entry_registers+112\n"
        "mov %r15, entry_registers+120\n"
        "pushfq\n pop entry_registers+128\n"
        "mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");

__attribute__((used, noreturn)) void begin(word *stack) {
    static const char *names[16] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (int i = 0; i < 16; i++) {
        if (i != 7) {
            fact(names[i], entry_registers[i]);
        }
    }
    fact("flags", entry_registers[16]);
    fact("stack, past 16", entry_registers[7] & 15);
    fact("arguments", stack[0]);
    fact("end of arguments", stack[1 + stack[0]]);
    unsigned mxcsr;
    unsigned short control;
    __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(mxcsr), "=m"(control));
    fact("mxcsr", mxcsr);
    fact("x87", control);
    word vector[2];
    __asm__ volatile("movdqu %%xmm5, %0" : "=m"(vector));
    fact("xmm5", vector[0] | vector[1]);
    fact("an unknown call", -call(999, 0, 0, 0));
    fact("a call of x32", -call(0x40000000 + 39, 0, 0, 0));
    fact("write of too much", -call(1, 1, 0, 5));
    call(231, 3 + 256, 0, 0);
    for (;;) {
    }
}
