// /proc/self/maps, smaps, mem, pagemap.
#include "fact.h"
#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096UL

static char text[1 << 18];

static void content(const char *path) {
    int fd = need(path, open(path, O_RDONLY));
    long length = 0;
    for (long got; (got = read(fd, text + length, sizeof text - 1 - length)) > 0;) {
        length += got;
    }
    text[length] = 0;
    close(fd);
}

// The line of maps for the mapping that an address lies in: permissions, offset, name.
static const char *line_of(const void *address) {
    static char found[512];
    content("/proc/self/maps");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end, offset;
        char permissions[8], device[16], name[256] = "";
        unsigned long inode;
        if (sscanf(line, "%lx-%lx %7s %lx %15s %lu %255[^\n]", &start, &end, permissions, &offset, device, &inode,
                name) >= 6 && start <= (uintptr_t)address && (uintptr_t)address < end) {
            snprintf(found, sizeof found, "%lu pages from %ld, %s at %lx, %s%s", (end - start) / PAGE,
                ((long)start - (long)(uintptr_t)address) / (long)PAGE, permissions, offset,
                inode ? "a file" : "none", name[0] == '[' ? name : "");
            return found;
        }
    }
    return "none";
}

// The number of a line in the part of smaps for the mapping that begins at an address.
static long of_mapping(const void *address, const char *name) {
    char start[32];
    content("/proc/self/smaps");
    snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)address);
    char *part = strstr(text, start);
    char *line = part ? strstr(part, name) : NULL;
    return line ? atol(line + strlen(name)) : -1;
}

int main(void) {
    need("mkdir", chdir("/tmp"));
    // Room around, so that nothing can be merged with what follows.
    char *area = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need("mmap", area == MAP_FAILED ? -1 : 0);
    char *here = area + 4 * PAGE;
    need("mprotect", mprotect(here, 4 * PAGE, PROT_READ | PROT_WRITE));
    fact("a new mapping", "%s", line_of(here));
    need("mprotect", mprotect(here + PAGE, PAGE, PROT_READ));
    fact("its first page", "%s", line_of(here));
    fact("its second page", "%s", line_of(here + PAGE));
    need("mprotect", mprotect(here + PAGE, PAGE, PROT_READ | PROT_WRITE));
    fact("whole again", "%s", line_of(here));
    need("munmap", munmap(here + 2 * PAGE, PAGE));
    fact("after munmap", "%s", line_of(here));
    fact("the hole", "%s", line_of(here + 2 * PAGE));

    int file = need("open", open("proc-memory", O_RDWR | O_CREAT | O_TRUNC, 0644));
    need("ftruncate", ftruncate(file, 4 * PAGE));
    char *shared = mmap(area + 10 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, PAGE);
    fact("of a file, shared", "%s", line_of(shared));
    need("munmap", munmap(area + 9 * PAGE, PAGE));
    content("/proc/self/maps");
    fact_if("with its path", strstr(text, " /tmp/proc-memory\n") != NULL);
    need("unlink", unlink("proc-memory"));
    content("/proc/self/maps");
    fact_if("removed", strstr(text, " /tmp/proc-memory (deleted)\n") != NULL);
    int local;
    fact_if("the stack", strstr(line_of(&local), "rw-p at 0, none[stack]") != NULL);
    void *end = sbrk(PAGE);
    fact_if("the heap", strstr(line_of((char *)end), "rw-p at 0, none[heap]") != NULL);
    fact_if("the program", strstr(line_of((void *)&main), "r-xp") != NULL);

    here[0] = 1;
    fact("Size", "%ld", of_mapping(here, "\nSize:"));
    fact("Rss", "%ld", of_mapping(here, "\nRss:"));
    fact("Private_Dirty", "%ld", of_mapping(here, "\nPrivate_Dirty:"));
    fact("Anonymous", "%ld", of_mapping(here, "\nAnonymous:"));
    shared[0] = 1;
    fact("Rss of the file", "%ld", of_mapping(shared, "\nRss:"));
    fact("Anonymous of the file", "%ld", of_mapping(shared, "\nAnonymous:"));

    int mem = need("open mem", open("/proc/self/mem", O_RDWR));
    char buffer[3 * PAGE] = {0};
    strcpy(here, "hello");
    result("read", pread(mem, buffer, 6, (uintptr_t)here));
    fact("it", "%s", buffer);
    result("read up to a hole", pread(mem, buffer, sizeof buffer, (uintptr_t)here));
    result("read a hole", pread(mem, buffer, 4, (uintptr_t)(here + 2 * PAGE)));
    result("read what is protected", pread(mem, buffer, 4, (uintptr_t)area));
    need("mprotect", mprotect(here, PAGE, PROT_READ));
    result("write what is read-only", pwrite(mem, "HELLO", 5, (uintptr_t)here));
    fact("it", "%s", here);
    fact("still", "%s", line_of(here));
    result("write a hole", pwrite(mem, "x", 1, (uintptr_t)(here + 2 * PAGE)));
    result("read at the end of all", pread(mem, buffer, 4, -4096));

    int pages = need("open pagemap", open("/proc/self/pagemap", O_RDONLY));
    uint64_t entries[2];
    result("two entries", pread(pages, entries, 16, (uintptr_t)here / PAGE * 8));
    fact_if("the first is there", entries[0] >> 63);
    fact_if("the second is there", entries[1] >> 63);
    result("not whole", pread(pages, entries, 7, 0));
    return 0;
}
