// A thread that waits in a call is cancelled: C libraries look whether it was interrupted at that very call.
#include "fact.h"
#include <pthread.h>
#include <time.h>

static int ends[2];
static volatile int cleaned;

static void clean(void *of) {
    cleaned = *(int *)of;
}

static void *wait_for_a_byte(void *unused) {
    (void)unused;
    char byte;
    int mark = 7;
    pthread_cleanup_push(clean, &mark);
    read(ends[0], &byte, 1);
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void) {
    pipe(ends);
    for (int round = 0; round < 3; round++) {
        pthread_t thread;
        void *answer;
        cleaned = 0;
        pthread_create(&thread, NULL, wait_for_a_byte, NULL);
        // Sometimes it waits already, sometimes it does not even run.
        nanosleep(&(struct timespec){.tv_nsec = round * 20000000}, NULL);
        result("cancel", pthread_cancel(thread));
        result("join", pthread_join(thread, &answer));
        fact_if("cancelled", answer == PTHREAD_CANCELED);
        fact("cleaned up", "%d", cleaned);
    }
    return 0;
}
