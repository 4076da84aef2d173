// Scheduling policies and priorities: set, asked for, inherited.
#include "child.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

struct attributes {
    unsigned size, policy;
    unsigned long long flags;
    int nice;
    unsigned priority;
    unsigned long long runtime, deadline, period;
    unsigned more[4];
};

static int set(pid_t id, int policy, int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    return sched_setscheduler(id, policy, &parameter);
}

static void tell(const char *what) {
    struct sched_param parameter = {.sched_priority = -1};
    int policy = sched_getscheduler(0);
    sched_getparam(0, &parameter);
    fact(what, "policy %#x, priority %d, nice %d", policy, parameter.sched_priority, getpriority(PRIO_PROCESS, 0));
}

static void attributes(const char *what) {
    struct attributes now = {0};
    long answer = syscall(SYS_sched_getattr, 0, &now, 48, 0);
    fact(what, "%ld: size %u, policy %u, flags %llu, nice %d, priority %u", answer, now.size, now.policy, now.flags,
         now.nice, now.priority);
}

static long change(struct attributes wanted) {
    return syscall(SYS_sched_setattr, 0, &wanted, 0);
}

int main(void) {
    signal(SIGCHLD, SIG_DFL);
    tell("at first");
    result("batch", set(0, SCHED_BATCH, 0));
    tell("is");
    result("idle", set(0, SCHED_IDLE, 0));
    tell("is");
    result("other", set(0, SCHED_OTHER, 0));
    result("other with a priority", set(0, SCHED_OTHER, 1));
    result("fifo without", set(0, SCHED_FIFO, 0));
    result("fifo with too much", set(0, SCHED_FIFO, 100));
    result("unknown", set(0, 77, 0));
    result("negative", set(0, -1, 0));
    result("deadline", set(0, 6, 0));
    result("no such thread", set(4000000, SCHED_OTHER, 0));
    result("number -1", set(-1, SCHED_OTHER, 0));
    result("no parameter", sched_setscheduler(0, SCHED_OTHER, NULL));
    result("bad parameter", sched_setscheduler(0, SCHED_OTHER, BAD));
    result("setparam of an ordinary one", sched_setparam(0, &(struct sched_param){1}));
    result("setparam to 0", sched_setparam(0, &(struct sched_param){0}));
    result("getscheduler of nobody", sched_getscheduler(4000000));
    result("getparam into nothing", sched_getparam(0, NULL));
    result("getparam of -1", sched_getparam(-1, &(struct sched_param){0}));
    result("highest of fifo", sched_get_priority_max(SCHED_FIFO));
    result("lowest of rr", sched_get_priority_min(SCHED_RR));
    result("highest of other", sched_get_priority_max(SCHED_OTHER));
    result("of unknown", sched_get_priority_max(77));
    struct timespec interval = {-1, -1};
    result("interval", sched_rr_get_interval(0, &interval));
    fact_if("makes sense", interval.tv_sec == 0 && interval.tv_nsec >= 0);
    result("interval of nobody", sched_rr_get_interval(4000000, &interval));

    attributes("attributes");
    result("nice by attributes", change((struct attributes){.size = 48, .policy = SCHED_OTHER, .nice = 5}));
    tell("is");
    result("batch by attributes", change((struct attributes){.size = 48, .policy = SCHED_BATCH, .nice = 6}));
    attributes("attributes");
    result("an unknown flag", change((struct attributes){.size = 48, .flags = 1 << 20}));
    result("too short", change((struct attributes){.size = 40}));
    result("longer, all zero", change((struct attributes){.size = 64, .nice = 7}));
    struct attributes long_one = {.size = 64, .more = {[3] = 1}};
    result("longer, not zero", syscall(SYS_sched_setattr, 0, &long_one, 0));
    fact_if("the known size", long_one.size >= 56 && long_one.size < 64);
    result("flags of the call", syscall(SYS_sched_setattr, 0, &long_one, 1));
    result("none", syscall(SYS_sched_setattr, 0, NULL, 0));
    result("getattr too short", syscall(SYS_sched_getattr, 0, &long_one, 47, 0));
    result("getattr with flags", syscall(SYS_sched_getattr, 0, &long_one, 48, 1));
    result("deadline without a time", change((struct attributes){.size = 48, .policy = 6}));

    result("reset on fork", set(0, SCHED_BATCH | SCHED_RESET_ON_FORK, 0));
    tell("is");
    IN_CHILD("child", tell("child has"));
    result("without it again", set(0, SCHED_BATCH, 0));
    IN_CHILD("child", tell("child has"));
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    result("no CPU", sched_setaffinity(0, sizeof cpus, &cpus));
    need("sched_getaffinity", sched_getaffinity(0, sizeof cpus, &cpus));
    result("all of them", sched_setaffinity(0, sizeof cpus, &cpus));
    result("affinity of nobody", sched_setaffinity(4000000, sizeof cpus, &cpus));
    return 0;
}
