// The vDSO, vdso(7), found and called as a C library does it, and compared with the system calls.
#include "fact.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static const uint8_t *image;
static const Elf64_Sym *symbols;
static const char *names;
static const uint32_t *hash;
static const uint16_t *versions;
static const Elf64_Verdef *definitions;

// Finds the tables through the program headers alone.
static bool parse(void) {
    image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    fact_if("there is one", image != NULL);
    if (!image) return false;
    fact_if("on a page", (uintptr_t)image % 4096 == 0);
    const Elf64_Ehdr *file = (const Elf64_Ehdr *)image;
    fact_if("ELF", !memcmp(file->e_ident, "\177ELF\2\1\1", 7));
    fact("type, machine, version", "%d %d %d", file->e_type, file->e_machine, file->e_version);
    const Elf64_Phdr *header = (const Elf64_Phdr *)(image + file->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    for (int i = 0; i < file->e_phnum; i++, header++) {
        if (header->p_type == PT_LOAD)
            fact("load", "%lu %lu %x", header->p_offset, header->p_vaddr, header->p_flags);
        if (header->p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)(image + header->p_offset);
    }
    fact_if("dynamic section", dynamic != NULL);
    if (!dynamic) return false;
    uint64_t name = 0, names_size = 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = image + dynamic->d_un.d_ptr;
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = at; break;
        case DT_STRTAB: names = at; break;
        case DT_HASH: hash = at; break;
        case DT_VERSYM: versions = at; break;
        case DT_VERDEF: definitions = at; break;
        case DT_SONAME: name = dynamic->d_un.d_val; break;
        case DT_STRSZ: names_size = dynamic->d_un.d_val; break;
        case DT_SYMENT: fact("a symbol's size", "%lu", dynamic->d_un.d_val); break;
        }
    }
    fact_if("all tables", symbols && names && versions && definitions);
    if (!symbols || !names || !versions || !definitions) return false;
    fact("called", "%s", names + name);
    fact_if("names end", names_size && !names[names_size - 1]);
    return true;
}

static uint32_t hash_of(const char *name) {
    uint32_t all = 0;
    for (; *name; name++) {
        all = (all << 4) + (uint8_t)*name;
        all ^= all >> 24 & 0xf0;
        all &= 0x0fffffff;
    }
    return all;
}

// The number of a version, as its definition says.
static int version_number(const char *wanted) {
    for (const Elf64_Verdef *definition = definitions;;) {
        const Elf64_Verdaux *first = (const void *)((const char *)definition + definition->vd_aux);
        if (!(definition->vd_flags & VER_FLG_BASE) && definition->vd_hash == hash_of(wanted) &&
            !strcmp(names + first->vda_name, wanted))
            return definition->vd_ndx & 0x7fff;
        if (!definition->vd_next) return -1;
        definition = (const void *)((const char *)definition + definition->vd_next);
    }
}

// Through the hash table, where there is one (newer kernels have the GNU one alone).
static void *find(const char *name, int version, int *binding) {
    if (!hash) return NULL;
    for (uint32_t i = hash[2 + hash_of(name) % hash[0]]; i && i < hash[1]; i = hash[2 + hash[0] + i]) {
        const Elf64_Sym *symbol = symbols + i;
        if (!strcmp(names + symbol->st_name, name) && symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS &&
            ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && (versions[i] & 0x7fff) == version) {
            *binding = ELF64_ST_BIND(symbol->st_info);
            return (void *)(image + symbol->st_value);
        }
    }
    return NULL;
}

static int (*v_gettime)(clockid_t, struct timespec *);
static int (*v_getres)(clockid_t, struct timespec *);
static int (*v_timeofday)(struct timeval *, struct timezone *);
static time_t (*v_time)(time_t *);
static int (*v_getcpu)(unsigned *, unsigned *, void *);

static void *need_function(const char *name) {
    char weak[40], long_name[40];
    snprintf(long_name, sizeof long_name, "__vdso_%s", name);
    snprintf(weak, sizeof weak, "%s's weak name is the same", name);
    int version = version_number("LINUX_2.6"), strong_binding = 0, weak_binding = 0;
    void *function = find(long_name, version, &strong_binding), *same = find(name, version, &weak_binding);
    fact(long_name, "%s %d", function ? "found" : "missing", strong_binding);
    fact(weak, "%d %d", same == function, weak_binding);
    if (!function) {
        fflush(stdout);
        _exit(1);
    }
    return function;
}

