// Many processes: a deep line, a wide tree, all alive at once, rounds that leave nothing behind.
#include "child.h"
#include <sys/mman.h>

static int line(int depth) {
    if (depth == 0) {
        return 0;
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(line(depth - 1));
    }
    int status = 0;
    if (child == -1 || waitpid(child, &status, 0) != child) {
        return 200;
    }
    return WEXITSTATUS(status) + 1;
}

static void tree(int *count, int depth) {
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    for (int i = 0; depth > 0 && i < 3; i++) {
        if (fork() == 0) {
            tree(count, depth - 1);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
}

static long available(void) {
    FILE *file = fopen("/proc/meminfo", "r");
    char text[256];
    long free = 0;
    while (file && fgets(text, sizeof text, file)) {
        sscanf(text, "MemFree: %ld", &free);
    }
    if (file) {
        fclose(file);
    }
    return free;
}

int main(void) {
    signal(SIGCHLD, SIG_DFL);
    fact("a line of", "%d", line(50));
    int *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    tree(count, 4);
    fact("a tree of", "%d", *count);

    int pipes[2];
    need("pipe", pipe(pipes));
    for (int i = 0; i < 100; i++) {
        if (branch() == 0) {
            char byte;
            close(pipes[1]);
            _exit(read(pipes[0], &byte, 1) == 0 ? 0 : 1);
        }
    }
    close(pipes[0]);
    close(pipes[1]);
    int well = 0, status;
    while (wait(&status) > 0) {
        well += status == 0;
    }
    fact("100 at once", "%d", well);

    int rounds = 0;
    long before = 0;
    for (int i = 0; i < 600; i++) {
        if (i == 100) {
            before = available();
        }
        pid_t child = branch();
        if (child == 0) {
            _exit(i & 127);
        }
        rounds += waitpid(child, &status, 0) == child && WEXITSTATUS(status) == (i & 127);
    }
    fact("rounds", "%d", rounds);
    // A large machine is a host with other work, where there may be less for other reasons.
    int large = sysconf(_SC_PHYS_PAGES) > 1 << 20;
    fact_if("nothing is lost", large || before - available() < 64 * 1024);
    return 0;
}
