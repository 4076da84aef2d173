// The vsyscall page of old static programs: it can be called, and neither written nor entered elsewhere.
#include "fault.h"
#include <sys/time.h>
#include <time.h>

int main(void) {
    catch_faults();
    struct timeval old = {0}, now;
    volatile long value = -1;
    ATTEMPT("gettimeofday", 0, value = ((long (*)(struct timeval *, void *))0xffffffffff600000)(&old, NULL));
    gettimeofday(&now, NULL);
    fact("result", "%ld", value);
    fact_if("it is the time", value == -1 || labs(now.tv_sec - old.tv_sec) <= 2);
    time_t when = 0;
    ATTEMPT("time", 0, value = ((long (*)(time_t *))0xffffffffff600400)(&when));
    fact_if("it is the time", value == when && labs(now.tv_sec - when) <= 2);
    unsigned cpu = 99, node = 99;
    ATTEMPT("getcpu", 0, value = ((long (*)(unsigned *, unsigned *, void *))0xffffffffff600800)(&cpu, &node, NULL));
    fact("result", "%ld", value);
    fact_if("there are not that many", cpu < 64);
    ATTEMPT_ANY("gettimeofday into a bad pointer", value = ((long (*)(void *, void *))0xffffffffff600000)(BAD, NULL));
    ATTEMPT_ANY("elsewhere in it", ((void (*)(void))0xffffffffff600123)());
    ATTEMPT("write to it", 0, poke((void *)0xffffffffff600000));
    return 0;
}
