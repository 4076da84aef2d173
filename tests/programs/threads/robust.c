// Robust mutexes, set_tid_address, the list of robust futexes, mutexes with a time limit, read-write locks, once, keys.
#include "fact.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

static pthread_mutex_t robust, checking, limited = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t both = PTHREAD_RWLOCK_INITIALIZER;
static pthread_key_t key;
static volatile int destroyed, initialised;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void code(const char *what, int error) {
    fact(what, "%s", error ? error_name(error) : "ok");
}

static void *die_holding(void *unused) {
    pthread_mutex_lock(&robust);
    return unused;
}

static void destroy(void *value) {
    destroyed += (int)(long)value;
}

static void initialise(void) {
    initialised++;
}

static void *use(void *unused) {
    pthread_once(&once, initialise);
    pthread_setspecific(key, (void *)7);
    return unused;
}

static void *detached(void *flag) {
    __atomic_store_n((int *)flag, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void cleanup(void *unused) {
    (void)unused;
    destroyed = 100;
}

static void *cancelled(void *unused) {
    pthread_cleanup_push(cleanup, NULL);
    nanosleep(&(struct timespec){100, 0}, NULL);
    pthread_cleanup_pop(0);
    return unused;
}

int main(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    pthread_t thread;
    need("pthread_create", pthread_create(&thread, NULL, die_holding, NULL) ? -1 : 0);
    pthread_join(thread, NULL);
    code("lock of a mutex whose owner is dead", pthread_mutex_lock(&robust));
    code("make it consistent", pthread_mutex_consistent(&robust));
    code("unlock", pthread_mutex_unlock(&robust));
    need("pthread_create", pthread_create(&thread, NULL, die_holding, NULL) ? -1 : 0);
    pthread_join(thread, NULL);
    code("again", pthread_mutex_lock(&robust));
    code("unlock without that", pthread_mutex_unlock(&robust));
    code("lock then", pthread_mutex_lock(&robust));

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&checking, &attributes);
    pthread_mutex_lock(&checking);
    code("lock twice", pthread_mutex_lock(&checking));
    code("unlock", pthread_mutex_unlock(&checking));
    code("unlock twice", pthread_mutex_unlock(&checking));
    pthread_mutex_lock(&limited);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_nsec += 20000000;
    if (now.tv_nsec >= 1000000000) {
        now.tv_sec++;
        now.tv_nsec -= 1000000000;
    }
    code("lock until a time", pthread_mutex_timedlock(&limited, &now));
    code("try", pthread_mutex_trylock(&limited));
    code("read lock", pthread_rwlock_rdlock(&both));
    code("read lock again", pthread_rwlock_tryrdlock(&both));
    code("write lock", pthread_rwlock_trywrlock(&both));
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_t inherits;
    pthread_mutex_init(&inherits, &attributes);
    code("lock with priority inheritance", pthread_mutex_lock(&inherits));
    code("unlock", pthread_mutex_unlock(&inherits));

    pthread_key_create(&key, destroy);
    for (int i = 0; i < 3; i++) {
        need("pthread_create", pthread_create(&thread, NULL, use, NULL) ? -1 : 0);
        pthread_join(thread, NULL);
    }
    fact("keys destroyed", "%d, initialised %d", destroyed, initialised);
    int flag = 0;
    need("pthread_create", pthread_create(&thread, NULL, detached, &flag) ? -1 : 0);
    pthread_detach(thread);
    for (int i = 0; i < 1000 && !__atomic_load_n(&flag, __ATOMIC_SEQ_CST); i++) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    fact("a detached one ran", "%d", flag);
    void *value;
    need("pthread_create", pthread_create(&thread, NULL, cancelled, NULL) ? -1 : 0);
    nanosleep(&(struct timespec){0, 10000000}, NULL);
    code("cancel", pthread_cancel(thread));
    pthread_join(thread, &value);
    fact("cancelled", "%d, cleaned up %d", value == PTHREAD_CANCELED, destroyed);

    int own;
    fact_if("set_tid_address gives the thread", syscall(SYS_set_tid_address, &own) == syscall(SYS_gettid));
    void *head;
    size_t size;
    result("get_robust_list", syscall(SYS_get_robust_list, 0, &head, &size));
    fact("its size", "%ld", (long)size);
    result("set_robust_list of another size", syscall(SYS_set_robust_list, head, 10));
    result("get_robust_list of an absent thread", syscall(SYS_get_robust_list, 0x3ffffff, &head, &size));
    return 0;
}
