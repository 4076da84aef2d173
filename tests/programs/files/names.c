// rename, link, symlink, readlink, unlink.
#include "fact.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void make(const char *path, const char *content) {
    int file = need("open", open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("write", write(file, content, strlen(content)));
    close(file);
}

static void show(const char *path) {
    char buffer[32] = "";
    int file = open(path, O_RDONLY);
    if (file < 0 || read(file, buffer, 31) < 0) {
        outcome(path, -1);
    } else {
        fact(path, "%s", buffer);
    }
    close(file);
}

static long links(const char *path) {
    struct stat status;
    return lstat(path, &status) == -1 ? -1 : (long)status.st_nlink;
}

int main(void) {
    make("a", "A");
    make("b", "B");
    need("mkdir", mkdir("dir", 0755));
    need("mkdir", mkdir("full", 0755));
    make("full/file", "F");
    result("rename", rename("a", "c"));
    show("a");
    show("c");
    result("rename over", rename("c", "b"));
    show("b");
    result("rename to itself", rename("b", "b"));
    result("rename an absent one", rename("absent", "x"));
    result("rename into an absent directory", rename("b", "absent/x"));
    result("rename a file over a directory", rename("b", "dir"));
    result("rename a directory over a file", rename("dir", "b"));
    result("rename a directory over a full one", rename("dir", "full"));
    result("rename a full one over an empty one", rename("full", "dir"));
    show("dir/file");
    result("rename into itself", rename("dir", "dir/inner"));
    result("rename of dot", rename(".", "x"));
    result("rename with a bad pointer", rename("b", BAD));
    result("rename to a name with a slash", rename("b", "z/"));
    result("rename to nothing", rename("b", ""));
    make("e", "E");
    result("without replacing, taken", renameat2(AT_FDCWD, "e", AT_FDCWD, "b", RENAME_NOREPLACE));
    result("without replacing, free", renameat2(AT_FDCWD, "e", AT_FDCWD, "g", RENAME_NOREPLACE));
    result("exchange", renameat2(AT_FDCWD, "g", AT_FDCWD, "dir", RENAME_EXCHANGE));
    show("dir");
    show("g/file");
    result("both flags", renameat2(AT_FDCWD, "g", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
    result("an unknown flag", renameat2(AT_FDCWD, "g", AT_FDCWD, "b", 0x80));

    make("one", "1");
    result("link", link("one", "two"));
    result("links", links("one"));
    result("link over", link("one", "b"));
    result("link of an absent one", link("absent", "x"));
    result("link of a directory", link("g", "x"));
    result("unlink", unlink("one"));
    show("two");
    result("links then", links("two"));
    result("rename over a link of the same file", (link("two", "three"), rename("two", "three")));
    result("both are left", links("two") == 2 && links("three") == 2);

    char buffer[64] = "";
    result("symlink", symlink("some/where", "sym"));
    result("readlink", readlink("sym", buffer, sizeof buffer));
    fact("target", "%s", buffer);
    result("readlink, short", readlink("sym", buffer, 4));
    result("readlink of size 0", readlink("sym", buffer, 0));
    result("readlink of a file", readlink("two", buffer, 4));
    result("readlink of an absent one", readlink("absent", buffer, 4));
    result("readlink into a bad pointer", readlink("sym", BAD, 4));
    result("symlink over", symlink("x", "two"));
    result("symlink to nothing", symlink("", "empty"));
    result("symlink with a bad pointer", symlink(BAD, "empty"));
    struct stat status;
    need("lstat", lstat("sym", &status));
    fact("mode and size", "%o %ld", status.st_mode, (long)status.st_size);
    result("stat through it", stat("sym", &status));
    result("link of a link", link("sym", "sym2"));
    result("links of a link", links("sym"));
    need("symlink", symlink("two", "to-two"));
    result("linkat, followed", linkat(AT_FDCWD, "to-two", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    show("followed");
    result("rename a link", rename("to-two", "renamed"));
    show("renamed");
    need("symlink", symlink("dir-x", "to-x"));
    need("mkdir", mkdir("dir-x", 0755));
    make("dir-x/f", "in x");
    show("to-x/f");
    show("to-x/../two");

    // Forty links are followed, one more is not.
    make("chain-0", "end");
    for (int i = 1; i <= 41; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "chain-%d", i - 1);
        snprintf(to, sizeof to, "chain-%d", i);
        need("symlink", symlink(from, to));
    }
    show("chain-40");
    show("chain-41");

    // An open file lives on without a name.
    make("nameless", "still here");
    int file = need("open", open("nameless", O_RDWR));
    result("unlink an open file", unlink("nameless"));
    show("nameless");
    memset(buffer, 0, sizeof buffer);
    result("read it", read(file, buffer, 20));
    need("fstat", fstat(file, &status));
    fact("links of it", "%ld", (long)status.st_nlink);
    result("unlink of nothing", unlink(""));
    result("unlink with a slash", unlink("two/"));
    result("unlink of a bad pointer", unlink(BAD));
    result("unlinkat with an unknown flag", unlinkat(AT_FDCWD, "two", 0x1));
    return 0;
}
