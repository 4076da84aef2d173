// build: static-pie
// flags: -Wl,-z,max-page-size=0x200000 -Wl,-z,common-page-size=0x200000
// Segments that want to begin at 2 MiB.
#include <stdint.h>
#include <stdio.h>

static _Alignas(1 << 21) char aligned[1 << 21];

int main(void) {
    aligned[1] = 'x';
    printf("hello %d\n", (int)((uintptr_t)aligned & ((1 << 21) - 1)));
    return 0;
}
