// /proc as programs read it, parsed.
#include "fact.h"
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static char text[1 << 20];

static long slurp(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) {
        return -1;
    }
    long total = 0, got;
    while ((got = read(file, text + total, sizeof text - 1 - total)) > 0) {
        total += got;
    }
    close(file);
    text[total] = 0;
    return total;
}

static bool line_of(const char *name) {
    char start[64];
    snprintf(start, sizeof start, "\n%s", name);
    return strncmp(text, name, strlen(name)) == 0 || strstr(text, start) != NULL;
}

int main(int count, char **arguments) {
    char path[512], own[512];
    long length = readlink("/proc/self/exe", path, sizeof path - 1);
    fact_if("exe is a path", length > 0 && path[0] == '/');
    path[length > 0 ? length : 0] = 0;
    fact("its name", "%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : "");
    int self = open("/proc/self/exe", O_RDONLY);
    unsigned char magic[4] = "";
    fact_if("it can be read", read(self, magic, 4) == 4 && memcmp(magic, ELFMAG, 4) == 0);
    snprintf(own, sizeof own, "%d", getpid());
    length = readlink("/proc/self", path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    fact_if("self is this process", strcmp(path, own) == 0);
    length = readlink("/proc/thread-self", path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    snprintf(own, sizeof own, "%d/task/%d", getpid(), getpid());
    fact_if("thread-self is this thread", strcmp(path, own) == 0);

    length = slurp("/proc/self/cmdline");
    fact_if("cmdline", length == (long)(strlen(arguments[0]) + 1) * count && strcmp(text, arguments[0]) == 0);
    length = slurp("/proc/self/environ");
    fact_if("environ", length > 0 && memmem(text, length, "PATH=", 5) != NULL && text[length - 1] == 0);
    prctl(PR_SET_NAME, "its name");
    slurp("/proc/self/comm");
    fact("comm", "%s", strtok(text, "\n"));

    length = slurp("/proc/self/stat");
    int pid = 0;
    char name[64] = "", state = 0;
    fact_if("stat", sscanf(text, "%d (%63[^)]) %c", &pid, name, &state) == 3 && pid == getpid());
    fact("name and state", "%s %c", name, state);
    int fields = 0;
    char *end = strrchr(text, ')');
    for (char *at = strtok(end ? end + 1 : text, " \n"); at; at = strtok(NULL, " \n")) {
        fields++;
    }
    fact_if("all its fields", fields >= 50);
    slurp("/proc/self/statm");
    fact_if("statm", strspn(text, "0123456789 \n") == strlen(text) && atoi(text) > 0);
    slurp("/proc/self/status");
    const char *lines[] = {"Name:\t", "State:\tR (running)", "Tgid:\t", "Pid:\t", "PPid:\t", "Uid:\t0\t0\t0\t0", "Gid:\t0\t0\t0\t0", "VmSize:\t", "VmRSS:\t", "Threads:\t1", "SigCgt:\t", "Cpus_allowed:\t"};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        fact_if(lines[i], line_of(lines[i]));
    }

    // The maps: sorted, and what this program knows of itself is there.
    char *pages = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_NONE);
    int local;
    slurp("/proc/self/maps");
    unsigned long last = 0;
    bool sorted = true, shapes = true, program = false, stack = false, heap = false, hole = false;
    static char copy[1 << 16];
    snprintf(copy, sizeof copy, "%s", text);
    void *volatile block = malloc(100);
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long from, to, offset, inode;
        unsigned major, minor;
        char bits[5];
        int at = 0;
        shapes = shapes && sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &from, &to, bits, &offset, &major, &minor, &inode, &at) == 7;
        sorted = sorted && from >= last && to > from;
        last = to;
        unsigned long here = (unsigned long)main;
        program = program || (from <= here && here < to && strcmp(bits, "r-xp") == 0 && strstr(line, "proc") != NULL && inode != 0);
        here = (unsigned long)&local;
        stack = stack || (from <= here && here < to && strcmp(bits, "rw-p") == 0 && strcmp(line + at, "[stack]") == 0);
        heap = heap || strcmp(line + at, "[heap]") == 0;
        hole = hole || (from == (unsigned long)pages + 4096 && to == from + 4096 && strcmp(bits, "---p") == 0);
    }
    fact("maps", "shapes %d, sorted %d, program %d, stack %d, heap %d, a page without access %d", shapes, sorted, program, stack, heap, hole);
    fact_if("a block", block != NULL);

    int file = need("open", open("/dev/null", O_RDONLY));
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    length = readlink(path, own, sizeof own - 1);
    own[length > 0 ? length : 0] = 0;
    fact("a descriptor's link", "%s", own);
    DIR *directory = opendir("/proc/self/fd");
    int descriptors = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        descriptors += isdigit((unsigned char)entry->d_name[0]) != 0;
    }
    fact_if("descriptors", descriptors >= 5);
    directory = opendir("/proc/self/task");
    int tasks = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        tasks += isdigit((unsigned char)entry->d_name[0]) != 0;
    }
    fact("tasks", "%d", tasks);
    length = slurp("/proc/self/auxv");
    bool page = false;
    for (Elf64_auxv_t *entry = (void *)text; (char *)entry < text + length; entry++) {
        page = page || (entry->a_type == AT_PAGESZ && entry->a_un.a_val == 4096);
    }
    fact_if("auxv", length > 0 && length % 16 == 0 && page);
    length = readlink("/proc/self/cwd", path, sizeof path - 1);
    fact_if("cwd", length > 0 && path[0] == '/');
    length = readlink("/proc/self/root", path, sizeof path - 1);
    fact_if("root", length == 1 && path[0] == '/');

    fact_if("cpuinfo", slurp("/proc/cpuinfo") > 0 && line_of("processor\t: 0") && line_of("flags\t\t: ") && line_of("vendor_id\t: "));
    fact_if("meminfo", slurp("/proc/meminfo") > 0 && line_of("MemTotal:") && line_of("MemFree:") && line_of("MemAvailable:"));
    fact_if("stat", slurp("/proc/stat") > 0 && line_of("cpu ") && line_of("cpu0 ") && line_of("btime "));
    double up = -1, idle = -1;
    slurp("/proc/uptime");
    fact_if("uptime", sscanf(text, "%lf %lf", &up, &idle) == 2 && up >= 0);
    fact_if("loadavg", slurp("/proc/loadavg") > 0 && strchr(text, '/') != NULL);
    fact_if("version", slurp("/proc/version") > 0 && strncmp(text, "Linux version ", 14) == 0);
    fact_if("mounts", slurp("/proc/mounts") > 0 && strstr(text, " / ") != NULL && strstr(text, "/proc proc ") != NULL);
    fact_if("filesystems", slurp("/proc/filesystems") > 0 && strstr(text, "tmpfs") != NULL);
    fact_if("overcommit", slurp("/proc/sys/vm/overcommit_memory") > 0 && isdigit((unsigned char)text[0]));
    fact_if("largest pid", slurp("/proc/sys/kernel/pid_max") > 0 && atoi(text) > 100);
    fact_if("release", slurp("/proc/sys/kernel/osrelease") > 0 && isdigit((unsigned char)text[0]));
    fact_if("host name", slurp("/proc/sys/kernel/hostname") > 0);
    fact_if("backlog", slurp("/proc/sys/net/core/somaxconn") > 0 && atoi(text) > 0);
    fact_if("huge pages", slurp("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size") < 0 || atoi(text) == 2097152);
    fact_if("processors online", slurp("/sys/devices/system/cpu/online") > 0 && text[0] == '0');
    outcome("an absent process", open("/proc/67108863/stat", O_RDONLY));
    outcome("an absent file", open("/proc/self/absent", O_RDONLY));
    struct stat status;
    need("stat", stat("/proc/self/stat", &status));
    fact("mode and size", "%o %ld", status.st_mode, (long)status.st_size);
    need("lstat", lstat("/proc/self", &status));
    fact("mode of self", "%o", status.st_mode & S_IFMT);
    result("mkdir in it", mkdir("/proc/new", 0755) == -1);
    return 0;
}
