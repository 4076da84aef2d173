// setxattr(2) and its family, on a tmpfs; fifos by mkfifo(3), fifo(7).
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char *file = "/dev/shm/birgus-extended", *other = "/dev/shm/birgus-extended-link";

static void show(const char *what, const char *name) {
    char value[100];
    ssize_t length = getxattr(file, name, value, sizeof value);
    if (length < 0) {
        fact(what, "%s", error_name(errno));
    } else {
        fact(what, "%ld, %.*s", (long)length, (int)length, value);
    }
}

static void list(const char *what) {
    char names[200];
    ssize_t length = listxattr(file, names, sizeof names);
    printf("%s:", what);
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        printf(" %s", names + at);
    }
    printf(", %ld\n", (long)length);
}

static void *open_to_write(void *path) {
    int fd = need("open", open(path, O_WRONLY));
    need("write", write(fd, "through the fifo", 16));
    close(fd);
    return NULL;
}

int main(void) {
    unlink(file);
    unlink(other);
    int fd = need("open", open(file, O_RDWR | O_CREAT, 0644));
    need("symlink", symlink(file, other));
    show("none", "user.a");
    result("set", setxattr(file, "user.a", "first", 5, 0));
    show("get", "user.a");
    result("create again", setxattr(file, "user.a", "x", 1, XATTR_CREATE));
    result("replace another", setxattr(file, "user.b", "x", 1, XATTR_REPLACE));
    result("replace", setxattr(file, "user.a", "second", 6, XATTR_REPLACE));
    show("get", "user.a");
    result("create", fsetxattr(fd, "user.b", "", 0, XATTR_CREATE));
    result("empty", fgetxattr(fd, "user.b", NULL, 0));
    result("through the link", setxattr(other, "user.c", "cc", 2, 0));
    result("of the link", lsetxattr(other, "user.c", "cc", 2, 0));
    result("get of the link", lgetxattr(other, "user.c", NULL, 0));
    result("trusted", setxattr(file, "trusted.t", "t", 1, 0));
    result("security", setxattr(file, "security.s", "s", 1, 0));
    list("names");
    result("how long", listxattr(file, NULL, 0));
    char small[4];
    result("no room for names", listxattr(file, small, 4));
    result("no room for a value", getxattr(file, "user.a", small, 4));
    result("no namespace", setxattr(file, "nothing", "x", 1, 0));
    result("another namespace", setxattr(file, "other.name", "x", 1, 0));
    result("a namespace alone", setxattr(file, "user.", "x", 1, 0));
    result("no name", setxattr(file, "", "x", 1, 0));
    result("flags", setxattr(file, "user.a", "x", 1, 7));
    static char large[70000], name[300];
    result("too large", setxattr(file, "user.a", large, 65537, 0));
    memset(name, 'n', 299);
    memcpy(name, "user.", 5);
    result("too long a name", setxattr(file, name, "x", 1, 0));
    name[255] = 0;
    result("the longest name", setxattr(file, name, "x", 1, 0));
    result("remove it", removexattr(file, name));
    result("bad value", setxattr(file, "user.a", BAD, 1, 0));
    result("bad buffer", getxattr(file, "user.a", BAD, 10));
    result("remove", removexattr(file, "user.a"));
    result("remove again", fremovexattr(fd, "user.a"));
    result("remove of the link", lremovexattr(other, "user.a"));
    list("names");
    int place = need("open", open(file, O_PATH));
    result("by O_PATH", fgetxattr(place, "user.b", NULL, 0));
    result("of nothing", getxattr("/dev/shm/birgus-nothing", "user.b", NULL, 0));
    unlink(file);
    unlink(other);

    need("mkfifo", mkfifo(file, 0640));
    struct stat status;
    need("stat", stat(file, &status));
    fact("mode", "%o, %ld bytes", status.st_mode & ~022, (long)status.st_size);
    result("user attributes of a fifo", setxattr(file, "user.a", "x", 1, 0));
    result("write, nobody reads", open(file, O_WRONLY | O_NONBLOCK));
    pthread_t thread;
    pthread_create(&thread, NULL, open_to_write, (void *)file);
    int reader = open(file, O_RDONLY);
    outcome("read", reader);
    char text[32];
    long got, total = 0;
    while ((got = read(reader, text + total, sizeof text - (size_t)total)) > 0) {
        total += got;
    }
    pthread_join(thread, NULL);
    fact("got", "%.*s, then %ld", (int)total, text, got);
    close(reader);
    reader = open(file, O_RDONLY | O_NONBLOCK);
    outcome("read, nobody writes", reader);
    struct pollfd events = {.fd = reader, .events = POLLIN};
    result("poll", poll(&events, 1, 0));
    result("read", read(reader, text, 10));
    int writer = open(file, O_WRONLY | O_NONBLOCK);
    outcome("write, somebody reads", writer);
    result("read, nothing there", read(reader, text, 10));
    result("write", write(writer, "abc", 3));
    result("seek", lseek(writer, 0, SEEK_SET));
    close(writer);
    result("read what is left", read(reader, text, 10));
    result("read the end", read(reader, text, 10));
    result("poll", poll(&events, 1, 0));
    fact("events", "%x", events.revents);
    int both = open(file, O_RDWR);
    outcome("both", both);
    result("write", write(both, "xyz", 3));
    result("read", read(both, text, 10));
    result("truncate", truncate(file, 0));
    result("O_TRUNC", close(need("open", open(file, O_RDWR | O_TRUNC))));
    unlink(file);
    return 0;
}
