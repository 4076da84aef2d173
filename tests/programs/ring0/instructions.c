// Instructions that a program may not run, and those that trap: signal, code, trap number, where.
#include "fault.h"

static void *instruction;
static volatile int more;

// Runs one instruction with its address noted; `+n` is where the signal's frame points, counted from it.
#define TRY(text)                                                                                                      \
    do {                                                                                                               \
        if (sigsetjmp(fault_back, 1) == 0) {                                                                           \
            __asm__ volatile("lea 1f(%%rip), %%rax\n mov %%rax, %0\n xor %%eax, %%eax\n xor %%ecx, %%ecx\n"            \
                             "xor %%edx, %%edx\n 1: " text                                                            \
                             : "=m"(instruction)::"rax", "rcx", "rdx", "memory", "cc");                                \
            fact(text, "fine");                                                                                        \
        } else {                                                                                                       \
            fact(text, "%s code %d, address %s, at %+ld, trap %d, error %lx", signal_name(fault_signal), fault_code,   \
                 fault_address == NULL ? "null" : fault_address == instruction ? "of it" : "another",                  \
                 (long)(fault_rip - (uint64_t)instruction), (int)fault_trap, (long)fault_error);                       \
        }                                                                                                              \
    } while (0)

int main(void) {
    catch_faults();
    TRY("int3");
    TRY(".byte 0xcd, 3"); // int 3 in two bytes
    TRY("ud2");
    TRY(".byte 0x06"); // no instruction in 64-bit mode
    TRY("hlt");
    TRY("div %%ecx");
    TRY("mov $0x80000000, %%eax\n cltd\n mov $-1, %%ecx\n idiv %%ecx");
    TRY("int $0");
    TRY("int $1");
    TRY("int $2");
    TRY("int $4");
    TRY("int $6");
    TRY("int $8");
    TRY("int $13");
    TRY("int $14");
    TRY("int $18");
    TRY("int $32");
    TRY("int $33");
    TRY("int $0x40");
    TRY("int $0x81");
    TRY("int $0xef");
    TRY("int $0xff");
    TRY("nop");
    // hlt's opcode as the last byte of another instruction is no hlt.
    TRY("push %%rbp\n lea 64(%%rsp), %%rbp\n mov -12(%%rbp), %%eax\n pop %%rbp");
    if (sigsetjmp(fault_back, 1) == 0) {
        unsigned short word = 0x37f & ~4;
        __asm__ volatile("fldcw %0\n fldz\n fld1\n fdivp\n fwait\n fldz\n fwait" ::"m"(word));
        fact("a division by zero in the x87", "fine");
    } else {
        fact("a division by zero in the x87", "%s code %d trap %d", signal_name(fault_signal), fault_code, (int)fault_trap);
    }
    __asm__ volatile("fninit");
    fact("still alive", "%d", more);
    return 0;
}
