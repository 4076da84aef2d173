// Size and a sum of arguments and environment, for large ones.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void sum(const char *what, char **texts) {
    size_t bytes = 0, count = 0;
    uint64_t hash = 14695981039346656037u; // FNV-1a.
    for (; texts[count]; count++) {
        const char *text = texts[count];
        bytes += strlen(text);
        for (; *text; text++) {
            hash = (hash ^ (unsigned char)*text) * 1099511628211u;
        }
        hash *= 1099511628211u;
    }
    printf("%s: %zu, %zu bytes, %016llx\n", what, count, bytes, (unsigned long long)hash);
}

int main(int count, char **arguments, char **environment) {
    (void)count;
    sum("arguments", arguments + 1);
    sum("environment", environment);
    return 0;
}
