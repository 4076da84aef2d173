// build: static-pie
// The same at any address.
#include <stdio.h>

int main(void) {
    puts("hello");
    return 0;
}
