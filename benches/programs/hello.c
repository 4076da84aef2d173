/* Prints a line, and has a place, `written`, that is reached as soon as the kernel has taken it. */
#include <stdio.h>

__attribute__((noinline)) void written(void)
{
	__asm__ volatile("");
}

int main(void)
{
	puts("hello");
	fflush(stdout);
	written();
	return 0;
}
