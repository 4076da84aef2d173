/* Prints the time stamp counter as main finds it: with `-icount shift=0`, the instructions since reset. */
#include <stdio.h>
#include <x86intrin.h>

int main(void)
{
	unsigned long long ticks = __rdtsc();
	printf("%llu\n", ticks);
	return 0;
}
