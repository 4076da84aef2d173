// FS and GS are the program's: arch_prctl(2), use over calls, signals and threads, wrgsbase where it is announced.
#include "fault.h"
#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

static uint64_t words[3] = {11, 22, 33};

static uint64_t gs(void) {
    uint64_t value;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(value));
    return value;
}

static void handler(int number) {
    (void)number;
    fact("gs in a handler", "%ld", (long)gs());
    syscall(SYS_arch_prctl, ARCH_SET_GS, &words[2]);
}

static void *thread(void *unused) {
    uint64_t base = 99;
    syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
    fact_if("a new thread has its creator's", base == (uint64_t)&words[2]);
    syscall(SYS_arch_prctl, ARCH_SET_GS, &words[0]);
    for (int i = 0; i < 100; i++) {
        sched_yield();
        if (gs() != 11) {
            fact("gs of the thread", "%ld", (long)gs());
        }
    }
    return unused;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    uint64_t base = 99, fs;
    result("get gs", syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
    fact("gs at first", "%lx", (long)base);
    result("get fs", syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
    __asm__("movq %%fs:0, %0" : "=r"(base));
    fact_if("fs points at itself", base == fs);
    result("set gs", syscall(SYS_arch_prctl, ARCH_SET_GS, &words[0]));
    fact("through gs", "%ld", (long)gs());
    result("set gs to the kernel", syscall(SYS_arch_prctl, ARCH_SET_GS, KERNEL));
    result("set fs to no address", syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000));
    result("get gs into a bad pointer", syscall(SYS_arch_prctl, ARCH_GET_GS, BAD));
    result("unknown", syscall(SYS_arch_prctl, 0x9999, 0));
    fact("gs is kept", "%ld", (long)gs());
    for (int i = 0; i < 1000; i++) {
        syscall(SYS_getppid);
    }
    fact("over calls", "%ld", (long)gs());
    signal(SIGUSR1, handler);
    syscall(SYS_arch_prctl, ARCH_SET_GS, &words[1]);
    raise(SIGUSR1);
    fact("after a handler that changed it", "%ld", (long)gs());
    pthread_t other;
    need("pthread_create", pthread_create(&other, NULL, thread, NULL) ? -1 : 0);
    for (int i = 0; i < 100; i++) {
        sched_yield();
        if (gs() != 33) {
            fact("gs of the first thread", "%ld", (long)gs());
        }
    }
    pthread_join(other, NULL);
    // HWCAP2_FSGSBASE: when it is announced, the instructions work; otherwise they do not.
    catch_faults();
    bool announced = getauxval(AT_HWCAP2) & 2, works = false;
    if (sigsetjmp(fault_back, 1) == 0) {
        __asm__ volatile("wrgsbase %0" ::"r"((uint64_t)&words[1]));
        works = gs() == 22;
        __asm__ volatile("rdgsbase %0" : "=r"(base));
        works = works && base == (uint64_t)&words[1];
    }
    fact_if("wrgsbase works where it is announced", works || !announced);
    // Selectors that are null or the user's own may be loaded.
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es" ::"r"(0));
    fact("null selectors", "fine");
    return 0;
}
