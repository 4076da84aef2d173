// inotify(7): what is told of files and directories, in which order.
#include "fact.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <dirent.h>

static int fd, directory, file;
static uint32_t moved;

static const char *what(uint32_t mask) {
    static char text[200];
    static const char *const names[] = {"ACCESS",  "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE",
                                        "OPEN",    "MOVED_FROM", "MOVED_TO", "CREATE", "DELETE", "DELETE_SELF",
                                        "MOVE_SELF"};
    text[0] = 0;
    for (int bit = 0; bit < 12; bit++) {
        if (mask & (1u << bit)) {
            strcat(text, " ");
            strcat(text, names[bit]);
        }
    }
    if (mask & IN_IGNORED) strcat(text, " IGNORED");
    if (mask & IN_Q_OVERFLOW) strcat(text, " OVERFLOW");
    if (mask & IN_ISDIR) strcat(text, " (directory)");
    return text;
}

static void events(const char *after) {
    char buffer[4096];
    ssize_t length = read(fd, buffer, sizeof buffer);
    printf("%s:", after);
    if (length == -1) {
        printf(" %s", error_name(errno));
    }
    for (ssize_t at = 0; at < length;) {
        struct inotify_event *event = (void *)(buffer + at);
        printf(" [%s%s%s%s", event->wd == directory ? "directory" : event->wd == file ? "file" : "?",
               what(event->mask), event->len ? " " : "", event->len ? event->name : "");
        if (event->mask & IN_MOVED_FROM) {
            moved = event->cookie;
        }
        if (event->mask & IN_MOVED_TO) {
            printf(event->cookie && event->cookie == moved ? " the same" : " another");
        } else if (!(event->mask & IN_MOVED_FROM) && event->cookie) {
            printf(" with a cookie");
        }
        printf(" %u]", event->len);
        at += (ssize_t)(sizeof *event + event->len);
    }
    printf("\n");
}

int main(void) {
    char text[10];
    mkdir("watched", 0755);
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    outcome("inotify_init1", fd);
    result("unknown flag", inotify_init1(4));
    result("flags", fcntl(fd, F_GETFD) | fcntl(fd, F_GETFL));
    directory = inotify_add_watch(fd, "watched", IN_ALL_EVENTS);
    result("watch", directory);
    events("nothing yet");
    int open_file = need("open", open("watched/a", O_RDWR | O_CREAT | O_EXCL, 0600));
    events("make and open");
    file = inotify_add_watch(fd, "watched/a", IN_ALL_EVENTS);
    result("watch the file", file);
    fact_if("again", inotify_add_watch(fd, "watched/a", IN_ALL_EVENTS) == file);
    result("only a new one", inotify_add_watch(fd, "watched/a", IN_ALL_EVENTS | IN_MASK_CREATE));
    need("write", write(open_file, "0123456789", 10));
    events("write");
    need("pread", pread(open_file, text, 10, 0));
    events("read");
    need("pread", pread(open_file, text, 10, 10));
    events("read nothing");
    need("write", write(open_file, "x", 1));
    need("write", write(open_file, "x", 1));
    events("write twice");
    need("ftruncate", ftruncate(open_file, 3));
    events("cut");
    need("fchmod", fchmod(open_file, 0640));
    events("chmod");
    need("utimensat", utimensat(AT_FDCWD, "watched/a", NULL, 0));
    events("utimes");
    need("link", link("watched/a", "watched/b"));
    events("link");
    need("rename", rename("watched/b", "watched/c"));
    events("rename");
    need("rename", rename("watched/c", "away"));
    events("rename away");
    need("rename", rename("away", "watched/c"));
    events("rename back");
    need("unlink", unlink("watched/c"));
    events("unlink one name");
    struct pollfd asked = {.fd = fd, .events = POLLIN};
    result("poll", poll(&asked, 1, 0));
    close(open_file);
    result("poll", poll(&asked, 1, 0));
    int available = 0;
    result("FIONREAD", ioctl(fd, FIONREAD, &available));
    fact("available", "%d", available);
    result("too small a buffer", read(fd, text, sizeof text));
    events("close");
    open_file = need("open", open("watched/a", O_RDONLY));
    close(open_file);
    events("open and close");
    close(need("open", open("watched/a", O_WRONLY | O_TRUNC)));
    events("open to cut");
    need("mkdir", mkdir("watched/d", 0700));
    events("mkdir");
    need("rmdir", rmdir("watched/d"));
    events("rmdir");
    need("symlink", symlink("a", "watched/l"));
    events("symlink");
    DIR *list = opendir("watched");
    while (readdir(list)) {
    }
    closedir(list);
    events("list");
    need("unlink", unlink("watched/l"));
    events("unlink a link");
    open_file = need("open", open("watched/a", O_RDONLY));
    need("unlink", unlink("watched/a"));
    events("unlink an open file");
    close(open_file);
    events("its last close");
    result("remove the watch", inotify_rm_watch(fd, file));
    int other = need("open", open("watched/e", O_RDWR | O_CREAT, 0600));
    close(other);
    events("another file");
    file = inotify_add_watch(fd, "watched/e", IN_DELETE_SELF | IN_MODIFY | IN_ONESHOT);
    truncate("watched/e", 10);
    truncate("watched/e", 20);
    events("one shot");
    result("add to a mask", inotify_add_watch(fd, "watched", IN_MASK_ADD | IN_DELETE) == directory);
    result("another mask", inotify_add_watch(fd, "watched", IN_DELETE) == directory);
    close(need("open", open("watched/f", O_RDWR | O_CREAT, 0600)));
    need("unlink", unlink("watched/f"));
    events("only removal");
    file = inotify_add_watch(fd, "watched/e", IN_ALL_EVENTS);
    need("unlink", unlink("watched/e"));
    events("the end of a file");
    result("a directory only", inotify_add_watch(fd, "/dev/null", IN_ONLYDIR | IN_OPEN));
    result("no events", inotify_add_watch(fd, "watched", 0));
    result("nothing there", inotify_add_watch(fd, "watched/none", IN_OPEN));
    result("no inotify", inotify_add_watch(1, "watched", IN_OPEN));
    result("no watch", inotify_rm_watch(fd, 999));
    result("seek", lseek(fd, 0, SEEK_SET));
    result("write", write(fd, "x", 1));
    result("a fresh mask", inotify_add_watch(fd, "watched", IN_ALL_EVENTS) == directory);
    need("rmdir", rmdir("watched"));
    events("the end of the directory");
    return 0;
}
