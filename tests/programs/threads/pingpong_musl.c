// build: musl
// The same with musl.
#include "fact.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn, counter;
static _Thread_local int local = 5;
static pthread_barrier_t barrier;

static void *square(void *value) {
    return (void *)((long)value * (long)value);
}

static void *play(void *side) {
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != (int)(long)side) {
            pthread_cond_wait(&condition, &mutex);
        }
        turn = !turn;
        counter++;
        pthread_cond_signal(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *count(void *unused) {
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    local += 1;
    return (void *)(long)local + (unused != NULL);
}

static void *meet(void *unused) {
    int first = 0;
    for (int i = 0; i < 50; i++) {
        first += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
    }
    (void)unused;
    return (void *)(long)first;
}

static sem_t semaphores[2];

static void *semaphore(void *unused) {
    for (int i = 0; i < 500; i++) {
        sem_wait(&semaphores[0]);
        sem_post(&semaphores[1]);
    }
    return unused;
}

int main(void) {
    pthread_t threads[8];
    long sum = 0;
    void *value;
    for (long i = 0; i < 100; i++) {
        need("pthread_create", pthread_create(&threads[0], NULL, square, (void *)i) ? -1 : 0);
        need("pthread_join", pthread_join(threads[0], &value) ? -1 : 0);
        sum += (long)value;
    }
    fact("sum of a hundred", "%ld", sum);
    for (long i = 0; i < 2; i++) {
        need("pthread_create", pthread_create(&threads[i], NULL, play, (void *)i) ? -1 : 0);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    fact("turns", "%d", counter);
    counter = 0;
    for (int i = 0; i < 8; i++) {
        need("pthread_create", pthread_create(&threads[i], NULL, count, NULL) ? -1 : 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], &value);
        fact("its own variable", "%ld", (long)value);
    }
    fact("counted", "%d, here %d", counter, local);
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 4; i++) {
        need("pthread_create", pthread_create(&threads[i], NULL, meet, NULL) ? -1 : 0);
    }
    sum = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &value);
        sum += (long)value;
    }
    fact("meetings", "%ld", sum);
    sem_init(&semaphores[0], 0, 0);
    sem_init(&semaphores[1], 0, 0);
    need("pthread_create", pthread_create(&threads[0], NULL, semaphore, NULL) ? -1 : 0);
    for (int i = 0; i < 500; i++) {
        sem_post(&semaphores[0]);
        sem_wait(&semaphores[1]);
    }
    pthread_join(threads[0], NULL);
    fact("semaphores", "done");
    return 0;
}
