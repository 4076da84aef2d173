// The vDSO's functions, found by name as glibc, musl and Go find them.
#include "fact.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <time.h>

static char *base;
static long slide;

static void *find(const char *wanted) {
    Elf64_Ehdr *header = (void *)base;
    Elf64_Phdr *segments = (void *)(base + header->e_phoff);
    Elf64_Dyn *dynamic = NULL;
    for (int i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD) {
            slide = (long)base + segments[i].p_offset - segments[i].p_vaddr;
        } else if (segments[i].p_type == PT_DYNAMIC) {
            dynamic = (void *)(base + segments[i].p_offset);
        }
    }
    char *strings = NULL;
    Elf64_Sym *symbols = NULL;
    Elf64_Word *hash = NULL, *gnu = NULL;
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        void *at = (void *)(slide + dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_STRTAB: strings = at; break;
        case DT_SYMTAB: symbols = at; break;
        case DT_HASH: hash = at; break;
        case DT_GNU_HASH: gnu = at; break;
        }
    }
    (void)gnu;
    for (Elf64_Word i = 0; strings && symbols && i < (hash ? hash[1] : 30); i++) {
        if (symbols[i].st_shndx != 0 && strcmp(strings + symbols[i].st_name, wanted) == 0) {
            return (void *)(slide + symbols[i].st_value);
        }
    }
    return NULL;
}

int main(void) {
    base = (char *)getauxval(AT_SYSINFO_EHDR);
    fact_if("there is one", base != NULL);
    int (*get)(clockid_t, struct timespec *) = find("__vdso_clock_gettime");
    int (*resolution)(clockid_t, struct timespec *) = find("__vdso_clock_getres");
    int (*day)(struct timeval *, void *) = find("__vdso_gettimeofday");
    time_t (*seconds)(time_t *) = find("__vdso_time");
    int (*cpu)(unsigned *, unsigned *, void *) = find("__vdso_getcpu");
    fact("functions", "%d %d %d %d %d", get != NULL, resolution != NULL, day != NULL, seconds != NULL, cpu != NULL);
    fact_if("no other", find("__vdso_nothing") == NULL);
    struct timespec now = {0};
    struct timeval today = {0};
    time_t second = 0;
    unsigned number = 99;
    result("clock_gettime", get(CLOCK_REALTIME, &now));
    result("gettimeofday", day(&today, NULL));
    fact_if("they agree", labs(now.tv_sec - today.tv_sec) <= 1);
    fact_if("time", seconds(&second) == second && labs(second - today.tv_sec) <= 1 && labs(seconds(NULL) - second) <= 1);
    result("clock_getres", resolution(CLOCK_MONOTONIC, &now));
    result("getcpu", cpu(&number, NULL, NULL));
    fact_if("number", number < 1024);
    fact("unknown clock", "%d", get(99, &now));
    fact("resolution of an unknown clock", "%d", resolution(99, &now));
    return 0;
}
