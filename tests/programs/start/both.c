// Two streams that stay apart, and an exit code.
#include <stdio.h>

int main(void) {
    for (int i = 0; i < 200; i++) {
        fprintf(stdout, "line %d of standard output\n", i);
        fprintf(stderr, "line %d of standard error\n", i);
    }
    return 250;
}
