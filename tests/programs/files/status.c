// stat(2), statx(2), access(2), chmod(2), umask(2), utimensat(2).
#include "fact.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

static void show(const char *path) {
    struct stat status;
    if (stat(path, &status) == -1) {
        outcome(path, -1);
        return;
    }
    fact(path, "mode %o, links %ld, owner %d:%d, size %ld, block size %ld", status.st_mode,
         S_ISDIR(status.st_mode) ? 0 : (long)status.st_nlink, status.st_uid, status.st_gid,
         S_ISREG(status.st_mode) ? (long)status.st_size : 0, (long)status.st_blksize);
}

int main(void) {
    struct stat status, other;
    int file = need("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("write", write(file, "0123456789", 10));
    show("file");
    need("mkdir", mkdir("dir", 0711));
    show("dir");
    show("absent");
    show("file/x");
    result("stat into a bad pointer", syscall(SYS_newfstatat, AT_FDCWD, "file", BAD, 0));
    result("stat of a bad pointer", stat(BAD, &status));
    result("fstat of a closed one", fstat(99, &status));
    result("fstatat of the descriptor itself", fstatat(file, "", &status, AT_EMPTY_PATH));
    fact("its size", "%ld", (long)status.st_size);
    result("fstatat of an empty path", fstatat(file, "", &status, 0));
    result("fstatat with an unknown flag", fstatat(AT_FDCWD, "file", &status, 0x8));
    need("stat", stat("file", &status));
    need("fstat", fstat(file, &other));
    fact_if("both see one inode", status.st_ino == other.st_ino && status.st_dev == other.st_dev);
    fact("blocks of 10 bytes", "%ld", (long)status.st_blocks);
    int pipes[2];
    need("pipe", pipe(pipes));
    need("fstat", fstat(pipes[0], &status));
    fact("a pipe", "%o %d", status.st_mode, (int)status.st_nlink);
    need("stat", stat("/dev/null", &status));
    fact("/dev/null", "%o %d:%d", status.st_mode, major(status.st_rdev), minor(status.st_rdev));

    struct statx extended;
    result("statx", statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &extended));
    fact("of it", "mask %x, mode %o, size %ld", extended.stx_mask & STATX_BASIC_STATS, extended.stx_mode,
         (long)extended.stx_size);
    result("statx with an unknown flag", statx(AT_FDCWD, "file", 0x8, STATX_BASIC_STATS, &extended));
    result("statx with the reserved mask", statx(AT_FDCWD, "file", 0, 0x80000000, &extended));
    result("statx into a bad pointer", statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, BAD));

    result("chmod", chmod("file", 04751));
    show("file");
    result("fchmod", fchmod(file, 0600));
    show("file");
    result("fchmodat", fchmodat(AT_FDCWD, "file", 0444, 0));
    show("file");
    result("chmod of an absent one", chmod("absent", 0));
    result("chmod with more bits", chmod("file", 0170644));
    show("file");
    fact("umask", "%o", umask(077));
    fact("umask again", "%o", umask(0777777));
    fact("umask, cut", "%o", umask(022));
    result("access to read", access("file", R_OK | W_OK));
    result("access to execute", access("file", X_OK));
    need("chmod", chmod("file", 0100));
    result("access to execute then", access("file", X_OK));
    result("access of an absent one", access("absent", F_OK));
    result("access with a bad mode", access("file", 8));
    result("access of a bad pointer", access(BAD, F_OK));
    result("access of a directory", access("dir", R_OK | W_OK | X_OK));
    result("faccessat2", syscall(439, AT_FDCWD, "file", R_OK, AT_EACCESS));
    result("faccessat2 with an unknown flag", syscall(439, AT_FDCWD, "file", R_OK, 1));
    result("chown", chown("file", 12, 34));
    need("stat", stat("file", &status));
    fact("owner", "%d:%d", status.st_uid, status.st_gid);
    result("chown of the group only", chown("file", -1, 56));
    need("stat", stat("file", &status));
    fact("owner then", "%d:%d", status.st_uid, status.st_gid);

    struct timespec times[2] = {{1000, 5}, {2000000000, 999999999}};
    result("utimensat", utimensat(AT_FDCWD, "file", times, 0));
    need("stat", stat("file", &status));
    fact("times", "%ld.%09ld %ld.%09ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec,
         status.st_mtim.tv_nsec);
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = (struct timespec){3000, 7};
    result("futimens, one omitted", futimens(file, times));
    need("stat", stat("file", &status));
    fact("times then", "%ld.%09ld %ld.%09ld", status.st_atim.tv_sec, status.st_atim.tv_nsec, status.st_mtim.tv_sec,
         status.st_mtim.tv_nsec);
    times[1].tv_nsec = 1000000000;
    result("futimens, too many nanoseconds", futimens(file, times));
    result("utimensat, now", utimensat(AT_FDCWD, "file", NULL, 0));
    need("stat", stat("file", &status));
    fact_if("it is now", status.st_mtim.tv_sec > 1600000000);
    need("futimens", futimens(file, (struct timespec[2]){{1, 0}, {1, 0}}));
    need("pwrite", pwrite(file, "x", 1, 0));
    need("stat", stat("file", &status));
    fact_if("a write changes the time", status.st_mtim.tv_sec > 1 && status.st_ctim.tv_sec > 1);
    fact_if("but not that of access", status.st_atim.tv_sec == 1);

    struct statfs system;
    result("statfs", statfs(".", &system));
    fact("name length", "%ld", (long)system.f_namelen);
    result("statfs of an absent one", statfs("absent", &system));
    return 0;
}
