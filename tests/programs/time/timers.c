// setitimer, alarm, timer_create, timerfd.
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static volatile int alarms, value, code, virtual, profile;

static void on_alarm(int number) {
    alarms += number == SIGALRM;
    virtual += number == SIGVTALRM;
    profile += number == SIGPROF;
}

static void on_timer(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    alarms++;
    value = info->si_value.sival_int;
    code = info->si_code;
}

static void until(volatile int *what, int wanted) {
    for (int i = 0; i < 1000 && *what < wanted; i++) {
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

int main(void) {
    struct itimerval timer, old;
    signal(SIGALRM, on_alarm);
    signal(SIGVTALRM, on_alarm);
    signal(SIGPROF, on_alarm);
    result("alarm", alarm(100));
    result("alarm again", alarm(50) >= 99);
    need("getitimer", getitimer(ITIMER_REAL, &timer));
    fact_if("it is the same timer", timer.it_value.tv_sec >= 49 && timer.it_value.tv_sec <= 50);
    timer = (struct itimerval){{0, 0}, {0, 10000}};
    result("setitimer", setitimer(ITIMER_REAL, &timer, &old));
    fact_if("old", old.it_value.tv_sec >= 49);
    until(&alarms, 1);
    nanosleep(&(struct timespec){0, 30000000}, NULL);
    fact("once", "%d", alarms);
    need("getitimer", getitimer(ITIMER_REAL, &timer));
    fact("over", "%ld %ld", timer.it_value.tv_sec, timer.it_value.tv_usec);
    timer = (struct itimerval){{0, 5000}, {0, 1}};
    setitimer(ITIMER_REAL, &timer, NULL);
    until(&alarms, 5);
    fact_if("again and again", alarms >= 5);
    timer = (struct itimerval){0};
    setitimer(ITIMER_REAL, &timer, NULL);
    int before = alarms;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    fact("stopped", "%d", alarms - before);
    timer = (struct itimerval){{0, 0}, {0, 1000000}};
    result("setitimer, too many microseconds", setitimer(ITIMER_REAL, &timer, NULL));
    timer = (struct itimerval){{0, 0}, {-1, 0}};
    result("setitimer, negative", setitimer(ITIMER_REAL, &timer, NULL));
    result("setitimer, unknown", setitimer(9, &timer, NULL));
    timer = (struct itimerval){{0, 0}, {0, 10000}};
    result("by the process's own time", setitimer(ITIMER_VIRTUAL, &timer, NULL));
    result("by processor time", setitimer(ITIMER_PROF, &timer, NULL));
    time_t end = time(NULL) + 5;
    while ((!virtual || !profile) && time(NULL) < end) {
    }
    fact("both", "%d %d", virtual, profile);

    struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    alarms = 0;
    timer_t id;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77};
    result("timer_create", timer_create(CLOCK_MONOTONIC, &event, &id));
    struct itimerspec spec = {{0, 5000000}, {0, 5000000}}, left;
    result("timer_settime", timer_settime(id, 0, &spec, NULL));
    until(&alarms, 3);
    fact("value and code", "%d %d", value, code);
    result("timer_gettime", timer_gettime(id, &left));
    fact_if("interval", left.it_interval.tv_nsec == 5000000 && left.it_value.tv_nsec <= 5000000);
    result("overrun", timer_getoverrun(id) >= 0);
    result("timer_delete", timer_delete(id));
    result("timer_delete again", syscall(SYS_timer_delete, 12345));
    result("timer_create of an unknown clock", timer_create(99, &event, &id));
    event.sigev_signo = 99;
    result("timer_create with an unknown signal", syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    event.sigev_notify = SIGEV_NONE;
    result("timer_create without a signal", timer_create(CLOCK_REALTIME, &event, &id));
    spec = (struct itimerspec){{0, 0}, {100, 0}};
    result("timer_settime", timer_settime(id, 0, &spec, &left));
    result("timer_gettime", timer_gettime(id, &left));
    fact_if("left", left.it_value.tv_sec >= 99);

    int file = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    outcome("timerfd_create", file);
    uint64_t count = 0;
    result("read, not set", read(file, &count, 8));
    spec = (struct itimerspec){{0, 0}, {0, 10000000}};
    result("set", timerfd_settime(file, 0, &spec, NULL));
    result("read at once", read(file, &count, 8));
    struct pollfd poll_one = {.fd = file, .events = POLLIN};
    result("poll", poll(&poll_one, 1, 5000));
    result("read a little", read(file, &count, 4));
    result("read", read(file, &count, 8));
    fact("count", "%ld", (long)count);
    spec = (struct itimerspec){{0, 1000000}, {0, 1000000}};
    timerfd_settime(file, 0, &spec, NULL);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("read", read(file, &count, 8));
    fact_if("several", count >= 15);
    spec = (struct itimerspec){{0, 0}, {1, 0}};
    result("until the past", timerfd_settime(file, TFD_TIMER_ABSTIME, &spec, NULL));
    fcntl(file, F_SETFL, 0);
    result("read", read(file, &count, 8));
    result("write", write(file, &count, 8));
    result("unknown flag", timerfd_create(CLOCK_MONOTONIC, 1));
    result("unknown clock", timerfd_create(CLOCK_THREAD_CPUTIME_ID, 0));
    result("settime of another file", timerfd_settime(0, 0, &spec, NULL));
    result("seek", lseek(file, 0, SEEK_SET));
    return 0;
}
