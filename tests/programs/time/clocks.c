// Clocks and sleeping: order and errors; never how long something took, only that it was not less.
#include "fact.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static long now(clockid_t clock) {
    struct timespec at;
    need("clock_gettime", clock_gettime(clock, &at));
    return at.tv_sec * 1000000000 + at.tv_nsec;
}

int main(void) {
    struct {
        const char *name;
        clockid_t clock;
    } clocks[] = {{"realtime", CLOCK_REALTIME},
                  {"monotonic", CLOCK_MONOTONIC},
                  {"process", CLOCK_PROCESS_CPUTIME_ID},
                  {"thread", CLOCK_THREAD_CPUTIME_ID},
                  {"raw", CLOCK_MONOTONIC_RAW},
                  {"realtime, coarse", CLOCK_REALTIME_COARSE},
                  {"monotonic, coarse", CLOCK_MONOTONIC_COARSE},
                  {"boot", CLOCK_BOOTTIME},
                  {"TAI", CLOCK_TAI}};
    struct timespec at, rest, call;
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        result(clocks[i].name, clock_gettime(clocks[i].clock, &at));
        result("by a system call", syscall(SYS_clock_gettime, clocks[i].clock, &call));
        fact_if("the call's is not earlier", call.tv_sec > at.tv_sec || (call.tv_sec == at.tv_sec && call.tv_nsec >= at.tv_nsec));
        bool fine = true;
        for (int round = 0; round < 1000; round++) {
            struct timespec last = at;
            need("clock_gettime", clock_gettime(clocks[i].clock, &at));
            fine = fine && at.tv_nsec >= 0 && at.tv_nsec < 1000000000 &&
                   (at.tv_sec > last.tv_sec || (at.tv_sec == last.tv_sec && at.tv_nsec >= last.tv_nsec));
        }
        fact_if("never backwards", fine);
        struct timespec resolution = {9, 9};
        result("resolution", clock_getres(clocks[i].clock, &resolution));
        fact_if("below 20 ms", resolution.tv_sec == 0 && resolution.tv_nsec > 0 && resolution.tv_nsec <= 20000000);
    }
    result("unknown clock", clock_gettime(99, &at));
    result("unknown clock, call", syscall(SYS_clock_gettime, 99, &at));
    result("resolution of an unknown clock", clock_getres(99, &at));
    result("resolution to nowhere", clock_getres(CLOCK_MONOTONIC, NULL));
    fact_if("a year that can be", now(CLOCK_REALTIME) / 1000000000 > 1700000000);
    struct timeval day;
    need("gettimeofday", gettimeofday(&day, NULL));
    fact_if("gettimeofday agrees", labs(day.tv_sec - now(CLOCK_REALTIME) / 1000000000) <= 1);
    fact_if("time agrees", labs((time)(NULL) - day.tv_sec) <= 1);
    fact_if("the call agrees", labs(syscall(SYS_time, NULL) - day.tv_sec) <= 1);

    long before = now(CLOCK_MONOTONIC);
    result("sleep 20 ms", nanosleep(&(struct timespec){0, 20000000}, NULL));
    fact_if("not less", now(CLOCK_MONOTONIC) - before >= 20000000);
    result("sleep nothing", nanosleep(&(struct timespec){0, 0}, NULL));
    result("sleep, negative", nanosleep(&(struct timespec){-1, 0}, NULL));
    result("sleep, too many nanoseconds", nanosleep(&(struct timespec){0, 1000000000}, NULL));
    before = now(CLOCK_MONOTONIC);
    long until = before + 20000000;
    result("sleep until", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME,
                                  &(struct timespec){until / 1000000000, until % 1000000000}, NULL));
    fact_if("not less", now(CLOCK_MONOTONIC) >= until);
    result("sleep until the past", syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
    result("sleep by an unknown clock", syscall(SYS_clock_nanosleep, 99, 0, &(struct timespec){0, 1}, NULL));
    result("sleep by the thread's clock", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 1}, NULL));
    result("sleep by an unknown flag", syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 8, &(struct timespec){0, 1}, &rest));

    long processor = now(CLOCK_PROCESS_CPUTIME_ID);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    fact_if("sleep takes no processor", now(CLOCK_PROCESS_CPUTIME_ID) - processor < 30000000);
    processor = now(CLOCK_THREAD_CPUTIME_ID);
    before = now(CLOCK_MONOTONIC);
    while (now(CLOCK_THREAD_CPUTIME_ID) - processor < 30000000) {
    }
    fact_if("work takes time", now(CLOCK_MONOTONIC) - before >= 29000000);
    struct rusage usage;
    result("getrusage", getrusage(RUSAGE_SELF, &usage));
    fact_if("it has used some", usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec > 10000);
    result("of children", getrusage(RUSAGE_CHILDREN, &usage));
    fact("they have used", "%ld", (long)usage.ru_utime.tv_sec);
    result("of nobody", getrusage(99, &usage));
    struct tms spent;
    fact_if("times", times(&spent) != -1);
    clockid_t own;
    result("clock of this process", clock_getcpuclockid(0, &own));
    result("set the clock, bad time", clock_settime(CLOCK_REALTIME, &(struct timespec){0, -1}));
    result("set the monotonic clock", clock_settime(CLOCK_MONOTONIC, &(struct timespec){0, 0}));
    return 0;
}
