// What prctl, setpriority, personality and membarrier keep and refuse.
#include "fact.h"
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>

static long barrier(int command, unsigned flags) {
    return syscall(SYS_membarrier, command, flags, 0);
}

int main(void) {
    int number = 0;
    result("death signal 65", prctl(PR_SET_PDEATHSIG, 65));
    result("death signal", prctl(PR_SET_PDEATHSIG, SIGUSR1));
    result("get it", prctl(PR_GET_PDEATHSIG, &number));
    fact_if("the same", number == SIGUSR1);
    result("get it nowhere", prctl(PR_GET_PDEATHSIG, BAD));
    result("name from nowhere", prctl(PR_SET_NAME, BAD));
    result("name to nowhere", prctl(PR_GET_NAME, BAD));
    result("dumpable 2", prctl(PR_SET_DUMPABLE, 2));
    result("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 5));
    result("get it", prctl(PR_GET_CHILD_SUBREAPER, &number));
    fact("subreaper", "%d", number);
    result("timing", prctl(PR_GET_TIMING));
    result("exact timing", prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP));
    result("timer slack", prctl(PR_SET_TIMERSLACK, 12345));
    result("get it", prctl(PR_GET_TIMERSLACK));
    result("default slack", prctl(PR_SET_TIMERSLACK, 0));
    result("get it", prctl(PR_GET_TIMERSLACK));
    result("seccomp", prctl(PR_GET_SECCOMP));
    result("no privileges, unused argument", prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    result("no privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    result("privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    result("ambient, unknown", prctl(PR_CAP_AMBIENT, 9, 0, 0, 0));
    result("ambient, no capability", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0));
    result("ambient, none", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    result("ambient, is set", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 3, 0, 0));
    result("bounding, no capability", prctl(PR_CAPBSET_READ, 99));
    result("unknown", prctl(9999));

    errno = 0;
    result("nicer", setpriority(PRIO_PROCESS, 0, 7));
    fact("priority", "%d", getpriority(PRIO_PROCESS, 0));
    result("far too nice", setpriority(PRIO_PROCESS, 0, 1000));
    fact("priority", "%d", getpriority(PRIO_PROCESS, 0));
    result("by the call", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    result("of an absent thread", getpriority(PRIO_PROCESS, 0x3ffffff));
    result("set for an absent group", setpriority(PRIO_PGRP, 0x3ffffff, 1));
    result("of an unknown kind", getpriority(3, 0));

    fact("personality", "%lx", syscall(SYS_personality, 0x0040000));
    fact("personality", "%lx", syscall(SYS_personality, 0xffffffff));

    struct rusage usage;
    volatile unsigned long sum = 0;
    clock_t begin = clock();
    while (clock() - begin < CLOCKS_PER_SEC / 20) {
        sum++;
    }
    result("getrusage", getrusage(RUSAGE_SELF, &usage));
    long used = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + 1000000 * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    fact_if("it has used time", used >= 30000);
    fact_if("and memory", usage.ru_maxrss > 0);
    result("of this thread", getrusage(RUSAGE_THREAD, &usage));
    result("of children", getrusage(RUSAGE_CHILDREN, &usage));
    fact_if("there are none", usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    result("of an unknown kind", getrusage(5, &usage));
    result("to nowhere", syscall(SYS_getrusage, RUSAGE_SELF, BAD));
    struct tms times_used;
    fact_if("times", times(&times_used) > 0);
    fact_if("ticks were used", times_used.tms_utime + times_used.tms_stime >= 3);
    result("times to nowhere", syscall(SYS_times, BAD));

    result("a barrier that was not registered for", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
    result("register", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
    result("barrier", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
    result("a barrier for all", barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0));
    result("with flags", barrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 1));
    result("unknown", barrier(1 << 30, 0));
    return 0;
}
