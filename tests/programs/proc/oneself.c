// /proc/self: what a program finds about itself, compared with what system calls say.
#include "fact.h"
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

extern char **environ;

static char text[1 << 16];

// The whole content of a file, ended by a zero byte; its length.
static long content(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    long length = 0;
    for (long got; (got = read(fd, text + length, sizeof text - 1 - length)) > 0;) {
        length += got;
    }
    text[length] = 0;
    close(fd);
    return length;
}

// The number behind `name:` in status.
static long field(const char *name) {
    const char *line = strstr(text, name);
    return line ? atol(line + strlen(name)) : -1;
}

static bool same_strings(char **strings, long length) {
    long at = 0;
    for (; *strings; strings++) {
        size_t size = strlen(*strings) + 1;
        if (at + (long)size > length || memcmp(text + at, *strings, size) != 0) {
            return false;
        }
        at += size;
    }
    return at == length;
}

static void modes(void) {
    static const char *const names[] = {"auxv", "cmdline", "comm", "environ", "fd", "fdinfo", "limits", "maps",
        "mem", "mountinfo", "mounts", "oom_adj", "oom_score", "oom_score_adj", "pagemap", "personality", "smaps",
        "stat", "statm", "status", "task", "exe", "cwd", "root", "wchan", "cgroup", "."};
    for (unsigned index = 0; index < sizeof names / sizeof *names; index++) {
        char path[64], what[80];
        struct stat status;
        snprintf(path, sizeof path, "/proc/self/%s", names[index]);
        snprintf(what, sizeof what, "mode of %s", names[index]);
        need(path, lstat(path, &status));
        fact(what, "%o", status.st_mode);
    }
}

int main(int count, char **arguments) {
    char path[64], link[4096];
    long length = readlink("/proc/self", link, sizeof link - 1);
    link[length > 0 ? length : 0] = 0;
    fact_if("self is the process", atol(link) == getpid());
    modes();

    length = content("/proc/self/cmdline");
    fact_if("cmdline", count > 0 && same_strings(arguments, length));
    length = content("/proc/self/environ");
    fact_if("environ", same_strings(environ, length));
    length = content("/proc/self/auxv");
    ElfW(auxv_t) *vector = (void *)text;
    bool same = length % sizeof *vector == 0, ended = false;
    for (; (char *)(vector + 1) <= text + length && !ended; vector++) {
        ended = vector->a_type == AT_NULL;
        // Some C libraries answer for AT_HWCAP themselves.
        same = same && (ended || vector->a_type == AT_HWCAP || vector->a_un.a_val == getauxval(vector->a_type));
    }
    fact_if("auxv", same && ended);

    int own = need("open comm", open("/proc/self/comm", O_WRONLY));
    result("set the name", write(own, "a) S 1\n\\", 8));
    content("/proc/self/comm");
    fact_if("comm", strcmp(text, "a) S 1\n\\\n") == 0);
    content("/proc/self/status");
    static const char begin[] = "Name:\ta) S 1\\n\\\\\nUmask:\t0022\nState:\tR (running)\nTgid:\t";
    fact_if("Name", strncmp(text, begin, strlen(begin)) == 0);
    fact_if("Tgid", field("\nTgid:") == getpid());
    fact_if("Pid", field("\nPid:") == getpid());
    fact_if("PPid", field("\nPPid:") == getppid());
    fact("TracerPid", "%ld", field("\nTracerPid:"));
    fact("Threads", "%ld", field("\nThreads:"));
    fact_if("VmSize is not below VmRSS", field("\nVmSize:") >= field("\nVmRSS:"));
    fact_if("VmRSS is a sum", field("\nVmRSS:") ==
        field("\nRssAnon:") + field("\nRssFile:") + field("\nRssShmem:"));
    fact("SigPnd", "%.16s", strstr(text, "\nSigPnd:\t") + 9);

    content("/proc/self/stat");
    fact_if("stat begins with number and name", atol(text) == getpid() && strstr(text, " (a) S 1\n\\) R "));
    char *rest = strrchr(text, ')') + 1;
    unsigned long long fields[64] = {0};
    int found = 2;
    char state = 0;
    for (char *word = strtok(rest, " \n"); word; word = strtok(NULL, " \n")) {
        found++;
        if (found == 3) {
            state = *word;
        } else if (found < 64) {
            fields[found] = strtoull(word, NULL, 10);
        }
    }
    fact("fields of stat", "%d", found);
    fact("3, state", "%c", state);
    fact_if("4, parent", (long)fields[4] == getppid());
    fact_if("5, group", (long)fields[5] == getpgrp());
    fact("18, priority", "%llu", fields[18]);
    fact("20, threads", "%llu", fields[20]);
    struct timespec now;
    need("clock_gettime", clock_gettime(CLOCK_BOOTTIME, &now));
    long age = now.tv_sec * 100 + now.tv_nsec / 10000000 - (long)fields[22];
    fact_if("22, start time", age >= 0 && age < 1000);
    fact_if("23, size in bytes", fields[23] % 4096 == 0 && fields[23] > 0);
    fact("25, limit of the resident set", "%llu", fields[25]);
    fact_if("26, 27, code", fields[26] <= (uintptr_t)&main && (uintptr_t)&main < fields[27]);
    fact_if("28, stack", fields[28] <= (uintptr_t)arguments && (uintptr_t)arguments - fields[28] < 64);
    fact("38, signal at the end", "%llu", fields[38]);
    static int initialised = 5;
    fact_if("45, 46, data", fields[45] <= (uintptr_t)&initialised && (uintptr_t)&initialised < fields[46]);
    fact_if("48, 49, arguments", fields[48] == (uintptr_t)arguments[0] && fields[49] == (uintptr_t)environ[0]);

    length = content("/proc/self/statm");
    long total, resident;
    fact("numbers of statm", "%d", sscanf(text, "%ld %ld", &total, &resident));
    fact_if("the same size", (unsigned long long)total * 4096 == fields[23]);

    struct rlimit limit = {12345, 23456};
    need("setrlimit", setrlimit(RLIMIT_STACK, &limit));
    content("/proc/self/limits");
    char *line = strstr(text, "Max stack size");
    fact("a limit", "%.*s|", (int)strcspn(line, "\n"), line);
    fact("the head", "%.*s|", (int)strcspn(text, "\n"), text);

    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", getpid(), getpid());
    int fd = need("open comm", open(path, O_RDWR));
    result("write comm", write(fd, "sixteen letters!", 16));
    result("lseek", lseek(fd, 0, SEEK_SET));
    memset(link, 0, 40);
    result("read what is new", read(fd, link, 40));
    fact("it", "%s", link);
    result("write stat", write(open("/proc/self/stat", O_WRONLY), "x", 1));
    result("truncate", open("/proc/self/comm", O_WRONLY | O_TRUNC) < 0 ? -1 : 0);
    outcome("make a file", open("/proc/self/nothing", O_WRONLY | O_CREAT, 0644));
    outcome("a process that is not there", open("/proc/4194304/stat", O_RDONLY));
    outcome("a name with a zero in front", open("/proc/01/stat", O_RDONLY));
    result("remove", unlink("/proc/self/stat"));
    return 0;
}
