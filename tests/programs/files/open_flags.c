// open(2) and its kin: flags, errors, what is created.
#include "fact.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void attempt(const char *what, int descriptor) {
    outcome(what, descriptor);
    if (descriptor >= 0) {
        close(descriptor);
    }
}

int main(void) {
    char name[PATH_MAX + 10];
    need("mkdir", mkdir("dir", 0755));
    attempt("absent", open("absent", O_RDONLY));
    attempt("create", open("file", O_RDWR | O_CREAT, 0640));
    attempt("create again", open("file", O_RDWR | O_CREAT, 0640));
    attempt("create exclusively", open("file", O_RDWR | O_CREAT | O_EXCL, 0640));
    attempt("exclusively without create", open("file", O_RDWR | O_EXCL));
    attempt("empty path", open("", O_RDONLY));
    attempt("bad pointer", open(BAD, O_RDONLY));
    attempt("null", syscall(SYS_open, 0, O_RDONLY));
    attempt("a directory for reading", open("dir", O_RDONLY));
    attempt("a directory for writing", open("dir", O_WRONLY));
    attempt("a directory with create", open("dir", O_RDONLY | O_CREAT, 0644));
    attempt("a directory as such", open("dir", O_RDONLY | O_DIRECTORY));
    attempt("a file as a directory", open("file", O_RDONLY | O_DIRECTORY));
    attempt("a file with a slash", open("file/", O_RDONLY));
    attempt("create with a slash", open("new/", O_RDWR | O_CREAT, 0644));
    attempt("below a file", open("file/below", O_RDONLY));
    attempt("below an absent directory", open("absent/below", O_RDWR | O_CREAT, 0644));
    attempt("dot", open(".", O_RDONLY));
    attempt("dot dot of the root", open("/../..", O_RDONLY));
    attempt("access mode 3", open("file", 3));
    attempt("an unknown flag", open("file", O_RDONLY | 0x40000000));
    attempt("path only", open("file", O_PATH));
    attempt("path only and write", open("file", O_PATH | O_WRONLY));
    attempt("O_TMPFILE", open(".", O_TMPFILE | O_RDWR, 0600));
    attempt("O_TMPFILE for reading", open(".", O_TMPFILE | O_RDONLY, 0600));
    attempt("openat with a bad descriptor", openat(99, "file", O_RDONLY));
    attempt("openat with a bad descriptor and an absolute path", openat(99, "/", O_RDONLY));
    int file = need("open", open("file", O_RDONLY));
    attempt("openat below a file", openat(file, "below", O_RDONLY));
    int directory = need("open", open("dir", O_RDONLY));
    attempt("openat in a directory", openat(directory, "inner", O_RDWR | O_CREAT, 0600));
    attempt("and by its path", open("dir/inner", O_RDONLY));
    attempt("by way of dot dot", open("dir/../dir/./inner", O_RDONLY));

    memset(name, 'n', sizeof name);
    name[NAME_MAX] = 0;
    attempt("the longest name", open(name, O_RDWR | O_CREAT, 0644));
    result("unlink it", unlink(name));
    name[NAME_MAX] = 'n';
    name[NAME_MAX + 1] = 0;
    attempt("a name too long", open(name, O_RDWR | O_CREAT, 0644));
    for (int i = 0; i < PATH_MAX + 8; i++) {
        name[i] = i % 2 ? '/' : '.';
    }
    name[PATH_MAX - 1] = 0;
    attempt("the longest path", open(name, O_RDONLY));
    name[PATH_MAX - 1] = '/';
    name[PATH_MAX] = 0;
    attempt("a path too long", open(name, O_RDONLY));

    need("symlink", symlink("file", "link"));
    need("symlink", symlink("loop", "loop"));
    need("symlink", symlink("nowhere", "dangling"));
    attempt("a link", open("link", O_RDONLY));
    attempt("a link not followed", open("link", O_RDONLY | O_NOFOLLOW));
    attempt("a link itself", open("link", O_PATH | O_NOFOLLOW));
    attempt("a loop", open("loop", O_RDONLY));
    attempt("a dangling link", open("dangling", O_RDONLY));
    attempt("create exclusively through a dangling link", open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
    attempt("create through a dangling link", open("dangling", O_RDWR | O_CREAT, 0644));
    result("what it points at", access("nowhere", F_OK));

    int written = need("open", open("file", O_RDWR));
    need("write", write(written, "content", 7));
    attempt("truncate for reading only", open("file", O_RDONLY));
    struct stat status;
    attempt("truncate", open("file", O_RDWR | O_TRUNC));
    need("fstat", fstat(written, &status));
    fact("size", "%ld", (long)status.st_size);
    fact("mode", "%o", status.st_mode);
    umask(027);
    attempt("with a umask", open("masked", O_RDWR | O_CREAT, 07777));
    need("stat", stat("masked", &status));
    fact("mode then", "%o", status.st_mode);
    attempt("creat", creat("created", 0400));
    need("stat", stat("created", &status));
    fact("mode of it", "%o", status.st_mode);
    int lowest = open("file", O_RDONLY), next = open("file", O_RDONLY);
    fact_if("descriptors grow", next == lowest + 1);
    close(lowest);
    fact_if("the lowest is taken", open("file", O_RDONLY) == lowest);
    return 0;
}
