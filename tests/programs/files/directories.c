// mkdir, rmdir, chdir, getcwd, getdents.
#include "fact.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int by_name(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void list(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) {
        outcome("opendir", -1);
        return;
    }
    char *names[200];
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *kind = entry->d_type == DT_DIR ? "/" : entry->d_type == DT_LNK ? "@" : entry->d_type == DT_REG ? "" : "?";
        struct stat status;
        need("fstatat", fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW));
        bool same = status.st_ino == entry->d_ino || strcmp(entry->d_name, "..") == 0;
        need("asprintf", asprintf(&names[count++], "%s%s%s", entry->d_name, kind, same ? "" : " (another inode)"));
    }
    closedir(directory);
    qsort(names, count, sizeof *names, by_name);
    printf("%s:", path);
    for (int i = 0; i < count; i++) {
        printf(" %s", names[i]);
    }
    putchar('\n');
}

int main(void) {
    char path[PATH_MAX], start[PATH_MAX];
    need("getcwd", getcwd(start, sizeof start) ? 0 : -1);
    result("mkdir", mkdir("top", 0755));
    result("mkdir again", mkdir("top", 0755));
    result("mkdir with a slash", mkdir("top/inner/", 0700));
    result("mkdir below an absent one", mkdir("absent/inner", 0755));
    result("mkdir of nothing", mkdir("", 0755));
    result("mkdir of a bad pointer", mkdir(BAD, 0755));
    result("mkdir of dot", mkdir(".", 0755));
    result("mkdir of the root", mkdir("/", 0755));
    struct stat status;
    need("stat", stat("top/inner", &status));
    fact("mode", "%o", status.st_mode);
    need("stat", stat("top", &status));
    fact("links of a directory with one in it", "%ld", (long)status.st_nlink);

    result("chdir", chdir("top/inner"));
    need("getcwd", getcwd(path, sizeof path) ? 0 : -1);
    fact("getcwd", "%s", path + (strcmp(start, "/") ? strlen(start) : 0));
    long length = syscall(SYS_getcwd, path, sizeof path);
    fact_if("its length counts the zero", length == (long)strlen(path) + 1);
    result("getcwd, too small", syscall(SYS_getcwd, path, 3));
    result("getcwd into a bad pointer", syscall(SYS_getcwd, BAD, 100));
    result("getcwd of size 0", syscall(SYS_getcwd, path, 0));
    result("chdir up", chdir(".."));
    list(".");
    result("chdir to an absent one", chdir("absent"));
    result("chdir to nothing", chdir(""));
    result("chdir to a bad pointer", chdir(BAD));
    close(need("open", open("file", O_RDWR | O_CREAT, 0644)));
    result("chdir to a file", chdir("file"));
    result("fchdir to a file", fchdir(open("file", O_RDONLY)));
    result("fchdir to a closed one", fchdir(99));
    int here = need("open", open(".", O_RDONLY | O_DIRECTORY));
    result("chdir to the start", chdir(start));
    result("fchdir", fchdir(here));
    result("access", access("file", F_OK));

    need("symlink", symlink("inner", "link"));
    result("rmdir of a link", rmdir("link"));
    result("rmdir of a file", rmdir("file"));
    result("rmdir of an absent one", rmdir("absent"));
    result("rmdir of dot", rmdir("inner/."));
    result("rmdir of dot dot", rmdir("inner/.."));
    result("rmdir of the root", rmdir("/"));
    close(need("open", open("inner/file", O_RDWR | O_CREAT, 0644)));
    result("rmdir of a full one", rmdir("inner"));
    result("unlink of a directory", unlink("inner"));
    list(".");
    list("inner");
    need("unlink", unlink("inner/file"));
    result("rmdir", rmdir("inner"));
    result("unlinkat with AT_REMOVEDIR of a file", unlinkat(here, "file", AT_REMOVEDIR));
    list(".");

    // A directory that is gone while it is the working directory.
    need("mkdir", mkdir("gone", 0755));
    need("chdir", chdir("gone"));
    need("rmdir", rmdir("../gone"));
    result("getcwd in a removed directory", syscall(SYS_getcwd, path, sizeof path));
    outcome("create in a removed directory", open("file", O_RDWR | O_CREAT, 0644));
    need("fchdir", fchdir(here));

    // Many entries, by small buffers: each once.
    need("mkdir", mkdir("many", 0755));
    need("chdir", chdir("many"));
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "entry-%d", i);
        close(need("open", open(name, O_RDWR | O_CREAT, 0644)));
    }
    int many = need("open", open(".", O_RDONLY | O_DIRECTORY));
    char seen[300] = {0};
    int others = 0, doubles = 0, ends = 0;
    char buffer[200] __attribute__((aligned(8)));
    for (long got; (got = syscall(SYS_getdents64, many, buffer, sizeof buffer)) > 0;) {
        for (long at = 0; at < got;) {
            struct dirent64 *entry = (void *)(buffer + at);
            int number;
            if (sscanf(entry->d_name, "entry-%d", &number) == 1) {
                doubles += seen[number]++;
            } else {
                others++;
            }
            at += entry->d_reclen;
        }
        ends++;
    }
    int count = 0;
    for (int i = 0; i < 300; i++) {
        count += seen[i];
    }
    fact("entries", "%d, others %d, doubles %d", count, others, doubles);
    fact_if("in several calls", ends > 10);
    result("getdents at the end", syscall(SYS_getdents64, many, buffer, sizeof buffer));
    lseek(many, 0, SEEK_SET);
    result("getdents, too small", syscall(SYS_getdents64, many, buffer, 10));
    result("getdents into a bad pointer", syscall(SYS_getdents64, many, BAD, 200));
    result("getdents of a file", syscall(SYS_getdents64, open("entry-1", O_RDONLY), buffer, sizeof buffer));
    result("read of a directory", read(many, buffer, 10));
    return 0;
}
