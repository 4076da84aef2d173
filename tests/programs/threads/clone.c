// clone(2) by hand: flags that do not go together, the identifiers that are written, the end of a thread.
#include "fact.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static volatile int ran;
static int parent_id, child_id = 1;
static int wanted_directory;

static int child(void *argument) {
    ran = *(int *)argument;
    wanted_directory = chdir("/") == 0;
    syscall(SYS_exit, 0);
    return 0;
}

static long raw(unsigned long flags) {
    return syscall(SYS_clone, flags, 0, 0, 0, 0);
}

int main(void) {
    int number = 42;
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int got = clone(child, stack + 65536, THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, &number, &parent_id, NULL, &child_id);
    fact_if("clone", got > 0);
    while (__atomic_load_n(&child_id, __ATOMIC_SEQ_CST) != 0) {
        syscall(SYS_futex, &child_id, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
    fact("it ran", "%d %d", ran, wanted_directory);
    fact_if("its identifier", parent_id == got);
    char path[256];
    need("getcwd", getcwd(path, sizeof path) ? 0 : -1);
    fact("the working directory is shared", "%s", path);
    result("signal handlers without memory", raw(CLONE_SIGHAND));
    result("a thread without signal handlers", raw(CLONE_THREAD | CLONE_VM));
    result("an unknown flag of clone3",
           syscall(SYS_clone3, &(struct clone_args){.flags = 1ull << 40, .exit_signal = 0}, sizeof(struct clone_args)));
    result("clone3 of a small size", syscall(SYS_clone3, &(struct clone_args){0}, 8));
    result("clone3 with a bad pointer", syscall(SYS_clone3, BAD, sizeof(struct clone_args)));
    result("clone3 with a stack and no size", syscall(SYS_clone3, &(struct clone_args){.flags = THREAD, .stack = 4096}, 88));
    return 0;
}
