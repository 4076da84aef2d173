// Who this process is: uname, identifiers, sessions, limits, priorities, prctl.
#include "fact.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static int last_capability(void) {
    return prctl(PR_CAPBSET_READ, 0, 0, 0, 0);
}

int main(void) {
    struct utsname name;
    result("uname", uname(&name));
    fact("system", "%s %s", name.sysname, name.machine);
    fact_if("a release with numbers", name.release[0] >= '4' && strchr(name.release, '.') != NULL);
    fact_if("a node and a version", name.nodename[0] && name.version[0] == '#');
    fact_if("not the first process", getpid() > 1 && getppid() >= 1 && getppid() != getpid());
    fact_if("the first thread", syscall(SYS_gettid) == getpid());
    fact("user and group", "%d %d %d %d", getuid(), geteuid(), getgid(), getegid());
    uid_t ids[3];
    result("getresuid", getresuid(&ids[0], &ids[1], &ids[2]));
    fact("of them", "%d %d %d", ids[0], ids[1], ids[2]);
    result("setuid to the same", setuid(getuid()));
    result("setresgid to the same", setresgid(-1, getgid(), -1));
    fact_if("a process group", getpgrp() > 0 && getpgid(0) == getpgrp());
    // 0 where the leader of the session is outside this pid namespace.
    fact_if("a session", getsid(0) >= 0);
    result("group of an absent process", getpgid(0x3ffffff));
    result("session of an absent process", getsid(0x3ffffff));
    result("group of a negative process", getpgid(-1));

    struct sysinfo info;
    result("sysinfo", sysinfo(&info));
    fact_if("memory", info.totalram * info.mem_unit > 1 << 20 && info.freeram <= info.totalram);
    fact_if("processes", info.procs >= 1);
    fact_if("uptime", info.uptime >= 0);

    struct rlimit limit;
    int kinds[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_SIGPENDING};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        result("getrlimit", getrlimit(kinds[i], &limit));
        fact_if("soft is not above hard", limit.rlim_cur <= limit.rlim_max);
    }
    result("getrlimit, unknown", syscall(SYS_getrlimit, 16, &limit));
    limit = (struct rlimit){100, 200};
    result("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
    struct rlimit old = {1, 1};
    result("prlimit", prlimit(0, RLIMIT_NOFILE, NULL, &old));
    fact("limits", "%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
    limit = (struct rlimit){201, 200};
    result("soft above hard", setrlimit(RLIMIT_NOFILE, &limit));
    result("prlimit of an absent process", prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &old));
    limit = (struct rlimit){50, 200};
    result("prlimit of itself", prlimit(getpid(), RLIMIT_NOFILE, &limit, &old));

    result("name", prctl(PR_SET_NAME, "a name that is too long"));
    char text[32] = "";
    result("get it", prctl(PR_GET_NAME, text));
    fact("name", "%s", text);
    result("dumpable", prctl(PR_GET_DUMPABLE));
    result("not dumpable", prctl(PR_SET_DUMPABLE, 0));
    result("dumpable then", prctl(PR_GET_DUMPABLE));
    result("dumpable 5", prctl(PR_SET_DUMPABLE, 5));
    result("death signal", prctl(PR_SET_PDEATHSIG, SIGTERM));
    int number = 0;
    result("get it", prctl(PR_GET_PDEATHSIG, &number));
    fact("death signal", "%d", number);
    result("death signal 99", prctl(PR_SET_PDEATHSIG, 99));
    result("keep capabilities", prctl(PR_GET_KEEPCAPS));
    result("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    result("set it", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    result("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    result("clear it", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    result("timer slack", prctl(PR_GET_TIMERSLACK));
    result("unknown", prctl(9999));
    fact_if("bounding set", last_capability() >= 0);

    cpu_set_t set;
    CPU_ZERO(&set);
    fact_if("sched_getaffinity", syscall(SYS_sched_getaffinity, 0, sizeof set, &set) >= 8);
    fact_if("some processor", CPU_COUNT(&set) >= 1);
    result("too small", syscall(SYS_sched_getaffinity, 0, 4, &set));
    result("of an absent thread", syscall(SYS_sched_getaffinity, 0x3ffffff, sizeof set, &set));
    result("set the same", sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    result("set none", sched_setaffinity(0, sizeof set, &set));
    result("sched_yield", sched_yield());
    result("scheduler", sched_getscheduler(0));
    result("scheduler of an absent thread", sched_getscheduler(0x3ffffff));
    result("highest of FIFO", sched_get_priority_max(SCHED_FIFO));
    result("lowest of FIFO", sched_get_priority_min(SCHED_FIFO));
    result("highest of the ordinary", sched_get_priority_max(SCHED_OTHER));
    result("highest of an unknown", sched_get_priority_max(99));
    struct sched_param parameter = {9};
    result("sched_getparam", sched_getparam(0, &parameter));
    fact("priority", "%d", parameter.sched_priority);
    fact("getpriority", "%d", getpriority(PRIO_PROCESS, 0));
    result("getpriority of an unknown kind", getpriority(9, 0));
    result("setpriority", setpriority(PRIO_PROCESS, 0, 5));
    fact("getpriority", "%d", getpriority(PRIO_PROCESS, 0));
    result("by the call", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    unsigned cpu = 99, node = 99;
    result("getcpu", getcpu(&cpu, &node));
    fact_if("it is there", cpu < 1024 && node < 64);
    result("an unknown call", syscall(999));
    result("a call for another personality", syscall(0x40000000 + 39));
    fact("personality", "%lx", syscall(SYS_personality, 0xffffffff));
    return 0;
}