static int64_t nanoseconds(struct timespec time) {
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t by_vdso(clockid_t clock) {
    struct timespec time = {-1, -1};
    need("vdso", v_gettime(clock, &time));
    if (time.tv_nsec < 0 || time.tv_nsec > 999999999) fact("bad fraction", "%ld", time.tv_nsec);
    return nanoseconds(time);
}

static int64_t by_call(clockid_t clock) {
    struct timespec time;
    need("call", syscall(SYS_clock_gettime, clock, &time));
    return nanoseconds(time);
}

static const struct { const char *name; clockid_t id; } clocks[] = {
    {"REALTIME", CLOCK_REALTIME}, {"MONOTONIC", CLOCK_MONOTONIC}, {"PROCESS_CPUTIME", CLOCK_PROCESS_CPUTIME_ID},
    {"THREAD_CPUTIME", CLOCK_THREAD_CPUTIME_ID}, {"MONOTONIC_RAW", CLOCK_MONOTONIC_RAW},
    {"REALTIME_COARSE", CLOCK_REALTIME_COARSE}, {"MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE},
    {"BOOTTIME", CLOCK_BOOTTIME}, {"TAI", CLOCK_TAI}, {"process 0", -6}, {"thread 0", -2},
};

static void compare_clock(const char *name, clockid_t id) {
    char what[64];
    bool forward = true;
    int64_t last = by_call(id), first = last, now = last;
    for (int i = 0; i < 1000; i++) {
        now = i % 2 ? by_call(id) : by_vdso(id);
        forward &= now >= last;
        last = now;
    }
    snprintf(what, sizeof what, "%s: never backwards, close", name);
    fact(what, "%d %d", forward, now - first < 5000000000);
    struct timespec one, other;
    need("getres", syscall(SYS_clock_getres, id, &one));
    need("vdso getres", v_getres(id, &other));
    snprintf(what, sizeof what, "%s: resolution", name);
    fact(what, "%ld.%09ld %d", other.tv_sec, other.tv_nsec, nanoseconds(one) == nanoseconds(other));
    snprintf(what, sizeof what, "%s: resolution, nowhere", name);
    fact(what, "%d", v_getres(id, NULL));
}

static void compare_time_of_day(void) {
    struct timeval time = {-1, -1};
    struct timezone zone = {-1, -1}, same_zone = {-2, -2};
    int64_t before = by_call(CLOCK_REALTIME) / 1000;
    fact("gettimeofday", "%d", v_timeofday(&time, NULL));
    int64_t now = time.tv_sec * 1000000 + time.tv_usec, after = by_call(CLOCK_REALTIME) / 1000;
    fact_if("between two calls", before <= now && now <= after);
    fact_if("a fraction", time.tv_usec >= 0 && time.tv_usec < 1000000);
    fact("zone alone", "%d", v_timeofday(NULL, &zone));
    need("gettimeofday", syscall(SYS_gettimeofday, NULL, &same_zone));
    fact_if("the same", !memcmp(&zone, &same_zone, sizeof zone));
    zone.tz_minuteswest = -1;
    fact("both", "%d", v_timeofday(&time, &zone));
    fact_if("the same", !memcmp(&zone, &same_zone, sizeof zone));
    fact("neither", "%d", v_timeofday(NULL, NULL));
}

static void compare_time(void) {
    time_t stored = -1, before = syscall(SYS_time, NULL), now = v_time(&stored), after = v_time(NULL);
    fact_if("time stores what it gives", stored == now);
    fact_if("time goes on", before <= now && now <= after && after - before < 5);
}

static void compare_cpu(void) {
    unsigned cpu = -1, node = -1, other_cpu, other_node, i;
    // One may be moved between the two.
    for (i = 0; i < 1000; i++) {
        need("getcpu", syscall(SYS_getcpu, &other_cpu, &other_node, NULL));
        need("vdso getcpu", v_getcpu(&cpu, &node, NULL));
        if (cpu == other_cpu && node == other_node) break;
    }
    fact_if("getcpu as the call", i < 1000);
    fact("getcpu without node", "%d", v_getcpu(&cpu, NULL, NULL));
    fact("getcpu without cpu", "%d", v_getcpu(NULL, &node, NULL));
    fact("getcpu without either", "%d", v_getcpu(NULL, NULL, NULL));
}

// What `/proc/self/maps` calls the pages, and what may be changed.
static void change(void) {
    char line[300], rights[5], name[100];
    unsigned long start, end;
    FILE *file = fopen("/proc/self/maps", "r");
    fact_if("maps", file != NULL);
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %99s", &start, &end, rights, name) != 4) continue;
        char *page = (char *)start;
        if (!strcmp(name, "[vvar]")) {
            fact(name, "%s", rights);
            outcome("writable", mprotect(page, end - start, PROT_READ | PROT_WRITE));
        } else if (start == (uintptr_t)image) {
            fact(name, "%s", rights);
            outcome("writable, for a breakpoint", mprotect(page, end - start, PROT_READ | PROT_WRITE));
            page[12] ^= 1;
            page[12] ^= 1;
            outcome("as before", mprotect(page, end - start, PROT_READ | PROT_EXEC));
        }
    }
    struct timespec time;
    fact("it still works", "%d", v_gettime(CLOCK_MONOTONIC, &time));
}

int main(void) {
    if (!parse()) return 1;
    v_gettime = need_function("clock_gettime");
    v_timeofday = need_function("gettimeofday");
    v_time = need_function("time");
    v_getcpu = need_function("getcpu");
    v_getres = need_function("clock_getres");
    fact("no such version", "%d", version_number("LINUX_2.7"));
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) compare_clock(clocks[i].name, clocks[i].id);
    struct timespec time;
    for (clockid_t id = -5; id < 16; id++) {
        char what[64];
        long by_call = syscall(SYS_clock_gettime, id, &time) == -1 ? -errno : 0;
        long resolution = syscall(SYS_clock_getres, id, &time) == -1 ? -errno : 0;
        snprintf(what, sizeof what, "clock %d answers as the call", id);
        fact(what, "%d %d", v_gettime(id, &time) == by_call, v_getres(id, &time) == resolution);
    }
    compare_time_of_day();
    compare_time();
    compare_cpu();
    change();
    return 0;
}
