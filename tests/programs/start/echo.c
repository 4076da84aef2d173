// run: one two
// Each argument and each variable of the tests, a line each.
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments, char **environment) {
    for (int i = 1; i < count; i++) {
        printf("argument: %s\n", arguments[i]);
    }
    for (; *environment; environment++) {
        if (strncmp(*environment, "BIRGUS_TEST", 11) == 0) {
            puts(*environment);
        }
    }
    return 0;
}
