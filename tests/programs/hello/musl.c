// build: musl
// The same with musl.
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
