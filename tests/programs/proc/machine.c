// The machine's own files in /proc and /sys, compared with system calls.
#include "fact.h"
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

static char text[1 << 16];

static const char *content(const char *path) {
    int fd = open(path, O_RDONLY);
    long length = 0;
    if (fd < 0) {
        return error_name(errno);
    }
    for (long got; (got = read(fd, text + length, sizeof text - 1 - length)) > 0;) {
        length += got;
    }
    text[length] = 0;
    close(fd);
    return text;
}

static const char *line(const char *path) {
    content(path);
    text[strcspn(text, "\n")] = 0;
    return text;
}

static long field(const char *name) {
    const char *at = strstr(text, name);
    return at ? atol(at + strlen(name)) : -1;
}

int main(void) {
    struct utsname names;
    need("uname", uname(&names));
    fact_if("osrelease", strcmp(line("/proc/sys/kernel/osrelease"), names.release) == 0);
    fact_if("version", strcmp(line("/proc/sys/kernel/version"), names.version) == 0);
    fact_if("hostname", strcmp(line("/proc/sys/kernel/hostname"), names.nodename) == 0);
    fact("ostype", "%s", line("/proc/sys/kernel/ostype"));
    snprintf(text + sizeof text / 2, 200, "Linux version %s (", names.release);
    size_t length = strlen(text + sizeof text / 2);
    fact_if("/proc/version", strncmp(content("/proc/version"), text + sizeof text / 2, length) == 0);

    struct sysinfo information;
    need("sysinfo", sysinfo(&information));
    content("/proc/meminfo");
    fact_if("MemTotal", (unsigned long)field("MemTotal:") == information.totalram * information.mem_unit / 1024);
    fact_if("MemFree is less", field("\nMemFree:") > 0 && field("\nMemFree:") < field("MemTotal:"));
    fact_if("MemAvailable", field("\nMemAvailable:") > 0);
    fact_if("width", strncmp(text + 24, " kB\nMemFree:  ", 14) == 0);
    long up = atol(content("/proc/uptime"));
    struct timespec now;
    need("clock_gettime", clock_gettime(CLOCK_BOOTTIME, &now));
    fact_if("uptime", now.tv_sec - up >= 0 && now.tv_sec - up <= 2);
    content("/proc/stat");
    need("clock_gettime", clock_gettime(CLOCK_REALTIME, &now));
    struct timespec since;
    need("clock_gettime", clock_gettime(CLOCK_BOOTTIME, &since));
    long started = now.tv_sec - since.tv_sec;
    fact_if("btime", labs(field("\nbtime ") - started) <= 2);
    fact_if("stat has a line for all CPUs", strncmp(text, "cpu  ", 5) == 0);
    int parts = 0;
    float load[3];
    int running, all, last;
    parts = sscanf(content("/proc/loadavg"), "%f %f %f %d/%d %d", load, load + 1, load + 2, &running, &all, &last);
    fact("parts of loadavg", "%d", parts);
    fact_if("somebody runs", running >= 1 && all >= running);

    cpu_set_t set;
    need("sched_getaffinity", sched_getaffinity(0, sizeof set, &set));
    content("/proc/cpuinfo");
    int count = 0;
    for (char *at = text; (at = strstr(at, "processor\t: ")) != NULL; at++) {
        count++;
    }
    fact_if("as many processors", count >= CPU_COUNT(&set));
    fact_if("sse2", strstr(text, " sse2 ") != NULL);
    int first = -1, highest = -1;
    int ends = sscanf(line("/sys/devices/system/cpu/online"), "%d-%d", &first, &highest);
    fact_if("online", first == 0 && (ends == 1 ? 0 : highest) == count - 1);
    fact("hpage_pmd_size", "%s", line("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"));
    fact_if("transparent_hugepage/enabled", strchr(line("/sys/kernel/mm/transparent_hugepage/enabled"), '[') != NULL);

    fact("ngroups_max", "%s", line("/proc/sys/kernel/ngroups_max"));
    fact("cap_last_cap", "%s", line("/proc/sys/kernel/cap_last_cap"));
    fact("max_map_count", "%s", line("/proc/sys/vm/max_map_count"));
    fact("nr_open", "%s", line("/proc/sys/fs/nr_open"));
    fact("length of boot_id", "%zu", strlen(line("/proc/sys/kernel/random/boot_id")));
    char id[64];
    strcpy(id, text);
    fact_if("it stays", strcmp(id, line("/proc/sys/kernel/random/boot_id")) == 0);
    strcpy(id, line("/proc/sys/kernel/random/uuid"));
    fact_if("uuid does not", strcmp(id, line("/proc/sys/kernel/random/uuid")) != 0);
    outcome("write ostype", open("/proc/sys/kernel/ostype", O_WRONLY));
    outcome("write to /sys", open("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", O_WRONLY));

    struct statfs about;
    need("statfs", statfs("/proc", &about));
    fact("type of /proc", "%lx", (long)about.f_type);
    need("statfs", statfs("/sys", &about));
    fact("type of /sys", "%lx", (long)about.f_type);
    struct stat status;
    need("lstat", lstat("/proc", &status));
    fact("mode of /proc", "%o", status.st_mode);
    fact("inode of /proc", "%lu", (unsigned long)status.st_ino);
    need("stat", stat("/proc/meminfo", &status));
    fact("mode of a file", "%o", status.st_mode);
    fact("its size", "%ld", (long)status.st_size);
    need("stat", stat("/sys/devices/system/cpu/online", &status));
    fact("mode of a file in /sys", "%o", status.st_mode);
    fact("its size", "%ld", (long)status.st_size);
    need("stat", stat("/sys/devices", &status));
    fact("mode of a directory in /sys", "%o", status.st_mode);
    fact_if("mounts names /proc", strstr(content("/proc/mounts"), "proc /proc proc rw") != NULL);
    fact_if("mountinfo names /sys", strstr(content("/proc/self/mountinfo"), " / /sys rw") != NULL);
    bool found_own = false, found_file = false;
    DIR *directory = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        found_own |= atoi(entry->d_name) == getpid() && entry->d_type == DT_DIR;
        found_file |= strcmp(entry->d_name, "uptime") == 0 && entry->d_type == DT_REG;
    }
    fact_if("the listing has this process", found_own);
    fact_if("and files", found_file);
    outcome("make a directory", mkdir("/proc/new", 0755));
    int fd = need("open", open("/proc/uptime", O_RDONLY));
    char one[2];
    result("a piece", read(fd, one, 1));
    result("at an offset", pread(fd, one, 2, 2));
    result("behind the end", pread(fd, one, 2, 1000));
    return 0;
}
