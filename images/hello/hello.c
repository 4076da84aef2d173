/* The first thing to run: says hello, shows what it was given. */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("Hello from %s, a Linux program in a machine of its own.\n", argc > 0 ? argv[0] : "nobody");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    return fflush(stdout) == 0 ? 0 : 1;
}
