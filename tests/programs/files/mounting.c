// File systems in memory that come and go: mount(2), umount2(2), and what a read-only one refuses.
#include "fact.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

// Mounts of its own, where there are such: a Linux host should not see what this does.
static void go_apart(void) {
    if (unshare(CLONE_NEWNS) != 0 && errno == EPERM) {
        need("unshare", unshare(CLONE_NEWUSER | CLONE_NEWNS));
    }
    need("mount", mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static void refusals(void) {
    result("mount of an unknown type", mount("none", "m", "nosuchfs", 0, NULL));
    result("mount without a type", mount("none", "m", NULL, 0, NULL));
    result("mount over nothing", mount("none", "missing", "tmpfs", 0, NULL));
    close(need("open", open("file", O_CREAT | O_WRONLY, 0644)));
    result("mount over a file", mount("none", "file", "tmpfs", 0, NULL));
    result("mount with an unknown option", mount("none", "m", "tmpfs", 0, "colour=blue"));
    result("remount of what is no mount", mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    result("private of what is no mount", mount("none", "m", NULL, MS_PRIVATE, NULL));
    result("umount of what is no mount", umount("m"));
    result("umount of nothing", umount("missing"));
    result("umount2 with an unknown flag", umount2("m", 0x100));
    result("mount of a bad address", mount("none", BAD, "tmpfs", 0, NULL));
}

static void on_a_new_one(void) {
    struct stat below, status;
    need("stat", stat("m", &below));
    result("mount", mount("none", "m", "tmpfs", 0, "mode=750,uid=3,gid=4"));
    need("stat", stat("m", &status));
    fact_if("another device", status.st_dev != below.st_dev);
    fact("its root", "%o %d %d", status.st_mode, status.st_uid, status.st_gid);
    result("mkdir in it", mkdir("m/d", 0755));
    int fd = need("open", open("m/f", O_CREAT | O_RDWR, 0644));
    result("umount while a file is open", umount("m"));
    result("umount2 expiring while a file is open", umount2("m", MNT_EXPIRE));
    close(fd);
    need("chdir", chdir("m/d"));
    result("umount of the working directory's", umount("../../m"));
    need("chdir", chdir("../.."));
    result("rmdir of the mount point", rmdir("m"));
    result("rename of the mount point", rename("m", "n"));
    result("umount2 with force and expiring", umount2("m", MNT_EXPIRE | MNT_FORCE));
    result("umount2 expiring", umount2("m", MNT_EXPIRE));
    result("umount2 expiring again", umount2("m", MNT_EXPIRE));
    result("what was in it", access("m/f", F_OK));
    result("umount again", umount("m"));
}

static void within_another(void) {
    need("mount", mount("none", "m", "tmpfs", 0, NULL));
    need("mkdir", mkdir("m/inner", 0755));
    need("mount", mount("none", "m/inner", "tmpfs", 0, NULL));
    result("umount of the outer one", umount("m"));
    result("umount of the inner one", umount("m/inner"));
    need("mount", mount("none", "m", "tmpfs", 0, NULL));
    result("a second one over the first hides it", access("m/inner", F_OK));
    result("umount of the second one", umount("m"));
    result("the first one shows again", access("m/inner", F_OK));
    int fd = need("open", open("m/kept", O_CREAT | O_RDWR, 0644));
    result("umount2 detaching", umount2("m", MNT_DETACH));
    result("write to a file of a detached one", write(fd, "x", 1));
    close(fd);
    result("it is out of the tree", access("m/kept", F_OK));
}

static void opening(const char *what, const char *path, int flags) {
    int fd = open(path, flags, 0644);
    outcome(what, fd);
    if (fd >= 0) {
        close(fd);
    }
}

static void read_only(void) {
    need("mount", mount("none", "m", "tmpfs", 0, NULL));
    close(need("open", open("m/f", O_CREAT | O_WRONLY, 0644)));
    need("mkdir", mkdir("m/d", 0755));
    need("mkfifo", mkfifo("m/fifo", 0644));
    int writing = need("open", open("m/f", O_WRONLY));
    result("remount read-only while somebody writes", mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    close(writing);
    result("remount read-only", mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    struct statvfs status;
    need("statvfs", statvfs("m", &status));
    fact_if("statvfs tells", (status.f_flag & ST_RDONLY) != 0);
    opening("open for reading", "m/f", O_RDONLY);
    opening("open for writing", "m/f", O_WRONLY);
    opening("open to truncate", "m/f", O_RDONLY | O_TRUNC);
    opening("open to make", "m/new", O_CREAT | O_RDONLY);
    opening("open to make what is there", "m/f", O_CREAT | O_RDONLY);
    opening("open without a name", "m", O_TMPFILE | O_RDWR);
    opening("open of a fifo for both", "m/fifo", O_RDWR);
    result("access to write", access("m/f", W_OK));
    result("access to write a fifo", access("m/fifo", W_OK));
    result("access to read", access("m/f", R_OK));
    result("mkdir", mkdir("m/new", 0755));
    result("mkdir of what is there", mkdir("m/d", 0755));
    result("mknod", mknod("m/new", S_IFREG | 0644, 0));
    result("symlink", symlink("f", "m/new"));
    result("link", link("m/f", "m/new"));
    result("link to another file system", link("file", "m/new"));
    result("rename", rename("m/f", "m/g"));
    result("unlink", unlink("m/f"));
    result("unlink of nothing", unlink("m/missing"));
    result("rmdir", rmdir("m/d"));
    result("chmod", chmod("m/f", 0600));
    result("chown", chown("m/f", 1, 1));
    result("utimensat", utimensat(AT_FDCWD, "m/f", NULL, 0));
    result("truncate", truncate("m/f", 1));
    result("setxattr", setxattr("m/f", "trusted.a", "b", 1, 0));
    result("remount writable", mount("none", "m", NULL, MS_REMOUNT, NULL));
    result("truncate", truncate("m/f", 1));
    result("umount", umount("m"));
}

int main(void) {
    char folder[] = "/tmp/mounting-XXXXXX";
    go_apart();
    need("mkdtemp", mkdtemp(folder) == NULL ? -1 : 0);
    // The folder itself is one of these, so that nothing is left behind.
    need("mount", mount("none", folder, "tmpfs", 0, NULL));
    need("chdir", chdir(folder));
    need("mkdir", mkdir("m", 0755));
    refusals();
    on_a_new_one();
    within_another();
    read_only();
    need("chdir", chdir("/"));
    need("umount", umount(folder));
    need("rmdir", rmdir(folder));
}
