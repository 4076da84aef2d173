// /proc/self/fd and fdinfo.
#include "fact.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static char text[4096];

static const char *target(int fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    long length = readlink(path, text, sizeof text - 1);
    text[length > 0 ? length : 0] = 0;
    return length < 0 ? error_name(errno) : text;
}

static unsigned mode(int fd) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    need("lstat", lstat(path, &status));
    return status.st_mode;
}

static void information(const char *what, int fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int file = need("open fdinfo", open(path, O_RDONLY));
    long length = need("read fdinfo", read(file, text, sizeof text - 1));
    text[length] = 0;
    // The lines behind these tell numbers of mounts and inodes.
    char *end = strstr(text, "mnt_id:");
    if (end) {
        *end = 0;
    }
    fact(what, "%s|", text);
    close(file);
}

int main(void) {
    need("chdir", chdir("/tmp"));
    int file = need("open", open("proc-descriptors", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("write", write(file, "0123456789", 10));
    fact("a file", "%s", target(file));
    fact("its link's mode", "%o", mode(file));
    information("its information", file);
    int reader = need("open", open("proc-descriptors", O_RDONLY | O_CLOEXEC | O_APPEND));
    fact("a reader's mode", "%o", mode(reader));
    information("its information", reader);
    int writer = need("open", open("proc-descriptors", O_WRONLY));
    fact("a writer's mode", "%o", mode(writer));
    int place = need("open", open("proc-descriptors", O_PATH));
    fact("a place's mode", "%o", mode(place));

    char path[64], buffer[16] = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int again = need("open again", open(path, O_RDONLY));
    result("it begins at the start", read(again, buffer, 4));
    fact("it", "%s", buffer);
    need("unlink", unlink("proc-descriptors"));
    fact("a removed file", "%s", target(file));
    memset(buffer, 0, sizeof buffer);
    again = need("open a removed file", open(path, O_RDONLY));
    result("read it", read(again, buffer, 4));
    struct stat one, other;
    need("stat", stat(path, &one));
    need("fstat", fstat(file, &other));
    fact_if("the same file", one.st_ino == other.st_ino && one.st_dev == other.st_dev);

    int pipes[2];
    need("pipe", pipe(pipes));
    need("fstat", fstat(pipes[0], &one));
    snprintf(path, sizeof path, "pipe:[%lu]", (unsigned long)one.st_ino);
    fact_if("a pipe's two ends", strcmp(target(pipes[0]), path) == 0 && strcmp(target(pipes[1]), path) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[0]);
    int end = need("open a pipe's end", open(path, O_WRONLY));
    result("write through it", write(end, "x", 1));
    result("read from the pipe", read(pipes[0], buffer, 4));
    int counter = need("eventfd", eventfd(0, 0));
    fact("a counter", "%s", target(counter));
    snprintf(path, sizeof path, "/proc/self/fd/%d", counter);
    outcome("open a counter", open(path, O_RDWR));

    close(counter);
    fact("a closed one", "%s", target(counter));
    outcome("its information", open("/proc/self/fdinfo/99", O_RDONLY));
    outcome("no number", open("/proc/self/fd/x", O_RDONLY));
    DIR *directory = opendir("/proc/self/fd");
    int count = 0, missing = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') {
            count++;
            missing += fcntl(atoi(entry->d_name), F_GETFD) < 0 || entry->d_type != DT_LNK;
        }
    }
    need("stat", stat("/proc/self/fd", &one));
    fact_if("as many as it has", count == one.st_size && missing == 0);
    result("remove one", unlink("/proc/self/fd/0"));

    need("mkdir", mkdir("proc-directory", 0755) && errno != EEXIST ? -1 : 0);
    need("chdir", chdir("proc-directory"));
    need("rmdir", rmdir("/tmp/proc-directory"));
    text[need("readlink", readlink("/proc/self/cwd", text, sizeof text - 1))] = 0;
    fact("a removed working directory", "%s", text);
    text[need("readlink", readlink("/proc/self/root", text, sizeof text - 1))] = 0;
    fact("root", "%s", text);
    need("stat", stat("/proc/self/exe", &one));
    fact_if("exe is a program", S_ISREG(one.st_mode) && (one.st_mode & 0111));
    int program = need("open exe", open("/proc/self/exe", O_RDONLY));
    result("read it", read(program, buffer, 4));
    fact_if("ELF", memcmp(buffer, "\x7f" "ELF", 4) == 0);
    return 0;
}
