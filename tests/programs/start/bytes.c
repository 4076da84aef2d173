// run: a '' 'b c'
// All arguments but the first and the whole environment, in hexadecimal where they are not plain.
#include <ctype.h>
#include <stdio.h>

static void put(const char *text) {
    for (; *text; text++) {
        if (isgraph((unsigned char)*text) && *text != '\\') {
            putchar(*text);
        } else {
            printf("\\%02x", (unsigned char)*text);
        }
    }
    putchar('\n');
}

int main(int count, char **arguments, char **environment) {
    printf("%d arguments\n", count);
    for (int i = 1; i < count; i++) {
        put(arguments[i]);
    }
    printf("end of arguments: %s\n", arguments[count] ? "no" : "null");
    for (; *environment; environment++) {
        put(*environment);
    }
    return 0;
}
