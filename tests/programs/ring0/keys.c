// Protection keys are there for a program exactly when CPUID says the system has enabled them.
#include "fact.h"
#include <cpuid.h>
#include <sys/mman.h>

int main(void) {
    unsigned a, b, c = 0, d;
    __get_cpuid_count(7, 0, &a, &b, &c, &d);
    bool enabled = c >> 4 & 1;
    int key = pkey_alloc(0, 0);
    fact_if("pkey_alloc works where they are enabled", (key > 0) == enabled);
    fact_if("otherwise ENOSPC", enabled || errno == ENOSPC);
    result("pkey_alloc with flags", pkey_alloc(1, 0));
    result("pkey_free of a key that is none", pkey_free(14) == -1 && errno == EINVAL);
    return 0;
}
