// eventfd(2), signalfd(2).
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static int file;

static void *add(void *unused) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("eventfd_write", eventfd_write(file, 9));
    return unused;
}

static int events(void) {
    struct pollfd one = {.fd = file, .events = POLLIN | POLLOUT};
    poll(&one, 1, 0);
    return one.revents;
}

int main(void) {
    uint64_t value = 0;
    file = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    outcome("eventfd", file);
    fact("flags", "%x %x", fcntl(file, F_GETFL), fcntl(file, F_GETFD));
    result("read", read(file, &value, 8));
    fact("value", "%ld", (long)value);
    result("read, zero", read(file, &value, 8));
    fact("poll", "%x", events());
    value = 5;
    result("write", write(file, &value, 8));
    result("write", write(file, &value, 8));
    fact("poll", "%x", events());
    result("read a little", read(file, &value, 7));
    result("read a lot", read(file, &value, 8));
    fact("value", "%ld", (long)value);
    value = ~0ull;
    result("write of ~0", write(file, &value, 8));
    value = ~0ull - 1;
    result("write of the largest", write(file, &value, 8));
    fact("poll", "%x", events());
    value = 1;
    result("write one more", write(file, &value, 8));
    result("write a little", write(file, &value, 4));
    result("write from a bad pointer", write(file, BAD, 8));
    result("seek", lseek(file, 0, SEEK_SET));
    result("pread", pread(file, &value, 8, 0));
    result("unknown flag", eventfd(0, 2));
    file = eventfd(2, EFD_SEMAPHORE);
    result("semaphore", read(file, &value, 8));
    fact("value", "%ld", (long)value);
    result("semaphore", read(file, &value, 8));
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    result("read that waits", read(file, &value, 8));
    fact("value", "%ld", (long)value);
    pthread_join(thread, NULL);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    file = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    outcome("signalfd", file);
    struct signalfd_siginfo info[3];
    result("read nothing", read(file, info, sizeof info));
    fact("poll", "%x", events());
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
    fact("poll", "%x", events());
    result("read a little", read(file, info, 100));
    result("read", read(file, info, sizeof info));
    fact("first", "%d code %d", info[0].ssi_signo == SIGUSR1, info[0].ssi_code);
    fact("second and third", "%d %d", info[1].ssi_int, info[2].ssi_int);
    sigdelset(&set, SIGUSR1);
    fact_if("change", signalfd(file, &set, 0) == file);
    raise(SIGUSR1);
    result("read nothing then", read(file, info, sizeof info));
    result("change of another file", signalfd(0, &set, 0));
    result("unknown flag", signalfd(-1, &set, 1));
    result("another size", syscall(SYS_signalfd4, -1, &set, 4, 0));
    // It is a file of no type.
    struct stat status;
    need("fstat", fstat(file, &status));
    fact("mode", "%o", status.st_mode);
    int available = 0;
    result("FIONREAD", ioctl(file, FIONREAD, &available));
    result("ftruncate", ftruncate(file, 0));
    return 0;
}
