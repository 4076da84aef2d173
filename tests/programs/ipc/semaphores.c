// semget(2), semop(2), semctl(2).
#include "fact.h"
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <signal.h>
#include <time.h>

static int set;
static long got;
static int why;

static long operate(int number, int change, int flags) {
    struct sembuf operation = {(unsigned short)number, (short)change, (short)flags};
    return semop(set, &operation, 1);
}

static void *wait_for_two(void *unused) {
    got = operate(1, -2, 0);
    why = errno;
    return unused;
}

static void *wait_for_zero(void *unused) {
    got = operate(1, 0, 0);
    why = errno;
    return unused;
}

static void until(int command, int number, int count) {
    while (semctl(set, number, command) != count) {
        sched_yield();
    }
}

static void nothing(int signal) {
    (void)signal;
}

int main(void) {
    struct semid_ds about;
    unsigned short values[3] = {1, 2, 3};
    pthread_t thread;
    key_t key = 0x5eee0000 | (getpid() & 0xffff);
    result("no such key", semget(key, 1, 0600));
    set = need("semget", semget(key, 3, IPC_CREAT | 0600));
    fact_if("by its key", semget(key, 0, 0) == set);
    result("more than it has", semget(key, 4, 0));
    result("none", semget(IPC_PRIVATE, 0, 0600));
    result("too many", semget(IPC_PRIVATE, 32001, 0600));
    need("IPC_STAT", semctl(set, 0, IPC_STAT, &about));
    fact("mode", "%o, %ld", about.sem_perm.mode, (long)about.sem_nsems);
    fact_if("times", about.sem_ctime > 0 && about.sem_otime == 0);
    result("value", semctl(set, 0, GETVAL));
    result("SETALL", semctl(set, 0, SETALL, values));
    memset(values, 0, sizeof values);
    result("GETALL", semctl(set, 0, GETALL, values));
    fact("values", "%d %d %d", values[0], values[1], values[2]);
    result("SETVAL", semctl(set, 1, SETVAL, 1));
    result("too high", semctl(set, 1, SETVAL, 32768));
    result("no such one", semctl(set, 3, GETVAL));
    result("take one", operate(0, -1, 0));
    result("take another", operate(0, -1, IPC_NOWAIT));
    result("wait for zero", operate(0, 0, 0));
    fact_if("pid", semctl(set, 0, GETPID) == getpid());
    result("above the highest", (operate(0, 32767, 0), operate(0, 1, 0)));
    result("no such semaphore", operate(3, 1, 0));
    struct sembuf several[3] = {{1, -1, 0}, {2, -1, 0}, {1, -1, IPC_NOWAIT}};
    result("all or none", semop(set, several, 3));
    fact("values", "%d %d", semctl(set, 1, GETVAL), semctl(set, 2, GETVAL));
    result("all", semop(set, several, 2));
    fact("values", "%d %d", semctl(set, 1, GETVAL), semctl(set, 2, GETVAL));
    result("no operations", semop(set, several, 0));
    result("too many", semop(set, several, 501));
    result("a bad address", semop(set, BAD, 1));
    result("with a deadline", semtimedop(set, &(struct sembuf){1, -1, 0}, 1, &(struct timespec){0, 10000000}));
    result("a bad deadline", semtimedop(set, &(struct sembuf){1, -1, 0}, 1, &(struct timespec){0, -1}));

    pthread_create(&thread, NULL, wait_for_two, NULL);
    until(GETNCNT, 1, 1);
    result("GETZCNT", semctl(set, 1, GETZCNT));
    result("give one", operate(1, 1, 0));
    result("still waits", semctl(set, 1, GETNCNT));
    result("give another", operate(1, 1, 0));
    pthread_join(thread, NULL);
    fact("got", "%ld, left %d", got, semctl(set, 1, GETVAL));
    operate(1, 1, 0);
    pthread_create(&thread, NULL, wait_for_zero, NULL);
    until(GETZCNT, 1, 1);
    result("SETVAL to zero", semctl(set, 1, SETVAL, 0));
    pthread_join(thread, NULL);
    fact("got", "%ld", got);
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, wait_for_two, NULL);
    until(GETNCNT, 1, 1);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    fact("a signal", "%s", error_name(why));
    result("with undo", operate(2, 1, SEM_UNDO));
    about.sem_perm.mode = 0644;
    result("IPC_SET", semctl(set, 0, IPC_SET, &about));
    need("IPC_STAT", semctl(set, 0, IPC_STAT, &about));
    fact("mode", "%o", about.sem_perm.mode);
    struct seminfo limits;
    fact_if("IPC_INFO", semctl(0, 0, IPC_INFO, &limits) >= 0);
    fact("limits", "%d %d %d %d %d", limits.semmni, limits.semmsl, limits.semmns, limits.semopm, limits.semvmx);
    pthread_create(&thread, NULL, wait_for_two, NULL);
    until(GETNCNT, 1, 1);
    result("IPC_RMID", semctl(set, 0, IPC_RMID));
    pthread_join(thread, NULL);
    fact("removed under a waiter", "%s", error_name(why));
    result("of nothing", operate(0, 1, 0));
    result("GETVAL of nothing", semctl(set, 0, GETVAL));
    return 0;
}
