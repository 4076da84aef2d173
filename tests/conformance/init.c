// The first program of a machine that runs conformance tests: runs the entries of a list one after the other, each in
// a session and an empty directory of its own, with a limit to its time, and clears away what it leaves behind.
//
// init LIST. A line of LIST: NAME<tab>MILLISECONDS<tab>COMMAND. What it says on standard output, in lines of their own
// between the output of the tests:
//
//   @begin NAME                an entry starts
//   @end NAME STATUS MS        it has ended; STATUS is an exit code, 128 + a signal, or `timeout`
//   @done                      all have
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/tmp/entry"
#define MOST_OBJECTS 256

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind;
    if (walk->level > 0) {
        remove(path);
    }
    return 0;
}

static void empty(const char *folder) {
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

// Kills whatever is left but this process and the machine's first, and takes their ends.
static void clear_processes(void) {
    kill(-1, SIGKILL);
    for (int round = 0; round < 50; round++) {
        pid_t gone;
        do {
            gone = waitpid(-1, NULL, WNOHANG);
        } while (gone > 0);
        if (gone < 0 && errno == ECHILD) {
            break;
        }
        usleep(10000);
    }
}

static void clear_objects(void) {
    for (int i = 0; i < MOST_OBJECTS; i++) {
        struct shmid_ds segment;
        struct msqid_ds queue;
        struct semid_ds set;
        int id = shmctl(i, SHM_STAT, &segment);
        if (id >= 0) {
            shmctl(id, IPC_RMID, NULL);
        }
        id = msgctl(i, MSG_STAT, &queue);
        if (id >= 0) {
            msgctl(id, IPC_RMID, NULL);
        }
        id = semctl(i, 0, SEM_STAT, &set);
        if (id >= 0) {
            semctl(id, 0, IPC_RMID);
        }
    }
}

static void become(const char *command) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(1, 2);
    close(null);
    char words[1024], *argv[64];
    int count = 0;
    snprintf(words, sizeof words, "%s", command);
    if (strpbrk(command, ";|&<>$'\"`*") != NULL) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(126);
    }
    for (char *word = strtok(words, " "); word != NULL && count < 63; word = strtok(NULL, " ")) {
        argv[count++] = word;
    }
    argv[count] = NULL;
    execvp(argv[0], argv);
    int code = errno == ENOENT ? 127 : 126;
    perror(argv[0]);
    _exit(code);
}

static void run(const char *name, long limit, const char *command) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    printf("\n@begin %s\n", name);
    fflush(stdout);
    mkdir(ROOT, 0777);
    chmod(ROOT, 01777);
    long start = now(), left;
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(ROOT) != 0) {
            _exit(126);
        }
        become(command);
    }
    int status = 0;
    pid_t gone = 0;
    while ((gone = waitpid(pid, &status, WNOHANG)) == 0 && (left = start + limit - now()) > 0) {
        struct timespec wait = {left / 1000, left % 1000 * 1000000};
        sigtimedwait(&child, NULL, &wait);
    }
    long time = now() - start;
    clear_processes();
    if (gone == 0) {
        printf("\n@end %s timeout %ld\n", name, time);
    } else {
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        printf("\n@end %s %d %ld\n", name, code, time);
    }
    fflush(stdout);
    if (chdir("/") == 0) {
        empty(ROOT);
        empty("/dev/shm");
    }
    clear_objects();
}

int main(int count, char **words) {
    FILE *list = count == 2 ? fopen(words[1], "re") : NULL;
    if (list == NULL) {
        fprintf(stderr, "init LIST\n");
        return 125;
    }
    setenv("TMPDIR", ROOT, 1);
    setenv("HOME", "/root", 1);
    setenv("LTPROOT", "/opt/ltp", 1);
    setenv("PATH", "/opt/ltp/testcases/bin:/bin:/usr/bin:/sbin:/usr/sbin", 1);
    setenv("LTP_COLORIZE_OUTPUT", "n", 1);
    setenv("KCONFIG_SKIP_CHECK", "1", 1);
    setenv("LTP_VIRT_OVERRIDE", "kvm", 1);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    mkdir("/tmp", 01777);
    mkdir("/dev/shm", 01777);
    char line[1200];
    while (fgets(line, sizeof line, list) != NULL) {
        char *name = strtok(line, "\t"), *limit = strtok(NULL, "\t"), *command = strtok(NULL, "\n");
        if (command != NULL) {
            run(name, atol(limit), command);
        }
    }
    printf("\n@done\n");
    return 0;
}
