// The auxiliary vector and the start of the stack.
#include "fact.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;
extern const ElfW(Ehdr) __ehdr_start __attribute__((weak, visibility("hidden")));

int main(int count, char **arguments) {
    char **at = environ;
    while (*at) {
        at++;
    }
    fact_if("environment follows the arguments", environ == arguments + count + 1);
    unsigned long kinds[64] = {0}, entries = 0;
    for (Elf64_auxv_t *entry = (void *)(at + 1); entry->a_type != AT_NULL; entry++) {
        entries++;
        if (entry->a_type < 64) {
            kinds[entry->a_type]++;
        }
    }
    struct {
        const char *name;
        unsigned long type;
    } wanted[] = {{"AT_PHDR", AT_PHDR},   {"AT_PHENT", AT_PHENT},   {"AT_PHNUM", AT_PHNUM},       {"AT_PAGESZ", AT_PAGESZ},
                  {"AT_BASE", AT_BASE},   {"AT_FLAGS", AT_FLAGS},   {"AT_ENTRY", AT_ENTRY},       {"AT_UID", AT_UID},
                  {"AT_EUID", AT_EUID},   {"AT_GID", AT_GID},       {"AT_EGID", AT_EGID},         {"AT_SECURE", AT_SECURE},
                  {"AT_RANDOM", AT_RANDOM}, {"AT_HWCAP", AT_HWCAP}, {"AT_HWCAP2", AT_HWCAP2},     {"AT_CLKTCK", AT_CLKTCK},
                  {"AT_PLATFORM", AT_PLATFORM}, {"AT_EXECFN", AT_EXECFN}, {"AT_SYSINFO_EHDR", AT_SYSINFO_EHDR}, {"AT_MINSIGSTKSZ", 51}};
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        fact(wanted[i].name, "%ld times", (long)kinds[wanted[i].type]);
    }
    fact_if("not endless", entries < 40);
    fact("page size", "%ld", (long)getauxval(AT_PAGESZ));
    fact("ticks", "%ld", (long)getauxval(AT_CLKTCK));
    fact("base, flags, secure", "%ld %ld %ld", (long)getauxval(AT_BASE), (long)getauxval(AT_FLAGS), (long)getauxval(AT_SECURE));
    fact("header size", "%ld", (long)getauxval(AT_PHENT));
    fact_if("headers are this program's", getauxval(AT_PHNUM) == __ehdr_start.e_phnum &&
                                              getauxval(AT_PHDR) == (unsigned long)&__ehdr_start + __ehdr_start.e_phoff);
    fact_if("entry", getauxval(AT_ENTRY) == __ehdr_start.e_entry);
    fact("platform", "%s", (char *)getauxval(AT_PLATFORM));
    fact_if("file name", strcmp((char *)getauxval(AT_EXECFN), arguments[0]) == 0);
    unsigned char *random = (void *)getauxval(AT_RANDOM);
    int different = 0;
    for (int i = 1; i < 16; i++) {
        different += random[i] != random[0];
    }
    fact_if("random bytes", different > 8);
    const Elf64_Ehdr *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
    fact_if("the vDSO is a shared object", vdso != NULL && memcmp(vdso->e_ident, ELFMAG, 4) == 0 && vdso->e_type == ET_DYN);
    fact_if("frames fit", getauxval(51) >= 1000 && getauxval(51) < 20000);
    fact_if("identifiers", getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
    fact_if("arguments are one after the other", count < 2 || arguments[1] == arguments[0] + strlen(arguments[0]) + 1);
    return 0;
}
